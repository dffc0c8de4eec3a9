"""Recipes of fashionclf: one training, or several programs that follow each other.

A recipe file has a section for each recipe, with a program call of fashionclf a line:

    # comment
    train --flagfile=configs/fast.cfg

    [fast]
    train

    [taught]
    train --run={run}_teacher --seed={seed}1
    train --teacher={run}_teacher

A `train` above the first section gives its flags to every `train` below, before their own.
{records}, {run}, {weights}, {cache} and {seed} stand for what the tool fills in. Each `train` also
gets --records, --run, --weights, --cache_dir and --seed with these values, unless it has the flag.
The recipe's scores are those of {run}.
"""
import dataclasses
import hashlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

from fashionclf.__main__ import PROGRAMS
from fashionclf.system import tables

FLAGS_OF_TRAIN = {"records": "records", "run": "run", "weights": "weights", "cache_dir": "cache",
                  "seed": "seed"}  # flag -> place that it gets


@dataclasses.dataclass(frozen=True)
class Places:
    """What the places in braces stand for."""
    records: Path
    run: Path
    weights: str
    cache: Path
    seed: int


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A recipe's program calls, each as words, with places in braces."""
    name: str
    calls: tuple[tuple[str, ...], ...]

    def commands(self, places: Places) -> list[list[str]]:
        """Returns the arguments of `python -m` for each call, in order."""
        values = dataclasses.asdict(places)
        return [[f"fashionclf.{call[0]}", *(_filled(word, values) for word in _whole(call))]
                for call in self.calls]

    def digest(self) -> str:
        """Returns what tells this recipe from others: of its calls and the flag files they name."""
        words = [word for call in self.calls for word in call]
        named = [word.partition("=")[2] for word in words if word.startswith("--flagfile=")]
        texts = ["\n".join(map(shlex.join, self.calls)), *map(_text, map(Path, named))]
        return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def read(file: Path, only: list[str] | None = None) -> list[Recipe]:
    """Reads a recipe file.

    Args:
        only: names of the recipes to return, in this order (default: all).

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: a line is malformed, a recipe is repeated or empty, `only` names none of them.
    """
    found: dict[str, list[tuple[str, ...]]] = {}
    shared: tuple[str, ...] = ()  # flags of every train
    for number, line in enumerate(map(str.strip, tables.split_lines(_text(file))), start=1):
        section = re.fullmatch(r"\[([\w.+-][\w.+ -]*)\]", line)
        if section and section[1] in found:
            raise ValueError(f"{file}:{number}: there is a recipe [{section[1]}] above; rename one")
        if section:
            found[section[1]] = []
        elif line and not line.startswith("#"):
            program, *words = _call(line, f"{file}:{number}")
            if found:
                before = shared if program == "train" else ()
                list(found.values())[-1].append((program, *before, *words))
            elif program == "train" and not shared:
                shared = tuple(words)
            else:
                raise ValueError(f"{file}:{number}: {line!r} stands before the first [recipe]; "
                                 "name it in brackets")

    empty = [name for name, calls in found.items() if not calls]
    if empty or not found:
        raise ValueError(f"{file}: recipe {empty} has no program call" if empty else
                         f"{file}: has no recipe; write [name], and below it a program call a line")
    unknown = [name for name in only or () if name not in found]
    if unknown:
        raise ValueError(f"{file} has no recipe {unknown[0]!r}, only {', '.join(found)}")
    return [Recipe(name, tuple(found[name])) for name in only or found]


def check(recipe: Recipe, places: Places) -> None:
    """Lets each program check its flags, which takes a second; raises ValueError if one refuses."""
    for command in recipe.commands(places):
        done = subprocess.run([sys.executable, "-m", *command, "--only_check_args"], text=True,
                              capture_output=True)
        if done.returncode:
            raise ValueError(f"recipe {recipe.name}: {shlex.join(command)}\nis refused: "
                             f"{done.stderr.strip() or done.stdout.strip()}")


def _call(line: str, where: str) -> tuple[str, ...]:
    """Returns the words of a program call."""
    if line.startswith("["):
        raise ValueError(f"{where}: {line} names files too: a recipe's name takes letters, digits, "
                         "spaces and . + - _")
    try:
        call = tuple(shlex.split(line))
        for word in call:
            _filled(word, dict.fromkeys(FLAGS_OF_TRAIN.values(), ""))
    except ValueError as error:
        raise ValueError(f"{where}: {line!r}: {error}") from None
    if call[0] not in PROGRAMS:
        raise ValueError(f"{where}: {call[0]!r} is no program of fashionclf; write the flags of a "
                         "recipe on its program's line")
    return call


def _whole(call: tuple[str, ...]) -> list[str]:
    """Returns the flags of a call; those of FLAGS_OF_TRAIN that `train` lacks come last."""
    program, *words = call
    given = {word.removeprefix("--").partition("=")[0] for word in words}
    more = FLAGS_OF_TRAIN if program == "train" else {}
    return [*words, *(f"--{flag}={{{place}}}" for flag, place in more.items() if flag not in given)]


def _filled(word: str, values: dict) -> str:
    def value(place: re.Match) -> str:
        if place[1] not in values:
            raise ValueError(f"{place[0]} is none of {{{'}, {'.join(values)}}}")
        return str(values[place[1]])

    return re.sub(r"\{(\w+)\}", value, word)


def _text(file: Path) -> str:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; correct the recipe or the flag that names "
                                "it")
    return tables.read_text(file)
