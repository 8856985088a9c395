"""Words name families at the level that says most."""

from __future__ import annotations

import pytest

from harness.errors import InputError
from tasks.levels import Levels
from tasks.sae_families.compare.groups import group_named

COMPARED = ("RF00005", "RF01852", "RF00009", "X1")
LEVELS = Levels(
    {
        "clan": {"RF00005": ("tRNA",), "RF01852": ("tRNA",), "RF00009": ("RNaseP",)},
        "type": {"RF00009": ("Gene", "ribozyme")},
        "family": {"RF00005": ("RF00005", "tRNA"), "X1": ("X1",)},
    },
    {"RF00005": "tRNA"},
)


@pytest.mark.parametrize(
    ("words", "families", "level"),
    [
        ("tRNA", ("RF00005", "RF01852"), "clan"),
        ("TRNA", ("RF00005", "RF01852"), "clan"),
        ("family:tRNA", ("RF00005",), "family"),
        ("ribozyme", ("RF00009",), "type"),
        ("RF00005+X1+family:tRNA", ("RF00005", "X1"), "family"),
        ("ribozyme+tRNA", ("RF00009", "RF00005", "RF01852"), "type, clan"),
    ],
)
def test_words_name_families(words: str, families: tuple[str, ...], level: str) -> None:
    found = group_named(words, LEVELS, COMPARED)
    assert (found.families, found.level) == (families, level)


@pytest.mark.parametrize("words", ["tRNAs", "type:tRNA", "tRNA+", "nothing:tRNA"])
def test_a_word_that_names_nothing_is_one_line(words: str) -> None:
    with pytest.raises(InputError, match="names none of the 4 compared families"):
        group_named(words, LEVELS, COMPARED)
