"""The picture of a frontier: accuracy by seconds, a line and colour per contender."""
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from tools.benchmark.frontier_report import Frontier, summary
from tools.studies import plots

TITLES = {"fashionclf": "fashionclf", "keras": "Keras", "pytorch": "PyTorch"}
TICKS = {1: "1 s", 3: "3 s", 10: "10 s", 30: "30 s", 60: "1 min", 120: "2 min", 300: "5 min",
         600: "10 min", 1200: "20 min", 2400: "40 min", 3600: "1 h", 7200: "2 h", 18000: "5 h"}
# Of a recipe's name beside its mark, off the bars; Keras and PyTorch lie close to each other.
UPPER_LEFT = {"xytext": (-5, 4), "ha": "right"}
LOWER_RIGHT = {"xytext": (5, -11), "ha": "left"}


def draw(runs: pd.DataFrame) -> Figure:
    """Draws the recipes of all contenders, 696 pixels wide.

    A mark is the mean accuracy at the median seconds, its bars are the standard error and the
    range. The line joins the recipes of the frontier, and passes by those that a quicker one
    equals.
    """
    figure, (axes,) = plots.figure(1, width=5.8)
    for (contender, title), colour in zip(TITLES.items(), plots.COLOURS):
        own = runs[runs["contender"] == contender]
        if own.empty:
            continue
        line = Frontier(own).recipes
        axes.plot(line["seconds"], line["accuracy"], color=colour, label=title)
        _marks(axes, own, colour, LOWER_RIGHT if contender == "keras" else UPPER_LEFT)

    _scale(axes, runs["seconds"])
    axes.margins(y=0.12)
    axes.set(xlabel="time of the whole process (logarithmic)", ylabel="accuracy on test",
             title=f"accuracy by time: means of {runs['round'].nunique()} rounds")
    axes.legend(loc="upper left")  # accuracy rises with time
    return figure


def _marks(axes, own: pd.DataFrame, colour: str, beside: dict) -> None:
    groups, points = own.groupby("recipe"), summary(own)
    low, high = (groups["seconds"].agg(bound)[points.index] for bound in ("min", "max"))
    axes.errorbar(points["seconds"], points["accuracy"], color=colour, fmt="o", markersize=4,
                  xerr=[points["seconds"] - low, high - points["seconds"]],
                  yerr=groups["accuracy"].sem()[points.index].fillna(0), elinewidth=0.9)

    for name, point in points.iterrows():
        axes.annotate(name, (point["seconds"], point["accuracy"]), textcoords="offset points",
                      fontsize=8, color=colour, parse_math=False, **beside)


def _scale(axes, seconds: pd.Series) -> None:
    axes.set_xscale("log")
    low, high = seconds.min() / 1.3, seconds.max() * 1.3
    ticks = [tick for tick in TICKS if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, [TICKS[tick] for tick in ticks])
    axes.set_xlim(low, high)
