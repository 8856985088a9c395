from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from harness.publish.pictures import save_svg, svg


def figure() -> Figure:
    made = Figure(figsize=(2, 1))
    axes = made.add_subplot()
    axes.plot([1, 3, 2], label="a line")
    axes.set_title("kept as text")
    return made


def test_the_same_figure_is_the_same_text_and_settings_stay(tmp_path: Path) -> None:
    before = matplotlib.rcParams.copy()
    save_svg(figure(), tmp_path / "folder" / "line.svg")
    assert (tmp_path / "folder" / "line.svg").read_text(encoding="utf-8") == svg(figure(), "line")
    assert matplotlib.rcParams.copy() == before
    assert ">kept as text</text>" in svg(figure(), "line")


def test_identifiers_of_two_pictures_differ() -> None:
    assert svg(figure(), "one") != svg(figure(), "other")
