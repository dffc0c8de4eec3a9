"""Libraries that are heavy or seldom needed: extras of the package, installed on demand."""
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def install(extra: str) -> str:
    """The command that installs an extra beside the package: into a checkout's, or a wheel's."""
    where = ROOT if (ROOT / "setup.cfg").is_file() else "fashionclf"
    return f"{_python()} -m pip install '{where}[{extra}]'"


def _python() -> str:
    """The name by which the shell finds this Python, or its path."""
    found = shutil.which("python")
    return "python" if found == sys.executable else sys.executable  # which may be links to one file


def require(extra: str, modules: list[str], *, purpose: str) -> None:
    """Raises ValueError, with the command, where a module that `purpose` needs is missing."""
    missing = [module for module in modules if not find_spec(module)]
    if missing:
        raise ValueError(f"{purpose} needs {', '.join(missing)}: {install(extra)}")
