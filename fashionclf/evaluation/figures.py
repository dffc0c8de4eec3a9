"""Lines of small captioned pictures on one page."""
import textwrap

import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from PIL import Image

THUMBNAIL = 224  # pixels, of the longer side of a picture on the page
CELL = 1.7, 2.2  # inches, width and height


def contact_sheet(lines: list[list[tuple[np.ndarray | str, str]]]) -> Figure:
    """Draws a line of pictures below the other; the first of each is framed.

    Args:
        lines: for each picture uint8 [H, W, 3] pixels, or the reason why there are none, and
            its caption of one or two lines.
    """
    columns = max(map(len, lines), default=1)
    figure = Figure(figsize=(CELL[0] * columns, CELL[1] * max(1, len(lines))), dpi=130,
                    layout="constrained")
    for number, line in enumerate(lines):
        for place, (pixels, caption) in enumerate(line):
            axes = figure.add_subplot(len(lines), columns, number * columns + place + 1)
            _fill(axes, pixels)
            axes.set_title(caption, fontsize=min(8, 190 / max(map(len, caption.split("\n")))),
                           parse_math=False)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set(visible=not place, linewidth=3, color="#4477aa")
    return figure


def _fill(axes, pixels: np.ndarray | str) -> None:
    if isinstance(pixels, str):
        axes.set_facecolor("#eeeeee")
        axes.text(0.5, 0.5, textwrap.fill(pixels, 18), ha="center", va="center", fontsize=7,
                  transform=axes.transAxes, parse_math=False)
        axes.set_box_aspect(1)
    else:
        image = Image.fromarray(pixels)
        image.thumbnail((THUMBNAIL, THUMBNAIL))
        axes.imshow(image)


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Puts pictures side by side, line by line: uint8 [N, H, W, 3] -> [lines * H, columns * W, 3].

    What is left of the last line is white.
    """
    blanks = -len(pictures) % columns
    padded = np.pad(pictures, [(0, blanks), (0, 0), (0, 0), (0, 0)], constant_values=255)
    _, height, width, channels = padded.shape
    lines = padded.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    return lines.reshape(-1, columns * width, channels)


COLUMNS = 6  # of the gallery
COLOURS = ["#4477aa", "#ccbb44", "#ee6677"]  # of the splits


def class_distribution(counts: dict[str, dict[str, int]]) -> Figure:
    """Pictures per class, stacked by split, the largest class on top.

    Args:
        counts: split -> class -> pictures.
    """
    table = pd.DataFrame(counts)
    table = table.loc[table.sum(axis=1).sort_values(kind="stable").index]
    figure = Figure(figsize=(8, 1.5 + 0.22 * len(table)), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    starts = table.cumsum(axis=1) - table
    for split, colour in zip(table, COLOURS):
        bars = axes.barh(range(len(table)), table[split], left=starts[split], label=split,
                         color=colour)
    axes.bar_label(bars, [f"{n:,}" for n in table.sum(axis=1)], padding=3, fontsize=8)
    axes.set_yticks(range(len(table)), table.index, parse_math=False)  # a class may hold a $
    axes.set(xlabel="pictures", title=f"{table.to_numpy().sum():,} pictures by class and split")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right")
    return figure


def confusion(matrix: np.ndarray, classes: list[str], name: str) -> Figure:
    """Counts, coloured by their share of the row, so that rare classes show as well.

    Args:
        matrix: int [C, C], pictures by label (row) and predicted class.
    """
    side = max(6.0, 2.2 + 0.36 * len(classes))  # inches
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    n = matrix.sum(axis=1)
    shares = matrix / np.maximum(n, 1)[:, None]
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))  # few mistakes show too
    for row, column in zip(*np.nonzero(matrix)):
        count = str(matrix[row, column])
        axes.text(column, row, count, ha="center", va="center", fontsize=min(9, 34 / len(count)),
                  color="white" if shares[row, column] > 0.35 else "black")
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=90, parse_math=False)
    axes.set_yticks(ticks, [f"{c} ({k:,})" for c, k in zip(classes, n)], parse_math=False)
    axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#dddddd", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set(xlabel="predicted", ylabel="true (pictures)",
             title=f"{name}: accuracy {np.trace(matrix) / matrix.sum():.3f} "
                   f"on {matrix.sum():,} pictures")
    return figure


def gallery(worst: pd.DataFrame, pictures: dict[str, np.ndarray], name: str) -> Figure:
    """The pictures of `worst` in its order, captioned "P: <predicted> T: <true>".

    Args:
        worst: rows `path, predicted, true, probability`.
        pictures: path -> uint8 [H, W, 3].
    """
    lines = max(1, -(-len(worst) // COLUMNS))
    figure = Figure(figsize=(2.1 * COLUMNS, 2.7 * lines + 0.5), dpi=100, layout="constrained")
    figure.suptitle(f"{name}: mistakes the model is surest of" if len(worst)
                    else f"{name}: no picture is misclassified")
    for i, row in enumerate(worst.itertuples()):
        axes = figure.add_subplot(lines, COLUMNS, i + 1)
        axes.imshow(pictures[row.path])
        caption = f"P: {row.predicted} T: {row.true}"
        axes.set_title(caption, fontsize=min(9, 240 / len(caption)), parse_math=False)
        axes.set_xlabel(f"{row.probability:.2f}", fontsize=8)
        axes.set(xticks=[], yticks=[])
    return figure


def reliability(tables: dict[str, pd.DataFrame], name: str) -> Figure:
    """Accuracy over confidence; the area of a point is its number of pictures.

    Args:
        tables: title -> `n, confidence, accuracy`, see calibration.reliability.
    """
    figure = Figure(figsize=(5.5, 5.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    for (title, table), colour in zip(tables.items(), COLOURS):
        axes.plot(table["confidence"], table["accuracy"], color=colour, linewidth=1, label=title)
        axes.scatter(table["confidence"], table["accuracy"], color=colour, alpha=0.7,
                     s=600 * table["n"] / table["n"].sum())
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of the predicted class",
             ylabel="share that is right", title=f"{name}: below the line is too sure")
    axes.legend(loc="upper left")
    return figure
