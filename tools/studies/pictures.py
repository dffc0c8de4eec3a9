"""The pictures of the studies, without pyplot."""
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ["#4477aa", "#ee6677", "#228833", "#aa3377"]


def figure(panels: int) -> tuple[Figure, list[Axes]]:
    """Panels side by side."""
    drawn = Figure(figsize=(5.2 * panels, 4.2), dpi=120, layout="constrained")
    axes = [drawn.add_subplot(1, panels, number + 1) for number in range(panels)]
    for each in axes:
        each.grid(color="#e5e5e5", linewidth=0.7)
        each.spines[["top", "right"]].set_visible(False)
    return drawn, axes


def curve(axes: Axes, rows: pd.DataFrame, x: str, y: str, *, colour: str, label: str) -> None:
    """A point a seed, and a line through the means."""
    axes.scatter(rows[x], rows[y], color=colour, s=14, alpha=0.45, linewidths=0)
    means = rows.groupby(x)[y].mean()
    axes.plot(means.index, means, color=colour, marker="o", markersize=4, label=label)
