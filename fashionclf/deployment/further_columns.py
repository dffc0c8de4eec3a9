"""Columns of a row that depend on all pictures, and so are filled in after the last one."""
import dataclasses
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from fashionclf.deployment import prediction_table

Rows = Callable[[], Iterator[list]]  # yields all rows, from the first on at each call
# From the probabilities of each picture, C numbers or None if it can't be used, and the features,
# float32 [N, D] with NaN for such a picture, or None, to the cells of each row
Cells = Callable[[list[list[float] | None], np.ndarray | None], Iterable[list]]
Completed = Callable[[Rows, np.ndarray | None], Iterable[list]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FurtherColumns:
    """Columns that follow prediction_table.COLUMNS; without names there are none.

    Attributes:
        features: whether `cells` needs the features.
    """
    names: list[str] = dataclasses.field(default_factory=list)
    features: bool = False
    cells: Cells = lambda answers, features: []

    def kept(self, answer: np.ndarray | str) -> list:
        """Returns what ends a row until it is `completed`: all probabilities, float32 [C]."""
        return [None if isinstance(answer, str) else answer.tolist()] if self.names else []

    def completed(self, rows: Rows, features: np.ndarray | None) -> Iterator[list]:
        """Yields the rows with the cells of these columns in place of what was kept."""
        if not self.names:
            yield from rows()
            return

        first = len(prediction_table.COLUMNS)
        cells = self.cells([row[-1] for row in rows()], features)
        for row, more in zip(rows(), cells, strict=True):
            yield [*row[:first], *more, *row[first:-1]]
