"""What people look for beside the code: hooks, extras, citation, the model card."""
import configparser
import json
import re

import pandas as pd

import fashionclf
from fashionclf.evaluation.lineage import Lineage
from fashionclf.model import spec
from tests.helpers.programs import ROOT, start
from tools import check_extras

RUN = ROOT / "saved_models/fashion_b0"
CARD = (RUN / "README.md").read_text(encoding="utf-8")
FRONT_MATTER = CARD.split("---\n")[1]
METRICS = json.loads((RUN / "report/metrics.json").read_text())


def test_the_hooks_before_a_commit_are_the_checks_of_ci():
    hooks = re.findall(r"^ +entry: \.venv/bin/(.+)$",
                       (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    checks = (ROOT / "tools/test.sh").read_text().partition('setup_venv "$DEV_EXTRAS"\n')[2]
    commands = [line.partition(" || ")[0] for line in checks.splitlines()
                if line and not line.startswith(("echo", "python -m pytest"))]
    assert hooks == commands and len(hooks) == 2
    assert "bash tools/test.sh" in (ROOT / ".ci/run").read_text().splitlines()


def test_configs_start_from_weights_and_pictures_that_anyone_can_get():
    for config in (ROOT / "configs").glob("*.cfg"):
        text = config.read_text(encoding="utf-8")
        assert set(re.findall(r"^--weights=(.+)$", text, re.MULTILINE)) <= {
            "imagenet", "none", "saved_models/fashion_b0"}, config
        if "data/clothing_cc0" in text:
            assert re.search(r"# .*(tools\.lay_out_clothing|configs/records_fashion_b0\.cfg)", text
                             ), config
    for folder in ("configs", "docs", "fashionclf", "tools"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".cfg", ".md", ".py"):
                assert not re.search("(standin|distilled)[.]weights[.]h5",
                                     file.read_text(encoding="utf-8")), file


def test_each_extra_that_is_named_exists_and_each_that_exists_is_tested():
    extras = check_extras.extras()
    for file in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"),
                 *(path for folder in ("fashionclf", "tools", "tests")
                   for path in (ROOT / folder).rglob("*.py"))]:
        named = re.findall(r"(?:fashionclf|'\.)\\?\[([a-z_]+)\\?\]",
                           file.read_text(encoding="utf-8"))
        assert set(named) <= set(extras), file
    assert [name for name in extras if not check_extras.tests_of(name)] == []


def test_an_extra_that_is_not_in_setup_cfg_is_refused():
    shown = start("tools.check_extras", "--extras=hats", fresh=True)
    assert shown.returncode == 1 and "'hats' is not one of beam, " in shown.stderr


def test_the_citation_agrees_with_the_package():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    plain = dict(re.findall(r"^([a-z-]+): ([\w.-]+)$", citation, re.MULTILINE))
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert plain == {"cff-version": "1.2.0", "type": "software",
                     "version": fashionclf.__version__, "license": setup["metadata"]["license"]}

    bibtex = (ROOT / "fashionclf/deepfashion/CITATIONS.bib").read_text(encoding="utf-8")
    title = re.search(r"title += \{(.+)\},", bibtex)[1].replace("{", "").replace("}", "")
    assert f'title: "{title}"' in citation
    names = re.findall(r"family-names: (.+)\n +given-names: (.+)", citation)
    assert " and ".join(map(", ".join, names[:5])) in bibtex


def test_the_cards_front_matter_is_what_the_hub_reads():
    plain = dict(re.findall(r"^(\w+): (.+)$", FRONT_MATTER, re.MULTILINE))
    assert plain == {"license": "apache-2.0", "library_name": "keras",
                     "pipeline_tag": "image-classification"}
    assert re.findall(r"^(\S+):$", FRONT_MATTER, re.MULTILINE) == ["tags", "metrics", "model-index"]
    indented = re.compile(r"( {2})*(- )?[\w-]+(:( [^:#]+)?)?")
    assert [line for line in FRONT_MATTER.splitlines() if not indented.fullmatch(line)] == []


def test_the_cards_figures_are_those_of_the_shipped_report():
    found = re.findall(r"name: (.+)\n +value: (.+)$", FRONT_MATTER, re.MULTILINE)
    assert found == [(name, f"{METRICS[key]:.4f}") for name, key in {
        "Accuracy": "top1", "Top-3 accuracy": "top3", "Macro F1": "macro_f1",
        "Calibration error": "ece"}.items()]
    for name, key in {"accuracy": "top1", "top-3": "top3", "macro F1": "macro_f1"}.items():
        low, high = METRICS[f"{key}_interval"]
        assert f"| {name} | {METRICS[key]:.3f} ({low:.3f} to {high:.3f}) |" in CARD
    for name in ("balanced accuracy", "majority baseline"):
        assert f"| {name} | {METRICS[name.replace(' ', '_')]:.3f} |" in CARD
    assert f"the {METRICS['n']} validation photographs" in CARD


def test_the_shipped_model_carries_the_hashes_of_its_training_pictures():
    *_, provenance = spec.read(RUN)
    lineage = Lineage.of_run(RUN, provenance)
    assert len(lineage.train.digests) == 3812
    assert f"the {len(lineage.train.digests):,} training photographs, whose hashes" in CARD
    seen = METRICS["seen_in_training"]
    assert seen["copies"] == seen["near_duplicates"] == 0
    assert seen["in_validation"] == METRICS["n"] and len(METRICS["warnings"]) == 1


def test_the_cards_table_of_classes_is_that_of_the_shipped_report():
    rows = pd.read_csv(RUN / "report/per_class.csv", keep_default_na=False)
    assert len(rows) == 17
    for row in rows.to_dict("records"):
        scores = " | ".join(f"{float(row[name]):.2f}" if row[name] != "" else "–"  # never answered
                            for name in ("precision", "recall", "f1"))
        assert f"| {row['class']} | {row['n']} | {scores} | {row['most_confused_with']} |" in CARD
