"""The plots of the studies, without pyplot."""
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # --help of the studies stays quick
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ["#4477aa", "#ee6677", "#228833", "#aa3377", "#ccbb44"]


def figure(panels: int, *, width: float = 5.2) -> tuple["Figure", list["Axes"]]:
    """Returns a figure with panels side by side, each `width` inches."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width * panels, 4.2), dpi=120, layout="constrained")
    axes = [drawn.add_subplot(1, panels, number + 1) for number in range(panels)]
    for each in axes:
        each.grid(color="#e5e5e5", linewidth=0.7)
        each.spines[["top", "right"]].set_visible(False)
    return drawn, axes


def curve(axes: "Axes", rows: "pd.DataFrame", x: str, y: str, *, colour: str, label: str) -> None:
    """Draws a point per seed, and a line through the means."""
    axes.scatter(rows[x], rows[y], color=colour, s=14, alpha=0.45, linewidths=0)
    means = rows.groupby(x)[y].mean()
    axes.plot(means.index, means, color=colour, marker="o", markersize=4, label=label)


def points(axes: "Axes", rows: "pd.DataFrame", by: str, columns: list[str]) -> None:
    """Draws a line per value of `by`, from the top: a point per seed, and the mean in figures."""
    order = list(dict.fromkeys(rows[by]))
    for column, colour in zip(columns, COLOURS):
        height = rows[by].map(order.index)
        axes.scatter(rows[column], height, color=colour, s=14, alpha=0.45, linewidths=0)

        means = rows.groupby(by)[column].mean()[order]
        axes.scatter(means, range(len(order)), color=colour, marker="|", s=160, label=column)
        for place, mean in enumerate(means):
            if mean == mean:
                axes.annotate(f"{mean:.3f}", (mean, place), xytext=(0, 10), ha="center",
                              textcoords="offset points", fontsize=8, color=colour)

    axes.set_yticks(range(len(order)), order)
    axes.set(ylim=(len(order) - 0.5, -0.7))
    axes.legend(loc="center", fontsize=8)
