"""Reads a folder per class: recognises the layouts that people have, leaves nothing out unsaid."""
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from fashionclf.sources import annotations
from fashionclf.system import files

# Folders that no person would call a class, and files by which other programs' folders are known.
NO_CLASS = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information",
            "lost+found", "__pycache__", "node_modules", "venv", "thumbs", "thumbnails", "_thumbs"}
WRITTEN = {"manifest.json", "dataset_info.json", "model.json", "index.json"}
LEFT_OUT = ["path", "category", "reason"]
NEVER_A_CLASS = ("its name is never that of a class",
                 "written by a program: records, a run or an index")


def find(folder: Path, *, root: Path, follow_links: bool = False) -> tuple[list[str], pd.DataFrame]:
    """Lists the pictures below `folder`, and all else with the reason why it is left out.

    Args:
        root: folder that the paths are relative to.
        follow_links: whether to look into folders that are links.

    Returns:
        Sorted POSIX paths, and a table of LEFT_OUT; its paths of folders end in "/".
    """
    pictures, left_out = [], []
    for path, reason in _walk(folder, follow_links):
        path = Path(os.path.relpath(path, root)).as_posix() + "/" * path.endswith(os.sep)
        if reason:
            left_out.append((path, None, reason))
        else:
            pictures.append(path)
    pictures.sort(key=lambda path: path.split("/"))
    return pictures, pd.DataFrame(sorted(left_out), columns=LEFT_OUT, dtype=object)


def _walk(folder: Path, follow_links: bool) -> Iterator[tuple[str, str | None]]:
    """Each file, and each folder that isn't entered, with the reason why it is left out or None."""
    unreadable, entered = [], {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, onerror=unreadable.append, followlinks=True):
        for name in list(folders):
            path = os.path.join(parent, name)
            reason = _why_not_entered(path, follow_links, entered)
            if reason:
                folders.remove(name)
                yield os.path.join(path, ""), reason
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            is_picture = suffix in files.PICTURE_SUFFIXES
            yield os.path.join(parent, name), None if is_picture else (
                f"files with suffix {suffix or '(none)'} are not read")
    for error in unreadable:
        yield os.path.join(error.filename, ""), f"folder can't be read: {error.strerror}"


def _why_not_entered(path: str, follow_links: bool, entered: set[str]) -> str | None:
    name = os.path.basename(path)
    if name.startswith(".") or name.casefold() in NO_CLASS or name.endswith(".incomplete"):
        return NEVER_A_CLASS[0]
    if any(os.path.isfile(os.path.join(path, file)) for file in WRITTEN):
        return NEVER_A_CLASS[1]
    if os.path.islink(path):
        target = os.path.realpath(path)
        if not follow_links:
            return f"link to the folder {target}: --follow_links looks into it"
        if target in entered or os.path.realpath(os.path.dirname(path)).startswith(
                os.path.join(target, "")):
            return f"link to the folder {target}, which is there already"
        entered.add(target)
    return None


def note(left_out: pd.DataFrame) -> list[str]:
    """A line for each folder that is left out, up to ten of them."""
    folders = left_out[left_out["path"].str.endswith("/")]
    lines = [f"left out: {path} ({reason})" for path, _, reason in folders.itertuples(index=False)]
    return lines if len(lines) <= 10 else [*lines[:9], f"left out: {len(lines) - 9:,} more folders"]


