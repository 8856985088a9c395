"""The table of a sweep in the terminal: one for every task, dataset and model, within 100 columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.publish.escape import terminal
from harness.publish.format import number, with_interval
from harness.publish.sweep.page import rank_of
from harness.publish.sweep.picture import label_of
from harness.publish.sweep.trials import STABILITY, Standing, SweptRecord, Trial, trials


def print_sweep(swept: Sequence[SweptRecord], console: Console) -> None:
    """Headline and gain with their intervals, stability and place, of every model under every combination."""
    for trial in trials(swept):
        for model in trial.models:
            own = trial.of(model)
            columns = _columns(trial, own)
            title = Text.assemble("\n", terminal(trial.title, "bold"), " · ", terminal(model))
            grid = Table(title=title, title_justify="left", header_style="bold")
            grid.add_column("combination", overflow="fold")
            for name, cells in columns.items():
                # names fold where there is no room, numbers never
                grid.add_column(terminal(name), justify="right", min_width=max(map(len, cells)))
            for standing, *cells in zip(own, *columns.values(), strict=True):
                grid.add_row(terminal(label_of(standing.values)), *cells)
            console.print(grid)


def _columns(trial: Trial, own: Sequence[Standing]) -> dict[str, list[str]]:
    """What there is of each standing, by the name of the column; columns without a number are left out."""
    found = {trial.headline: [with_interval(standing.score.headline) for standing in own]}
    if any(standing.gain is not None for standing in own):
        found["gain over floors"] = ["–" if s.gain is None else with_interval(s.gain) for s in own]
    if any(standing.stability is not None for standing in own):
        label = trial.record.task.label(STABILITY)
        found[label] = ["–" if s.stability is None else number(s.stability.value) for s in own]
    if any(standing.place is not None for standing in own):
        found["place (ranks)"] = [rank_of(standing) for standing in own]
    return found
