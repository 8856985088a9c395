from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.datasets.content import read_content
from harness.errors import InputError

LINES = b">one\nACGU\n" * 100


def test_gzipped_or_not_the_bytes_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "plain.fasta").write_bytes(LINES)
    (tmp_path / "packed.fasta.GZ").write_bytes(gzip.compress(LINES))
    assert read_content(tmp_path / "plain.fasta") == read_content(tmp_path / "packed.fasta.GZ") == LINES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" \n", "is empty"),
        (gzip.compress(LINES, mtime=0)[:-9], "is not a complete gzip file"),
        (LINES, "is not a complete gzip file"),
        (None, "does not exist"),
    ],
    ids=["blank", "truncated", "not-packed", "absent"],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / ("empty.txt" if message == "is empty" else "one.gz")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_content(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="is a folder"):
        read_content(tmp_path)
