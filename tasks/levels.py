"""What families belong to: clan, architecture, Rfam type, columns of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.datasets.content import read_content
from harness.datasets.readers import format_of
from harness.datasets.records import Dataset
from harness.datasets.resolve import data_folder
from harness.datasets.tables import read_frame
from harness.errors import InputError

CLAN, ARCHITECTURE, TYPE, FAMILY = "clan", "architecture", "type", "family"
UNCLASSIFIED = "complex unclassified"
"""What RNArchitecture says of families that it does not place; no architecture that two of them share."""
FAMILY_LEVEL, CLAN_LEVEL, ARCHITECTURE_LEVEL, UNRELATED = (
    "same family",
    "other family of the clan",
    "other clan of the architecture",
    "other architecture",
)
FEWEST_GROUPS = 5
"""Clans or architectures that must be there for a level: one alone says nothing of the others."""
_ALIGNMENTS = "families/rfam_seed_alignments.stk.gz"
_TABLE = Path("datasets/chanrg/RNArchitecture.csv")


@dataclass(frozen=True)
class Levels:
    """Level -> family -> the names that it has there; ``names`` are readable names of families.

    Clans and architectures are those of RNArchitecture (Boccaletto et al. 2018, doi:10.1093/nar/gkx966), in the table
    that multimolecule ships with its CHANRG set, unless the dataset has clans of its own. Types are those of Rfam,
    from the seed alignments below ``$HARNESS_DATA`` where they are there.
    """

    of: Mapping[str, Mapping[str, tuple[str, ...]]]
    names: Mapping[str, str]

    def clan(self, family: str) -> str | None:
        return next(iter(self.of[CLAN].get(family, ())), None)

    def name(self, family: str) -> str:
        """The accession and, where there is one, the readable name: RF00005 tRNA."""
        own = self.names.get(family)
        return family if own in (None, family) else f"{family} {own}"


def places(families: Sequence[str], levels: Levels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the clans and architectures of families, (families,) each, -1 where a family has no place."""
    clan, architecture = (
        [next(iter(levels.of[level].get(family, ())), None) for family in families] for level in (CLAN, ARCHITECTURE)
    )
    placed = [
        own is not None and other is not None and other != UNCLASSIFIED
        for own, other in zip(clan, architecture, strict=True)
    ]
    return _numbers(clan, placed), _numbers(architecture, placed)


def _numbers(names: Sequence[str | None], placed: Sequence[bool]) -> NDArray[np.int64]:
    known = sorted({name for name, own in zip(names, placed, strict=True) if own and name is not None})
    number = {name: place for place, name in enumerate(known)}
    return np.array([number[name] if own and name else -1 for name, own in zip(names, placed, strict=True)], np.int64)


def levels_of(dataset: Dataset, labels: Path | None) -> Levels:
    """All levels that are known on this machine. ``labels`` is a table with a column ``family`` and others.

    Raises:
        InputError: the table cannot be used.
    """
    names = dict(dataset.family_names)
    found: dict[str, dict[str, tuple[str, ...]]] = {CLAN: {}, ARCHITECTURE: {}, TYPE: {}}
    for row in _architectures():
        family = row["RFAM#"]
        names.setdefault(family, row["Family"])
        for level, column in ((CLAN, "Clan"), (ARCHITECTURE, "Architecture")):
            if row[column]:
                found[level][family] = (row[column],)
    found[CLAN] |= {record.family: (record.clan,) for record in dataset.records if record.family and record.clan}
    folder = data_folder()
    if folder is not None and (folder / _ALIGNMENTS).is_file():
        found[TYPE] |= _types(read_content(folder / _ALIGNMENTS).decode("latin-1"))
    if labels is not None:
        found |= _columns(labels)
    families = {record.family for record in dataset.records if record.family}
    found[FAMILY] = {family: tuple(dict.fromkeys((family, names.get(family, family)))) for family in families}
    return Levels(found, names)


def _architectures() -> list[dict[str, str]]:
    """The rows of RNArchitecture.csv, without importing multimolecule; none where it is not there."""
    import csv

    spec = find_spec("multimolecule")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / _TABLE
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
    return []


def _types(text: str) -> dict[str, tuple[str, ...]]:
    """Family -> the parts of its Rfam type, such as (Cis-reg, riboswitch)."""
    found = {}
    for block in text.split("\n//"):
        lines = dict(re.findall(r"^#=GF (AC|TP)\s+(.+)$", block, re.MULTILINE))
        if "AC" in lines and "TP" in lines:
            parts = (part.strip() for part in lines["TP"].split(";"))
            found[lines["AC"].strip()] = tuple(part for part in parts if part)
    return found


def _columns(path: Path) -> dict[str, dict[str, tuple[str, ...]]]:
    """Column -> family -> its value there, of a table."""
    format = format_of(path)
    if format not in ("csv", "tsv", "parquet"):
        raise InputError(f"{path} is no table: give a CSV, TSV or Parquet file")
    table = read_frame(read_content(path), format).astype(str)
    if FAMILY not in table or len(table.columns) < 2:
        columns = ", ".join(map(str, table.columns))
        raise InputError(f"{path} needs a column called family and at least one other; it has: {columns}")
    return {
        str(column): {family: (value,) for family, value in zip(table[FAMILY], table[column], strict=True) if value}
        for column in table.columns
        if column != FAMILY
    }