def table(root: Path, pictures: list[str], left_out: pd.DataFrame,
          notes: list[str]) -> pd.DataFrame:
    """Reads class, item and part of each picture off its path.

    The layouts are `<class>/picture`, `<class>/<item>/picture`, and both below `<part>/` or with
    `<class>/<part>/`, where a part is train, val or test (see annotations.part_of).

    Raises:
        ValueError: the folders are not those of classes; names the layout and the cure.
    """
    parts = [path.split("/") for path in pictures]
    for path, names in zip(pictures, parts):
        if len(names) < 2:
            raise ValueError(f"{root / path}: lies beside the class folders; move it into "
                             "the folder of its class")
    tops = sorted({names[0] for names in parts})
    _refuse_lost_classes(root, tops, left_out)

    # The part's folder is the first one, or the second one, of every picture.
    place = next((place for place in (0, 1) if any(
        len(names) > place + 1 and annotations.part_of(names[place]) for names in parts)), None)
    if place == 0 and len(tops) == 1:
        place = None  # one folder too many, which is said below
    partition = [None] * len(parts)
    if place is not None:
        _check_parts(root, pictures, parts, place)
        partition = [annotations.part_of(names[place]) for names in parts]
        named = sorted({names[place] for names in parts})
        counts = pd.Series(partition).value_counts()
        notes.append(f"folders {', '.join(named)}: read as the official split ("
                     + ", ".join(f"{name} {counts[name]:,}" for name in annotations.PARTITIONS
                                 if name in counts) + ")")
        parts = [names[:place] + names[place + 1:] for names in parts]

    found = pd.DataFrame({"path": pictures, "category": [names[0] for names in parts]},
                         dtype=object)
    _refuse_one_class(root, found["category"], pictures, place)
    _note_repeated_folders(parts, notes)
    folder = found["path"].str.rpartition("/")[0]
    own = pd.Series([len(names) < 3 for names in parts])
    return found.assign(item=folder.where(~own, found["path"]),
                        partition=pd.Series(partition, dtype=object))


def _refuse_lost_classes(root: Path, tops: list[str], left_out: pd.DataFrame) -> None:
    """Raises ValueError at a class folder of which nothing is left."""
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    reasons = dict(zip(left_out["path"], left_out["reason"]))
    for name in set(names) - set(tops):
        why = reasons.get(f"{name}/", "")
        if why in NEVER_A_CLASS:
            continue
        inside = left_out.loc[left_out["path"].str.startswith(f"{name}/"), "reason"]
        counts = [f"{count:,} times: {reason}" for reason, count in inside.value_counts().items()]
        raise ValueError(
            f"{root / name}: a class folder of which no picture can be read ("
            f"{why or '; '.join(counts) or 'it is empty'}); make its pictures readable "
            f"({', '.join(files.PICTURE_SUFFIXES)}), or move the folder elsewhere if it isn't a "
            "class")


def _check_parts(root: Path, pictures: list[str], parts: list[list[str]], place: int) -> None:
    for path, names in zip(pictures, parts):
        if len(names) <= place + 1 or annotations.part_of(names[place]) is None:
            raise ValueError(f"{root / path}: other folders beside it are parts of a split (train, "
                             "val, test), this one isn't; move one of them elsewhere")
        if len(names) < 3:
            raise ValueError(f"{root / path}: lies in a part of a split but in no class folder; "
                             f"lay it out as {names[place]}/CLASS/picture, or use --source=csv")


def _refuse_one_class(root: Path, categories: pd.Series, pictures: list[str],
                      place: int | None) -> None:
    """Raises ValueError where there is one class, and says where the classes may be."""
    if categories.nunique() > 1:
        return
    folder, inside = root / categories[0], []
    if place is None:
        # Further down as long as there is one folder alone.
        for folder in [folder, *(folder.joinpath(*pictures[0].split("/")[1:depth])
                                 for depth in range(2, pictures[0].count("/") + 1))]:
            inside = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
            if len(inside) != 1:
                break
    cure = (f"it contains {', '.join(inside[:5])}: if these are the classes, "
            f"--source_dir={folder}" if inside else "add the folders of the others")
    raise ValueError(f"{root}: is laid out as a folder per class with one class alone, "
                     f"{categories[0]!r}, and a model needs two; {cure}")


def _note_repeated_folders(parts: list[list[str]], notes: list[str]) -> None:
    """Notes that all classes have the same folders, as do garments filed below a department."""
    inside = {}
    for names in parts:
        inside.setdefault(names[0], set()).add(names[1] if len(names) > 2 else "")
    common = set.intersection(*inside.values())
    named = sorted(name for name in common if name and not any(map(str.isdigit, name)))
    if len(named) > 1 and all(folders == common for folders in inside.values()):
        notes.append(f"each of {', '.join(sorted(inside)[:5])} contains {', '.join(named[:5])}: "
                     "they are read as items; if they are the classes, use --source=csv")
