"""Ranks, gains and comparisons from records with draws, on records whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import InputError
from harness.progress import Progress
from harness.publish.comparison import compare_models
from harness.publish.leaderboard import render_all
from harness.publish.scores import board
from harness.result import ResultRecord
from harness.run.cell import run_cell
from harness.statistics.bootstrap import Estimate
from harness.statistics.draws import draws_table
from harness.task import Metric, Place
from tests.fakes import FakeModel
from tests.harness.run.test_cell import make_cell

DRAWS = np.random.default_rng(0).normal(size=(6, 1000))
ERROR = 0.01 * (DRAWS[0] - DRAWS[1]).std(ddof=1)


def made(
    folder: Path, name: str, value: float, role: str = "model", noise: int | None = 0, higher: bool = True
) -> tuple[Path, ResultRecord]:
    """A record on real data with a headline of this value and a standard error of 0.01; without ``noise`` no draws."""
    record = run_cell(make_cell(FakeModel(name, name)), folder, "cpu", Progress(quiet=True))
    card = record.model.card.model_copy(update={"role": role})
    path = folder / "fake-share" / "fake-set" / name.replace(":", "_") / f"{record.cell}.json"
    files = {key: digest for key, digest in record.files.items() if not key.endswith("draws.parquet")}
    if noise is not None:
        draws = {Place("under another name", "mean", 2): Estimate(value, value + 0.01 * DRAWS[noise], 30)}
        draws_table(draws).to_parquet(path.with_suffix("") / "draws.parquet", index=False)
        files[f"{record.cell}/draws.parquet"] = None
    return path, record.model_copy(
        update={
            "model": record.model.model_copy(update={"card": card}),
            "dataset": record.dataset.model_copy(update={"simulated": False}),
            "metrics": {
                "share": Metric(value=value, low=value - 0.02, high=value + 0.02, n=30, higher_is_better=higher)
            },
            "table": (),
            "files": files,
        }
    )


def test_ranks_are_of_models_and_gains_over_floors_of_the_group_and_own_twins(tmp_path: Path) -> None:
    members = [
        made(tmp_path, "best", 0.9, noise=0),
        made(tmp_path, "second", 0.6, noise=1),
        made(tmp_path, "third", 0.59, noise=2),
        made(tmp_path, "kmer", 0.3, "floor", noise=3),
        made(tmp_path, "best:random", 0.7, "floor", noise=4),
        made(tmp_path, "probe", 0.99, "reference", noise=5),
    ]
    standing = board(members)
    assert [(own.name, own.rank) for own in standing.models] == [("best", "1"), ("second", "2–3"), ("third", "2–3")]
    gains = [own.gain for own in standing.models]
    assert [gain and gain.hardest for gain in gains] == ["best:random", "kmer", "kmer"]
    assert gains[0] is not None and gains[0].smallest.value == pytest.approx(0.2)
    assert [own.name for own in standing.controls] == ["probe", "best:random", "kmer"]
    page = render_all(members, tmp_path)[tmp_path / "fake-share.md"]
    assert "**best is ahead** of every other model." in page


def test_where_lower_is_better_the_lowest_leads_and_a_gain_is_positive(tmp_path: Path) -> None:
    members = [
        made(tmp_path, "low", 0.1, higher=False),
        made(tmp_path, "high", 0.5, noise=1, higher=False),
        made(tmp_path, "kmer", 0.3, "floor", noise=2, higher=False),
    ]
    (first, second) = board(members).models
    assert (first.name, first.rank, second.rank) == ("low", "1", "2")
    assert first.gain is not None and first.gain.smallest.value == pytest.approx(0.2)
    assert second.gain is not None and second.gain.smallest.high < 0
    page = render_all(members, tmp_path)[tmp_path / "fake-share.md"]
    assert "A floor, kmer, does better than high." in page


def test_older_records_have_a_place_and_no_rank(tmp_path: Path) -> None:
    members = [
        made(tmp_path, "old", 0.95, noise=None),
        made(tmp_path, "new", 0.9),
        made(tmp_path, "newer", 0.5, noise=1),
    ]
    standing = board(members)
    assert [(own.name, own.rank) for own in standing.models] == [("old", "–"), ("new", "1"), ("newer", "2")]
    assert "| –      | **old**" in render_all(members, tmp_path)[tmp_path / "fake-share.md"]


def test_the_twins_of_a_model_are_one_row_with_mean_and_range(tmp_path: Path) -> None:
    members = [made(tmp_path, "model", 0.9)]
    members += [
        made(tmp_path, f"model:random{number}", value, "floor", noise)
        for number, value, noise in (("", 0.2, 1), (":1", 0.3, 2), (":2", 0.4, 3))
    ]
    page = render_all(members, tmp_path)[tmp_path / "fake-share.md"]
    row = "model with random weights<br><sub>floor, mean of 3</sub> | 0.300<br><sub>0.200&nbsp;to&nbsp;0.400</sub>"
    assert row in " ".join(page.split())
    for path, _ in members:
        assert path.name in page


def test_the_readme_keeps_its_text_and_opens_with_models_by_tasks(tmp_path: Path) -> None:
    members = [made(tmp_path, "one", 0.9), made(tmp_path, "other", 0.5, noise=1)]
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n\nHow these were made.\n")
    text = render_all(members, tmp_path)[readme]
    assert text.startswith("# Title\n\n<!-- standings -->") and text.endswith("\n\nHow these were made.\n")
    assert "[fake-share](fake-share.md)" in text and "| **one** | 0.900 <sub>" in " ".join(text.split())
    readme.write_text(text)
    assert render_all(members, tmp_path)[readme] == text


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        (0.5, "first is better than second by 0.300"),
        (0.79, f"cannot tell; a difference of {2.8016 * ERROR:.3f} would show with 80 % power"),
    ],
)
def test_a_comparison_says_which_is_better_or_that_it_cannot_tell(tmp_path: Path, second: float, verdict: str) -> None:
    members = [made(tmp_path, "first", 0.8), made(tmp_path, "second", second, noise=1)]
    (comparison,) = compare_models(members, "first", "second", "fake-share", None)
    assert comparison.verdict() == verdict
    assert comparison.lines[0].difference is not None
    assert comparison.lines[0].difference.interval.value == pytest.approx(0.8 - second)


def test_a_comparison_without_draws_says_what_to_do_and_one_without_results_what_to_run(tmp_path: Path) -> None:
    members = [made(tmp_path, "first", 0.8), made(tmp_path, "second", 0.3, noise=None)]
    (comparison,) = compare_models(members, "first", "second", "fake-share", None)
    assert comparison.verdict().startswith("cannot tell: these results keep no bootstrap draws")
    with pytest.raises(InputError, match="harness run --model third --task fake-share"):
        compare_models(members, "first", "third", "fake-share", None)
