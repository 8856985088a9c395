from __future__ import annotations

from xml.etree import ElementTree

import pytest

from harness.publish.pages.forest import Forest, forest, nice_ticks
from harness.task import Metric

SVG = "{http://www.w3.org/2000/svg}"


def drawn(**changes: object) -> ElementTree.Element:
    fields: dict[str, object] = {
        "rows": [("a", Metric(value=0.2, low=0.1, high=0.4)), ("b", Metric(value=0.8))],
        "floors": [0.2, 0.4],
        "references": [("alignment", 0.8)],
        "axis": "share",
    }
    text = forest(Forest(**(fields | changes)))  # type: ignore[arg-type]
    assert text is not None
    return ElementTree.fromstring(text)


def test_values_intervals_floors_and_references_share_one_scale() -> None:
    root = drawn()
    first, second = (float(circle.attrib["cx"]) for circle in root.iter(f"{SVG}circle"))
    (band,) = root.iter(f"{SVG}rect")
    lines = {
        name: [line for line in root.iter(f"{SVG}line") if line.get("class") == name] for name in ("bar", "reference")
    }
    (bar,), (reference,) = lines["bar"], lines["reference"]
    unit = (second - first) / 0.6
    assert float(bar.attrib["x1"]) == pytest.approx(first - 0.1 * unit, abs=0.2)
    assert float(bar.attrib["x2"]) == pytest.approx(first + 0.2 * unit, abs=0.2)
    assert float(band.attrib["x"]) == first
    assert float(band.attrib["width"]) == pytest.approx(0.2 * unit, abs=0.2)
    assert float(reference.attrib["x1"]) == second


def test_names_are_text_and_rows_without_a_value_are_left_out() -> None:
    root = drawn(rows=[("<script>", Metric(value=0.5)), ("none", Metric(value=None))])
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert "<script>" in words and "none" not in words
    assert forest(Forest([("none", Metric(value=None))], [], [], "share")) is None


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (0.04, 0.78), (-0.31, 0.02), (0.5, 0.5001), (3.0, 1200.0), (-5e-7, 2e-7)]
)
def test_ticks_enclose_both_ends_and_are_few(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low + 1e-9 and ticks[-1] >= high - 1e-9 and 3 <= len(ticks) <= 9
