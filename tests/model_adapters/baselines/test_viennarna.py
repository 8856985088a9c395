from __future__ import annotations

import math
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from harness.adapter import ModelOptions
from harness.errors import Unavailable
from model_adapters.baselines import viennarna
from model_adapters.baselines.viennarna import ViennaRna

HAIRPIN = "GGUGAAAACUCC"


def test_probabilities_are_those_of_all_structures_weighed_by_their_energy() -> None:
    """The partition function by enumeration: every structure of a short RNA, its energy from ViennaRNA's evaluation."""
    RNA = pytest.importorskip("RNA", reason="ViennaRNA is not installed: pip install ViennaRNA")
    pairable = {"AU", "UA", "GC", "CG", "GU", "UG"}

    def structures(start: int, end: int) -> list[str]:
        """All secondary structures of the nucleotides from ``start`` up to ``end``, loops of three or more."""
        if end - start < 5:
            return ["." * (end - start)]
        found = ["." + rest for rest in structures(start + 1, end)]
        for partner in range(start + 4, end):
            if HAIRPIN[start] + HAIRPIN[partner] in pairable:
                found += [
                    f"({inside}){rest}"
                    for inside in structures(start + 1, partner)
                    for rest in structures(partner + 1, end)
                ]
        return found

    thermal = 0.0019871704 * 310.15  # kcal/mol at 37 °C
    expected, total = np.zeros((len(HAIRPIN),) * 2), 0.0
    for structure in structures(0, len(HAIRPIN)):
        weight = math.exp(-RNA.fold_compound(HAIRPIN).eval_structure(structure) / thermal)
        total += weight
        opened: list[int] = []
        for position, bracket in enumerate(structure):
            if bracket == "(":
                opened.append(position)
            elif bracket == ")":
                partner = opened.pop()
                expected[partner, position] += weight
                expected[position, partner] += weight
    ((_, found),) = ViennaRna(ModelOptions()).pair_scores([HAIRPIN])
    # the partition function smooths the energies of dangling ends, the evaluation does not
    np.testing.assert_allclose(found, expected / total, atol=5e-3)
    assert found.max() > 0.3


def test_form_and_unknown_letters() -> None:
    pytest.importorskip("RNA", reason="ViennaRNA is not installed: pip install ViennaRNA")
    sequences = ["A", "NNNNNNNN", "GGGGAAAACCCCN"]
    found = dict(ViennaRna(ModelOptions()).pair_scores(sequences))
    for index, sequence in enumerate(sequences):
        assert found[index].shape == (len(sequence),) * 2 and found[index].dtype == np.float32
        np.testing.assert_array_equal(found[index], found[index].T)
        assert (found[index].sum(axis=1) <= 1 + 1e-5).all()
    assert not found[0].any() and not found[1].any()
    assert found[2][0, 11] > 0.8 and not found[2][12].any()


def test_the_card_says_reference_and_scores_as_they_are() -> None:
    card = ViennaRna(ModelOptions()).card
    assert card.role == "reference" and not card.pair_scores_like_attention


def test_identity_is_the_version_and_its_absence_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ViennaRna(ModelOptions())
    monkeypatch.setattr(viennarna, "version", lambda name: "2.7.0")
    first = adapter.identity()
    monkeypatch.setattr(viennarna, "version", lambda name: "2.7.1")
    assert adapter.identity() != first and adapter.available()

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(viennarna, "version", missing)
    assert not adapter.available()
    with pytest.raises(Unavailable, match="pip install ViennaRNA"):
        list(adapter.pair_scores(["GC"]))
