"""Two workers against one, and a plan that is finished. Run with ``pytest tests/benchmarks --benchmark-only``."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from harness.adapter import ModelAdapter
from harness.datasets.records import Dataset
from harness.progress import QUIET
from harness.run.execute import Execution, execute
from harness.run.executors.local import local
from harness.run.plan import Request, plan
from harness.run.spec import Planned, Resolver
from harness.task import CellContext, TaskOutcome, TaskSettings
from tests import fakes

ROOT = Path(__file__).parents[2]
SECONDS_OF_WORK = 2.0
CELLS = 8


class Busy(fakes.FakeTask):
    """The same multiplications in every cell, on one thread: about two seconds of a core."""

    card = fakes.FakeTask.card.model_copy(update={"name": "busy", "floors": ()})

    def run(self, model: ModelAdapter, dataset: Dataset, settings: TaskSettings, context: CellContext) -> TaskOutcome:
        products = int(os.environ["PRODUCTS"])
        multiply(products)
        return super().run(model, dataset, settings, context)


def multiply(products: int) -> None:
    matrix = np.random.default_rng(0).normal(size=(200, 200))
    for _ in range(products):
        matrix = np.tanh(matrix @ matrix)


def products_of(seconds: float) -> int:
    multiply(50)
    start = time.process_time()
    multiply(200)
    return int(200 * seconds / (time.process_time() - start))


def planned(scales: int, task: str) -> list[Planned]:
    resolver = Resolver([Path(__file__)])
    cells = []
    for scale in range(scales):
        request = Request(["fake"], [task], settings={"scale": str(scale)}, floors=False)
        cells += [Planned(spec, resolver.cell(spec)) for spec in plan(request, resolver)]
    return cells


def bare(processes: int, products: int) -> float:
    """Seconds in which as many processes share the multiplications of all cells, with nothing else to do."""
    code = f"from tests.benchmarks.test_executors import multiply; multiply({products * CELLS // processes})"
    start = time.perf_counter()
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) for _ in range(processes)]
    assert [process.wait() for process in running] == [0] * processes
    return time.perf_counter() - start


def test_two_workers_on_two_cores(benchmark, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Wall-clock times, start of the workers included, beside what the machine has to give at that time."""
    products = products_of(SECONDS_OF_WORK)
    monkeypatch.setenv("PRODUCTS", str(products))
    cells = planned(CELLS, "busy")
    times, machine = {}, {}
    for workers in (1, 2):
        start = time.perf_counter()
        records = list(local(cells, tmp_path / str(workers), "cpu", workers, QUIET))
        times[workers] = time.perf_counter() - start
        machine[workers] = bare(workers, products)
        assert [record.status for record in records] == ["done"] * CELLS
    ratio, possible = times[1] / times[2], machine[1] / machine[2]
    print(
        f"\n{CELLS} cells: {times[1]:.1f} s by one worker, {times[2]:.1f} s by two, {ratio:.2f} times as fast; "
        f"two bare processes {possible:.2f} times as fast as one"
    )
    benchmark.extra_info |= {"ratio": ratio, "possible": possible}
    benchmark.pedantic(lambda: None, rounds=1)
    assert ratio >= 0.8 * min(possible, 2.0)  # 1.6 on two cores with nothing else to do


def test_a_finished_plan_of_a_thousand_cells(benchmark, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Seconds of CPU: what a second run of the command does after it has planned."""
    cells = planned(1000, "fake-share")
    list(execute(cells, Execution(), tmp_path, "cpu", QUIET))
    start = time.process_time()
    again = planned(1000, "fake-share")
    records = benchmark.pedantic(lambda: list(execute(again, Execution(), tmp_path, "cpu", QUIET)), rounds=1)
    seconds = time.process_time() - start
    assert len(records) == 1000
    print(f"\n1,000 finished cells: {seconds:.1f} s")
    benchmark.extra_info |= {"seconds": seconds}
    assert seconds < 3


MODELS, DATASETS = fakes.MODELS, fakes.DATASETS
TASKS = {"busy": Busy, "fake-share": fakes.FakeTask}
