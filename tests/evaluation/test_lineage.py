"""Promises of a model's lineage: pictures that it has seen are counted wherever they are tested."""
import dataclasses

import pandas as pd
import pytest

from fashionclf.evaluation import lineage, report
from fashionclf.evaluation.lineage import Lineage, Overlap
from fashionclf.model import network, weights
from fashionclf.model.weights import Run
from fashionclf.pictures import picture_hashes
from fashionclf.records import audit, known_pictures
from fashionclf.records.input_pipeline import Records
from fashionclf.sources import leakage
from tests.helpers.checks import events
from tests.helpers.tiny import frame, make_records, make_spec

KEPT = {"gained": False, "summary": "fine-tuning gained nothing: the kept weights are those of "
                                    "head epoch 4 of 5",
        "warnings": ["the training loss rose from 1.100 to 2.200"]}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = make_records(tmp_path_factory.mktemp("lineage"),
                          per_class={"train": 3, "validation": 2, "test": 2})
    return Records.open(folder, frame())


@pytest.fixture(scope="module")
def hashes(records):
    return {split: known_pictures.read(records, split) for split in ("train", "validation", "test")}


def save_run(folder, **provenance):
    spec = make_spec()
    folder.mkdir(exist_ok=True)
    run = Run(folder=folder, network=network.build(spec), spec=spec, provenance=provenance)
    weights.save(run)
    return run


def trained_on(folder, hashes, **more):
    """A finished run that was trained on `hashes`, split -> PictureHashes."""
    folder.mkdir()
    parts = {"train": picture_hashes.PictureHashes(),
             "validation": picture_hashes.PictureHashes(), **hashes}
    return save_run(folder, hashes_sha256=picture_hashes.write(folder / lineage.HASHES, parts),
                    **more)


def test_a_training_keeps_what_it_and_the_run_before_it_have_seen(
        tmp_path, records, hashes, capsys):
    before = trained_on(tmp_path / "before", {"train": hashes["test"]}, unhashed=["old.weights.h5"])
    capsys.readouterr()
    (tmp_path / "run").mkdir()
    provenance = lineage.start(tmp_path / "run", records, str(before.folder))
    printed = capsys.readouterr().out
    assert (f"warning: 6 of 6 test pictures were in the training of {before.folder} (6 exact "
            "copies, 0 near-duplicates): this is not a test") in printed
    assert "note: old.weights.h5 carries no hashes of its training pictures" in printed

    found = Lineage.of_run(tmp_path / "run", provenance)
    assert len(found.train.digests) == 9 + 6 and len(found.validation.digests) == 6
    assert found.unhashed == ("old.weights.h5",)
    assert Overlap.of(hashes["train"], found).facts()["copies"] == 9
    chosen = Overlap.of(hashes["validation"], found).warnings("validation")
    assert chosen == ["6 of 6 validation pictures were among the validation pictures by which the "
                      "epoch of this model was chosen"]


def test_weights_without_hashes_are_unknown_and_none_have_seen_nothing(tmp_path):
    assert Lineage.of_weights("none").unhashed == ()
    assert Lineage.of_weights("imagenet").unhashed == ("imagenet",)
    run = save_run(tmp_path / "old")
    assert Lineage.of_weights(str(run.folder)).unhashed == (str(run.folder),)


def test_hashes_of_another_run_are_refused(tmp_path, hashes):
    run = trained_on(tmp_path / "run", {"train": hashes["test"]})
    picture_hashes.write(run.folder / lineage.HASHES, {"train": hashes["train"]})
    with pytest.raises(ValueError, match="training_hashes.npz: not the file that was written"):
        Lineage.of_weights(str(run.folder))


