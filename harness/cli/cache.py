"""``harness cache``: what lies in the cache folder, and whether it is intact."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

_OTHERS = {
    "clusters": "clusters of sequences",
    "triplets": "triplets of overlap-ratio",
    "digests": "hashes of files",
}
Debug = Annotated[bool, typer.Option("--debug", help="show tracebacks")]

cache = typer.Typer(no_args_is_help=True)


@cache.callback()
def _verb() -> None:
    """List, verify, clean up or remove what the harness keeps in $HARNESS_CACHE (default ~/.cache/harness)."""


@cache.command("ls")
def ls(debug: Debug = False) -> None:
    """List what is kept, its size and when it was last used."""
    from rich.markup import escape
    from rich.table import Table

    from harness.activations.store import LIMIT_VARIABLE, store_folder, store_limit, stored
    from harness.cli.console import wide_console
    from harness.names import printable
    from harness.storage.cache import cache_folder
    from harness.storage.sizes import readable

    limit = store_limit()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", overflow="fold")
    table.add_column("contents", no_wrap=True)
    table.add_column("layers", overflow="fold")
    table.add_column("sequences", justify="right", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("last used", justify="right", no_wrap=True)
    models = stored(store_folder())
    for entry in models:
        name, size, last = escape(printable(entry.name)), readable(entry.size), _ago(entry.last_used)
        table.add_row(name, "hidden states", _ranges(entry.layers), f"{entry.sequences:,}", size, last)
    for name, what in _OTHERS.items():
        if taken := _size(cache_folder() / name):
            table.add_row(name, what, "", "", readable(taken), "")
    console = wide_console()
    if table.row_count:
        console.print(table)
    total = readable(sum(entry.size for entry in models))
    most = f"at most {readable(limit)}, ${LIMIT_VARIABLE}" if limit else f"{LIMIT_VARIABLE}=10GB would store some"
    console.print(f"{cache_folder()}: {total} of hidden states ({most})", soft_wrap=True)


@cache.command("verify")
def verify(debug: Debug = False) -> None:
    """Read all stored hidden states and compare checksums. Exits with 1 if a file is damaged."""
    from harness.activations.store import damaged, store_folder, stored
    from harness.names import printable
    from harness.storage.sizes import readable

    folder = store_folder()
    found = 0
    for path, reason in damaged(folder):
        found += 1
        print(f"damaged: {printable(str(path))} {reason}")
    if found:
        print("`harness run` computes what is damaged again; `harness cache gc` removes it")
        raise typer.Exit(1)
    entries = stored(folder)
    size = readable(sum(entry.size for entry in entries))
    print(f"{sum(entry.files for entry in entries):,} files of hidden states, {size}: all intact")


@cache.command("gc")
def gc(debug: Debug = False) -> None:
    """Remove damaged files, leftovers of killed runs, and the least recently used beyond the size limit, if any."""
    from harness.activations.store import store_folder, store_limit, tidy
    from harness.storage.sizes import readable

    count, size = tidy(store_folder(), store_limit() or sys.maxsize)
    print(f"removed {count:,} file{'' if count == 1 else 's'}, {readable(size)}")


@cache.command("rm")
def rm(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="names that `harness cache ls` shows")],
    debug: Debug = False,
) -> None:
    """Remove the stored hidden states of a model, or another entry."""
    import shutil

    from harness.activations.store import store_folder, stored
    from harness.errors import InputError, did_you_mean
    from harness.storage.cache import cache_folder
    from harness.storage.sizes import readable

    folders: dict[str, list[Path]] = {}
    for entry in stored(store_folder()):
        folders.setdefault(entry.name, []).append(entry.folder)
    folders |= {name: [cache_folder() / name] for name in _OTHERS if (cache_folder() / name).is_dir()}
    for name in names:
        if name not in folders:
            raise InputError(
                f"nothing called {name!r} is kept; `harness cache ls` lists names.{did_you_mean(name, folders)}"
            )
    for name in names:
        size = sum(_size(folder) for folder in folders[name])
        for folder in folders[name]:
            shutil.rmtree(folder)
        print(f"removed {name}, {readable(size)}")


def _ranges(numbers: tuple[int, ...]) -> str:
    """``0, 3-6`` of ascending numbers."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _ago(moment: float) -> str:
    seconds = max(0.0, time.time() - moment)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return "just now"
