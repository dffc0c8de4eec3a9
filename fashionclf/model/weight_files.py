"""Saves and loads weight files (.weights.h5), which are checked as they may be malicious."""
from pathlib import Path

import h5py
import keras

from fashionclf.system import files

MOST_BYTES = 2.0  # of arrays in a file, per byte of the model's own weights


def save(model: keras.Model, file: Path) -> None:
    """Writes `file` whole or not at all."""
    with files.replaced(file) as partial:
        model.save_weights(partial)


def load(model: keras.Model, file: Path) -> None:
    """Fills `model` from a file, of which only arrays of numbers are read.

    Raises ValueError if it isn't HDF5, refers to other files, is too large, or doesn't fit.
    """
    try:
        if not h5py.is_hdf5(file):
            raise ValueError("not an HDF5 file, the only kind that is opened")
        with h5py.File(file, "r") as content:
            own = sum(variable.numpy().nbytes for variable in model.variables)
            _check_group(content, limit=MOST_BYTES * own + 1e6)
        model.load_weights(file)
    except (ValueError, KeyError, OSError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"{file}: does not fit {model.name} of {model.count_params():,} parameters "
            f"({(str(error) or repr(error)).splitlines()[0]}). Give weights of the same "
            "EfficientNet without its top, as Keras 3 saves them, or a run's folder") from error


def _check_group(group: h5py.Group, limit: float) -> float:
    """Returns the bytes of a group's arrays; rejects any that are not stored in this file."""
    total = 0.0
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{group.name}/{name} is a link, and may lead out of the file")

        item = group[name]
        if isinstance(item, h5py.Group):
            total += _check_group(item, limit - total)
        elif item.is_virtual or item.external:
            raise ValueError(f"{item.name} stores its numbers in another file")
        elif item.dtype.kind not in "fiub":
            raise ValueError(f"{item.name} holds {item.dtype}, not numbers")
        else:
            total += float(item.size) * item.dtype.itemsize

        if total > limit:
            raise ValueError(f"{group.name}/{name} claims more bytes than the model can hold")
    return total
