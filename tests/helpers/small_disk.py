"""A disk that is soon full, for tests; skips where none can be mounted."""
import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mounts a tmpfs of `size` on `folder`; gives a function that changes its size."""
    folder.mkdir()

    def mount(*options: str) -> subprocess.CompletedProcess:
        return subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", folder],
                              capture_output=True, text=True)
    refused = mount(f"size={size}")
    if refused.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {refused.stderr.strip()}")
    try:
        yield lambda size: mount("remount", f"size={size}").check_returncode()
    finally:
        subprocess.run(["umount", folder], check=True)
