"""Finds what comes with the package: the released model and the configs."""
import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
MODELS, CONFIGS = "saved_models", "configs"


def folder(name: str) -> Path:
    """Returns the folder MODELS or CONFIGS: in a wheel inside the package, in a checkout beside it.
    """
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def models() -> list[str]:
    """Returns the names of the released models."""
    root = folder(MODELS)
    return sorted(path.parent.name for path in root.glob("*/model.json")
                  if (path.parent / "README.md").is_file())  # a user's own run has no card


def found(path: str) -> str:
    """Returns `path`, or the place in the package that it names if there is no such file here.

    "fashion_b0" names a released model; "saved_models/fashion_b0" and "configs/fashion_b0.cfg" are
    as in a checkout.
    """
    if os.path.lexists(path):
        return path
    if path in models():
        return str(folder(MODELS) / path)
    first, _, rest = path.partition("/")
    if first in (MODELS, CONFIGS) and (folder(first) / rest).exists():
        return str(folder(first) / rest)
    return path


def name(path: str) -> str:
    """Reverses `found` for a released model; other paths stay as they are."""
    known = [model for model in models() if str(folder(MODELS) / model) == path]
    return known[0] if known else path
