"""Pictures say what they are of, are the same for the same numbers, and draw what there is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from tasks.sae_structure.pictures import draw_logos, draw_profiles
from tasks.sae_structure.profiles import FLANK, PLACES

SUBJECT = "a-model · a-set · layer 2"


def profiles() -> pd.DataFrame:
    rows = [
        (source, 2, element, place, value, 7)
        for source, value in (("sae", 0.8), ("sae-random-lm", 0.2), ("pca", 0.5))
        for element in ("stem", "hairpin", "bulge", "internal loop", "multiloop")
        for place in PLACES
    ]
    return pd.DataFrame(rows, columns=["source", "layer", "element", "place", "active", "elements"])


def logos(counts: np.ndarray) -> pd.DataFrame:
    rows = [(2, element, place, *row) for element in ("stem", "bulge") for place, row in counts_by_place(counts)]
    return pd.DataFrame(rows, columns=["layer", "element", "place", *"ACGU"])


def counts_by_place(counts: np.ndarray) -> list[tuple[int, list[int]]]:
    return [(place, counts.tolist()) for place in range(-FLANK, FLANK + 1)]


def test_profiles_have_a_panel_per_element_and_lines_of_the_sources(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "profiles.svg", tmp_path / "b" / "profiles.svg"
    for path in (first, second):
        path.parent.mkdir()
        draw_profiles(path, profiles(), SUBJECT)
    text = first.read_text()
    assert text == second.read_text()
    for said in (SUBJECT, "stem (7)", "multiloop (7)", "SAE of the model", "SAE of random twins"):
        assert said in text, said
    assert "k-mers" not in text  # which have no rows here


def test_logos_draw_letters_where_some_are_preferred_and_nothing_where_none_is(tmp_path: Path) -> None:
    letters = []
    for number, counts in enumerate((np.array([0, 0, 50, 0]), np.zeros(4, dtype=int))):
        path = tmp_path / f"{number}.svg"
        draw_logos(path, logos(counts), SUBJECT)
        text = path.read_text()
        assert SUBJECT in text and f"bulge ({counts.sum()} sites)" in text
        letters.append(len(re.findall("<path", text)))
    assert letters[0] > letters[1]