@pytest.mark.slow
def test_a_report_says_above_its_scores_what_was_seen_and_which_epoch_was_kept(
        tmp_path, records, hashes, capsys):
    some = picture_hashes.PictureHashes(*(values[:4] for values in hashes["test"]))
    run = trained_on(tmp_path / "run", {"train": some}, kept=KEPT, unhashed=["w.h5"])
    scores = report.evaluate(weights.load(run.folder), records, "test", tmp_path / "report",
                             batch_size=4)
    facts = scores["seen_in_training"]
    assert (facts["copies"], facts["pictures"], facts["training_pictures"]) == (4, 6, 4)
    seen, kept, rose = scores["warnings"]
    assert seen == ("4 of 6 test pictures were in the training of this model (4 exact copies, 0 "
                    "near-duplicates): scores on them are too high; accuracy on the other 2: "
                    f"{facts['top1_of_others']:.3f}")
    assert [rose] == KEPT["warnings"]
    assert kept == KEPT["summary"] and "training of w.h5" in scores["remarks"][0]
    assert scores["kept"] == KEPT

    page = (tmp_path / "report/report.html").read_text()
    printed = capsys.readouterr().out
    log = events(run.folder / "tb/report").Tensors("test/about_these_scores")
    logged = log[0].tensor_proto.string_val[0].decode()
    for text in (seen, kept, rose, scores["remarks"][0]):
        assert text in page and text in printed and text in logged
    assert page.index(seen) < page.index('class="tiles"')
    assert (tmp_path / "report/predictions.csv").read_text().count(",copy\n") == 4


@pytest.mark.slow
def test_a_report_on_pictures_never_seen_says_so(tmp_path, records, hashes):
    run = trained_on(tmp_path / "run", {"train": hashes["train"]},
                     kept={"gained": True, "summary": "kept weights: head epoch 2 of 2"})
    scores = report.evaluate(run, records, "test", tmp_path / "report", batch_size=4)
    assert scores["warnings"] == [] and scores["remarks"] == [
        "none of 6 test pictures is a copy or near-duplicate of the 9 training pictures",
        "kept weights: head epoch 2 of 2"]


@pytest.mark.slow
@pytest.mark.parametrize("shared, fingerprint, known", [
    (0.978, None, 0.978), (0.0, None, 0.0), (0.978, "of other records", None)])
def test_garments_on_both_sides_of_the_split_of_a_training_are_told(
        tmp_path, records, hashes, shared, fingerprint, known):
    manifest = {**records.manifest, "overlap": {leakage.SHARED_ITEMS: shared}}
    run = trained_on(tmp_path / "run", {"train": hashes["train"]},
                     records_fingerprint=fingerprint or manifest["fingerprint"])
    scores = report.evaluate(run, dataclasses.replace(records, manifest=manifest), "test",
                             tmp_path / "report", batch_size=4)
    assert scores["seen_in_training"]["share_of_shared_garments"] == known
    assert scores["warnings"] == ([
        "98% of test pictures show garments that training pictures show too: expect less on new "
        "garments (see --split=grouped of build_tfrecords)"] if known else [])


@pytest.mark.slow
def test_garments_of_an_earlier_training_are_not_claimed_to_be_others(tmp_path, records, hashes):
    manifest = {**records.manifest, "overlap": {leakage.SHARED_ITEMS: 0.0}}
    both = picture_hashes.united([hashes["train"], hashes["validation"]])
    run = trained_on(tmp_path / "run", {"train": both},
                     records_fingerprint=manifest["fingerprint"])
    scores = report.evaluate(run, dataclasses.replace(records, manifest=manifest), "test",
                             tmp_path / "report", batch_size=4)
    assert scores["seen_in_training"]["share_of_shared_garments"] is None


def test_hashes_beside_records_are_those_of_their_pictures_in_their_order(
        tmp_path, records, hashes, capsys):
    """As a build writes them from its audit; records without are hashed anew, which is said."""
    source = records.folder.parent / "source"
    table = pd.DataFrame([
        {"path": file.relative_to(source).as_posix(), "split": file.parent.name.partition("_")[0]}
        for file in sorted(source.rglob("*.png"), reverse=True)])
    table = table.join(audit.pictures(table, source))
    sha256 = known_pictures.write(table, records.folder)
    manifest = {**records.manifest, "hashes_sha256": sha256}
    capsys.readouterr()
    stored = dataclasses.replace(records, manifest=manifest)
    for split, computed in hashes.items():
        for ours, theirs in zip(known_pictures.read(stored, split), computed, strict=True):
            assert ours.tolist() == theirs.tolist()
    assert not capsys.readouterr().out
    (records.folder / known_pictures.HASHES).unlink()
    known_pictures.read(stored, "test")
    assert "computing those of 6 test pictures" in capsys.readouterr().out
