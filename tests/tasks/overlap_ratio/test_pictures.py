from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.pictures import draw_densities, draw_families
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tests.tasks.overlap_ratio.planted import dataset
from tests.tasks.overlap_ratio.test_intervals import scored


def draw(folder: Path) -> list[Path]:
    data = prepare(dataset(), OverlapRatioSettings())
    units = np.random.default_rng(0).normal(size=(len(data.records), 6)).astype(np.float32)
    paths = [folder / "densities.svg", folder / "t-sne.svg"]
    draw_densities(paths[0], {"mean": scored(), "d$_c$t": scored(1)}, "a & b")
    draw_families(paths[1], units, data, dict.fromkeys(data.families, "t$_R$NA"), "a & b")
    return paths


def test_pictures_are_the_same_to_the_byte_and_name_their_subject(tmp_path: Path) -> None:
    for first, second in zip(draw(tmp_path / "a"), draw(tmp_path / "b"), strict=True):
        assert first.read_bytes() == second.read_bytes()
        texts = list(ElementTree.parse(first).getroot().itertext())
        assert any("a & b" in text for text in texts)
    densities, places = (path.read_text() for path in draw(tmp_path / "c"))
    assert "overlap ratio 0." in densities and "d$_c$t" in densities and "homologous" in densities
    data = prepare(dataset(), OverlapRatioSettings())
    shown = [family for family, own in zip(data.families, data.validation, strict=True) if not own]
    assert len(shown) == 4 and all((f"t$_R$NA {family}" in places) == (family in shown) for family in data.families)
    assert "20 sequences of 4 families of the test half, which chose no layer" in places


def test_the_caption_counts_neighbours_of_the_same_family(tmp_path: Path) -> None:
    data = prepare(dataset(), OverlapRatioSettings())
    directions = np.eye(8, dtype=np.float32)[data.family]
    units = directions + 0.01 * np.random.default_rng(0).normal(size=directions.shape).astype(np.float32)
    # a sequence of another family lies among the first family of the test half
    first, second = np.flatnonzero(~data.validation)[:2]
    units[data.starts[second]] = units[data.starts[first]]
    draw_families(tmp_path / "t-sne.svg", units, data, {}, "any")
    rows = np.flatnonzero(~data.validation[data.family])
    apart = np.linalg.norm(units[rows, None] - units[rows], axis=2) + np.diag([np.inf] * len(rows))
    expected = np.mean(data.family[rows][apart.argmin(axis=1)] == data.family[rows])
    assert expected < 1
    assert f"for {expected:.0%} in the embedding" in (tmp_path / "t-sne.svg").read_text()
