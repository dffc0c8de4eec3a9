"""The sentence that opens a report, for readers of nothing else, and what it rests on."""
import pandas as pd

from fashionclf.evaluation import intervals


def sentence(scores: dict, per_class: pd.DataFrame) -> str:
    """States how many of 100 pictures the model gets right, with the caveat that applies, if any.

    Args:
        scores: the content of metrics.json.
        per_class: see metrics.per_class.
    """
    interval = scores["top1_interval"]
    bounds = ("{} to {}".format(*map(_of_100, interval)) if interval
              else "too few garments for an interval")
    told = (f"Of 100 {_subject(scores)}, the model names the right one of {len(per_class)} classes "
            f"for {_of_100(scores['top1'])} ({bounds})")

    caveat, extremes = _caveat(scores), _extremes(per_class)
    told += f", but {caveat}: expect less of it on new ones" if caveat else ""
    return told + (f"; it is {extremes}." if extremes else ".")


def basis(scores: dict, per_class: pd.DataFrame) -> str:
    """Says what the figures of the `sentence` rest on, and what they don't cover."""
    most_frequent = per_class.loc[per_class["n"].idxmax(), "class"]
    range_of = (f"The range is the {scores['interval_level']:.0%} interval for pictures of the "
                "same kind; those of another kind, as another shop's, may lie outside it. "
                if scores["top1_interval"] else "")
    by = (f" Best and weakest are by F1, of the classes of {intervals.FEWEST} garments or more."
          if _extremes(per_class) else "")
    return (f"{range_of}Always answering {most_frequent} would be right for "
            f"{_of_100(scores['majority_baseline'])}.{by}")


def _subject(scores: dict) -> str:
    """Names the pictures, and claims no more of them than is known."""
    seen = scores.get("seen_in_training", {})
    older_runs = [name for name in seen.get("unhashed", ())
                  if name != "imagenet" and not name.endswith(".h5")]
    if _caveat(scores) or older_runs or not seen.get("training_pictures"):
        return "photographs like these"
    if seen.get("share_of_shared_garments") == 0:
        return "photographs of garments it has never seen"
    return "photographs it has never seen"


def _caveat(scores: dict) -> str:
    seen = scores.get("seen_in_training", {})
    copies = seen.get("copies", 0) + seen.get("near_duplicates", 0)
    if copies:
        return f"it was trained on {copies:,} of these {scores['n']:,}"
    if seen.get("in_validation"):
        return f"its epoch was chosen by {seen['in_validation']:,} of these {scores['n']:,}"
    if seen.get("share_of_shared_garments"):
        return (f"it was trained on other photographs of the garments of "
                f"{_of_100(seen['share_of_shared_garments'])} of them")
    return ""


def _extremes(per_class: pd.DataFrame) -> str:
    """Names the best and the weakest class, where one alone is, of those with enough garments."""
    f1 = per_class[per_class["garments"] >= intervals.FEWEST].set_index("class")["f1"].dropna()
    found = {"best": f1[f1 == f1.max()], "weakest": f1[f1 == f1.min()]} if f1.nunique() > 1 else {}
    return " and ".join(f"{word} at {classes.index[0]}" for word, classes in found.items()
                        if len(classes) == 1)


def _of_100(share: float) -> int:
    """Rounds to a hundredth; to all or none only if it is all or none."""
    return round(100 * share) if share in (0, 1) else min(99, max(1, round(100 * share)))
