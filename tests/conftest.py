import os
from pathlib import Path

import pytest

from fashionclf.system import quiet

with quiet.tensorflow_start():  # once, before any test looks at what is printed
    import tensorflow  # noqa: F401

SHARED = "FASHIONCLF_SHARED"  # names the folder of real photographs


@pytest.fixture
def shared() -> Path:
    """The folder of real photographs and annotation; by default beside the checkout."""
    folder = Path(os.environ.get(SHARED) or Path(__file__).resolve().parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"real data is tested where {SHARED} names its folder: {folder} is absent")
    return folder
