"""The task on real RNAs, against figures and structures that others got from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.adapter import ModelOptions
from tests.fakes import FakeModel
from tests.tasks.structure import slow
from tests.tasks.structure.planted import dataset
from tests.tasks.structure_f1.cells import run


def test_real_rnabert_on_the_nmr_set(
    weights_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.datasets.resolve import load_dataset
    from model_adapters.catalog.models import MODELS

    if not (weights_folder / "rnabert").is_dir():
        pytest.skip("the weights of rnabert are not in HARNESS_WEIGHTS")
    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    options = ModelOptions(weights=weights_folder / "rnabert")
    record = run(MODELS["rnabert"](options), load_dataset("pdb-rna"), tmp_path, train_records=0)
    assert record.metrics["f1_pooled"].value == pytest.approx(0.042, abs=0.005)
    assert record.dataset.used == 69 and record.dataset.replaced_letters == 17
    assert record.metrics["f1_ceiling_canonical"].value == pytest.approx(0.898, abs=0.001)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pairing-prior", 0.075),
        ("pairing-prior-stacked", 0.26),
        ("pairing-prior-stacked-softmax", 0.35),
    ],
)
def test_pairing_priors_on_the_nmr_set(
    name: str, value: float, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values of an independent trial of the protocol."""
    from harness.datasets.resolve import load_dataset
    from model_adapters.models import MODELS

    monkeypatch.setenv("HARNESS_DATA", str(data_folder))
    record = run(MODELS[name](ModelOptions()), load_dataset("pdb-rna"), tmp_path, train_records=0)
    assert record.metrics["f1_pooled"].value == pytest.approx(value, abs=0.01)


class PublishedMaps(FakeModel):
    """RNA-MSM's own attention of one RNA: 10 layers of 12 heads."""

    def __init__(self, maps: NDArray[np.float32]) -> None:
        super().__init__("published", capabilities={"attention"}, layers=10, heads=12)
        self.maps = maps.reshape(10, 12, *maps.shape[1:])

    def visit_attention(self, sequences, visit) -> None:  # type: ignore[no-untyped-def]
        for index in range(len(sequences)):
            for layer in range(10):
                visit(index, layer + 1, self.maps[layer])


def test_published_attention_of_rna_msm_holds_its_predicted_structure(data_folder: Path, tmp_path: Path) -> None:
    """The pairs are those that RNA-MSM's own head predicts from these maps."""
    from harness.datasets.readers import read

    folder = data_folder / "msa" / "rna_msm_2DRB_1"
    if not folder.is_dir():
        pytest.skip("HARNESS_DATA holds no msa/rna_msm_2DRB_1")
    (original,) = read(folder / "2DRB_1.bpseq").records
    rows = [replace(original, id=split, split=split) for split in ("select", "test")]
    maps = np.load(folder / "2DRB_1_atp.npy").astype(np.float32)
    record = run(PublishedMaps(maps), dataset(rows=rows), tmp_path)
    known = {pair for pair in original.pairs or ()}
    best = {}
    for number, own in enumerate(maps):
        scores = slow.probabilities(own)
        truth = {k for k, pair in enumerate(scores) if pair in known}
        values = np.array(list(scores.values()), dtype=np.float32)
        tried = {round(float(value) * 1000) for value in values[sorted(truth)]}
        steps = sorted(step + more for step in tried for more in (-1, 0, 1))
        best[divmod(number, 12)] = max(
            slow.pooled_f1([slow.counts(values, truth, np.float32(s / 1000))]) for s in steps
        )
    assert record.metrics["f1_pooled"].value == pytest.approx(max(best.values()))
    assert record.metrics["f1_pooled"].value > 0.5
    assert best[record.basis.layer - 1, record.selected["head"]] == max(best.values())
