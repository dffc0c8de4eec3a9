"""What every program does around its `main`: flags, --help, one-line errors, quiet libraries."""
import atexit
import contextlib
import copy
import gc
import os
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn, TextIO

from absl import app, flags, logging

import fashionclf
from fashionclf.system import packaged, places, quiet, typed
from fashionclf.system.files import require_file, require_folder  # noqa: F401, for programs

USER_ERRORS = (ValueError, OSError, FloatingPointError)
HELP, VERSION = ("-h", "-help", "--help", "-helpshort", "--helpshort"), ("-version", "--version")

flags.disclaim_key_flags()  # what is defined here belongs to the program that asks for it


class _Path(flags.ArgumentParser):
    """A file or folder, with ~ expanded."""

    def parse(self, argument: str) -> str:
        return typed.path(argument)

    def flag_type(self) -> str:
        return "path"


class _Paths(flags.ListParser):
    """Several files, which may be the package's own, separated by commas."""

    def parse(self, argument: str | list[str]) -> list[str]:
        return [packaged.found(typed.path(text)) for text in super().parse(argument)]


def path_flag(name: str, default: str | None, help: str) -> None:
    """Defines a flag that names a file or folder."""
    flags.DEFINE(_Path(), name, default, help, serializer=flags.ArgumentSerializer())


def paths_flag(name: str, default: list[str] | None, help: str) -> None:
    """Defines a flag that names several files, separated by commas."""
    flags.DEFINE(_Paths(), name, default, help, serializer=flags.CsvListSerializer(","))


class _Packaged(_Path):
    """A file or folder, or the name of one that comes with the package."""

    def parse(self, argument: str) -> str:
        return packaged.found(super().parse(argument))


class _Name(flags.ArgumentSerializer):
    """Shows a file of the package by its name, as --help does with defaults."""

    def serialize(self, value: str) -> str:
        return packaged.name(value)


def packaged_flag(name: str, default: str | None, help: str) -> None:
    """Defines a flag that names a file or folder, which may be one of the package's own."""
    flags.DEFINE(_Packaged(), name, default, help, serializer=_Name())


def define_model_flags(*, batch_size: bool = True) -> None:
    """Defines the flags that say which model predicts, and by what; --batch_size if it is used."""
    packaged_flag("run", "fashion_b0", "Folder of a finished training, or the name of a released "
                  "model.")
    flags.DEFINE_enum("engine", "auto", ["auto", "tensorflow", "litert", "litert_int8", "onnx"],
                      "What runs the model: TensorFlow, or the run's export by LiteRT or ONNX "
                      "Runtime, which start in a fraction of a second. auto takes LiteRT, else "
                      "ONNX Runtime, else TensorFlow, by what is installed and what the run has an "
                      "equal export for. On a GPU, name tensorflow.")
    if batch_size:
        flags.DEFINE_integer("batch_size", 32, "Pictures that TensorFlow predicts at once, and "
                             "that an interrupted call may have to repeat.", lower_bound=1)


def define_excel_flag(prefix: str = "") -> None:
    """Defines --excel, for programs that write tables; `prefix` opens its help."""
    flags.DEFINE_boolean("excel", False, prefix + "Start CSV files with a byte order mark, so that "
                         "Excel shows accented letters correctly.")


