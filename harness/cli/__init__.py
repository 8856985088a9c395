"""The command line: one verb per file. Importing it imports neither pandas nor numpy nor torch."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, NoReturn

import typer

from harness.cli.cache import cache
from harness.cli.check import check
from harness.cli.compare import compare
from harness.cli.doctor import doctor
from harness.cli.export import export
from harness.cli.leaderboard import leaderboard
from harness.cli.list import list_names
from harness.cli.new import new
from harness.cli.plan import plan
from harness.cli.prefetch import prefetch
from harness.cli.report import report
from harness.cli.run import run
from harness.cli.status import status
from harness.cli.sweep import sweep
from harness.errors import HarnessError, InputError


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"harness {version('rna-harness')}")
        raise typer.Exit


app = typer.Typer(
    name="harness",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100},
)


@app.callback()
def _harness(
    version: Annotated[
        bool, typer.Option("--version", help="print the version", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Benchmark nucleotide language models on shared tasks, with controls, and write leaderboards."""


app.command("run")(run)
app.command("sweep")(sweep)
app.command("plan")(plan)
app.command("status")(status)
app.command("list")(list_names)
app.command("leaderboard")(leaderboard)
app.command("compare")(compare)
app.command("report")(report)
app.command("export")(export)
app.command("check")(check)
app.command("prefetch")(prefetch)
app.command("doctor")(doctor)
app.add_typer(cache, name="cache")
app.add_typer(new, name="new")


def _loaded(verb: EntryPoint) -> Callable[..., None]:
    """The function of a verb that a package brings along; where it is broken, one that says so when it is called."""
    try:
        function: Callable[..., None] = verb.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"

        def broken() -> None:
            raise InputError(f"`harness {verb.name}` cannot be loaded from {verb.module} ({reason}): install it again")

        return broken
    return function


for verb in sorted(entry_points(group="harness.verbs"), key=lambda entry: entry.name):
    # their modules import heavy libraries where they run
    app.command(verb.name)(_loaded(verb))


_UsageError: Any = typer.BadParameter.__base__  # typer exports no other name of it
_INTERRUPTED = 130  # what typer returns after an interrupt


def main() -> None:
    """Entry point: errors that a user can act on become one line and an exit code."""
    # threads that spin while they wait make small products ten times slower on a machine that is shared
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="harness", standalone_mode=False)
    except HarnessError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        _fail(str(error), error.exit_code)
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "harness"
        reason = error.format_message().rstrip(".")
        _fail(f"{reason} (see `{command} --help`)", InputError.exit_code)
    except OSError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        where = "" if error.filename is None else f"{error.filename} cannot be read or written: "
        _fail(f"{where}{error.strerror or error}", InputError.exit_code)
    if code == _INTERRUPTED:
        print("interrupted: re-run the same command to resume", file=sys.stderr)
    sys.exit(code)


def _fail(reason: str, code: int) -> NoReturn:
    """End with one line, whatever the user's own words in it hold."""
    from harness.names import printable

    print(f"error: {printable(' '.join(reason.split()))}", file=sys.stderr)
    sys.exit(code)
