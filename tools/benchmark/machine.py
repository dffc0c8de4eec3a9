"""The machine that figures were measured on; no names or places."""
import importlib.metadata
import os
import platform
from pathlib import Path

LIBRARIES = ("tensorflow", "keras", "torch", "torchvision", "numpy")


def describe() -> dict[str, str]:
    """Returns processor, cores, memory and versions, each as text."""
    return {"processor": _cpuinfo("model name") or platform.machine(),
            "instructions": _vector_instructions(),
            "cores": str(len(os.sched_getaffinity(0))),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
            "system": platform.system(), "python": platform.python_version(),
            **{name: version for name in LIBRARIES if (version := installed(name))}}


def installed(name: str) -> str | None:
    """Returns the version of a library, or None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _vector_instructions() -> str:
    flags = _cpuinfo("flags").split()
    return ", ".join(x for x in ("avx2", "avx512f", "avx512_bf16", "amx_tile") if x in flags)


def _cpuinfo(field: str) -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith(field)]
    return found[0] if found else ""
