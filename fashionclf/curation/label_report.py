"""Doubtful labels as rows of a table, as cards of the label page, and in words."""
from collections.abc import Iterator

import numpy as np
import pandas as pd

from fashionclf.curation.cards import Card
from fashionclf.curation.doubtful_labels import CheckedLabels
from fashionclf.curation.labelled_pictures import LabelledPictures

COLUMNS = ["path", "class", "suggested", "probability", "probability_of_class", "doubtful",
           "evidence", "item", "digest", "error"]


def table(pictures: LabelledPictures, checked: CheckedLabels, why_unchecked: list[str]
          ) -> list[list]:
    """Returns rows of COLUMNS, the most probable errors first, then those without a result.

    Args:
        why_unchecked: of each of the N pictures, the reason that it has where it has no
            probabilities.
    """
    names, evidence = np.array(checked.classes, object), reasons(checked)
    unknown, order, rows = [*[None] * 3, False, None], checked.ranked(), []
    for i, row in zip(order, pictures.table.iloc[order].itertuples()):
        suggested, is_checked = checked.suggested[i], checked.checked[i]
        judged = [names[suggested], round(float(checked.probabilities[i, suggested]), 6),
                  round(float(checked.confidence[i]), 6), bool(checked.doubts.doubtful[i]),
                  evidence.get(i)]
        rows.append([row.path, names[row.label], *(judged if is_checked else unknown), row.item,
                     row.digest or None, None if is_checked else why_unchecked[i]])
    return rows + [[row.path, names[row.label], *unknown, row.item, row.digest or None, row.error]
                   for row in pictures.unusable.itertuples()]


def reasons(checked: CheckedLabels) -> dict[int, str]:
    """Gives the evidence against each doubtful label, by the picture's number.

    It is short enough for a card, which shows both classes above it.
    """
    return {i: f"doubtful: of {counts.sum()} similar, {counts[checked.suggested[i]]} are "
               f"{checked.classes[checked.suggested[i]]}, {counts[checked.labels[i]]} "
               f"{checked.classes[checked.labels[i]]}"
            for i, counts in checked.neighbours.items()}


def cards(pictures: LabelledPictures, checked: CheckedLabels, most: int) -> Iterator[Card]:
    """Yields the cards of doubtful labels, the most probable errors first, `most` of them."""
    evidence = reasons(checked)
    shown = [i for i in checked.ranked() if checked.doubts.doubtful[i]][:most]
    rows = pictures.table.iloc[shown]
    loaders = pictures.loaders(rows["path"])
    for place, (i, row) in enumerate(zip(shown, rows.itertuples())):
        given, (suggested, *others) = checked.labels[i], np.argsort(-checked.probabilities[i])
        yield Card(
            path=row.path, digest=row.digest, pixels=loaders[row.path],
            given=checked.classes[given], suggested=checked.classes[suggested],
            probability=float(checked.probabilities[i, suggested]),
            alternatives=tuple(checked.classes[other] for other in others[:3] if other != given),
            reasons=(evidence[i],), priority=1 - place / len(shown))


def summary(checked: CheckedLabels, unusable: int) -> str:
    """States how many labels are doubtful, in a sentence, and which classes have unchecked ones."""
    total, count = checked.checked.sum(), checked.doubts.doubtful.sum()
    text = f"Of {total:,} labels, {count:,} are doubtful ({_percent(count / total)})"

    left = checked.labels[~checked.checked]
    names = ", ".join(checked.classes[label] for label in np.unique(left))
    text += f"; not checked: {len(left):,} ({names})" if len(left) else ""
    return text + (f"; unusable pictures: {unusable:,}." if unusable else ".")


def noise_text(checked: CheckedLabels) -> str:
    """Formats CheckedLabels.noise for people, the noisiest class first, and says what it means."""
    noise = checked.noise()
    shown = noise[noise["pictures"] > 0].sort_values("wrong", ascending=False, kind="stable")
    rows = pd.DataFrame({
        "class": shown["class"], "pictures": shown["pictures"], "garments": shown["garments"],
        "doubtful": shown["doubtful"], "most often": shown["mostly"],
        "estimated wrong": [_estimate(*values) for values in zip(
            shown["wrong"], shown["low"], shown["high"])]})
    agreed = (checked.suggested == checked.labels)[checked.checked].mean()
    return (f"{rows.to_string(index=False)}\n\n"
            "The estimate counts pictures that look confidently like another class; the range is "
            "the 95 % interval over garments.\n"
            f"The model agrees with {_percent(agreed)} of the labels. Its own errors are counted "
            "too: take the estimate for an upper bound.")


def _estimate(wrong: float, low: float, high: float) -> str:
    if np.isnan(wrong):
        return "no picture is certain"
    return _percent(wrong) + ("" if np.isnan(low) else f" ({_percent(low)} to {_percent(high)})")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"
