"""The page as a whole: what it says first, that it is the same twice, and that text stays text."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from markdown_it import MarkdownIt

from harness.publish.groups import Records
from harness.task import TableRow
from tests.harness.publish.figures.made import pages, record

CLASSES = ("diverse ncRNA", "diverse ncRNA", "DNA", "DNA", "protein", "protein")
SECTIONS = [
    "By class",
    "Size within a family of models",
    "One task against another",
    "Spread over sequences",
    "Depth of the alignment",
]


def every_figure(folder: Path, text: str = "word") -> Records:
    """Six models of three classes and two tasks, with ``text`` wherever something from outside can reach."""
    generator = np.random.default_rng(0)
    found = []
    for place, group in enumerate(CLASSES):
        value = 0.1 + 0.3 * (place // 2) + 0.005 * (place % 2)
        card = {
            "name": f"{text}{place}",
            "group": text if group == "protein" else group,
            "parameters": 10 ** (6 + place),
            "architecture": text,
            "corpus": f"{text} corpus",
        }
        cut = TableRow(name="share", source="model", stratum="alignments of at most 1 rows", value=0.1)
        for task in ("function", "structure"):
            found.append(
                record(
                    folder,
                    f"model-{place}",
                    value,
                    value + 0.01 * generator.normal(size=300),
                    task=task,
                    card=card,
                    table=[cut] if task == "structure" and place == 0 else [],
                    items={f"{text}{k}": generator.uniform() for k in range(9)} if task == "structure" else None,
                    plotted_against="structure" if task == "function" else None,
                    labels={"share": f"{text} label"},
                )
            )
    return [
        (path, own.model_copy(update={"dataset": own.dataset.model_copy(update={"name": text})})) for path, own in found
    ]


def test_the_page_opens_with_the_answers_and_readme_leads_to_it(tmp_path: Path) -> None:
    written = pages(every_figure(tmp_path), tmp_path)
    page = written["comparisons.md"]
    assert "- [comparisons](comparisons.md): " in written["README.md"]
    opening, *sections = page.split("\n## ")
    assert [section.splitlines()[0] for section in sections] == SECTIONS
    for title in SECTIONS:
        assert f"[{title}](#{title.lower().replace(' ', '-')})" in opening
    for answer in ("is ahead", "per doubling", "There is no trade-off", "Which sequence", "homologs help"):
        assert answer in opening
    named = re.findall(r"!\[[^]]*\]\(([^)]*)\)", page)
    assert len(named) == len(set(named)) and set(named) <= set(written)
    tables = [line.count("|") - 1 for line in page.splitlines() if line.startswith("|")]
    assert max(tables) <= 8


def test_the_page_is_the_same_twice_and_whatever_the_order(tmp_path: Path) -> None:
    found = every_figure(tmp_path)
    assert pages(found, tmp_path) == pages(found[::-1], tmp_path) == pages(found, tmp_path)


def test_without_a_figure_there_is_no_page(tmp_path: Path) -> None:
    written = pages([record(tmp_path, "alone", 0.5, np.linspace(0, 1, 50))], tmp_path)
    assert "comparisons.md" not in written and "comparisons" not in written["README.md"]


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "](javascript:alert(1))", "a|b", "`code`", "# title", "\x1b[31m", "**b**"]
)
def test_no_text_changes_the_form_of_the_page(tmp_path: Path, text: str) -> None:
    hostile, harmless = (pages(every_figure(tmp_path / word[0], word), tmp_path) for word in (text, "word"))
    page = hostile["comparisons.md"]
    assert shape(page) == shape(harmless["comparisons.md"])
    assert "\x1b" not in page
    for name, picture in hostile.items():
        if name.endswith(".svg"):
            assert "<script" not in picture and "\x1b" not in picture
            ElementTree.fromstring(picture)


def shape(page: str) -> list[str]:
    """Blocks, tags and kinds of links of a page as rendered; the addresses of links to records are our own."""
    found = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(page):
        found.append(token.type)
        for part in token.children or []:
            if part.type in ("html_inline", "link_open", "image"):
                found.append(re.sub(r"\s.*", "", part.content) if part.type == "html_inline" else part.type)
            if part.type == "link_open":
                assert not str(part.attrs["href"]).startswith("javascript")
    return found
