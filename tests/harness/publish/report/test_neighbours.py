"""Nearest features by the cosine of decoder rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from harness.publish.report import neighbours
from harness.publish.report.neighbours import nearest


@pytest.mark.parametrize("chunk", [4, 1000])
def test_the_nearest_are_those_of_a_slow_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(neighbours, "_CHUNK", chunk)
    rows = np.random.default_rng(0).normal(size=(30, 7)).astype(np.float32)
    save_file({"decoder": rows}, tmp_path / "model.safetensors")
    features = [3, 4, 8, 11, 12, 20, 29]
    found = nearest(tmp_path, features)
    assert found is not None
    for feature, near in zip(features, found, strict=True):
        cosines = {
            other: float(rows[feature] @ rows[other] / np.linalg.norm(rows[feature]) / np.linalg.norm(rows[other]))
            for other in features
            if other != feature
        }
        expected = sorted(cosines, key=lambda other: -cosines[other])[:5]
        assert [other for other, _ in near] == expected
        assert [cosine for _, cosine in near] == pytest.approx([cosines[other] for other in expected], abs=1e-3)


def test_without_a_usable_checkpoint_there_are_none(tmp_path: Path) -> None:
    assert nearest(tmp_path, [0]) is None
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors")
    assert nearest(tmp_path, [0]) is None
    save_file({"other": np.zeros((2, 2), np.float32)}, tmp_path / "model.safetensors")
    assert nearest(tmp_path, [0]) is None
    save_file({"decoder": np.ones((2, 2), np.float32)}, tmp_path / "model.safetensors")
    assert nearest(tmp_path, [0, 7]) is None
    assert nearest(tmp_path, [1]) == [[]]
