"""Kill cells at random moments, start them again, and compare what they end in with an undisturbed run.

    python -m tests.integration.kills KILLS FOLDER [SEED]

Every run is a fork of one process that has imported everything and computed nothing (a fork loses the threads of a
computation), so that a start costs no imports and 200 kills take
minutes. Prints one JSON line per trial, and fails at the first difference.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from harness.adapter import ModelOptions
from harness.progress import Progress
from harness.result import read_record, read_records
from harness.run.environment import code_stamp
from harness.run.executors.serial import serial
from harness.run.plan import Request, plan
from harness.run.spec import Resolver

SETTINGS: dict[str, dict[str, str]] = {
    "sae-families": {
        "limit": "4",
        "features": "64",
        "k": "4",
        "steps": "12",
        "batch_size": "256",
        "seeds": "0,1",
        "draws": "100",
    },
    "sae-structure": {
        "limit": "60",
        "features": "64",
        "k": "4",
        "steps": "12",
        "batch_size": "256",
        "seeds": "0,1",
        "draws": "100",
    },
    "structure-f1": {"limit": "24", "draws": "100"},
    "overlap-ratio": {"limit": "6", "draws": "100"},
}
MOST_KILLS_OF_A_CELL = 6
_IMPORTED = (
    "torch",
    "multimolecule.models.rinalmo",
    "transformers",
    "pandas",
    "pyarrow.parquet",
    "sklearn.decomposition",
    "sklearn.linear_model",
    "sklearn.manifold",
    "sklearn.metrics",
    "scipy.optimize",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "safetensors.torch",
    "model_adapters.encoder.network",
    "tasks.sae_families.run",
    "tasks.sae_structure.run",
    "tasks.structure_f1.run",
    "tasks.overlap_ratio.run",
)


def start(task: str, results: Path) -> int:
    """Run the cell of a task in a fork, as ``harness run`` does; its process id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        import harness.task
        import tasks.sae.dictionaries

        # cells of seconds keep everything, as cells of hours do
        harness.task.KEPT_AFTER_SECONDS = 0.0
        tasks.sae.dictionaries.CHECKPOINT_SECONDS = 0.0
        request = Request(
            ["ncrna-nano"],
            [task],
            ["rfam-profiles-unseen"],
            settings=SETTINGS[task],
            options=ModelOptions(),
            floors=False,
        )
        resolver = Resolver()
        (spec,) = plan(request, resolver)
        (record,) = serial([resolver.cell(spec)], results, "cpu", Progress())
        code = int(record.status != "done")
    finally:
        os._exit(code)


def facts(results: Path) -> tuple[dict[str, Any], list[str]]:
    """What must not depend on how often a cell was stopped: the record with the hashes of its files, and all names."""
    (path,) = [path for path in results.rglob("*.json") if len(path.relative_to(results).parts) == 4]
    document = read_record(path).document()
    del document["environment"], document["digest"]
    return document, sorted(str(file.relative_to(results)) for file in results.rglob("*") if file.is_file())


def trial(task: str, results: Path, kills: int, seconds: float, draw: random.Random) -> int:
    """Kill at most ``kills`` times, then let it end. Returns how many runs were killed before they ended."""
    killed = 0
    while killed < kills:
        pid = start(task, results)
        deadline = time.monotonic() + draw.uniform(0, seconds)
        ended = 0
        while not ended and time.monotonic() < deadline:
            time.sleep(0.002)
            ended = os.waitpid(pid, os.WNOHANG)[0]
        if ended:
            break
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        killed += os.WIFSIGNALED(status)
        problems = read_records(results)[1]
        assert not problems, problems
    _, status = os.waitpid(start(task, results), 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"{task} ended with {status} after {killed} kills"
    return killed


def main(kills: int, folder: Path, seed: int) -> None:
    for module in _IMPORTED:
        importlib.import_module(module)
    code_stamp()  # asks git, once for all forks
    os.environ["HARNESS_CACHE"] = str(folder / "cache")
    draw = random.Random(seed)
    expected, seconds = {}, {}
    for task in SETTINGS:
        began = time.monotonic()
        _, status = os.waitpid(start(task, folder / "undisturbed" / task), 0)
        assert status == 0, f"{task} fails undisturbed"
        seconds[task] = time.monotonic() - began
        expected[task] = facts(folder / "undisturbed" / task)
    done = number = 0
    while done < kills:
        task = list(SETTINGS)[number % len(SETTINGS)]
        results = folder / f"{number}-{task}"
        killed = trial(task, results, min(MOST_KILLS_OF_A_CELL, kills - done), seconds[task], draw)
        found = facts(results)
        assert found == expected[task], f"{task} differs after {killed} kills: {results}"
        done, number = done + killed, number + 1
        print(json.dumps({"task": task, "kills": killed, "kills so far": done}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
