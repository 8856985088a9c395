from __future__ import annotations

from xml.etree import ElementTree

import pytest

from harness.publish.figures.drawing import LINE, WIDTH, Canvas, Scale, beside, scale_of, series, shortened
from harness.task import Metric


def test_a_scale_holds_values_and_ends_of_intervals() -> None:
    scale = scale_of([Metric(value=0.2, low=-0.13, high=0.4), Metric(value=0.71)], 100, 500)
    assert scale.ticks[0] <= -0.13 and scale.ticks[-1] >= 0.71
    assert (scale(scale.ticks[0]), scale(scale.ticks[-1])) == (100, 500)
    assert Scale((0, 10), 0, 100)(2.5) == pytest.approx(25)
    assert scale_of([Metric(value=0.5)], 0, 1).ticks[0] < 0.5  # a single value still has a scale


def test_text_is_text_whatever_it_is() -> None:
    canvas = Canvas("<script>title</script>")
    canvas.text("", 1, 2, "<script>alert(1)</script>\x1b[31m")
    canvas.dot("s0", 1, 2, '"><script>')
    picture = canvas.svg(10)
    assert "<script" not in picture and "\x1b" not in picture
    texts = [element.text for element in ElementTree.fromstring(picture).iter()]
    assert "<script>alert(1)</script>\\x1b[31m" in texts and '"><script>' in texts


def test_names_of_one_column_do_not_cover_each_other() -> None:
    canvas = Canvas("")
    canvas.column_of_names(650, [("s0", "b", 100), ("s1", "a", 101), ("s2", "far", 300)])
    places = {
        element.text: float(element.attrib["y"])
        for element in ElementTree.fromstring(canvas.svg(400)).iter()
        if element.tag.endswith("}text")
    }
    assert list(places) == ["b", "a", "far"]
    assert places["a"] - places["b"] >= LINE and places["far"] == 304


def test_names_beside_points_keep_clear_of_each_other_and_of_the_edge() -> None:
    points = [(100.0, 100.0), (104.0, 101.0), (WIDTH - 10.0, 50.0)]
    names = ["a long name", "another name", "at the edge"]
    spots = beside(points, names, [])
    boxes = [
        (x if anchor == "start" else x - 6.4 * len(name), y - 10, x + (6.4 * len(name) if anchor == "start" else 0), y)
        for (x, y, anchor), name in zip(spots, names, strict=True)
    ]
    (left, top, right, bottom), (other_left, other_top, other_right, other_bottom), edge = boxes
    assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
    assert edge[2] <= WIDTH


def test_long_names_are_cut_and_colours_repeat() -> None:
    assert shortened("x" * 50, 64) == "x" * 9 + "…" and shortened("short", 64) == "short"
    assert series(0) == series(6) != series(1)
