"""Names for the content of files."""
import hashlib
from pathlib import Path


def sha256(file: Path) -> str:
    """Of the file's bytes, as 64 hex digits."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
