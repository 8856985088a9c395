from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from markdown_it import MarkdownIt

from harness.progress import Progress
from harness.publish import leaderboard
from harness.publish.leaderboard import render_all, render_csv
from harness.publish.scores import boards
from harness.result import ResultRecord, read_records
from harness.run.cell import run_cell
from tests.fakes import FakeModel, MissingModel
from tests.harness.publish.test_escape import TEXT
from tests.harness.run.test_cell import make_cell


def records(results: Path) -> list[tuple[Path, ResultRecord]]:
    models = [FakeModel(), FakeModel("another", "fake-2"), FakeModel("mute", "fake-3", capabilities={"attention"})]
    for model in models:
        run_cell(make_cell(model), results, "cpu", Progress(quiet=True))
    run_cell(make_cell(FakeModel(), scale=2.0), results, "cpu", Progress(quiet=True))
    return read_records(results)[0]


def test_the_page_is_the_same_whatever_the_order(tmp_path: Path) -> None:
    found = records(tmp_path / "results")
    pages = render_all(found, tmp_path / "out")
    assert pages == render_all(list(reversed(found)), tmp_path / "out")
    names = {path.name for path in pages if path.suffix != ".svg"}
    assert names == {"README.md", "fake-share.md", "fake-share.csv"}
    pictures = [path for path in pages if path.suffix == ".svg"]
    assert len(pictures) == 2  # one for each setting
    for picture in pictures:
        assert f"]({picture.name})" in pages[tmp_path / "out" / "fake-share.md"]


def test_the_page_says_what_a_reader_needs(tmp_path: Path) -> None:
    page = render_all(records(tmp_path / "results"), tmp_path / "out")[tmp_path / "out" / "fake-share.md"]
    assert "Simulated data" in page and "## fake-set (simulated)" in page
    # different settings never share a table
    assert page.count("## fake-set") == 2 and "scale 2.0" in page
    assert "0.417 [0.317, 0.517]" in page
    assert "| chance    | floor  | 0.250 [0.250, 0.250] | +0.167" in page
    assert "mute: not-applicable: mute has no hidden_states" in page
    # simulated sets are in the order of names, and every row links to its record
    assert page.index("| **another**") < page.index("| **fake**")
    for path, record in records(tmp_path / "results"):
        if record.status == "done":
            assert f"({Path('..') / path.relative_to(tmp_path)})" in page


def test_a_note_stands_once_after_the_models_that_it_is_true_of(tmp_path: Path) -> None:
    ((path, first), (other_path, second), *_) = records(tmp_path / "results")
    second = second.model_copy(update={"notes": [*first.notes, "its own"], "settings": first.settings})
    assert list(first.notes) == ["a fake"]
    page = leaderboard.render_page("fake-share", boards([(path, first), (other_path, second)]), tmp_path).text
    assert "- all: a fake\n" in page and page.count("a fake") == 1
    assert "- all: pretraining exposure to fake-set: unknown\n" in page
    assert f"- {second.model.card.name}: its own" in page


def test_warnings_stand_before_the_picture_and_every_number(tmp_path: Path) -> None:
    ((path, first), *_) = records(tmp_path / "results")
    warned = first.model_copy(update={"warnings": ("its twin does as well",)})
    page = leaderboard.render_page("fake-share", boards([(path, warned)]), tmp_path).text
    warning = f"**{first.model.card.name}:** its twin does as well."
    assert page.index("records: ") < page.index(warning) < page.index("![Headline")


def test_csv_holds_every_number(tmp_path: Path) -> None:
    found = records(tmp_path / "results")
    rows = list(csv.DictReader(io.StringIO(render_csv(found))))
    expected = sum(len(r.metrics) + len(r.table) for _, r in found if r.status == "done")
    assert len(rows) == expected
    assert {row["source"] for row in rows} == {"headline", "model", "chance"}


def test_unavailable_models_leave_no_trace(tmp_path: Path) -> None:
    run_cell(make_cell(MissingModel("missing")), tmp_path / "results", "cpu", Progress(quiet=True))
    assert not (tmp_path / "results").exists()


def test_published_values_stand_below_and_are_not_ranked(tmp_path: Path) -> None:
    found, out = records(tmp_path / "results"), tmp_path / "out"
    plain = render_all(found, out)
    out.mkdir()
    text = '[[published]]\ntask = "{}"\ndataset = "theirs"\nmodel = "Old model"\nmetric = "share"\nvalue = 0.9\n'
    text += 'source = "an article"\ndiffers = "other data"\n'
    (out / "published.toml").write_text(text.format("fake-share") + text.format("another-task"))
    pages = render_all(found, out)
    page = out / "fake-share.md"
    assert pages[page].startswith(plain[page])
    assert pages[page].count("Old model") == 1
    assert pages[page].index("Published values (not measured here)") < pages[page].index("0.900 (published)")
    assert pages[out / "fake-share.csv"] == plain[out / "fake-share.csv"]


def test_a_task_is_drawn_against_its_partner_once_and_on_the_page_of_comparisons(tmp_path: Path) -> None:
    found = [
        (path, record.model_copy(update={"dataset": record.dataset.model_copy(update={"simulated": False})}))
        for path, record in records(tmp_path / "results")
    ]
    partner = {"name": "other-share", "plotted_against": "fake-share"}
    others = [
        (path, record.model_copy(update={"task": record.task.model_copy(update=partner)})) for path, record in found
    ]
    pages = render_all(found + others, tmp_path)
    (picture,) = (path for path in pages if path.name.startswith("against-"))
    assert "across: other-share, share (higher is better), fake-set" in pages[picture]
    assert [path.name for path, text in pages.items() if f"]({picture.name})" in text] == ["comparisons.md"]
    assert tmp_path / "comparisons.md" not in render_all(others, tmp_path)


