"""The charts of a report, and captioned pictures in a grid."""
import dataclasses
import textwrap

import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fashionclf.evaluation import selective
from fashionclf.model import calibration
from fashionclf.pictures import reading

COLUMNS = 6  # of the gallery
COLOURS = ["#4477aa", "#ccbb44", "#ee6677"]  # of the splits
CELL = 2.1, 2.7  # inches, width and height of a grid's cell
THUMBNAIL = 224  # pixels of a grid's picture, the longer side
FEWEST = 20  # pictures that a point of the reliability diagram stands for


def gallery(errors: pd.DataFrame, pictures: dict[str, np.ndarray], name: str) -> Figure:
    """Draws the pictures of `errors` in order, captioned "P: <predicted> T: <true>".

    Args:
        errors: rows `path, predicted, true, probability`, the most confident first.
        pictures: path -> uint8 [H, W, 3].
        name: of the split.
    """
    cells = [(pictures[row.path], f"P: {row.predicted} T: {row.true}")
             for row in errors.itertuples()]
    figure = _grid([cells[i:i + COLUMNS] for i in range(0, len(cells), COLUMNS)], COLUMNS)
    title = "most confident errors" if cells else "no picture is misclassified"
    figure.suptitle(f"{name}: {title}")
    for axes, probability in zip(figure.axes, errors["probability"]):
        axes.set_xlabel(f"{probability:.2f}", fontsize=8)
    return figure


def contact_sheet(rows: list[list[tuple[np.ndarray | str, str]]]) -> Figure:
    """Draws rows of captioned pictures, see `_grid`; the first of each row has a frame."""
    figure = _grid(rows, max(map(len, rows), default=1))
    for axes in figure.axes:
        first = axes.get_subplotspec().is_first_col()
        axes.spines[:].set(visible=first, linewidth=3, color=COLOURS[0])
    return figure


def _grid(rows: list[list[tuple[np.ndarray | str, str]]], columns: int) -> Figure:
    """Draws rows of captioned pictures.

    Args:
        rows: for each picture uint8 [H, W, 3] pixels, or the reason why there are none, and its
            caption of one or two lines.
    """
    width, height = CELL
    figure = Figure(figsize=(width * columns, height * max(1, len(rows))), dpi=100,
                    layout="constrained")

    for number, row in enumerate(rows):
        for column, (pixels, caption) in enumerate(row):
            axes = figure.add_subplot(len(rows), columns, number * columns + column + 1)
            if isinstance(pixels, str):
                axes.set_facecolor("#eeeeee")
                axes.text(0.5, 0.5, textwrap.fill(pixels, 18), ha="center", va="center",
                          fontsize=9, transform=axes.transAxes, parse_math=False)
                axes.set_box_aspect(1)
            else:
                axes.imshow(reading.shrunk(pixels, THUMBNAIL))

            longest = max(map(len, caption.split("\n")))
            axes.set_title(caption, fontsize=min(9, 240 / longest), parse_math=False)
            axes.set(xticks=[], yticks=[])
    return figure


