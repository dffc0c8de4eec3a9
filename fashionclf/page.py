"""The report as one page to look at: report/index.html, beside the files that it shows."""
import html
from pathlib import Path

import pandas as pd

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1080px; color: #222;
       padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .7rem; border-bottom: 1px solid #ddd; text-align: right }
th:first-child, td:first-child { text-align: left }
img { max-width: 100%; height: auto }
"""
HEADLINE = {"top1": "accuracy", "majority_baseline": "majority baseline", "top3": "top-3",
            "top5": "top-5", "macro_f1": "macro F1", "weighted_f1": "weighted F1",
            "balanced_accuracy": "balanced accuracy", "ece": "calibration error (ECE)"}


def write(file: Path, *, title: str, scores: dict, per_class: pd.DataFrame, mistakes: pd.DataFrame,
          pictures: list[str]) -> None:
    """Writes the page; every text from classes and file names is escaped.

    Args:
        scores: what metrics.json holds.
        mistakes: `path, true, predicted, probability`, in the order to show.
        pictures: names of PNG files in the same folder.
    """
    level = f"{scores['interval_level']:.0%} interval"
    numbers = pd.DataFrame(
        [(name, f"{scores[key]:.3f}", _interval(scores.get(f"{key}_interval")))
         for key, name in HEADLINE.items()], columns=["score", "value", level])
    parts = [f"<p>{scores['n']:,} pictures. Intervals: {_text(scores['interval_method'])}.</p>",
             _table(numbers)]
    parts += [f'<img src="{_text(name)}" alt="{_text(name)}">' for name in pictures]
    parts += ["<h2>By class</h2>", _table(per_class), "<h2>Mistakes, the surest first</h2>",
              _table(mistakes)]
    file.write_text(
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{_text(title)}</title>\n'
        f"<style>{STYLE}</style>\n<h1>{_text(title)}</h1>\n" + "\n".join(parts) + "\n</html>\n",
        encoding="utf-8")


def _text(text: str) -> str:
    return html.escape(str(text))


def _interval(bounds: list[float] | None) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}" if bounds else ""


def _table(rows: pd.DataFrame) -> str:
    return rows.to_html(index=False, escape=True, border=0, na_rep="", float_format="%.3f")