def define_cache_flag() -> None:
    """Defines --cache_dir, for programs that describe pictures by a model."""
    path_flag("cache_dir", os.fspath(places.user_cache()), "Folder that keeps what the model has "
              "computed of pictures, for the next call; may be removed at any time.")


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
            return main([typed.word(text) for text in words]) or 0
        except USER_ERRORS as error:
            if os.environ.get("FASHIONCLF_TRACEBACK"):
                raise
            print(f"error: {error}", file=sys.stderr)
            return 1
    app.run(guarded, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    """Parses flags; --help and --version end the program well, a wrong flag with one line."""
    try:
        argv = typed.with_flag_files(argv)
    except (ValueError, OSError) as error:
        _refuse(error)

    options = argv[1:argv.index("--")] if "--" in argv else argv[1:]
    if any(word in VERSION for word in options):
        print(f"fashionclf {fashionclf.__version__}")
        raise SystemExit(0)
    if any(word in HELP for word in options):
        app.usage(shorthelp=True, writeto_stdout=True,
                  detailed_error="Try --helpfull to get a list of all flags.")
        raise SystemExit(0)  # absl's own --help exits with 1
    try:
        words = flags.FLAGS(argv)
        for name, value in flags.FLAGS.flag_values_dict().items():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    typed.unquoted(text)
        return words
    except (flags.Error, ValueError) as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(1) from None


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Surrounds the imports of a program that take seconds, after all checks that need none.

    It is the one place of a program that imports TensorFlow: --help and a mistyped flag or path
    are answered at once, and none of its start-up lines is printed where there is no GPU.
    """
    gc.disable()  # imports leave little to collect
    try:
        with quiet.tensorflow_start():
            yield
    finally:
        gc.enable()

    # What is loaded stays to the end, where it needs no collecting either.
    gc.freeze()
    atexit.register(gc.freeze)


def own_flags() -> str:
    """The flags that the program itself defines, one a line, sorted: a flagfile that repeats it."""
    return "\n".join(sorted(flag.serialize() for flag in _own())) + "\n"


def own_values(leave_out: set[str]) -> dict[str, bool | int | float | str]:
    """Name -> value of the same flags; a list as its words, separated by commas."""
    return {flag.name: ",".join(flag.value) if isinstance(flag.value, list) else flag.value
            for flag in _own() if flag.name not in leave_out}


def changes(flag_file: str, leave_out: set[str]) -> list[str]:
    """Compares the flags that `own_flags` wrote earlier with those given now, by name.

    Returns:
        "--name was X, is Y" for each that differs; a flag that was not written has its default.
    """
    own = [flag for flag in _own(unset=True) if flag.name not in leave_out]
    before = flags.FlagValues()
    for flag in own:  # absl's own --verbosity would set the level of all logs again
        before[flag.name] = copy.deepcopy(flag)
        before[flag.name].unparse()
        before[flag.name].validators = []  # which may ask for flags that are left out
    before([sys.argv[0], *flag_file.splitlines()], known_only=True)

    values = {flag.name: (before[flag.name].value, flag.value) for flag in own}
    return [f"--{name} was {old}, is {new}" for name, (old, new) in values.items() if old != new]


def _own(*, unset: bool = False) -> list[flags.Flag]:
    module = flags.FLAGS.find_module_defining_flag("records")  # every program that asks has it
    return [flag for flag in flags.FLAGS.get_flags_for_module(module)
            if (unset or flag.value is not None) and not flag.help.startswith("Alias for ")]


def require_other(flag: str, other: str) -> None:
    """Raises ValueError where both flags name one file, which --`flag` would replace."""
    file, taken = flags.FLAGS[flag].value, flags.FLAGS[other].value
    if file and taken and file != "-" and os.path.realpath(file) == os.path.realpath(taken):
        raise ValueError(f"--{flag}={file}: is also the file of --{other}; name another")


def is_stream(file: str) -> bool:
    """Tells whether rows go to `file` one by one, as to standard output."""
    return places.is_standard_output(file) or places.is_stream(file)


@contextlib.contextmanager
def rows_to(file: str) -> Iterator[TextIO]:
    """Opens a stream for rows; what a library prints must not be among them."""
    if not places.is_standard_output(file):
        with open(file, "a", encoding="utf-8", newline="") as stream:
            yield stream
        return
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    with contextlib.redirect_stdout(sys.stderr):
        yield sys.__stdout__


def require_place(flag: str, file: str | None, *, streams: bool = False) -> None:
    """Raises OSError, ValueError where `file`, named by --`flag`, can't be written.

    Args:
        streams: whether rows can go to it one by one; "-" is then standard output.
    """
    if not file or streams and places.is_standard_output(file):
        return
    try:
        places.check_file(file, streams=streams)
    except (OSError, ValueError) as error:
        more = "; - is standard output" if streams else ""
        raise type(error)(f"--{flag}={file}: {error}{more}") from None
