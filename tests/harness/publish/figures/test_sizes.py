from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from harness.publish.figures.sizes import families_of, size_figures
from harness.publish.groups import Records
from tests.harness.publish.figures.made import record, standings

SIZES = {"micro": 34_000_000, "mega": 148_000_000, "giga": 651_000_000}
SVG = "{http://www.w3.org/2000/svg}"


def family(folder: Path, gain: float, name: str = "rinalmo", higher: bool = True, **card: object) -> Records:
    """Models on a line of this gain per doubling, with a shared error of 0.05 and errors of their own of 0.005."""
    generator = np.random.default_rng(0)
    shared = 0.05 * generator.normal(size=1000)
    found = []
    for size, parameters in SIZES.items():
        value = 0.4 + gain * math.log2(parameters / SIZES["micro"])
        draws = value + shared + 0.005 * generator.normal(size=1000)
        own = {"architecture": name, "corpus": "ncRNAs", "parameters": parameters} | card
        found.append(record(folder, f"{name}-{size}", value, draws, card=own, higher=higher))
    return found


@pytest.mark.parametrize(
    ("gain", "sentence"),
    [
        (0.03, "**Larger rinalmo models do better**: +0.030 ["),
        (-0.03, "**Larger rinalmo models do worse**: −0.030 ["),
        (0.0, "Whether larger rinalmo models do better **cannot be told**: +0.000 ["),
    ],
)
def test_a_planted_gain_per_doubling_is_found(tmp_path: Path, gain: float, sentence: str) -> None:
    trials = standings(family(tmp_path, gain))
    (found,) = families_of(trials[0].models)
    assert [own.name for own in found.members] == ["rinalmo-micro", "rinalmo-mega", "rinalmo-giga"]
    assert found.gain.value == pytest.approx(gain, abs=1e-9)
    assert found.gain.low < gain < found.gain.high
    # paired: the error that the models share is far larger than the interval
    assert found.gain.high - found.gain.low < 0.01
    (figure,) = size_figures(trials, tmp_path)
    assert figure.answer.startswith(sentence)


def test_where_lower_is_better_a_fall_is_a_gain(tmp_path: Path) -> None:
    (figure,) = size_figures(standings(family(tmp_path, -0.03, higher=False)), tmp_path)
    assert figure.answer.startswith("**Larger rinalmo models do better**: +0.030")
    assert "| +0.030<br>" in figure.table and "0.400<br>" in figure.table


def test_a_family_is_one_architecture_corpus_and_tokenisation(tmp_path: Path) -> None:
    records = [
        *family(tmp_path, 0.03),
        *family(tmp_path, 0.01, "esm2", corpus="proteins"),
        record(tmp_path, "nano", 0.1, np.full(1000, 0.1), card={"architecture": "rinalmo", "corpus": "Rfam seeds"}),
    ]
    (trial,) = standings(records)
    assert [own.name for own in families_of(trial.models)] == ["esm2", "rinalmo"]
    assert all(len(own.members) == 3 for own in families_of(trial.models))
    (figure,) = size_figures([trial], tmp_path)
    assert figure.answer.count("per doubling") == 2
    root = ElementTree.fromstring(figure.picture)
    assert len(list(root.iter(f"{SVG}polyline"))) == 2
    names = {text.text for text in root.iter(f"{SVG}text")}
    assert {"esm2", "rinalmo", "10 M", "100 M", "1 B"} <= names


def test_families_of_one_architecture_are_told_apart(tmp_path: Path) -> None:
    records = [*family(tmp_path, 0.03)]
    for size, parameters in SIZES.items():
        card = {"architecture": "rinalmo", "corpus": "other", "parameters": parameters}
        records.append(record(tmp_path, f"other-{size}", 0.2, np.full(1000, 0.2), card=card))
    (trial,) = standings(records)
    names = [own.name for own in families_of(trial.models)]
    assert names == ["rinalmo (single nucleotide, ncRNAs)", "rinalmo (single nucleotide, other)"]


def test_points_stand_at_the_logarithm_of_their_size(tmp_path: Path) -> None:
    (figure,) = size_figures(standings(family(tmp_path, 0.03)), tmp_path)
    root = ElementTree.fromstring(figure.picture)
    across = {text.text: float(text.attrib["x"]) for text in root.iter(f"{SVG}text")}
    (micro, _, giga) = (float(circle.attrib["cx"]) for circle in root.iter(f"{SVG}circle"))
    unit = (across["1 B"] - across["10 M"]) / 2
    assert (giga - micro) / unit == pytest.approx(math.log10(651 / 34), abs=0.01)


@pytest.mark.parametrize(
    "card", [{"corpus": "unknown"}, {"parameters": 1_000_000}, {"parameters": None}, {"role": "floor"}]
)
def test_what_is_no_family_has_no_figure(tmp_path: Path, card: dict[str, object]) -> None:
    assert list(size_figures(standings(family(tmp_path, 0.03, **card)), tmp_path)) == []
