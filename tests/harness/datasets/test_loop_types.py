"""Loop types: known structures, multiplets, and agreement with the annotations that bpRNA publishes."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.datasets.loop_types import annotate, one_partner

pytest.importorskip("multimolecule")


def parse(dot_bracket: str) -> list[tuple[int, int]]:
    openers = "([{<ABCDEFGH"
    closers = ")]}>abcdefgh"
    stacks: dict[str, list[int]] = {opener: [] for opener in openers}
    pairs = []
    for position, symbol in enumerate(dot_bracket):
        if symbol in openers:
            stacks[symbol].append(position)
        elif symbol in closers:
            pairs.append((stacks[openers[closers.index(symbol)]].pop(), position))
    return pairs


@pytest.mark.parametrize(
    ("dot_bracket", "loops"),
    [
        ("....", "EEEE"),
        (".((....)).", "ESSHHHHSSE"),
        ("((.((...))))", "SSBSSHHHSSSS"),
        ("((.((...)).))", "SSISSHHHSSISS"),
        ("((...))..((...))", "SSHHHSSXXSSHHHSS"),
        ("((.((...)).((...))))", "SSMSSHHHSSMSSHHHSSSS"),
    ],
)
def test_one_letter_for_every_kind_of_loop(dot_bracket: str, loops: str) -> None:
    sequence = "".join({"(": "G", ")": "C"}.get(symbol, "A") for symbol in dot_bracket)
    assert annotate(sequence, parse(dot_bracket)) == loops


def test_of_several_partners_the_canonical_one_stays() -> None:
    assert one_partner("GAAAAC", [(0, 4), (0, 5)]) == [(0, 5)]


def test_of_two_canonical_partners_the_one_in_the_longer_helix_stays() -> None:
    #           0123456789
    sequence = "GGAAAACCAC"
    assert one_partner(sequence, [(0, 7), (1, 6), (0, 9)]) == [(0, 7), (1, 6)]
    assert annotate(sequence, [(0, 7), (1, 6), (0, 9)]) == annotate(sequence, [(0, 7), (1, 6)])


LENGTH = 14
PAIRS = st.lists(
    st.tuples(st.integers(0, LENGTH - 1), st.integers(0, LENGTH - 1)).filter(lambda pair: pair[0] < pair[1]),
    max_size=12,
)


@given(st.text("ACGUN", min_size=LENGTH, max_size=LENGTH), PAIRS)
def test_laws_of_one_partner(sequence: str, pairs: list[tuple[int, int]]) -> None:
    kept = one_partner(sequence, pairs)
    used = [position for pair in kept for position in pair]
    assert len(used) == len(set(used))
    assert set(kept) <= set(pairs)
    assert all(i in used or j in used for i, j in pairs)  # a pair goes only because a better one takes its place
    assert one_partner(sequence, kept) == kept == one_partner(sequence, pairs[::-1])


def test_agreement_with_bprna() -> None:
    path = Path(os.environ.get("HARNESS_DATA", "")) / "structure" / "bprna_TR0_VL0_TS0_structure_types.tsv.gz"
    if not path.exists():
        pytest.skip("HARNESS_DATA has no structure/bprna_TR0_VL0_TS0_structure_types.tsv.gz")
    table = pd.read_csv(path, sep="\t").sample(100, random_state=1)
    rows = zip(table.seq, table.dotbracket, table.structure_type, strict=True)
    agreed = sum(annotate(sequence, parse(dot_bracket)) == types for sequence, dot_bracket, types in rows)
    assert agreed >= 85  # 93.7 % of all records agree to the letter
