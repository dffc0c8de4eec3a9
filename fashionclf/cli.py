"""What every program does around its `main`: one-line errors, no stray words."""
import os
import sys
from collections.abc import Callable

from absl import app, flags, logging

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is first imported
if not sys.stderr.isatty():
    os.environ.setdefault("TQDM_MININTERVAL", "30")  # seconds: a log is read, not watched

USER_ERRORS = (ValueError, OSError, FloatingPointError)


def run(main: Callable[[list[str]], int | None], *, positional: str | None = None) -> None:
    """Runs `main(argv)` under absl, where argv holds the words that are no flags.

    Args:
        main: the program; its return value is the exit code.
        positional: what the words after the flags are called, or None where
            there are none: then a stray word is an error, not ignored.
    """
    def guarded(argv: list[str]) -> int:
        words = argv[1:]
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.ERROR)  # libraries' notes, not ours
        try:
            if words and positional is None:
                raise ValueError(f"{words[0]!r} is no flag of this program; "
                                 "write flags as --name=value (--help lists them)")
            return main(words) or 0
        except USER_ERRORS as error:
            if os.environ.get("FASHIONCLF_TRACEBACK"):
                raise
            print(f"error: {error}", file=sys.stderr)
            return 1
    app.run(guarded)


def own_flags() -> str:
    """The flags that the program itself defines, one a line, sorted: a flagfile that repeats it."""
    return "\n".join(sorted(flag.serialize() for flag in _own())) + "\n"


def own_values(leave_out: set[str]) -> dict[str, bool | int | float | str]:
    """Name -> value of the same flags."""
    return {flag.name: flag.value for flag in _own() if flag.name not in leave_out}


def _own() -> list[flags.Flag]:
    module = flags.FLAGS.find_module_defining_flag("records")  # every program that asks has it
    return [flag for flag in flags.FLAGS.get_flags_for_module(module) if flag.value is not None]
