"""The page of an annotation in a real browser: it opens from a file, filters, asks for nothing, and is accessible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.datasets.records import Record
from tasks.sae.aggregate import MEAN
from tasks.sae.annotate.meanings import Meaning
from tasks.sae.annotate.page import AnnotationPage
from tests.integration.test_report_browser import DESKTOP, PHONE, Visit, visiting

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
pytestmark = pytest.mark.browser
HOSTILE = "</script><img src=x onerror=window.broken=1>"
FOUND = [
    Meaning(3, "tRNA", 0.2, MEAN, 0.91, 1e-6),
    Meaning(5, HOSTILE, 0.2, MEAN, 0.8, 1e-3),
    Meaning(3, "5S", 9.0, MEAN, 0.7, 0.04),
]
LONG, MANY = 2500, 60


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """60 short sequences, every second with feature 3; one called by feature 5 with a hostile name; one long one."""
    page = AnnotationPage(f"new{HOSTILE}.fasta", "a model, layer 1, seed 0", FOUND, most_bytes=20_000)
    for number in range(MANY):
        codes = np.zeros((24, 2), dtype=np.float32)
        codes[4:20, 0] = number % 2 * np.linspace(0.5, 2, 16)
        page.add(Record(f"short{number:02}", "ACGUACGUNNGU" * 2), codes)
    codes = np.zeros((12, 2), dtype=np.float32)
    codes[3:6, 1] = (1, 4, 2)
    page.add(Record(HOSTILE, "ACGUACGUACGU"), codes)
    page.add(Record("long", "ACGUU" * (LONG // 5)), np.full((LONG, 2), 0.01, dtype=np.float32))
    page.add(Record("too much", "A" * 30_000), np.zeros((30_000, 2), dtype=np.float32))
    page.add(Record("never shown", "A"), np.zeros((1, 2), dtype=np.float32))
    path = tmp_path_factory.mktemp("annotation") / "new.html"
    path.write_text(page.html(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    with visiting(browser, address) as found:
        yield found


def names(visit: Visit) -> list[str]:
    return list(visit.page.locator("article h3").all_inner_texts())


def test_it_opens_with_the_called_sequences(visit: Visit) -> None:
    visit.open("")
    expect(visit.page.locator("#found")).to_have_text("31 of 62 sequences")
    expect(visit.page.locator("article")).not_to_have_count(0)
    assert set(names(visit)) <= {f"short{number:02}" for number in range(1, MANY, 2)}
    assert "2 further sequences did not fit" in visit.page.locator(".warning").inner_text()
    cells = visit.page.locator("#table-meanings tbody tr").all_inner_texts()
    assert [cell.split("\t")[0] for cell in cells] == ["tRNA", HOSTILE, "5S"]
    assert cells[0].split("\t")[2:] == ["3", "0.910", "1.0e-6", "30"]


def test_sequences_are_written_as_they_come_into_sight(visit: Visit) -> None:
    visit.open("#show=all")
    visit.page.wait_for_selector("article")
    assert 0 < visit.page.locator("article").count() < MANY
    for _ in range(20):
        visit.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        visit.page.wait_for_timeout(50)
    expect(visit.page.locator("article")).to_have_count(MANY + 2)


def test_letters_are_coloured_by_activation(visit: Visit) -> None:
    visit.open("#sequence=short01")
    letters = visit.page.locator("article .letters")
    expect(letters).to_have_count(1)
    assert "".join(part for part in letters.inner_text().split() if part.isalpha()) == "ACGUACGUNNGU" * 2
    colours = [span.evaluate("e => e.style.backgroundColor") for span in letters.locator(".ten > span").all()]
    strengths = [float(colour.rsplit(",", 1)[1].rstrip(") ")) for colour in colours]
    assert len(strengths) == 16 and strengths == sorted(strengths) and strengths[-1] == 0.7


def test_a_feature_and_a_name_are_chosen_and_the_address_remembers(visit: Visit) -> None:
    visit.open("")
    visit.page.locator("#choose").select_option("1")
    expect(visit.page.locator("article h3")).to_have_text([HOSTILE])
    visit.page.reload()
    expect(visit.page.locator("article h3")).to_have_text([HOSTILE])
    visit.page.locator(".chips button").click()  # the chosen one: takes the choice back
    expect(visit.page.locator("#found")).to_have_text("31 of 62 sequences")
    visit.page.get_by_label("Filter sequences by name").fill("SHORT03")
    expect(visit.page.locator("article h3")).to_have_text(["short03"])
    visit.page.get_by_label("Filter features and concepts").fill("5s")
    assert visit.column("meanings", 1) == ["5S"]
    visit.page.get_by_role("button", name="Colour by feature 3: 5S").click()
    expect(visit.page.locator("#found")).to_have_text("0 of 62 sequences")
    visit.page.get_by_label("Show", exact=False).last.select_option("active")
    expect(visit.page.locator("article h3")).to_have_text(["short03"])


def test_long_sequences_are_shown_piece_by_piece(visit: Visit) -> None:
    visit.open("#show=all&sequence=long")
    expect(visit.page.locator(".ten")).to_have_count(100)
    visit.page.get_by_role("button", name="Show nucleotides 1,001 to 2,000 of 2,500").click()
    visit.page.get_by_role("button", name="Show nucleotides 2,001 to 2,500 of 2,500").click()
    expect(visit.page.locator(".ten")).to_have_count(250)
    expect(visit.page.locator("button.more")).to_be_hidden()


def test_stretches_say_where_a_feature_is_active(visit: Visit) -> None:
    visit.open("#meaning=1")
    visit.page.get_by_text("Active stretches").click()
    cells = visit.page.locator("article tbody tr > *").all_inner_texts()
    assert cells == ["4 to 6", "5", "4.000", f"{HOSTILE} (called)"]


def test_it_works_by_keyboard(visit: Visit) -> None:
    visit.open("")
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "skip"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "view"
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.type("5S")
    assert visit.column("meanings", 1) == ["5S"]
    visit.page.get_by_role("button", name="Colour by feature 3: 5S").focus()
    visit.page.keyboard.press("Enter")
    assert visit.page.locator("#choose").input_value() == "2"


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("hash", ["#show=all", "#meaning=1"], ids=["all", "chosen"])
def test_it_is_accessible_and_never_wider_than_the_screen(
    browser: Any, address: str, hash: str, size: tuple[int, int], colours: str
) -> None:
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    with visiting(browser, address, size, colours) as visit:
        visit.open(hash)
        visit.page.wait_for_selector("article")
        visit.page.locator("summary").first.click()
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = axe.Axe().run(visit.page)["violations"]
        assert [(fault["id"], [node["html"] for node in fault["nodes"][:3]]) for fault in found] == []


def test_nothing_of_a_file_is_read_as_markup(address: str) -> None:
    assert "<img" not in Path(address.removeprefix("file://")).read_text(encoding="utf-8")
