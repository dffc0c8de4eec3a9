from pathlib import Path

import pytest

from fashionclf.system import quiet

with quiet.tensorflow_start():  # once, before any test looks at what is printed
    import tensorflow  # noqa: F401

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """The folder of real photographs and annotation beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent: real data is tested where it is there")
    return SHARED
