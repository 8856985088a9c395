"""``harness export``: result records in, files for collections of results out; or a plan, for another engine."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.asked import Plugins


class Format(StrEnum):
    every_eval_ever = "every-eval-ever"
    hugging_face = "hugging-face"
    snakemake = "snakemake"


def export(
    format: Annotated[Format, typer.Option("--format", help="which collection, or engine, to write for")],
    results: Annotated[Path, typer.Option("--results", help="folder with result records")] = Path("results"),
    out: Annotated[Path, typer.Option("--out", help="folder for the files")] = Path("export"),
    organisation: Annotated[
        str, typer.Option("--organisation", help="every-eval-ever: who ran the evaluation")
    ] = "unknown",
    hub_dataset: Annotated[
        str | None, typer.Option("--hub-dataset", help="hugging-face: OWNER/NAME of the benchmark's dataset repository")
    ] = None,
    source_url: Annotated[
        str | None, typer.Option("--source-url", help="hugging-face: where the records can be read")
    ] = None,
    plugin: Plugins = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Write the results of models, without their controls, for Every Eval Ever or Hugging Face; or the plan of a
    results folder (`harness plan`) as a Snakefile."""
    import time

    from harness.errors import InputError
    from harness.publish import exchange
    from harness.publish.escape import one_line
    from harness.result import read_records
    from harness.storage.files import write_text

    if format is Format.snakemake:
        _export_plan(results, out, plugin or [])
        return
    if format is Format.hugging_face and hub_dataset is None:
        raise InputError("hugging-face needs the dataset repository of the benchmark: add --hub-dataset OWNER/NAME")
    if not results.is_dir():
        raise InputError(f"results folder {results} does not exist; `harness run` creates one")
    records, problems = read_records(results)
    for problem in problems:
        print(f"skipped: {one_line(problem)}", file=sys.stderr)
    chosen = exchange.exported(records)
    if not chosen:
        raise InputError(f"no finished results of a model under {results}")
    for record in chosen:
        if hub_dataset is not None and format is Format.hugging_face:
            path = out / exchange.hugging_face_path(record)
            text = exchange.as_yaml(exchange.hugging_face(record, hub_dataset, source_url))
        else:
            path = out / exchange.every_eval_ever_path(record)
            text = exchange.as_json(exchange.every_eval_ever(record, organisation, int(time.time())))
        write_text(path, text)
        print(path)


def _export_plan(results: Path, out: Path, plugins: list[Path]) -> None:
    from harness.run.snakemake import snakefile
    from harness.run.written import planned_for
    from harness.storage.files import write_text

    path = out / "Snakefile"
    write_text(path, snakefile(planned_for(results, plugins), results, path))
    print(path)
