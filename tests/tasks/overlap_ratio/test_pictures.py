from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from tasks.overlap_ratio.data import prepare
from tasks.overlap_ratio.pictures import draw_densities, draw_embedding
from tasks.overlap_ratio.settings import OverlapRatioSettings
from tests.tasks.overlap_ratio.planted import dataset
from tests.tasks.overlap_ratio.test_intervals import scored


def draw(folder: Path) -> list[Path]:
    data = prepare(dataset(), OverlapRatioSettings())
    units = np.random.default_rng(0).normal(size=(len(data.records), 6)).astype(np.float32)
    paths = [folder / "densities.svg", folder / "t-sne.svg"]
    draw_densities(paths[0], {"mean": scored(), "d$_c$t": scored(1)}, "a & b")
    draw_embedding(paths[1], units, data, {"F1": "t$_R$NA"}, "a & b")
    return paths


def test_pictures_are_the_same_to_the_byte_and_name_their_subject(tmp_path: Path) -> None:
    for first, second in zip(draw(tmp_path / "a"), draw(tmp_path / "b"), strict=True):
        assert first.read_bytes() == second.read_bytes()
        texts = list(ElementTree.parse(first).getroot().itertext())
        assert any("a & b" in text for text in texts)
    densities, places = (path.read_text() for path in draw(tmp_path / "c"))
    assert "overlap ratio 0." in densities and "d$_c$t" in densities and "homologous" in densities
    assert "t$_R$NA F1" in places and "F7" in places
