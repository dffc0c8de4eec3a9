"""Lines of small captioned pictures on one page."""
import textwrap

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

SIDE = 224  # pixels, of the longer side of a picture on the page
CELL = 1.7, 2.2  # inches, width and height


def draw(lines: list[list[tuple[np.ndarray | str, str]]]) -> Figure:
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
        image.thumbnail((SIDE, SIDE))
        axes.imshow(image)
