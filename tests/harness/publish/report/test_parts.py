"""Data inside the page stays data, and the page stays within its size."""

from __future__ import annotations

import base64
import gzip
import json
from html.parser import HTMLParser

from hypothesis import example, given
from hypothesis import strategies as st

from harness.publish.report.parts import Part, fitting, script_json


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
@example("</script><script>alert(1)</script>")
@example("<!--<script>")
@example("\u2028&lt;/script&gt;")
def test_json_cannot_leave_its_script_element(text: str) -> None:
    page = Elements()
    page.feed(f'<script type="application/json">{script_json({text: [text]})}</script><p></p>')
    assert page.opened == ["script", "p"]
    assert json.loads(page.text) == {text: [text]}


def test_a_part_is_packed_the_same_every_time_and_comes_back() -> None:
    part = Part("name", "says", 0, {"a": [1, None, "</script>"]})
    assert part.packed() == Part("name", "says", 0, {"a": [1, None, "</script>"]}).packed()
    assert json.loads(gzip.decompress(base64.b64decode(part.packed()))) == part.content
    assert set(part.packed()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


def test_what_matters_most_goes_in_first_and_the_rest_is_named() -> None:
    parts = [Part("late", "the late one", 2, "b" * 10), Part("first", "the first one", 0, "a" * 10)]
    size = len(parts[0].packed()) + 200
    packed, left_out = fitting(parts, size)
    assert list(packed) == ["first"] and left_out == ["the late one"]
    assert fitting(parts, 2 * size)[1] == []


def test_a_small_part_fits_where_a_large_one_of_higher_priority_does_not() -> None:
    import random

    noise = "".join(random.Random(0).choices("abcdefgh", k=4000))
    packed, left_out = fitting([Part("large", "large", 0, noise), Part("small", "small", 1, "x")], 500)
    assert list(packed) == ["small"] and left_out == ["large"]
