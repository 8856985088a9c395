"""Records on real data whose figures are known: headline, draws, card, depths and scores of items as a test wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from harness.progress import Progress
from harness.publish.figures.values import Trial, trials
from harness.publish.groups import Records
from harness.publish.leaderboard import render_all
from harness.publish.scores import boards
from harness.result import ResultRecord
from harness.run.cell import run_cell
from harness.statistics.bootstrap import Estimate
from harness.statistics.draws import draws_table
from harness.task import Metric, Place, TableRow
from tests.fakes import FakeModel
from tests.harness.run.test_cell import make_cell

ITEMS = 30


def record(
    folder: Path,
    name: str,
    value: float,
    draws: ArrayLike | None = None,
    *,
    task: str = "fake-share",
    card: Mapping[str, Any] | None = None,
    higher: bool = True,
    table: Sequence[TableRow] = (),
    items: Mapping[str, float] | None = None,
    families: Sequence[str | None] | None = None,
    **changes: Any,
) -> tuple[Path, ResultRecord]:
    """One record below ``folder``. ``items``: F1 by sequence, of ``families``; ``changes``: of the task's entry."""
    ran = run_cell(make_cell(FakeModel(name, name)), folder / task, "cpu", Progress(quiet=True))
    (path,) = (folder / task).rglob(f"{ran.cell}.json")
    files = {key: None for key in ran.files if not key.endswith(".parquet")}
    if draws is not None:
        drawn = np.asarray(draws, dtype=np.float64)
        estimates = {Place("share", "model", 2): Estimate(value, drawn, ITEMS)}
        draws_table(estimates).to_parquet(path.with_suffix("") / "draws.parquet", index=False)
        files[f"{ran.cell}/draws.parquet"] = None
    if items is not None:
        known = list(families or [None] * len(items))
        rows = pd.DataFrame({"item": list(items), "cluster": None, "family": known, "metric": "f1"})
        other = rows.assign(metric="length", value=100.0)
        both = pd.concat([rows.assign(value=list(items.values())), other])
        both.to_parquet(path.with_suffix("") / "items.parquet", index=False)
        files[f"{ran.cell}/items.parquet"] = None
    low, high = (None, None) if draws is None else np.percentile(np.asarray(draws), [2.5, 97.5]).tolist()
    return path, ran.model_copy(
        update={
            "model": ran.model.model_copy(update={"card": ran.model.card.model_copy(update=dict(card or {}))}),
            "task": ran.task.model_copy(update={"name": task} | changes),
            "dataset": ran.dataset.model_copy(update={"simulated": False}),
            "metrics": {"share": Metric(value=value, low=low, high=high, n=ITEMS, higher_is_better=higher)},
            "table": tuple(table),
            "files": files,
        }
    )


def standings(*groups: Records) -> list[Trial]:
    """The trials of records, every argument those of one task."""
    return trials({members[0][1].task.name: boards(members) for members in groups})


def pages(records: Records, out: Path) -> dict[str, str]:
    return {path.name: text for path, text in render_all(records, out).items()}
