"""No text can change what it is written into."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from harness.publish.escape import csv_cell, markdown, one_line, terminal

TEXT = st.text(max_size=20) | st.text(alphabet="|\\`[]()<>&!=+-@#*_ \n\r\t\x1bab1;:", max_size=20)


@given(TEXT)
@example("a\\|b")
@example("<script>alert(1)</script>")
@example("`|` [x](javascript:y) ![](z)")
def test_a_markdown_cell_stays_one_cell_of_plain_text(text: str) -> None:
    page = MarkdownIt("commonmark", {"html": True}).enable("table").parse(f"|a|b|\n|---|---|\n|.{markdown(text)}|c|\n")
    cells = [token for token in page if token.type == "inline"]
    assert [token.content for token in cells][::3] == ["a", "c"]
    kinds = {child.type for child in cells[2].children or []}
    assert kinds <= {"text", "text_special", "em_open", "em_close", "strong_open", "strong_close"}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", "a&#124;b"),
        ("<b>&amp;", "&lt;b>&amp;amp;"),
        ("two\n lines", "two lines"),
        ("\x1b[31mred", "&#92;x1b&#91;31mred"),
        ("rnabert:random:1", "rnabert:random:1"),
        ("> quoted", "&#62; quoted"),
        ("1. first", "&#49;. first"),
    ],
)
def test_markdown(text: str, written: str) -> None:
    assert markdown(text) == written


@given(TEXT, st.floats(allow_nan=False))
def test_a_row_of_csv_is_read_back_and_numbers_stay_numbers(text: str, value: float) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([csv_cell(text), csv_cell(value), csv_cell(None), csv_cell(-3)])
    ((first, number, nothing, count),) = csv.reader(io.StringIO(buffer.getvalue()))
    assert first == csv_cell(text) and float(number) == value and (nothing, count) == ("", "-3")
    assert not first.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_formulas_are_quoted(text: str) -> None:
    assert csv_cell(text) == f"'{text.strip()}"


@given(TEXT)
def test_a_terminal_gets_the_text_and_no_codes(text: str) -> None:
    console = Console(width=200, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(terminal(f"[bold]:rat:{text}"), end="")
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.split() == one_line(f"[bold]:rat:{text}").split()
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in printed.replace("\n", ""))
