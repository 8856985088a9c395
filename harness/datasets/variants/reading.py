"""Mutational scans from tables: the fitness of variants, given by sequence, by mutations, or by both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import TYPE_CHECKING

from harness.datasets.records import Record, Variant, normalise_sequence
from harness.datasets.structures import pairs_of_dot_bracket
from harness.datasets.variants.mutations import Mutation, between, mutated, parse, undone
from harness.errors import InputError

if TYPE_CHECKING:
    import pandas

COLUMNS: dict[str, tuple[str, ...]] = {
    "score": ("score", "dms_score", "fitness"),
    "mutations": ("mutations", "mutation", "mutant"),
    "sequence": ("sequence", "seq", "mutated_sequence"),
    "wild_type": ("wild_type", "wildtype", "wt"),
    "assay": ("assay", "dms_id", "family"),
    "id": ("id", "name"),
    "dotbracket": ("dotbracket", "dot_bracket", "structure", "secondary_structure"),
}
"""Field -> the names of its column that are recognised, in any case, the first one winning."""

NO_SCORE = "variants without a score"
_WILD_TYPE = frozenset({"wt", "wildtype", "wild_type", "wild type"})
_LONGEST_NAME = 80
_EMPTY = frozenset({"", "na", "nan", "none"})


@dataclass(frozen=True)
class _Row:
    """One row of the table. ``sequence`` is as written, "" where it is not given; ``score`` None where it is empty."""

    number: int
    name: str
    mutations: tuple[Mutation, ...] | None
    sequence: str
    is_wild_type: bool
    score: float | None
    given: Mapping[str, str]

    def fault(self, reason: object) -> InputError:
        return InputError(f"row {self.number}{f' ({self.name})' if self.name else ''}: {reason}")


def is_scan(frame: pandas.DataFrame) -> bool:
    """Whether a table holds variants of wild types: other tables have neither mutations nor wild types."""
    return bool({"mutations", "wild_type"} & _places(frame).keys())


def unread(frame: pandas.DataFrame) -> tuple[str, ...]:
    """The columns that :func:`records` makes nothing of."""
    used = set(_places(frame).values())
    return tuple(str(name) for place, name in enumerate(frame.columns) if place not in used)


def records(frame: pandas.DataFrame, assay: str) -> tuple[list[Record], dict[str, int]]:
    """Records of variants with raw sequences, and how many rows were left out, by reason.

    A wild type is given by a column, by variants with their mutations undone, or by a row named WT.

    Args:
        frame: one row per variant.
        assay: what the variants belong to where no column says so.

    Raises:
        InputError: a column or a wild type is missing, a value cannot be read, a mutation does not fit the wild type,
            or a variant occurs twice; names the row.
    """
    places = _places(frame)
    found = ", ".join(str(name) for name in frame.columns)
    if "score" not in places:
        raise InputError(f"no column {' or '.join(COLUMNS['score'])}; found {found}")
    if not {"sequence", "mutations"} & places.keys():
        raise InputError(f"no column {' or '.join((*COLUMNS['mutations'], *COLUMNS['sequence']))}; found {found}")
    assays: defaultdict[str, list[_Row]] = defaultdict(list)
    for number, values in enumerate(frame.astype(object).where(frame.notna(), "").itertuples(index=False), start=1):
        given = {field: str(values[place]).strip() for field, place in places.items()}
        assays[given.get("assay") or assay].append(_row(number, given))
    built = [record for name, rows in assays.items() for record in _assay(name, rows)]
    unscored = sum(row.score is None for rows in assays.values() for row in rows)
    return built, {NO_SCORE: unscored} if unscored else {}


def _places(frame: pandas.DataFrame) -> dict[str, int]:
    lower = [str(name).lower() for name in frame.columns]
    return {
        field: next(lower.index(name) for name in names if name in lower)
        for field, names in COLUMNS.items()
        if set(names) & set(lower)
    }


def _row(number: int, given: Mapping[str, str]) -> _Row:
    written, name = given.get("mutations", ""), given.get("id", "")
    is_wild_type = bool({written.lower(), name.lower()} & _WILD_TYPE)
    row = _Row(number, name or written, None, given.get("sequence", ""), is_wild_type, None, given)
    try:
        mutations = None if is_wild_type or written.lower() in _EMPTY else parse(written)
        return replace(row, mutations=mutations, score=_score(given["score"]))
    except InputError as error:
        raise row.fault(error) from error


def _score(written: str) -> float | None:
    if written.lower() in _EMPTY:
        return None
    try:
        score = float(written)
    except ValueError:
        score = inf
    if not isfinite(score):
        raise InputError(f"the score {written!r} is not a number")
    return score


def _assay(assay: str, rows: Sequence[_Row]) -> list[Record]:
    wild_type = _wild_type(assay, rows)
    built, seen = [], dict[str, _Row]()
    for row in rows:
        if row.score is None:
            continue
        try:
            raw = _sequence(row, wild_type)
            sequence, _ = normalise_sequence(raw, row.name or f"row {row.number}")
            pairs = _pairs(row, wild_type)
        except InputError as error:
            raise row.fault(error) from error
        if (other := seen.setdefault(sequence, row)) is not row:
            raise row.fault(f"the same variant of {assay} as in row {other.number}: keep one, or their mean")
        name = row.given.get("id") or _label(wild_type, sequence) or f"row {row.number}"
        variant = Variant(wild_type, row.score)
        # pairs of the wild type may not fit a variant of another length
        fitting = pairs if len(sequence) == len(wild_type) else None
        built.append(Record(f"{assay}/{name}", raw, family=assay, pairs=fitting, variant=variant))
    return built


def _label(wild_type: str, sequence: str) -> str:
    """The mutations; "" where there are insertions, deletions, or more than a label holds."""
    if len(sequence) != len(wild_type):
        return ""
    label = ",".join(map(str, between(wild_type, sequence))) or "WT"
    return label if len(label) <= _LONGEST_NAME else ""


def _wild_type(assay: str, rows: Sequence[_Row]) -> str:
    """The normalised wild type of all rows."""
    first: tuple[str, _Row] | None = None
    for row in rows:
        try:
            if own := _own_wild_type(row):
                first = first or (own, row)
                if own != first[0]:
                    raise InputError(f"another wild type of {assay} than that of row {first[1].number}")
        except InputError as error:
            raise row.fault(error) from error
    if first is None:
        raise InputError(
            f"{assay} has no wild type: give it in a column wild_type or as the sequence of a row whose id is WT"
        )
    return first[0]


def _own_wild_type(row: _Row) -> str:
    """What the row says of the wild type; "" where it says nothing."""
    if written := row.given.get("wild_type"):
        return normalise_sequence(written, "wild type")[0]
    if not row.sequence or (row.mutations is None and not row.is_wild_type):
        return ""
    return undone(normalise_sequence(row.sequence, row.name)[0], row.mutations or ())


def _sequence(row: _Row, wild_type: str) -> str:
    if row.mutations is None:
        if not row.sequence and not row.is_wild_type:
            raise InputError("neither a sequence nor mutations")
        return row.sequence or wild_type
    changed = mutated(wild_type, row.mutations)
    if row.sequence and normalise_sequence(row.sequence, row.name)[0] != changed:
        raise InputError("the sequence is not the wild type with these mutations")
    return changed


def _pairs(row: _Row, wild_type: str) -> tuple[tuple[int, int], ...] | None:
    structure = row.given.get("dotbracket")
    if not structure:
        return None
    if len(structure) != len(wild_type):
        raise InputError(f"{len(structure)} dot-bracket letters for a wild type of {len(wild_type)} nucleotides")
    return pairs_of_dot_bracket(structure, row.name)
