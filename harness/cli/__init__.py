"""The command line: one verb per file. Importing it imports neither pandas nor numpy nor torch."""

from __future__ import annotations

import os
import sys
import traceback

import typer

from harness.cli.leaderboard import leaderboard
from harness.cli.list import list_names
from harness.cli.run import run
from harness.errors import HarnessError

app = typer.Typer(
    name="harness",
    help="Put nucleotide language models through the same tasks, with controls, and write leaderboards.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run)
app.command("list")(list_names)
app.command("leaderboard")(leaderboard)


def main() -> None:
    """Entry point: errors that a user can act on become one line and an exit code."""
    # threads that spin while they wait make small products ten times slower on a machine that is shared
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except HarnessError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted: the same command continues where it stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
