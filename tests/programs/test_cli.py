"""Promises of what every program does around its job."""
import gc

import pytest

from fashionclf import cli


def test_garbage_is_collected_again_after_imports_that_fail():
    with pytest.raises(ImportError), cli.loading():
        assert not gc.isenabled()
        raise ImportError("no such module")
    assert gc.isenabled()