def sheet(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Puts pictures side by side, row by row: uint8 [N, H, W, 3] -> [rows * H, columns * W, 3].

    The rest of the last row is white.
    """
    blanks = -len(pictures) % columns
    padded = np.pad(pictures, [(0, blanks), (0, 0), (0, 0), (0, 0)], constant_values=255)
    _, height, width, channels = padded.shape
    rows = padded.reshape(-1, columns, height, width, channels).swapaxes(1, 2)
    return rows.reshape(-1, columns * width, channels)


def class_distribution(counts: dict[str, dict[str, int]]) -> Figure:
    """Draws split -> class -> pictures as bars, stacked by split, the largest class on top."""
    table = pd.DataFrame(counts)
    table = table.loc[table.sum(axis=1).sort_values(kind="stable").index]
    figure = Figure(figsize=(8, 1.5 + 0.22 * len(table)), dpi=100, layout="constrained")
    axes = figure.add_subplot()

    starts, ticks = table.cumsum(axis=1) - table, range(len(table))
    for split, colour in zip(table, COLOURS):
        bars = axes.barh(ticks, table[split], left=starts[split], label=split, color=colour)
    axes.bar_label(bars, [f"{n:,}" for n in table.sum(axis=1)], padding=3, fontsize=8)

    axes.set_yticks(ticks, table.index, parse_math=False)  # a class may hold a $
    axes.set(xlabel="pictures", title=f"{table.to_numpy().sum():,} pictures by class and split")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.1)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(table.columns), frameon=False)
    return figure


def confusion(matrix: np.ndarray, classes: list[str], name: str) -> Figure:
    """Draws metrics.confusion, coloured by shares of the row, so that rare classes show too."""
    side = max(6.0, 2.2 + 0.36 * len(classes))  # inches
    figure = Figure(figsize=(side, side), dpi=100, layout="constrained")
    axes = figure.add_subplot()

    n = matrix.sum(axis=1)
    shares = matrix / np.maximum(n, 1)[:, None]
    axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))  # rare errors show too
    for row, column in zip(*np.nonzero(matrix)):
        count = str(matrix[row, column])
        axes.text(column, row, count, ha="center", va="center", fontsize=min(9, 34 / len(count)),
                  color="white" if shares[row, column] > 0.35 else "black")

    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=90, parse_math=False)
    axes.set_yticks(ticks, [f"{c} ({k:,})" for c, k in zip(classes, n)], parse_math=False)

    # Grid lines between the cells are at minor ticks.
    axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#dddddd", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set(xlabel="predicted", ylabel="true (pictures)",
             title=f"{name}: accuracy {np.trace(matrix) / matrix.sum():.3f} "
                   f"on {matrix.sum():,} pictures")
    return figure


def reliability(tables: dict[str, pd.DataFrame], name: str) -> Figure:
    """Draws tables of calibration.reliability by title, and below the pictures of each point.

    Bins are merged until a point stands for FEWEST pictures, or for all where they are fewer.
    """
    fewest = min(FEWEST, *(table["n"].sum() for table in tables.values()))
    figure = Figure(figsize=(5.5, 6.9), dpi=100, layout="constrained")
    axes, below = figure.subplots(2, height_ratios=[5, 1], sharex=True)
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)

    for (title, table), colour in zip(tables.items(), COLOURS):
        points = calibration.merged(table, fewest)
        axes.plot(points["confidence"], points["accuracy"], "o-", color=colour, linewidth=1,
                  label=title)
        below.vlines(points["confidence"], 0, points["n"], color=colour, linewidth=4, alpha=0.8)

    axes.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy",
             title=f"{name}: overconfident below the line\n"
                   f"(a point is the mean of {fewest:,} pictures or more)")
    axes.legend(loc="upper left")
    below.set(xlabel="confidence (probability of the predicted class)", ylabel="pictures",
              ylim=(0, None))
    below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure


def coverage(measured: list[selective.Point], name: str) -> Figure:
    """Draws accuracy over the share of pictures that the model answers, with its interval."""
    table = pd.DataFrame(map(dataclasses.asdict, measured)).astype(float)
    figure = Figure(figsize=(5.5, 4.2), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(table["coverage"], table["precision"], color=COLOURS[0])
    axes.fill_between(table["coverage"], table["low"], table["high"], color=COLOURS[0], alpha=0.2,
                      linewidth=0, label="95 % interval")

    axes.set(xlim=(0, 1), ylim=(min(0.5, table["precision"].min()), 1.01), ylabel="accuracy",
             xlabel="coverage: share of pictures answered, the most confident first",
             title=f"{name}: accuracy of the answers")
    axes.legend(loc="lower left")
    axes.grid(color="#eeeeee")
    return figure
