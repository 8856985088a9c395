from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.publish.published import published_table, read_published

VALUE = """[[published]]
task = "share"
dataset = "their own"
model = "Old model"
metric = "share of G"
value = 0.07
source = "an article"
differs = "other sequences"
"""


def test_values_are_read_and_shown_as_published(tmp_path: Path) -> None:
    path = tmp_path / "published.toml"
    path.write_text(VALUE)
    (value,) = read_published(path)
    table = published_table([value])
    assert "## Published values (not measured here)" in table
    for text in ("Old model", "0.070 (published)", "their own", "an article", "other sequences", "share of G"):
        assert text in table


def test_no_text_of_theirs_is_markdown(tmp_path: Path) -> None:
    path = tmp_path / "published.toml"
    path.write_text(VALUE.replace("Old model", "a|b<script>"))
    assert "| a&#124;b&lt;script> | 0.070 (published) |" in published_table(read_published(path))


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert read_published(tmp_path / "published.toml") == ()
    assert published_table([]) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[published]", "is not TOML"),
        (VALUE.replace('source = "an article"', ""), "published.0.source: Field required"),
        (VALUE.replace("0.07", "nan"), "published.0.value: .*finite"),
        (VALUE + 'rank = "1"', "published.0.rank: Extra inputs"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "published.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_published(path)
    assert "\n" not in str(caught.value)


def test_the_file_of_the_repository_can_be_read() -> None:
    values = read_published(Path(__file__).parents[3] / "leaderboards" / "published.toml")
    assert {"overlap-ratio"} <= {value.task for value in values}
    assert all(value.differs for value in values)
