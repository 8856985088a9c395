"""``harness leaderboard``: write Markdown and CSV pages from result records."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.publish.groups import Records
    from harness.registry import Registry


def leaderboard(
    results: Annotated[Path, typer.Option("--results", help="folder with result records")] = Path("results"),
    out: Annotated[
        Path | None, typer.Option("--out", help="folder for the pages [default: leaderboards/ in the results folder]")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="write nothing; exit 1 if a page is out of date")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="drop rows whose records are not in --results")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Write one leaderboard page per task from the result records."""
    from harness.publish.escape import one_line
    from harness.publish.leaderboard import old_pictures, render_all
    from harness.registry import Registry
    from harness.result import PAGES

    records = records_under(results)
    folder = results / PAGES if out is None else out
    pages = render_all(records, folder)
    old = old_pictures(pages, folder)
    if check:
        stale = [f"out of date: {path}" for path, text in pages.items() if _read(path) != text]
        stale += [f"on no page any more: {path}" for path in old]
        stale += _changed_cards(records, Registry.discover())
        for line in stale:
            print(one_line(line), file=sys.stderr)
        raise typer.Exit(1 if stale else 0)
    if not replace:
        _refuse_to_drop_rows(pages, results)
    write_pages(pages, folder)
    for path in pages:
        print(path)
    for path in old:
        path.unlink(missing_ok=True)


def records_under(results: Path) -> Records:
    """The valid records of a results folder; of each other one, a line on stderr.

    Raises:
        InputError: there is no such folder, or no record in it.
    """
    from harness.errors import InputError
    from harness.publish.escape import one_line
    from harness.result import read_records

    if not results.is_dir():
        raise InputError(f"results folder {results} does not exist; `harness run` creates one")
    records, problems = read_records(results)
    for problem in problems:
        print(f"skipped: {one_line(problem)}", file=sys.stderr)
    if not records:
        raise InputError(f"no result records under {results}")
    return records


def _changed_cards(records: Records, registry: Registry) -> Iterator[str]:
    """One line for each record whose model card has changed since.

    Models that this installation does not know, such as those of a plugin, are passed over.
    """
    from harness.errors import HarnessError

    for path, record in records:
        old, dataset = record.model.card, record.dataset.name
        try:
            new = registry.model(old.name).card
        except HarnessError:
            continue
        facts = [
            ("name", old.name, new.name),
            ("role", old.role, new.role),
            (f"exposure to {dataset}", old.exposure_to(dataset), new.exposure_to(dataset)),
        ]
        for fact, recorded, current in facts:
            if recorded != current:
                yield (
                    f"out of date: {path}: {fact} is recorded as {recorded!r} but the model card now says "
                    f"{current!r}; run it again with --force"
                )


def _refuse_to_drop_rows(pages: dict[Path, str], results: Path) -> None:
    from harness.errors import InputError
    from harness.publish.links import linked_records

    lost = {path: len(linked_records(_read(path)) - linked_records(text)) for path, text in pages.items()}
    if count := sum(lost.values()):
        where = ", ".join(str(path) for path, rows in lost.items() if rows)
        raise InputError(
            f"{count} {'row' if count == 1 else 'rows'} of {where} would be lost: {results} has no valid record for "
            f"{'it' if count == 1 else 'them'}; choose another folder with --out, or accept the loss with --replace"
        )


def _read(path: Path) -> str:
    """The text of a page; empty where there is none."""
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def write_pages(pages: dict[Path, str], folder: Path) -> None:
    """Write every text to its path in ``folder``, one command at a time, without what a killed one has left.

    Raises:
        InputError: one cannot be written.
    """
    from harness.errors import InputError
    from harness.storage.files import remove_partial, write_text
    from harness.storage.lock import exclusive

    path = next(iter(pages))
    try:
        with exclusive(folder / ".pages.lock", lambda line: print(f"{folder}: {line}", file=sys.stderr)):
            for path, text in pages.items():
                remove_partial(path)
                write_text(path, text)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; choose another --out") from None
