"""``harness report``: result records in, one HTML file out that needs neither a server nor a network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[Path, typer.Option("--results", help="folder with result records")] = Path("results"),
    out: Annotated[
        Path | None, typer.Option("--out", help="HTML file to write [default: report.html in the results folder]")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Write one HTML file to browse the records under --results."""
    from harness.cli.leaderboard import records_under
    from harness.errors import InputError
    from harness.publish.report.render import render_report
    from harness.storage.files import write_text

    records = records_under(results)
    path = results / "report.html" if out is None else out
    made = render_report(records, path)
    try:
        write_text(path, made.html)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; choose another --out") from None
    print(f"{path} ({len(made.html.encode()) / 1e6:.1f} MB, {len(records):,} records)")
    if made.left_out:
        print(f"{len(made.left_out)} parts did not fit and are listed on its first page", file=sys.stderr)
