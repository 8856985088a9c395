"""Examples are packed without losing which nucleotides are active."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from harness.publish.report.examples import LEVELS, example_pages, levels
from tests.harness.publish.report.made import LAYER, tables


@given(st.lists(st.floats(0, 10, width=32), min_size=1))
def test_letters_keep_order_and_silence(values: list[float]) -> None:
    letters = levels(np.array(values, dtype=np.float32), max(values))
    places = [LEVELS.index(letter) for letter in letters]
    assert [place == 0 for place in places] == [value == 0 for value in values]
    for one, place in zip(values, places, strict=True):
        assert all(place <= other for value, other in zip(values, places, strict=True) if value > one)


def write(table: pd.DataFrame, folder: Path) -> None:
    (folder / "large").mkdir()
    table.to_parquet(folder / "large" / "examples.parquet")


def test_features_keep_their_examples_the_strongest_part_first(tmp_path: Path) -> None:
    table = tables()["large/examples"]
    write(table, tmp_path)
    pages = example_pages(tmp_path, LAYER, 100)
    assert list(pages) == [0, 1] and list(pages[0]["features"]) == ["0", "1", "2"]
    shown = pages[0]["features"]["1"]
    assert [quantile for quantile, *_ in shown] == [1.0, 1.0, 0.5, 0.5, 0.0]
    own = table[(table["seed"] == 0) & (table["feature"] == 1)].set_index("item")
    for _, item, peak, letters in shown:
        name, family, sequence, structure = pages[0]["items"][item]
        row = own.loc[name]
        assert [family, sequence, structure] == [row["family"], row["sequence"], row["structure"]]
        assert abs(peak - row["activations"].max()) <= 0.005 * peak
        assert [letter != "0" for letter in letters] == [value > 0 for value in row["activations"]]


def test_features_without_room_are_left_out_whole(tmp_path: Path) -> None:
    write(tables()["large/examples"], tmp_path)
    assert list(example_pages(tmp_path, LAYER, 12)[0]["features"]) == ["0", "1"]
    assert example_pages(tmp_path / "nothing", LAYER, 12) == {}
