"""Several values of some settings: every combination of them, as cells of the same engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from harness.errors import InputError
from harness.run.cell import Cell
from harness.run.plan import Request, plan, takes_list
from harness.run.spec import CellSpec, Planned, Resolver


class Combination(NamedTuple):
    """A value for every setting: ``swept`` in the order in which they were typed, ``fixed`` are alike in all."""

    swept: tuple[tuple[str, str], ...]
    fixed: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.swept)


class PlannedCell(NamedTuple):
    combination: Combination
    spec: CellSpec
    cell: Cell


def combinations(given: Sequence[tuple[str, str]], lists: Collection[str]) -> list[Combination]:
    """All combinations of the values of settings as typed, the last setting fastest.

    Commas separate values; those of a setting in ``lists`` belong to one value. A setting that is given again has the
    values of both, so that lists can be swept too.

    Raises:
        InputError: an empty value, or no setting with two values.
    """
    values: dict[str, list[str]] = {}
    for name, text in given:
        own = [text] if name in lists else [value.strip() for value in text.split(",")]
        if "" in own:
            raise InputError(f"--set {name}={text} contains an empty value: write {name}=A,B")
        values[name] = list(dict.fromkeys([*values.get(name, []), *own]))
    swept = {name: own for name, own in values.items() if len(own) > 1}
    if not swept:
        raise InputError(
            "nothing to sweep: give a setting several values, as in --set k=8,16,32 (a setting that takes a list is "
            "repeated: --set groups=A,B --set groups=C,D); for a single combination use `harness run`"
        )
    fixed = tuple((name, own[0]) for name, own in values.items() if len(own) == 1)
    return [Combination(tuple(zip(swept, chosen, strict=True)), fixed) for chosen in product(*swept.values())]


def plan_sweep(request: Request, given: Sequence[tuple[str, str]], resolver: Resolver) -> list[PlannedCell]:
    """The cells of every combination, in their order; ``request`` has no settings of its own.

    Raises:
        InputError: what :func:`harness.run.plan.plan` refuses, naming the combination where that is to blame.
        Unavailable: a dataset that is not on this machine.
    """
    fields = [resolver.task(name).settings_type.model_fields for name in request.tasks]
    lists = {name for own in fields for name, field in own.items() if takes_list(field.annotation)}
    planned = []
    for combination in combinations(given, lists):
        own = replace(request, settings=dict(combination.fixed + combination.swept))
        try:
            specs = plan(own, resolver)
        except InputError as error:
            if str(error) == _complaint(replace(request, settings=dict(combination.fixed)), resolver):
                raise
            raise InputError(f"{combination.label}: {error}") from None
        planned += [PlannedCell(combination, spec, resolver.cell(spec)) for spec in specs]
    return planned


def distinct(planned: Sequence[PlannedCell]) -> list[Planned]:
    """Every cell once: values typed in two ways, such as 1 and 1.0, are one cell.

    Controls of nothing but cells that are impossible are left out.
    """
    needed = [own for own in planned if not own.cell.needless]
    return list({(own.cell.name, own.cell.identity): Planned(own.spec, own.cell) for own in needed}.values())


def _complaint(request: Request, resolver: Resolver) -> str | None:
    """What is wrong with a request, whatever is swept."""
    try:
        plan(request, resolver)
    except InputError as error:
        return str(error)
    return None
