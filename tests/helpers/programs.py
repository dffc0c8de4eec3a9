"""Programs as a user starts them: from the repository root, with a time limit."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 60  # seconds


def start(module: str, *words, timeout: float = 10 * MINUTES,
          **options) -> subprocess.CompletedProcess:
    """Runs `python -m module words` to its end, its output captured as text.

    Args:
        timeout: seconds.
        options: others of subprocess.run.

    Raises:
        subprocess.TimeoutExpired: the program took longer and was killed.
    """
    return subprocess.run([sys.executable, "-m", module, *map(str, words)], timeout=timeout,
                          **{"cwd": ROOT, "text": True, "capture_output": True, **options})
