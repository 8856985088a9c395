"""The committed leaderboards as a code host shows them: 830 px wide, and no table that scrolls sideways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

pytestmark = pytest.mark.browser
PAGES = sorted((Path(__file__).parents[2] / "leaderboards").glob("*.md"))
WIDTH = 830
STYLE = f"""
body {{ font: 16px/1.5 sans-serif; width: {WIDTH}px; margin: 0 }}
table {{ border-collapse: collapse; display: block; width: max-content; max-width: 100%; overflow: auto }}
th, td {{ border: 1px solid; padding: 6px 13px }}
sub {{ font-size: 75%; line-height: 0 }}
"""
TOO_WIDE = """
document.querySelectorAll("details").forEach((part) => (part.open = true));
[...document.querySelectorAll("table")].filter((table) => table.scrollWidth > table.clientWidth + 1)
    .map((table) => table.innerText.slice(0, 80));
"""


def shown(browser: Any, text: str) -> list[str]:
    """The start of every table that is wider than the page."""
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    page = browser.new_page(viewport={"width": WIDTH + 40, "height": 1000})
    page.set_content(f"<!doctype html><meta charset='utf-8'><style>{STYLE}</style><body>{body}")
    wide: list[str] = page.evaluate(TOO_WIDE)
    page.close()
    return wide


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_table_scrolls_sideways(browser: Any, path: Path) -> None:
    assert shown(browser, path.read_text(encoding="utf-8")) == []


def test_a_wide_table_is_seen(browser: Any) -> None:
    row = "|" + "|".join(["a_long_word_that_cannot_fold"] * 8) + "|\n"
    assert len(shown(browser, row + "|" + "|".join(["---"] * 8) + "|\n" + row)) == 1
