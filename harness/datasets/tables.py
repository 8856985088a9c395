"""Records from tables: CSV, TSV, Parquet and anything else that becomes a pandas frame."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

from harness.datasets.records import SPLITS, Dataset, Record, Split
from harness.datasets.structures import pairs_of_dot_bracket
from harness.errors import InputError
from harness.storage.bounds import check_parquet, check_unpacked

if TYPE_CHECKING:
    import pandas

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "name"),
    "sequence": ("sequence", "seq"),
    "family": ("family", "rfam"),
    "clan": ("clan",),
    "cluster": ("cluster",),
    "split": ("split",),
    "dotbracket": ("dotbracket", "dot_bracket", "structure", "secondary_structure"),
    "base_pairs": ("base_pairs",),
    "base_pairs_from_0": ("base_pairs_from_0",),
    "loop_types": ("loop_types", "structure_type", "structure_types", "structural_annotation"),
}
"""Field -> the names of its column that are recognised, in any case, the first one winning."""

_USUAL_SPLITS: dict[str, Split] = {
    r"tr\d*|train|training": "train",
    r"vl\d*|val|valid|validation|dev|select": "select",
    r"ts\d*|test": "test",
}
_LOOP_TYPES = frozenset("SHBIMXE")
_PAIRS = {"base_pairs": 1, "base_pairs_from_0": 0}
"""Field of base pairs -> what its first position is called."""


def read_frame(content: bytes, format: str) -> pandas.DataFrame:
    """A frame of strings (CSV, TSV) or of whatever the file holds (Parquet)."""
    import pandas

    if format == "parquet":
        return _parquet(content)
    # na_filter: an RNA may be called NA
    return pandas.read_csv(BytesIO(content), sep="\t" if format == "tsv" else ",", dtype=str, na_filter=False)


def _parquet(content: bytes) -> pandas.DataFrame:
    """In small pieces, so that many repeats of one long text are noticed before they fill the memory."""
    import pyarrow
    from pyarrow.parquet import ParquetFile

    stored = len(content)
    check_parquet(BytesIO(content), "a Parquet file", stored)
    file = ParquetFile(BytesIO(content))
    batches, total = [], 0
    for batch in file.iter_batches(batch_size=256):
        total += batch.nbytes
        check_unpacked("a Parquet file", stored, total)
        batches.append(batch)
    table = pyarrow.Table.from_batches(batches, schema=file.schema_arrow)
    frame: pandas.DataFrame = table.to_pandas()
    return frame


def records(
    frame: pandas.DataFrame, columns: Mapping[str, str] | None = None, splits: Mapping[str, Split] | None = None
) -> list[Record]:
    """Records with raw sequences.

    Positions in ``base_pairs`` count from 1, those in ``base_pairs_from_0`` from 0. Where the table has dot-brackets
    too, pairs are preferred, since dot-brackets cannot tell of a second partner.

    Args:
        frame: one row per record.
        columns: field -> column, over the names in :data:`COLUMNS`.
        splits: value of the split column -> split; by default TR*, VL*, TS* and the usual words.

    Raises:
        InputError: a column is missing, or a value cannot be read; names the record.
    """
    chosen = _choose([str(name) for name in frame.columns], columns or {})
    values = frame.astype(object).where(frame.notna(), None)
    rows = zip(*(values.iloc[:, place] for place in chosen.values()), strict=True)
    return [_record(dict(zip(chosen, row, strict=True)), splits) for row in rows]


def unread(frame: pandas.DataFrame, columns: Mapping[str, str]) -> tuple[str, ...]:
    """The columns that :func:`records` makes nothing of."""
    found = [str(name) for name in frame.columns]
    places = set(_choose(found, columns).values())
    return tuple(name for place, name in enumerate(found) if place not in places)


def where_to_put(dataset: Dataset, *fields: str) -> str:
    """For an error about what a table lacks: the columns that hold it and those that were not read; else ""."""
    if not dataset.unread_columns:
        return ""
    names = ", ".join(name for field in fields for name in COLUMNS[field])
    return f" (read from a column {names}; its other columns are {', '.join(dataset.unread_columns)})"


def _choose(found: list[str], wanted: Mapping[str, str]) -> dict[str, int]:
    """Field -> place of its column."""
    if unknown := set(wanted) - set(COLUMNS):
        raise InputError(f"{sorted(unknown)[0]!r} is not a field of a record: {', '.join(COLUMNS)}")
    if missing := [column for column in wanted.values() if column not in found]:
        raise InputError(f"no column {missing[0]!r}; found {', '.join(found)}")
    lower = [name.lower() for name in found]
    chosen = {field: found.index(column) for field, column in wanted.items()}
    for field, names in COLUMNS.items():
        present = [lower.index(name) for name in names if name in lower]
        if field not in chosen and present:
            chosen[field] = present[0]
    for field in ("id", "sequence"):
        if field not in chosen:
            raise InputError(f"no column {' or '.join(COLUMNS[field])}; found {', '.join(found)}")
    if {"base_pairs", "base_pairs_from_0"} <= set(chosen):
        raise InputError("the columns base_pairs and base_pairs_from_0 say the same in two ways: leave one out")
    return chosen


def _record(row: Mapping[str, Any], splits: Mapping[str, Split] | None) -> Record:
    text = {field: str(value).strip() for field, value in row.items() if field not in _PAIRS and value is not None}
    given = {field: value for field, value in text.items() if value}
    name, sequence = given.get("id", ""), given.get("sequence", "")
    loop_types = given.get("loop_types")
    if foreign := set(loop_types or "") - _LOOP_TYPES:
        raise InputError(f"record {name!r}: {sorted(foreign)[0]!r} is not one of the loop types S H B I M X E")
    return Record(
        name,
        sequence,
        family=given.get("family"),
        clan=given.get("clan"),
        cluster=given.get("cluster"),
        split=_split(given["split"], name, splits) if "split" in given else None,
        pairs=_pairs(row, given.get("dotbracket"), sequence, name),
        given_loop_types=loop_types,
    )


def _pairs(
    row: Mapping[str, Any], dot_bracket: str | None, sequence: str, name: str
) -> tuple[tuple[int, int], ...] | None:
    field = next((field for field in _PAIRS if field in row), "base_pairs")
    listed = row.get(field)
    if isinstance(listed, str):
        try:
            listed = json.loads(listed) if listed.strip() else None
        except json.JSONDecodeError as error:
            raise InputError(f"record {name!r}: base pairs are not a JSON list such as [[1, 72], [2, 71]]") from error
    if listed is not None:
        return _from_0(listed, name, _PAIRS[field], len(sequence))
    if dot_bracket is None:
        return None
    if len(dot_bracket) != len(sequence):
        raise InputError(f"record {name!r}: {len(dot_bracket)} dot-bracket letters for {len(sequence)} nucleotides")
    return pairs_of_dot_bracket(dot_bracket, name)


def _from_0(listed: Iterable[Any], name: str, first: int, length: int) -> tuple[tuple[int, int], ...]:
    """Pairs of positions that count from ``first``, as pairs that count from 0."""
    try:
        ordered = {(int(min(i, j)) - first, int(max(i, j)) - first) for i, j in listed}
    except (TypeError, ValueError) as error:
        raise InputError(f"record {name!r}: base pairs are not a list of pairs such as [[1, 72], [2, 71]]") from error
    if first == 1 and any(i == -1 for i, _ in ordered):
        raise InputError(
            f"record {name!r}: a base pair has position 0, and positions count from 1: call the column "
            "base_pairs_from_0 if its positions count from 0"
        )
    if first == 0 and any(j == length for _, j in ordered):
        raise InputError(
            f"record {name!r}: a base pair has position {length}, and positions from 0 end at {length - 1}: call the "
            "column base_pairs if its positions count from 1"
        )
    return tuple(sorted(ordered))


def _split(value: str, name: str, splits: Mapping[str, Split] | None) -> Split:
    if splits is not None:
        if value in splits:
            return splits[value]
    else:
        for pattern, split in _USUAL_SPLITS.items():
            if re.fullmatch(pattern, value, re.IGNORECASE):
                return split
    known = ", ".join(splits if splits is not None else (*SPLITS, "TR0", "VL0", "TS0"))
    raise InputError(f"record {name!r}: split {value!r} is not one of {known}")
