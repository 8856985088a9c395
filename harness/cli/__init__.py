"""The command line: one verb per file. Importing it imports neither pandas nor numpy nor torch."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer

from harness.cli.check import check
from harness.cli.leaderboard import leaderboard
from harness.cli.list import list_names
from harness.cli.new import new
from harness.cli.run import run
from harness.errors import HarnessError, InputError

app = typer.Typer(
    name="harness",
    help="Put nucleotide language models through the same tasks, with controls, and write leaderboards.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run)
app.command("list")(list_names)
app.command("leaderboard")(leaderboard)
app.command("check")(check)
app.add_typer(new, name="new")


_UsageError: Any = typer.BadParameter.__base__  # typer exports no other name of it
_INTERRUPTED = 130  # what typer makes of an interrupt


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
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except _UsageError as error:
        command = error.ctx.command_path if error.ctx else "harness"
        reason = " ".join(error.format_message().split()).rstrip(".")
        print(f"error: {reason} (`{command} --help` shows what can be typed)", file=sys.stderr)
        sys.exit(InputError.exit_code)
    if code == _INTERRUPTED:
        print("interrupted: the same command continues where it stopped", file=sys.stderr)
    sys.exit(code)
