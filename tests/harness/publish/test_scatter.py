from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness.adapter import Role
from harness.progress import Progress
from harness.publish.pictures import svg
from harness.publish.scatter import Point, Scatter, draw, headline_scatter
from harness.result import ResultRecord
from harness.run.cell import run_cell
from harness.task import Metric
from tests.fakes import FakeModel
from tests.harness.run.test_cell import make_cell


def point(name: str, role: Role, across: float, up: float) -> Point:
    return Point(name, role, Metric(value=across, low=across - 0.05, high=across + 0.1), Metric(value=up))


def test_points_stand_at_their_values_with_their_intervals() -> None:
    points = (point("one $x$", "model", 0.2, 0.5), point("two", "floor", 0.0, 0.1), point("three", "model", 0.4, 0.3))
    (axes,) = draw(Scatter(points, "across", "up")).axes
    models, floors = axes.containers
    assert models.get_label() == "model" and floors.get_label() == "floor"
    assert models[0].get_xydata().tolist() == [[0.2, 0.5], [0.4, 0.3]]
    bars = models[2][0].get_segments()
    assert bars[0].ravel().tolist() == pytest.approx([0.15, 0.5, 0.3, 0.5])
    (floor,) = floors[2][0].get_segments()
    # a bound of 0 is a bound
    assert floor.ravel().tolist() == pytest.approx([-0.05, 0.1, 0.1, 0.1])
    # what has no interval has a bar of no length
    assert models[2][1].get_segments()[0].ravel().tolist() == pytest.approx([0.2, 0.5, 0.2, 0.5])
    assert [text.get_text() for text in axes.texts] == ["one $x$", "three"]


def records(
    tmp_path: Path, task: str, models: dict[str, float | None], **dataset: Any
) -> list[tuple[Path, ResultRecord]]:
    found = []
    for name, value in models.items():
        record = run_cell(make_cell(FakeModel(name, name)), tmp_path, "cpu", Progress(quiet=True))
        changes = {
            "metrics": {"share": Metric(value=value, higher_is_better=task != "low")},
            "task": record.task.model_copy(update={"name": task}),
            "dataset": record.dataset.model_copy(update={"simulated": False} | dataset),
        }
        found.append((Path(name), record.model_copy(update=changes)))
    return found


def test_models_with_both_headlines_are_drawn(tmp_path: Path) -> None:
    low = records(tmp_path, "low", {"both": 0.1, "too": 0.2, "no-value": None, "alone": 0.4})
    high = records(tmp_path, "high", {"too": 0.6, "both": 0.5, "no-value": 0.7})
    picture = headline_scatter(low, high)
    assert picture is not None
    texts = {"".join(element.itertext()).strip() for element in ElementTree.fromstring(picture).iter()}
    assert {
        "both",
        "too",
        "low: share on fake-set (lower is better)",
        "high: share on fake-set (higher is better)",
    } <= texts
    assert not {"no-value", "alone"} & texts
    assert picture == headline_scatter(low[::-1], high[::-1])


def test_the_groups_that_share_most_models_are_taken(tmp_path: Path) -> None:
    few = records(tmp_path, "low", {"a": 0.1, "b": 0.2}, name="few", fingerprint="few")
    many = records(tmp_path, "low", {"a": 0.1, "b": 0.2, "c": 0.3}, name="many", fingerprint="many")
    picture = headline_scatter(few + many, records(tmp_path, "high", {"a": 0.5, "b": 0.6, "c": 0.7}))
    assert picture is not None and "on many" in picture and "on few" not in picture


def test_one_model_or_simulated_data_make_no_picture(tmp_path: Path) -> None:
    low, high = (records(tmp_path, task, {"a": 0.1, "b": 0.2}) for task in ("low", "high"))
    assert headline_scatter(low, high) is not None
    assert headline_scatter(low, high[:1]) is None
    assert headline_scatter(low, []) is None
    assert headline_scatter(records(tmp_path, "low", {"a": 0.1, "b": 0.2}, simulated=True), high) is None


def test_names_are_text_whatever_they_are() -> None:
    names = ("<script>alert(1)</script>", "\x1b[31m&--> $\\frac")
    picture = svg(draw(Scatter(tuple(point(name, "model", 0.1, 0.2) for name in names), *names)), "scatter")
    assert "<script" not in picture and "\x1b" not in picture
    texts = ["".join(element.itertext()).strip() for element in ElementTree.fromstring(picture).iter()]
    assert "<script>alert(1)</script>" in texts and "\\x1b[31m&--> $\\frac" in texts