def test_the_layer_is_that_of_the_metrics_and_models_without_layers_have_none(tmp_path: Path) -> None:
    models = [FakeModel(), FakeModel("counts", "fake-2", layers=None), FakeModel("deeper", "fake-3")]
    for model, layers in zip(models, [(2,), (-1,), (0, 1, 2)], strict=True):
        run_cell(make_cell(model, layers=layers), tmp_path / "results", "cpu", Progress(quiet=True))
    found = read_records(tmp_path / "results")[0]
    page = render_all(found, tmp_path / "out")[tmp_path / "out" / "fake-share.md"]
    last, chosen = page.split("## fake-set (simulated)")[1:]
    layers = {
        line.split("|")[1].strip(): line.split("|")[4].strip()
        for line in page.splitlines()
        if "](" in line and line.count("|") == 7 and "**" not in line
    }
    assert layers == {"counts": "", "deeper": "0", "fake": "2"}
    assert "**fake**" in last and "**deeper**" not in last
    assert "**deeper**" in chosen and "**fake**" not in chosen and "Layers other than" in chosen
    assert "**counts**" in last and "**counts**" in chosen


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ResultRecord]:
    results = tmp_path_factory.mktemp("results")
    run_cell(make_cell(), results, "cpu", Progress(quiet=True))
    return read_records(results)[0][0]


def named(record: ResultRecord, text: str, cell: str) -> ResultRecord:
    """The record with ``text`` in every place that something from outside can reach."""
    card = record.model.card.model_copy(update={"name": text, "resolution": text, "exposure": {text: text}})
    dataset = {"name": text, "summary": text, "licence": text, "fingerprint": text}
    metrics = {name: metric.model_copy(update={"unit": text}) for name, metric in record.metrics.items()}
    extra = {f"extra{text}": metrics["share"]}
    return record.model_copy(
        update={
            "cell": cell,
            "model": record.model.model_copy(update={"card": card, "identity": text}),
            "dataset": record.dataset.model_copy(update=dataset),
            "settings": {f"setting{text}": text},
            "metrics": metrics | extra,
            "table": tuple(row.model_copy(update={"source": text + row.source}) for row in record.table),
            "roles": {text + source: role for source, role in record.roles.items()},
            "warnings": (text,),
            "notes": (text,),
        }
    )


def shape(page: str) -> list[str]:
    """Blocks, cells, tags and links of a page as they are rendered; text and emphasis left out."""
    found = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(page):
        found.append(token.type)
        for part in [token, *(token.children or [])]:
            if part.type in ("html_block", "html_inline"):
                found += re.findall(r"<[^>]*>", part.content)
            if part.type in ("link_open", "image"):
                found.append(str(part.attrs.get("src", "") and "picture") or str(part.attrs["href"]))
    return found


@given(TEXT)
@example("a|b")
@example("<script>alert(1)</script>")
@example("| x |\n|---|\n| y |")
@example("\x1b[31m")
def test_no_text_changes_the_form_of_a_page(plain: tuple[Path, ResultRecord], text: str) -> None:
    path, record = plain
    pages = []
    for word in (text, "word"):
        found = [(path, named(record, word, "a")), (path, named(record, word, "b"))]
        failed = found[0][1].model_copy(update={"cell": "c", "status": "failed", "error": word})
        pages.append(render_all([*found, (path, failed)], path.parent))
    texts = [
        {suffix: next(text for path, text in rendered.items() if path.suffix == suffix) for suffix in (".svg", ".csv")}
        | {".md": rendered[path.parent / f"{record.task.name}.md"]}
        for rendered in pages
    ]
    hostile, harmless = texts
    assert shape(hostile[".md"]) == shape(harmless[".md"])
    assert not any("\x1b" in text for text in hostile.values())
    tags = [[element.tag for element in ElementTree.fromstring(one[".svg"]).iter()] for one in texts]
    assert tags[0] == tags[1]
    rows = [list(csv.reader(io.StringIO(text))) for text in (hostile[".csv"], harmless[".csv"])]
    assert [len(row) for row in rows[0]] == [len(row) for row in rows[1]]
    assert [row[-4:] for row in rows[0]] == [row[-4:] for row in rows[1]]
    assert not [cell for row in rows[0] for cell in row[:12] if cell.startswith(("=", "+", "-", "@"))]


def test_two_weight_folders_of_one_model_are_told_apart(tmp_path: Path) -> None:
    for identity in ("first", "second"):
        run_cell(make_cell(FakeModel(identity=identity)), tmp_path / "results", "cpu", Progress(quiet=True))
    page = render_all(read_records(tmp_path / "results")[0], tmp_path)[tmp_path / "fake-share.md"]
    assert page.count("| **fake (a7937b)**") == page.count("| **fake (16367a)**") == 1


def test_settings_are_words_and_what_is_not_set_is_left_out(plain: tuple[Path, ResultRecord]) -> None:
    path, record = plain
    update = {"settings": {"groups": [], "pair_count": 1000, "centred": False}, "seeds": (0, 1), "limit": None}
    page = leaderboard.render_page("t", boards([(path, record.model_copy(update=update))]), path.parent).text
    assert "Settings: pair count 1,000; centred no; seeds 0, 1.\n" in page


def test_failures_link_to_their_records(tmp_path: Path) -> None:
    found = records(tmp_path / "results")
    page = render_all(found, tmp_path)[tmp_path / "fake-share.md"]
    assert all(f"/{record.cell}.json)" in page for _, record in found)
