"""Starts a program of the package: `fashionclf PROGRAM ...` is `python -m fashionclf.PROGRAM ...`.

    fashionclf predict photo.jpg

labels a picture with the released model. `fashionclf PROGRAM --help` explains each program:
"""
import runpy
import sys

import fashionclf

PROGRAMS = {
    "predict": "label pictures, a folder of them or a shop's CSV",
    "duplicates": "find the copies among pictures, also cut, mirrored or recoloured ones",
    "demo": "try a model on a page in the browser",
    "serve": "answer requests with pictures over HTTP",
    "build_tfrecords": "check your labelled pictures, split them and write records",
    "check_labels": "find labels that are probably wrong",
    "train": "train a model on records",
    "evaluate": "measure a model on records and write its report",
    "search": "find the pictures that look most like a given one",
    "export": "write a model for other runtimes",
}


def usage() -> str:
    """Returns the text of --help."""
    lines = [f"  {name:<17}{what}" for name, what in PROGRAMS.items()]
    return "\n".join([__doc__, *lines])


def main() -> None:
    """Starts the program that the first word names; ends the process with its exit code."""
    words = sys.argv[1:]
    first = words[0] if words else "--help"
    if first in ("-h", "--help", "help"):
        print(usage())
        sys.exit(0 if words else 1)
    if first in ("-V", "--version"):
        print(f"fashionclf {fashionclf.__version__}")
        sys.exit(0)
    if first not in PROGRAMS:
        print(f"error: unknown program {first!r}; choose one of {', '.join(PROGRAMS)} "
              "(fashionclf --help explains them)", file=sys.stderr)
        sys.exit(1)

    # Flags are named after the program's module, which must be the main one.
    del sys.argv[1]
    runpy.run_module(f"{fashionclf.__name__}.{first}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
