"""Libraries that are heavy or seldom needed: extras of the package, installed on demand."""
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def install(extra: str) -> str:
    """The command that installs an extra from where the package is: a checkout, or a wheel."""
    where = ROOT if (ROOT / "setup.cfg").is_file() else "fashionclf"
    return f"pip install '{where}[{extra}]'"


def require(extra: str, modules: list[str], *, purpose: str) -> None:
    """Raises ValueError, with the command, where a module that `purpose` needs is missing."""
    missing = [module for module in modules if not find_spec(module)]
    if missing:
        raise ValueError(f"{purpose} needs {', '.join(missing)}: {install(extra)}")
