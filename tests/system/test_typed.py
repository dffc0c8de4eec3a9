"""A path means what a person meant by it, or the cure is said; the same in a flag file."""
import os

import pytest

from fashionclf.system import typed


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text, meant", [
    ("~/x", "/home/ada/x"), ("~", "/home/ada"), ("./~/x", "./~/x"), ("a~b", "a~b"), ("", ""),
    ("coats [1]*?", "coats [1]*?"), ("100% {wool}", "100% {wool}"), ("mäntel", "mäntel"),
    ("a\\b", "a\\b"), ("'80s", "'80s"), ('12"', '12"'), ("./$HOME", "./$HOME"),
    ("~draft", "~draft")])
def test_the_home_is_expanded_and_every_other_name_stays(text, meant):
    assert typed.path(text) == meant


@pytest.mark.parametrize("text, cure", [
    ('"x"', "remove them"), ("'x'", "remove them"), ("“x”", "remove them"),
    ("„x“", "remove them"), ("x ", "remove it"), (" x", "remove it"),
    ("x\r", "begins or ends with a blank"), ("a\nb", "rename it"), ("$HOME/x", "write the path"),
    ("${HOME}/x", "write the path"), ("~nobody-of-this-name/x", "unknown user"),
    ("caf\udce9", "not UTF-8")])
def test_what_cannot_be_meant_is_refused_with_the_cure(text, cure):
    with pytest.raises(ValueError, match=cure):
        typed.path(text)


def test_a_word_is_the_file_that_exists_before_it_is_the_home(home):
    assert typed.word("~/x.jpg") == "/home/ada/x.jpg" and typed.word("~x") == "~x"
    (home / "~").mkdir()
    (home / "~/x.jpg").touch()
    assert typed.word("~/x.jpg") == "~/x.jpg"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_flag_files_of_every_editor_are_read(home, encoding, end):
    (home / "inner.cfg").write_bytes(f"--size=3{end}".encode(encoding))
    lines = ["# a comment", "// another", "", "--run=a b ", "--flagfile=inner.cfg", "--nocalibrate"]
    (home / "outer.cfg").write_bytes(end.join(lines).encode(encoding))
    expected = ["p", "-x", "--run=a b", "--size=3", "--nocalibrate", "word", "--", "--flagfile=no"]
    for words in (["--flagfile=outer.cfg"], ["--flagfile", "outer.cfg"]):
        assert typed.with_flag_files(["p", "-x", *words, *expected[-3:]]) == expected


@pytest.mark.parametrize("line, cure", [
    ("--epochs 5", "without blanks around the ="), ("--epochs = 5", "without blanks around"),
    ("--epochs= 5", "without blanks around"), ("epochs=5", "write --name=value"),
    ("–epochs=5", "two plain hyphens"), ("--epochs=5 # few", "a line of its own")])
def test_a_line_that_is_no_flag_is_named_with_its_cure(home, line, cure):
    (home / "my.cfg").write_text(f"--run=x\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=f"^my.cfg:2: .* isn't a flag: .*{cure}"):
        typed.with_flag_files(["p", "--flagfile=my.cfg"])


def test_a_flag_file_that_cannot_be_read_is_named(home):
    (home / "loop.cfg").write_text("--flagfile=loop.cfg\n")
    (home / "old.cfg").write_bytes("--run=Mäntel\n".encode("cp1252"))
    os.mkdir("folder")
    for file, message in (("loop.cfg", "includes itself"), ("old.cfg", "save the flag file as UTF"),
                          ("absent.cfg", "No such file"), ("folder", "Is a directory")):
        with pytest.raises((ValueError, OSError), match=f"{file}: .*{message}"):
            typed.with_flag_files(["p", f"--flagfile={file}"])
