"""``harness leaderboard``: result records in, Markdown and CSV out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def leaderboard(
    results: Annotated[Path, typer.Option("--results", help="folder with result records")] = Path("results"),
    out: Annotated[Path, typer.Option("--out", help="folder for the pages")] = Path("leaderboards"),
    check: Annotated[bool, typer.Option("--check", help="write nothing; exit 1 if a page is out of date")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Write one page per task from the records under --results."""
    import sys

    from harness.errors import InputError
    from harness.publish.leaderboard import render_all
    from harness.result import read_records
    from harness.storage.files import write_text

    if not results.is_dir():
        raise InputError(f"results folder {results} does not exist; `harness run` makes one")
    records, problems = read_records(results)
    for problem in problems:
        print(f"skipped: {problem}", file=sys.stderr)
    if not records:
        raise InputError(f"no result records under {results}")
    pages = render_all(records, out)
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in stale:
            print(f"out of date: {path}", file=sys.stderr)
        raise typer.Exit(1 if stale else 0)
    for path, text in pages.items():
        write_text(path, text)
        print(path)
