"""One-structure formats (dot-bracket, BPSEQ, CT, ST), read by multimolecule, and dot-bracket strings."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

from harness.datasets.records import Record
from harness.errors import InputError

_OPENERS = "([{<" + ascii_uppercase
_CLOSES = dict(zip(")]}>" + ascii_lowercase, _OPENERS, strict=True))
_UNPAIRED = frozenset(".,_+-:~")
_SUFFIXES = {"dot-bracket": "dbn", "bpseq": "bpseq", "ct": "ct", "st": "st"}


def pairs_of_dot_bracket(structure: str, name: str) -> tuple[tuple[int, int], ...]:
    """Base pairs (i, j), i < j, counted from 0, of dot-bracket or WUSS notation, pseudoknots included.

    Written here because the library's twin costs the import of torch (6 s), and finished cells are skipped after
    reading nothing but the dataset.

    Raises:
        InputError: a bracket without its partner, or a letter that is none; names the record and the position.
    """
    open_positions: defaultdict[str, list[int]] = defaultdict(list)
    pairs = []
    for position, letter in enumerate(structure):
        if letter in _UNPAIRED:
            continue
        if letter in _OPENERS:
            open_positions[letter].append(position)
        elif letter in _CLOSES and open_positions[_CLOSES[letter]]:
            pairs.append((open_positions[_CLOSES[letter]].pop(), position))
        else:
            fault = "opens nowhere" if letter in _CLOSES else "is not dot-bracket notation"
            raise InputError(f"record {name!r}, position {position + 1}: {letter!r} {fault}")
    for letter, positions in open_positions.items():
        if positions:
            raise InputError(f"record {name!r}, position {positions[0] + 1}: {letter!r} is never closed")
    return tuple(sorted(pairs))


def records(text: str, format: str, name: str) -> list[Record]:
    """Records with raw sequences; one without an id of its own is called ``name``."""
    from multimolecule import io

    readers = {"dot-bracket": io.read_dbn, "bpseq": io.read_bpseq, "ct": io.read_ct, "st": io.read_st}
    blocks = {"dot-bracket": _dot_bracket_blocks, "ct": _connect_table_blocks}.get(format, _one_block)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        # the library reads one record from a plain file, and calls a nameless one after the file
        path = Path(folder) / f"{name}.{_SUFFIXES[format]}"
        for block in blocks(text):
            path.write_text(block, encoding="utf-8")
            try:
                record = readers[format](path)
            except io.InvalidStructureFile as error:
                raise InputError(str(error).replace(str(path), "the file")) from error
            identifier = (record.id or name).split()[0]
            pairs = pairs_of_dot_bracket(record.dot_bracket, identifier)
            loop_types = getattr(record, "structure_array", None)
            found.append(Record(identifier, record.sequence, pairs=pairs, given_loop_types=loop_types))
    return found


def _one_block(text: str) -> Iterator[str]:
    yield text


def _dot_bracket_blocks(text: str) -> Iterator[str]:
    """One block for each header; a file without headers is one block."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    starts = [number for number, line in enumerate(lines) if line.startswith(">")]
    if not starts or starts[0] > 0:
        starts.insert(0, 0)
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        block = lines[start:end]
        if len(block) > 2 + block[0].startswith(">"):
            raise InputError(
                f"the record that starts with {block[0][:40]!r} has {len(block)} lines: "
                "write a '>' line, one line of sequence, one line of structure"
            )
        yield "\n".join(block) + "\n"


def _connect_table_blocks(text: str) -> Iterator[str]:
    """One block for each header, whose first word is the number of rows that follow."""
    lines = [line for line in text.splitlines() if line.strip()]
    start = 0
    while start < len(lines):
        count = lines[start].split()[0]
        # where the header is none, the library says so
        end = start + 1 + int(count) if count.isdigit() else len(lines)
        yield "\n".join(lines[start:end]) + "\n"
        start = end
