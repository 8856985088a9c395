"""A small results folder with everything that the report shows, and names that try to break out of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from harness.progress import Progress
from harness.result import ResultRecord, read_record
from harness.run.cell import run_cell
from harness.task import Highlights, Metric, TableRow
from tests.fakes import FakeModel
from tests.harness.run.test_cell import make_cell

HOSTILE = "</script><script>window.broken=1</script>"
LINK = "](javascript:window.broken=2)"
FAMILIES = ("RF00001", HOSTILE, LINK)
FEATURES, SEEDS, LAYER, WIDTH = 90, (0, 1), 2, 6
SAE_CELL = "5ae0000000000001"
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><script>window.broken=3</script>'
    '<rect width="40" height="20" fill="#0b5cad"/></svg>\n'
)


def results(folder: Path) -> Path:
    """Four results of a fake task, and one with features at one layer, two seeds and 90 features each."""
    models = [FakeModel(), FakeModel("another", "fake-2"), FakeModel("floor", "fake-3", role="floor")]
    for model in [*models, FakeModel("mute", "fake-4", capabilities={"attention"})]:
        run_cell(make_cell(model), folder, "cpu", Progress(quiet=True))
    add_features(folder)
    return folder


def add_features(folder: Path) -> None:
    path = next((folder / "fake-share" / "fake-set" / "fake").glob("*.json"))
    record = read_record(path)
    task = record.task.model_copy(update={"name": "sae-families", "headline": "auroc_macro", "columns": ()})
    made = record.model_copy(
        update={
            "cell": SAE_CELL,
            "task": task,
            "dataset": record.dataset.model_copy(update={"simulated": False}),
            "metrics": {"auroc_macro": Metric(value=0.8, low=0.7, high=0.9, n=3)},
            "table": tuple(
                TableRow(name="auroc_macro", source=source, layer=LAYER, value=value, low=value - 0.1, high=value + 0.1)
                for source, value in (("sae", 0.8), ("pca", 0.6))
            ),
            "roles": {"sae": "model", "pca": "ablation"},
            "notes": (HOSTILE,),
            "highlights": Highlights(title=HOSTILE, columns=("family",), rows=((LINK,),)),
            "files": {f"{SAE_CELL}/picture.svg": None},
        }
    )
    target = folder / "sae-families" / "fake-set" / "fake" / f"{SAE_CELL}.json"
    beside = target.with_suffix("")
    (beside / "large").mkdir(parents=True)
    (beside / "picture.svg").write_text(PICTURE)
    for name, table in tables().items():
        table.to_parquet(beside / f"{name}.parquet")
    for seed in SEEDS:
        checkpoint = beside / f"sae-layer-{LAYER}-seed-{seed}"
        checkpoint.mkdir()
        save_file({"decoder": decoder(seed)}, checkpoint / "model.safetensors")
    _write(made, target)


def decoder(seed: int) -> np.ndarray:
    """(features, width) float32; feature 1 is feature 0 but for its length."""
    rows = np.random.default_rng(seed).normal(size=(FEATURES, WIDTH)).astype(np.float32)
    rows[1] = 2 * rows[0]
    return rows


def tables() -> dict[str, pd.DataFrame]:
    """features, families and examples, as sae-families leaves them."""
    random = np.random.default_rng(0)
    features, chosen, examples = [], [], []
    for seed in SEEDS:
        for number in range(FEATURES):
            sign = -1 if number % 5 == 4 else 1
            features.append(
                {"source": "sae", "layer": LAYER, "seed": seed, "feature": number, "live": number != 3}
                | {"fraction_active": number / 1000, "maximum": 2.0, "tau": 0.5, "information": 0.25}
                | {"family": FAMILIES[number % 3], "sign": sign, "select_auroc": 0.5 + sign * number / 200}
                | {"test_auroc": 0.5 + sign * number / 250, "stability": number / 100}
            )
        for source, seeds in (("sae", seed), ("pca", None)):
            for place, family in enumerate(FAMILIES):
                chosen.append(
                    {"source": source, "layer": LAYER, "seed": seeds, "family": family, "feature": place, "sign": 1}
                    | {"select_auroc": 0.9, "auroc": 0.9 if source == "sae" else 0.6, "mcc": 0.5, "f1": 0.6}
                    | {"average_precision": 0.4, "q": 0.01 if place else np.nan, "covered": True}
                )
        for number in (0, 1, 2):
            for quantile in (1.0, 1.0, 0.5, 0.5, 0.0):
                name = f"item {len(examples)}"
                activations = (random.random(12) * (random.random(12) > 0.6) * quantile).astype(np.float32)
                examples.append(
                    {"layer": LAYER, "seed": seed, "feature": number, "quantile": quantile, "item": name}
                    | {"family": FAMILIES[number], "sequence": "".join(random.choice(list("ACGU"), 12))}
                    | {"structure": "((.[[..)).]]" if quantile else "", "activations": activations}
                )
    chosen_table = pd.DataFrame(chosen).astype({"seed": "Int64"})
    return {"features": pd.DataFrame(features), "families": chosen_table, "large/examples": pd.DataFrame(examples)}


def _write(record: ResultRecord, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    record.write(path)
