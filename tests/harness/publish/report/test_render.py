"""The whole page: one file, the same every time, within its size, with nothing from outside that is not data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.publish.report.render import render_report
from harness.result import read_records
from tests.harness.publish.report.made import HOSTILE, LINK, SAE_CELL, results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return results(tmp_path)


def test_the_page_is_a_pure_function_of_the_records(folder: Path) -> None:
    found = read_records(folder)[0]
    first = render_report(found, folder / "report.html")
    assert first.html == render_report(list(reversed(found)), folder / "report.html").html
    assert first.left_out == []


def test_no_text_of_a_record_becomes_html_and_nothing_is_fetched(folder: Path) -> None:
    html = render_report(read_records(folder)[0], folder / "report.html").html
    assert HOSTILE not in html and LINK not in html
    assert len(re.findall(r"<script\b", html)) == len(re.findall(r"</script>", html))
    assert not re.search(r"""(src|href)=["'](https?:|//)|@import|url\(""", html)
    assert "default-src 'none'" in html


def test_what_has_no_room_is_left_out_and_named(folder: Path) -> None:
    found = read_records(folder)[0]
    whole = render_report(found, folder / "report.html")
    size = len(whole.html.encode())
    less = render_report(found, folder / "report.html", most_bytes=size - 600)
    assert len(less.html.encode()) <= size - 600
    assert any("example sequences" in said or "picture" in said for said in less.left_out)
    assert f'id="part:cell:{SAE_CELL}"' in less.html
