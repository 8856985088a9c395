"""Pages of 1,000 records: read, verified, ranked and written, against 100 of them in the same run."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from harness.publish.leaderboard import render_all
from harness.result import ResultRecord, read_record, read_records
from tests.benchmarks.timing import best_of

SOURCE = Path(__file__).parents[2] / "leaderboards" / "results" / "structure-f1" / "pdb-rna" / "ncrna-nano"
MODELS = 40


def copies(folder: Path, datasets: int) -> Path:
    """Results of 40 models, a quarter of them floors, on so many datasets, with draws, as a real record has them."""
    (path,) = SOURCE.glob("*.json")
    record = read_record(path)
    for number in range(MODELS * datasets):
        dataset, model = f"set-{number // MODELS}", number % MODELS
        copy = _renamed(record, f"{number:016x}", f"model-{model}", dataset, "model" if model % 4 else "floor")
        target = folder / "structure-f1" / dataset / f"model-{model}" / f"{copy.cell}.json"
        shutil.copytree(path.with_suffix(""), target.with_suffix(""))
        copy.write(target)
    return folder


def _renamed(record: ResultRecord, cell: str, model: str, dataset: str, role: str) -> ResultRecord:
    card = record.model.card.model_copy(update={"name": model, "role": role})
    return record.model_copy(
        update={
            "cell": cell,
            "model": record.model.model_copy(update={"card": card, "identity": model}),
            "dataset": record.dataset.model_copy(update={"name": dataset}),
            "files": {name.replace(record.cell, cell): digest for name, digest in record.files.items()},
        }
    )


def test_time_grows_with_the_number_of_records_and_no_faster(benchmark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    few, many = copies(tmp_path / "few", 100 // MODELS + 1), copies(tmp_path / "many", 1000 // MODELS)

    def write(folder: Path) -> int:
        found = read_records(folder)[0]
        render_all(found, folder / "leaderboards")
        return len(found)

    assert (write(few), write(many)) == (120, 1000)
    times = [best_of(partial(write, few)), benchmark.pedantic(partial(best_of, partial(write, many)), rounds=1)]
    print(f"\n120 records {times[0]:.2f} s, 1,000 records {times[1]:.2f} s")
    assert times[1] / times[0] < 2 * 1000 / 120
