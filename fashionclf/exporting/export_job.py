"""Exports a run: writes each format, compares it with the run, describes all in export.json."""
import dataclasses
from collections.abc import Iterable
from pathlib import Path

from fashionclf.deployment import exported
from fashionclf.exporting import (export_check, export_facts, export_formats, export_graph,
                                  export_metadata, export_trial)
from fashionclf.exporting.export_trial import Trial
from fashionclf.model.weights import Run
from fashionclf.system import files, packaged


def write(run: Run, folder: Path, formats: Iterable[str], trial: Trial, *,
          licence: str | None = None, mirrored: bool = True) -> dict:
    """Writes export_formats.FILES, labels.txt and export.json into `folder`; prints a table.

    Args:
        folder: an existing one, new by preference: export.json lists all its files.
        formats: names of export_formats.FILES; their extras must be installed.
        licence: of the weights; None for that of the run's model card.
        mirrored: False leaves out the average with the mirror image, in the exports and in the run
            that they are compared with.

    Returns:
        The content of export.json.

    Raises:
        ValueError: a format differs too much from the run; `folder` then has parts only.
    """
    if not mirrored:
        run = dataclasses.replace(run, spec=dataclasses.replace(run.spec, mirrored=False))
    facts, graph = export_facts.of_run(run, licence=licence), export_graph.build(run)
    files.write_text(folder / export_metadata.LABELS, export_metadata.labels(run.spec.classes))

    checks = {}
    print(export_check.HEADER, flush=True)
    for name in dict.fromkeys(formats):
        path = export_formats.write(
            name, graph, facts, folder,
            calibrate_on=lambda: export_trial.load(trial.calibration, run.spec.framing))
        checks[name] = {"path": export_formats.FILES[name],
                        **export_check.check(run, path, name, trial)}

    description = {
        **facts, "run": packaged.name(str(run.folder)), **trial.source, "formats": checks,
        "sha256": {file.relative_to(folder).as_posix(): files.sha256(file)
                   for file in sorted(folder.rglob("*")) if file.is_file()}}
    files.write_json(folder / exported.DESCRIPTION, description, indent=2)
    return description
