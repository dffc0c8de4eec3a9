"""The two commands for the shell: what they explain, what they install, and when again."""
import re
import shutil
import subprocess

import pytest

from tests.helpers.programs import ROOT, start
from tools import check_extras

SCRIPTS = ["quickstart.sh", "test.sh"]
QUICKSTART = (ROOT / "tools/quickstart.sh").read_text(encoding="utf-8")
DEV = "[dev,docs,excel,heic,parquet,search,serve]"


@pytest.fixture
def checkout(tmp_path):
    """The scripts, what they install from, and a pip in .venv that only notes its last word."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=lambda folder, names: [
        name for name in names if not name.endswith(".sh")])
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def pip(checkout):
    pip = checkout / ".venv/bin/pip"
    pip.parent.mkdir(parents=True)
    pip.write_text('#!/bin/sh\nfor word; do :; done\necho "$word" >> installed\n[ ! -e broken ]\n')
    pip.chmod(0o755)
    return pip


def bash(checkout, *words, **more):
    return subprocess.run(["bash", *words], cwd=checkout, capture_output=True, text=True,
                          timeout=60, **more)


def set_up(checkout, *extras):
    calls = "".join(f"(setup_venv '{name}'); " for name in extras)
    return bash(checkout, "-euc", f"source tools/setup_venv.sh; {calls}")


def installed(checkout):
    return (checkout / "installed").read_text().split()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_explains_the_script_and_does_nothing(checkout, script, option):
    before = sorted(checkout.rglob("*"))
    shown = bash(checkout, f"tools/{script}", option)
    assert shown.returncode == 0 and shown.stderr == ""
    assert f"\n    bash tools/{script}" in shown.stdout and "set -" not in shown.stdout
    assert "minutes" in shown.stdout and re.search(r"\d\.\d GB", shown.stdout)
    assert sorted(checkout.rglob("*")) == before


def test_the_quick_start_refuses_an_unknown_argument_in_one_line(checkout, pip):
    refused = bash(checkout, "tools/quickstart.sh", "--images=20")
    assert refused.returncode == 1 and refused.stdout == ""
    assert refused.stderr == ("error: unknown argument '--images=20'; the quick start takes none "
                              "(--help explains it)\n")
    assert not (checkout / "installed").exists()


def test_each_script_adds_what_it_lacks_whichever_comes_first(checkout, pip):
    set_up(checkout, "", "", DEV, DEV, "")
    assert installed(checkout) == [".", f".{DEV}"]


def test_who_has_the_developers_tools_has_all_that_the_quick_start_needs(checkout, pip):
    set_up(checkout, DEV, "")
    assert installed(checkout) == [f".{DEV}"]


def test_what_changes_in_setup_cfg_is_installed_again(checkout, pip):
    set_up(checkout, "")
    with open(checkout / "setup.cfg", "a") as file:
        file.write("# other requirements\n")
    set_up(checkout, "", "")
    assert installed(checkout) == [".", "."]


def test_an_installation_that_failed_is_an_error_and_is_tried_again(checkout, pip):
    (checkout / "broken").touch()
    failed = set_up(checkout, "")
    assert failed.returncode == 1 and "error: installation failed" in failed.stderr
    (checkout / "broken").unlink()
    assert set_up(checkout, "").returncode == 0
    assert installed(checkout) == [".", "."]


def test_the_quick_start_installs_the_package_alone_and_the_tests_their_tools():
    assert re.findall("^setup_venv (.*)$", QUICKSTART, re.MULTILINE) == ["''"]
    assert re.findall("^setup_venv (.*)$", (ROOT / "tools/test.sh").read_text(),
                      re.MULTILINE) == ['"$DEV_EXTRAS"']
    extras = re.search(r"^DEV_EXTRAS='\[(.+)\]'$", (ROOT / "tools/setup_venv.sh").read_text(),
                       re.MULTILINE)[1].split(",")
    assert f"[{','.join(extras)}]" == DEV and set(extras) <= set(check_extras.extras())


def test_the_commands_that_the_quick_start_ends_with_are_there():
    commands = QUICKSTART.partition("<<COMMANDS\n")[2].partition("\nCOMMANDS")[0].splitlines()
    words = [line.split() for line in commands if line.startswith("  ")]
    assert [word[:1] for word in words] == [[".venv/bin/fashionclf"], [".venv/bin/tensorboard"],
                                            ["source"]]
    assert start("fashionclf", *words[0][1:], "--only_check_args", fresh=True).returncode == 0
