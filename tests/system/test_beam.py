"""Records are the same bytes whichever way they are built; Beam runs on 2 local processes."""
import json
import os
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fashionclf.system import beam
from tests.helpers.programs import ROOT, start, succeed

LOCAL = ["--runner=FnApiRunner", "--direct_num_workers=2",
         "--direct_running_mode=multi_processing"]
needs_beam = pytest.mark.skipif(not find_spec("apache_beam"), reason="Apache Beam is not "
                                "installed: pip install 'fashionclf[beam]'")


def build(source, records, *flags, run=succeed):
    return run("fashionclf.build_tfrecords", "--source=folder", f"--source_dir={source}",
               f"--records={records}", *flags)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """2 classes of 40 items of 2 pictures, of which two look alike and three can't be used."""
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for number in range(160):
        folder = root / ("Dress", "Tee")[number % 2] / f"item{number // 4}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (24, 18, 3), np.uint8)).save(folder / f"{number}.jpg")
    whole = (root / "Tee/item0/1.jpg").read_bytes()
    (root / "Tee/item1/same.jpg").write_bytes(whole)
    (root / "Tee/item0/cut.jpg").write_bytes(whole[:len(whole) // 2])
    (root / "Tee/item0/empty.jpg").touch()
    (root / "Dress/item0/text.jpg").write_text("not found")
    return root


@pytest.fixture(scope="module")
def plain(tmp_path_factory, source):
    records = tmp_path_factory.mktemp("plain") / "records"
    build(source, records, "--workers=1")
    return records


def content(records):
    """Name -> bytes of each file, of the manifest all but the flags."""
    files = {file.name: file.read_bytes() for file in records.iterdir()}
    manifest = json.loads(files.pop("manifest.json"))
    return files | {"manifest.json": {**manifest, "flags": None}}


@pytest.mark.slow
@pytest.mark.parametrize("flags", [
    ["--workers=2"],
    pytest.param(["--runner=beam", f"--beam_options={','.join(LOCAL)}"], marks=needs_beam)],
    ids=["processes", "beam"])
def test_records_are_the_same_bytes_whichever_way_they_are_built(tmp_path, source, plain, flags):
    build(source, tmp_path / "records", *flags)
    found, expected = content(tmp_path / "records"), content(plain)
    assert found.keys() == expected.keys() and len(found) > 12
    assert [name for name in found if found[name] != expected[name]] == []
    assert found["manifest.json"]["quarantined"] == 3
    assert [entry.name for entry in tmp_path.iterdir()] == ["records"]


def failing(part):
    if 7 in part["number"].tolist():
        raise ValueError("picture 7 changed")
    return part["number"].tolist()


@pytest.mark.slow
@needs_beam
def test_what_fails_in_a_beam_worker_fails_the_build_and_names_the_culprit(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
    parts = [pd.DataFrame({"number": [number]}) for number in range(9)]
    run = beam.runner(LOCAL, tmp_path)
    assert run(failing, parts[:7], desc="counting") == [[number] for number in range(7)]
    with pytest.raises(OSError, match="failed while counting.*picture 7 changed"):
        run(failing, parts, desc="counting")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@needs_beam
def test_a_build_on_beam_that_fails_leaves_no_folder(tmp_path, source):
    done = build(source, tmp_path / "records", "--runner=beam",
                 "--beam_options=--runner=NoSuchRunner", run=start)
    assert done.returncode == 1 and "NoSuchRunner" in done.stderr
    assert "nothing is kept" in done.stderr and list(tmp_path.iterdir()) == []


def test_without_apache_beam_the_error_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    with pytest.raises(ValueError, match=r"pip install 'fashionclf\[beam\]'"):
        beam.runner(LOCAL, tmp_path)


@needs_beam
def test_a_word_that_is_no_pipeline_option_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'FLINK' is not a pipeline option"):
        beam.runner(["--runner", "FLINK"], tmp_path)
