"""What every program does around its `main`: flags, --help, one-line errors, quiet libraries."""
import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from absl import app, flags, logging

import fashionclf
from fashionclf.system import quiet
from fashionclf.system.files import require_file, require_folder  # noqa: F401, for programs

USER_ERRORS = (ValueError, OSError, FloatingPointError)
HELP, VERSION = ("-h", "-help", "--help", "-helpshort", "--helpshort"), ("-version", "--version")


def run(main: Callable[[list[str]], int | None], *, positional: str | None = None) -> None:
    """Runs `main(argv)` under absl, where argv holds the words that are not flags.

    Its return value is the exit code. `positional` is what these words are called; where it is
    None, a stray word is an error.
    """
    def guarded(argv: list[str]) -> int:
        words = argv[1:]
        if not flags.FLAGS["verbosity"].present:
            logging.set_verbosity(logging.ERROR)  # the libraries' notes, not ours
        try:
            if words and positional is None:
                raise ValueError(f"unexpected argument {words[0]!r}; write flags as --name=value "
                                 "(--help lists them)")
            return main(words) or 0
        except USER_ERRORS as error:
            if os.environ.get("FASHIONCLF_TRACEBACK"):
                raise
            print(f"error: {error}", file=sys.stderr)
            return 1
    app.run(guarded, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    """Parses flags; --help and --version end the program well, a wrong flag with one line."""
    options = argv[1:argv.index("--")] if "--" in argv else argv[1:]
    if any(word in VERSION for word in options):
        print(f"fashionclf {fashionclf.__version__}")
        raise SystemExit(0)
    if any(word in HELP for word in options):
        app.usage(shorthelp=True, writeto_stdout=True,
                  detailed_error="Try --helpfull to get a list of all flags.")
        raise SystemExit(0)  # absl's own --help exits with 1
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Surrounds the imports of a program that take seconds, after all checks that need none.

    It is the one place of a program that imports TensorFlow: --help and a mistyped flag or path
    are answered at once, and none of its start-up lines is printed where there is no GPU.
    """
    with quiet.tensorflow_start():
        yield


def own_flags() -> str:
    """The flags that the program itself defines, one a line, sorted: a flagfile that repeats it."""
    return "\n".join(sorted(flag.serialize() for flag in _own())) + "\n"


def own_values(leave_out: set[str]) -> dict[str, bool | int | float | str]:
    """Name -> value of the same flags."""
    return {flag.name: flag.value for flag in _own() if flag.name not in leave_out}


def _own() -> list[flags.Flag]:
    module = flags.FLAGS.find_module_defining_flag("records")  # every program that asks has it
    return [flag for flag in flags.FLAGS.get_flags_for_module(module)
            if flag.value is not None and not flag.help.startswith("Alias for ")]


def require_place(flag: str, file: str | None, *, more: str = "") -> None:
    """Raises FileNotFoundError where `file`, named by --`flag`, can't be written."""
    if file and (os.path.isdir(file) or not os.path.isdir(os.path.dirname(os.path.abspath(file)))):
        raise FileNotFoundError(f"--{flag}={file}: name a file in a folder that exists{more}")
