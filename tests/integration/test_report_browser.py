"""The report in a real browser: it opens from a file, does what it offers, asks for nothing, and is accessible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.publish.report.render import render_report
from harness.result import read_records
from tests.harness.publish.report.made import FAMILIES, FEATURES, HOSTILE, LAYER, LINK, SAE_CELL, results

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
pytestmark = pytest.mark.browser
DESKTOP, PHONE = (1280, 900), (390, 844)
START, TASK = "", "#task=fake-share"
FEATURE = f"#features={SAE_CELL}&layer={LAYER}&seed=0&feature=1"
FAMILY = f"#features={SAE_CELL}&layer={LAYER}&seed=0&list=families&family=RF00001"
CELL = f"#cell={SAE_CELL}"
EVERY_PAGE = {"start": START, "task": TASK, "cell": CELL, "feature": FEATURE, "family": FAMILY}


@dataclass
class Visit:
    """An open page, and what went on behind it."""

    page: Any
    address: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, hash: str) -> None:
        self.page.goto("about:blank")
        self.page.goto(self.address + hash)
        self.page.wait_for_selector("html[data-ready]")

    def column(self, table: str, number: int) -> list[str]:
        return list(self.page.locator(f"#table-{table} tbody tr > :nth-child({number})").all_inner_texts())


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = results(tmp_path_factory.mktemp("report"))
    path = folder / "report.html"
    path.write_text(render_report(read_records(folder)[0], path).html, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    with visiting(browser, address) as found:
        yield found


class visiting:
    """A page of its own; at the end nothing may have gone wrong, and nothing may have been asked for."""

    def __init__(self, browser: Any, address: str, size: tuple[int, int] = DESKTOP, colours: str = "light") -> None:
        viewport = {"width": size[0], "height": size[1]}
        self.context = browser.new_context(viewport=viewport, color_scheme=colours, accept_downloads=True)
        self.visit = Visit(self.context.new_page(), address)

    def __enter__(self) -> Visit:
        visit = self.visit
        visit.page.on("console", lambda message: visit.said.append(f"{message.type}: {message.text}"))
        visit.page.on("pageerror", lambda error: visit.said.append(f"error: {error}"))
        visit.page.on("request", lambda request: visit.asked.append(request.url))
        return visit

    def __exit__(self, kind: object, *rest: object) -> None:
        broken = self.visit.page.evaluate("window.broken") if kind is None else None
        self.context.close()
        if kind is None:
            assert self.visit.said == []
            assert [url for url in self.visit.asked if not url.startswith(("file:", "blob:", "data:"))] == []
            assert {url.split("#")[0] for url in self.visit.asked if url.startswith("file:")} == {self.visit.address}
            assert broken is None, "a script of a record ran"


def test_it_opens_from_a_file_and_leads_to_every_result(visit: Visit) -> None:
    visit.open(START)
    assert visit.page.title() == "Benchmark report"
    assert visit.page.locator("nav a").all_inner_texts() == ["fake-share", "sae-families"]
    visit.page.get_by_role("navigation").get_by_role("link", name="fake-share").click()
    visit.page.wait_for_selector("#table-results-0")
    visit.page.get_by_role("link", name="another", exact=True).click()
    visit.page.wait_for_selector("#table-metrics")
    assert visit.page.locator("h1").inner_text() == "another on fake-set"
    visit.page.go_back()
    visit.page.wait_for_selector("#table-results-0")


def test_tables_sort_and_the_address_remembers(visit: Visit) -> None:
    visit.open(TASK)
    assert visit.column("results-0", 1) == ["another", "fake", "floor"]
    visit.page.get_by_role("button", name="Model").click()
    assert visit.column("results-0", 1) == ["floor", "fake", "another"]
    assert visit.page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert "sort-results-0=0.down" in visit.page.url
    visit.page.reload()
    visit.page.wait_for_selector("html[data-ready]")
    assert visit.column("results-0", 1) == ["floor", "fake", "another"]


def test_tables_filter_by_text_and_by_role(visit: Visit) -> None:
    visit.open(TASK)
    visit.page.get_by_label("Filter models").fill("AK")
    assert visit.column("results-0", 1) == ["fake"]
    assert "filter=AK" in visit.page.url
    visit.page.get_by_label("Filter models").fill("")
    visit.page.get_by_label("Show").select_option("floor")
    assert visit.column("results-0", 1) == ["floor"]
    assert visit.page.locator("#status").inner_text() == "1 results"


def test_rows_are_written_as_they_come_into_sight(visit: Visit) -> None:
    visit.open(f"#features={SAE_CELL}")
    rows = visit.page.locator("#table-features tbody tr:not([aria-hidden])")
    assert 0 < rows.count() < FEATURES
    visit.page.locator(".list").evaluate("list => { list.scrollTop = list.scrollHeight; }")
    expect(rows).to_have_count(FEATURES)


def test_a_feature_opens_with_numbers_examples_and_neighbours(visit: Visit) -> None:
    visit.open(f"#features={SAE_CELL}")
    visit.page.get_by_label("Search").fill("1")
    visit.page.get_by_role("link", name="1", exact=True).click()
    visit.page.wait_for_selector("h2:has-text('Feature 1')")
    tiles = dict(zip(*(visit.page.locator(f".tiles {tag}").all_inner_texts() for tag in ("dt", "dd")), strict=True))
    assert tiles["Follows best"].startswith(HOSTILE)
    assert tiles["Held-out AUROC"].startswith("0.504") and tiles["Stability over seeds"].startswith("0.010")
    assert tiles["q"].startswith("0.010") and tiles["Density"].startswith("0.10 %")
    assert (
        visit.page.locator("h3:has-text('Nearest features') + ul li")
        .first.inner_text()
        .startswith("Feature 0: cosine 1.00")
    )
    assert visit.page.locator("h4").all_inner_texts() == [
        "50 to 100 % of the ranking, the strongest",
        "0 to 50 % of the ranking",
        "Not active",
    ]
    sequences = visit.page.get_by_role("img", name="12 nucleotides")
    assert sequences.count() == 5
    # two helices, one of them a pseudoknot, of two pairs each
    assert [image.locator("path").count() for image in sequences.all()] == [4, 4, 4, 4, 0]
    assert sequences.nth(4).locator("rect").count() == 0 < sequences.nth(0).locator("rect").count()


def test_families_lead_to_features_and_back(visit: Visit) -> None:
    visit.open(f"#features={SAE_CELL}")
    visit.page.get_by_label("List").select_option("families")
    visit.page.wait_for_selector("#table-families")
    assert sorted(visit.column("families", 1)) == sorted(FAMILIES)
    visit.page.get_by_role("link", name=LINK).first.click()
    visit.page.get_by_role("link", name="Feature 2, seed 1").click()
    visit.page.wait_for_selector("h2:has-text('Feature 2')")
    assert visit.page.get_by_role("combobox", name="Seed").input_value() == "1"
    visit.page.locator("#table-choices").get_by_role("link", name=LINK).click()
    visit.page.wait_for_selector("h3:has-text('Beside its controls')")
    assert visit.page.locator(".bars span").all_inner_texts() == ["sae", "", "0.900", "pca", "", "0.600"]


def test_a_random_feature_is_a_live_one(visit: Visit) -> None:
    visit.open(f"#features={SAE_CELL}")
    visit.page.evaluate("Math.random = () => 3.5 / 89")
    visit.page.get_by_role("button", name="Random feature").click()
    visit.page.wait_for_selector("h2:has-text('Feature 4')")  # 3 is dead


@pytest.mark.parametrize(
    ("hash", "heading"),
    [(FEATURE, "Feature 1"), (FAMILY, "RF00001"), (CELL, "fake on fake-set"), ("#cell=nothing", "Not in this report")],
    ids=["feature", "family", "cell", "unknown"],
)
def test_an_address_leads_to_its_page(visit: Visit, hash: str, heading: str) -> None:
    visit.open(hash)
    assert heading in visit.page.locator("h1, h2").all_inner_texts()


def test_names_show_as_text(visit: Visit) -> None:
    visit.open(CELL)
    assert visit.page.locator("li", has_text=HOSTILE).count() == 1
    assert visit.page.get_by_role("cell", name=LINK).count() == 1
    assert visit.page.locator("a[href^='javascript']").count() == 0


def test_a_result_links_to_its_record(visit: Visit, address: str) -> None:
    visit.open(CELL)
    href = visit.page.get_by_role("link", name="record").get_attribute("href")
    assert (Path(address.removeprefix("file://")).parent / href).is_file()


def test_figures_show_and_are_saved(visit: Visit, tmp_path: Path) -> None:
    visit.open(CELL)
    visit.page.locator("figure img").scroll_into_view_if_needed()
    expect(visit.page.locator("figure img")).to_have_js_property("naturalWidth", 40)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Save picture.svg").click()
    assert download.value.suggested_filename == "picture.svg"
    assert "<rect" in Path(download.value.path()).read_text()
    visit.open(FEATURE)
    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name=re.compile("Save feature-1-item")).first.click()
    saved = Path(download.value.path()).read_text()
    assert saved.startswith("<svg") and "<style>" in saved


def test_everything_works_by_keyboard(visit: Visit) -> None:
    visit.open(TASK)
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.id") == "skip"
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "view"
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.type("fake")
    assert visit.column("results-0", 1) == ["fake"]
    for _ in range(3):  # the choice of roles, the table, its first heading
        visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    assert visit.page.locator("th[aria-sort]").count() == 1
    assert "sort-results-0=0" in visit.page.url


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("page", EVERY_PAGE)
def test_pages_are_accessible_and_never_wider_than_the_screen(
    browser: Any, address: str, page: str, size: tuple[int, int], colours: str
) -> None:
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    with visiting(browser, address, size, colours) as visit:
        visit.open(EVERY_PAGE[page])
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found = axe.Axe().run(visit.page)["violations"]
        assert [(fault["id"], fault["impact"], [node["html"] for node in fault["nodes"][:3]]) for fault in found] == []
        for table in visit.page.locator("table").all():
            assert table.locator("caption").count() == 1
            assert table.locator("thead th:not([scope=col])").count() == 0
        levels = [
            int(tag[1])
            for tag in visit.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => e.tagName)")
        ]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
