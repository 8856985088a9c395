"""What is said of gains: who wins, by how much, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.adapter import Role
from harness.statistics.bootstrap import Estimate
from tasks.sae.concepts.macro_scores import MacroScores
from tasks.sae.gains import frozen_warnings, gain_metrics, gain_notes, gain_rows, gains


@dataclass(frozen=True)
class Scored:
    name: str
    role: Role
    macro: MacroScores


SPREAD = np.random.default_rng(0).normal(0, 0.01, 500)


def source(name: str, role: Role, auroc: float, mcc: float, spread: float = 0.0) -> Scored:
    """``spread``: of the differences to the other sources, which share every other chance."""
    own = spread * np.random.default_rng(len(name)).normal(size=500)
    macro = [Estimate(value, value + SPREAD + own, 100) for value in (auroc, mcc, 0.5)]
    return Scored(name, role, MacroScores(*macro))


def notes(*sources: Scored) -> list[str]:
    return list(gain_notes(sources[0], sources, gains(sources[0], sources)))


MODEL = source("sae", "model", 0.864, 0.276)
KMER = source("kmer", "floor", 0.879, 0.486)
TWIN = source("sae-random-lm", "floor", 0.810, 0.192)
NEURON = source("neuron", "ablation", 0.99, 0.99)


def test_a_floor_that_wins_is_said_to_win() -> None:
    sources = (MODEL, KMER, TWIN, NEURON)
    found = gains(MODEL, sources)
    metrics = gain_metrics(found)
    assert round(metrics["gain_auroc"].value or 0, 3) == -0.015 and round(metrics["gain_mcc"].value or 0, 3) == -0.21
    assert found["auroc"].hardest == "kmer" and set(found["auroc"].over) == {"kmer", "sae-random-lm"}
    assert notes(*sources) == ["k-mers beat the model: AUROC 0.879 against 0.864, MCC 0.486 against 0.276"]


def test_floors_that_win_are_named_hardest_first() -> None:
    length = source("length", "floor", 0.9, 0.1)
    assert notes(MODEL, KMER, TWIN, length) == [
        "length beats the model: AUROC 0.900 against 0.864",
        "k-mers beat the model: AUROC 0.879 against 0.864, MCC 0.486 against 0.276",
    ]


def test_an_interval_with_0_in_it_is_said_to_be_uncertain() -> None:
    near = source("composition", "floor", 0.863, 0.275, spread=0.05)
    assert notes(MODEL, TWIN, near) == [
        "not every floor is beaten with certainty in AUROC",
        "not every floor is beaten with certainty in MCC",
    ]
    assert notes(MODEL, near)[0] == "no floor is beaten with certainty in AUROC"
    assert notes(MODEL, TWIN) == []


def test_rows_hold_the_gain_over_each_floor() -> None:
    rows = {(row.name, row.stratum): row for row in gain_rows(gains(MODEL, (MODEL, KMER, TWIN)), 3)}
    assert {row.layer for row in rows.values()} == {3} and {row.source for row in rows.values()} == {"sae"}
    for name, kmer, twin in (("gain_auroc", -0.015, 0.054), ("gain_mcc", -0.21, 0.084)):
        values = [round(rows[name, stratum].value or 0, 3) for stratum in ("", "over kmer", "over sae-random-lm")]
        assert values == [kmer, kmer, twin]


def test_frozen_twins_that_are_not_beaten_are_named_first() -> None:
    decoder = source("sae-frozen-decoder", "ablation", 0.870, 0.20)
    encoder = source("sae-frozen-encoder", "ablation", 0.80, 0.19)
    sources = {each.name: each for each in (MODEL, KMER, decoder, encoder)}
    stable = source("sae", "model", 0.84, 0.25)
    assert list(frozen_warnings(sources, stable)) == [
        "training gains nothing certain over an autoencoder with one half frozen: "
        "AUROC 0.864 against 0.870 (sae-frozen-decoder)",
        "stable features alone score below an autoencoder with one half frozen: "
        "AUROC 0.840 against 0.870 (sae-frozen-decoder)",
    ]
    beaten = {"sae": MODEL, "sae-frozen-encoder": encoder}
    assert list(frozen_warnings(beaten, MODEL)) == [] == list(frozen_warnings(beaten, None))
    near = source("sae-frozen-encoder", "ablation", 0.863, 0.1, spread=0.05)
    (note,) = frozen_warnings({"sae": MODEL, "sae-frozen-encoder": near}, None)
    assert note.endswith("AUROC 0.864 against 0.863 (sae-frozen-encoder)")
