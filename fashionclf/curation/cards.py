"""A picture as the label page shows it, whatever program asks for a decision."""
import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """A picture, its labels, and the reasons why a person should look at it.

    Attributes:
        path: as in the rows of the program; decisions name the picture by it.
        digest: SHA-256 of the file's bytes, hex, by which a later change is noticed; "" if the
            file can't be read.
        pixels: loads uint8 [H, W, 3], or the reason why the picture can't be used.
        given: the class that the source gives, the shop's own; None if it gives none.
        suggested: the class that the model suggests; None if it has no suggestion.
        probability: of `suggested`, 0 to 1, or None.
        alternatives: further classes, the most probable first, which the page offers.
        reasons: one short sentence each; a picture without reasons needs no decision. What stands
            before a colon is the kind, by which the page can be filtered ("unsure: 0.41").
        priority: pictures with reasons are shown in falling order of it.
        group: of duplicates, or the garment; cards of one group are shown side by side.
        error: why the picture can't be used, or None.
    """
    path: str
    digest: str
    pixels: Callable[[], np.ndarray | str] = dataclasses.field(repr=False, compare=False)
    given: str | None = None
    suggested: str | None = None
    probability: float | None = None
    alternatives: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    priority: float = 0.0
    group: str | None = None
    error: str | None = None

    @property
    def label(self) -> str | None:
        """Returns the class that a person calls right or wrong: the given one, else the suggested.
        """
        return self.given or self.suggested
