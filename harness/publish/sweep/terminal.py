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
from harness.publish.sweep.trials import STABILITY, SweptRecord, trials


def print_sweep(swept: Sequence[SweptRecord], console: Console) -> None:
    """Headline and gain with their intervals, stability and place, of every model under every combination."""
    for trial in trials(swept):
        for model in trial.models:
            own = trial.of(model)
            title = Text.assemble("\n", terminal(trial.title, "bold"), " · ", terminal(model))
            grid = Table(title=title, title_justify="left", header_style="bold")
            grid.add_column("combination", overflow="fold")
            grid.add_column(terminal(trial.headline), justify="right")
            with_gain = any(standing.gain is not None for standing in own)
            with_stability = any(standing.stability is not None for standing in own)
            with_place = any(standing.place is not None for standing in own)
            if with_gain:
                grid.add_column("gain over floors", justify="right")
            if with_stability:
                grid.add_column(terminal(trial.record.task.label(STABILITY)), justify="right")
            if with_place:
                grid.add_column("place (ranks)", justify="right")
            for standing in own:
                cells: list[Text | str] = [terminal(label_of(standing.values)), with_interval(standing.score.headline)]
                if with_gain:
                    cells.append("–" if standing.gain is None else with_interval(standing.gain))
                if with_stability:
                    cells.append("–" if standing.stability is None else number(standing.stability.value))
                if with_place:
                    cells.append(rank_of(standing))
                grid.add_row(*cells)
            console.print(grid)
