"""Stockholm files: unaligned records, each with the consensus base pairs that its own gaps leave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import StringIO

from harness.datasets.records import Record
from harness.datasets.structures import pairs_of_dot_bracket
from harness.errors import InputError

_GAPS = frozenset("-.~")


def records(text: str) -> list[Record]:
    """Raw sequences of all alignments in a file, gaps dropped.

    The family is the accession (``#=GF AC``), else the name (``#=GF ID``), and it leads the id
    (``RF00005|AB003409.1/96-167``), because one sequence may sit in several alignments. Base pairs come from SS_cons
    (WUSS notation, pseudoknots included); a pair of which one side is a gap is dropped.

    Raises:
        InputError: no alignment, one that is cut off, or brackets in SS_cons that do not match.
    """
    *blocks, rest = re.split(r"^//\s*$", text, flags=re.MULTILINE)
    if rest.strip():
        raise InputError("the last alignment does not end with '//': the file is cut off or is not Stockholm")
    return [record for block in blocks for record in _alignment(block.lstrip() + "//\n")]


def _alignment(block: str) -> list[Record]:
    from Bio import AlignIO

    # Biopython's Stockholm reader keeps no #=GF lines
    names = dict(re.findall(r"^#=GF\s+(AC|ID)\s+(\S+)", block, re.MULTILINE))
    family = names.get("AC", names.get("ID"))
    alignment = AlignIO.read(StringIO(block), "stockholm")
    consensus = alignment.column_annotations.get("secondary_structure")
    pairs = None if consensus is None else pairs_of_dot_bracket(consensus, f"SS_cons of {family or 'an alignment'}")
    found = []
    for row in alignment:
        letters = str(row.seq)
        columns = [column for column, letter in enumerate(letters) if letter not in _GAPS]
        position = {column: index for index, column in enumerate(columns)}
        found.append(
            Record(
                f"{family}|{row.id}" if family else row.id,
                "".join(letters[column] for column in columns),
                family=family,
                pairs=None if pairs is None else _mapped(pairs, position),
            )
        )
    return found


def _mapped(pairs: Iterable[tuple[int, int]], position: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Pairs of columns as pairs of nucleotides, where neither column is a gap; order is kept."""
    return tuple((position[i], position[j]) for i, j in pairs if i in position and j in position)
