"""The plan of a results folder as a file: what ``harness status`` and other engines work through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.errors import InputError
from harness.run.spec import CellSpec, Planned, Resolver
from harness.storage.files import remove_partial, write_text
from harness.storage.lock import exclusive

FILE = "plan.json"
_SPECS = TypeAdapter(list[CellSpec])


def save_plan(results: Path, specs: Sequence[CellSpec]) -> Path:
    """Add cells to the plan of a folder; those that it holds stay, and those that others add now. Returns its path."""
    path = results / FILE
    with exclusive(path.with_suffix(".lock"), lambda line: None):
        remove_partial(path)
        plan = read_plan(results) if path.exists() else []
        known = {_SPECS.dump_json([spec]) for spec in plan}
        new = [spec for spec in specs if _SPECS.dump_json([spec]) not in known]
        if new or not path.exists():
            write_text(path, _SPECS.dump_json([*plan, *new], indent=1).decode() + "\n")
    return path


def read_plan(results: Path) -> list[CellSpec]:
    """The cells that were planned for a folder, in their order.

    Raises:
        InputError: there is no plan, or it is not one.
    """
    path = results / FILE
    try:
        return _SPECS.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: `harness plan --results {results} …` writes it") from None
    except (OSError, ValidationError) as error:
        reason = f"{error.errors()[0]['msg']}" if isinstance(error, ValidationError) else error.strerror
        raise InputError(f"{path} cannot be read ({reason}): delete it and plan again") from None


def planned_for(results: Path, plugins: Sequence[Path]) -> list[Planned]:
    """The plan with its cells, without controls of nothing but cells that are impossible.

    Raises:
        InputError: there is no plan, or it needs plugins that were not named: a folder of results may be a stranger's,
            and is not to choose which files are run.
    """
    specs = read_plan(results)
    resolver = Resolver(plugins)
    if unnamed := {str(path) for spec in specs for path in spec.plugins} - {str(path) for path in resolver.plugins}:
        raise InputError(f"the plan needs plugins: add {' '.join(f'--plugin {path}' for path in sorted(unnamed))}")
    planned = [Planned(spec, resolver.cell(spec)) for spec in specs]
    return [own for own in planned if not own.cell.needless]
