"""The page, tables and pictures of ``harness compare-models``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.publish.escape import csv_cell, markdown
from harness.publish.pictures import save_svg
from harness.statistics.bootstrap import Estimate, Interval
from harness.storage.files import write_text
from tasks.similarity.compare.comparison import PairOfModels, layer_table, matrix
from tasks.similarity.compare.results import Common
from tasks.similarity.comparisons import MEASURES
from tasks.similarity.pictures import SMALL, WORDS, heat, scale_beside

PAGE, LAYERS, PICTURE = "README.md", "layers.tsv", "models.svg"
PAIRS_DRAWN = 15
"""Pairs with a heat map of their own; the table has all."""


def write(common: Common, pairs: list[PairOfModels], out: Path) -> list[Path]:
    """Everything; the paths, the page first."""
    out.mkdir(parents=True, exist_ok=True)
    names = [own.name for own in common.models]
    subject = _data(common)
    draw_models(out / PICTURE, pairs, names, subject)
    drawn = [out / f"layers-{number}.svg" for number in range(1, 1 + len(pairs[:PAIRS_DRAWN]))]
    for path, pair in zip(drawn, pairs, strict=False):
        draw_pair(path, pair, subject)
    table = layer_table(pairs).map(csv_cell)
    write_text(out / LAYERS, table.to_csv(sep="\t", index=False, float_format="%.4f", lineterminator="\n"))
    write_text(out / PAGE, page(common, pairs, drawn))
    return [out / PAGE, out / PICTURE, *drawn, out / LAYERS]


def page(common: Common, pairs: list[PairOfModels], drawn: list[Path]) -> str:
    lines = [
        "# Models compared",
        "",
        f"Last layers on {len(common.items):,} RNAs of {markdown(_data(common))}, {common.each} nucleotides of "
        "each. Intervals are over RNAs. A random twin in the place of either model shows what architecture and letters "
        "alone give. Where the difference is over 0, the two learned something in common; under 0, what they learned "
        "moved them apart.",
        "",
        *_table(pairs),
        "",
        f"![All pairs of models]({PICTURE})",
        "",
        *[f"![Layers of two models]({path.name})" for path in drawn],
        "",
        *_coarse(common),
        f"All pairs of layers: [{LAYERS}]({LAYERS}).",
    ]
    return "\n".join(lines) + "\n"


def _data(common: Common) -> str:
    data = common.models[0].record.dataset
    return f"{data.name} (simulated)" if data.simulated else data.name


def _table(pairs: list[PairOfModels]) -> list[str]:
    lines = [
        "| models | measure | last layers | with a random twin | difference | permuted |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for pair in pairs:
        models = f"{markdown(pair.first)}, {markdown(pair.second)}"
        for measure in MEASURES:
            own = pair.last[measure], pair.beside.get(measure), pair.beyond(measure), pair.permuted[measure]
            lines.append(f"| {' | '.join([models, WORDS[measure], *map(_text, own)])} |")
            models = ""
    return lines


def _coarse(common: Common) -> list[str]:
    coarse = [own.record.model.card for own in common.models if own.record.model.card.resolution != "1 nt"]
    return [
        f"{markdown(card.name)} reads {markdown(card.tokenisation)} tokens: nucleotides of one token share a state.\n"
        for card in coarse
    ]


def _text(found: Estimate | Interval | None) -> str:
    if found is None or np.isnan(found.value):
        return "–"
    own = found.interval() if isinstance(found, Estimate) else found
    return f"{own.value:.3f} [{own.low:.3f}, {own.high:.3f}]"


def draw_models(path: Path, pairs: list[PairOfModels], names: list[str], subject: str) -> None:
    """Every measure of the last layers, models by models."""
    from matplotlib.figure import Figure

    size = 1.4 + 0.28 * len(names)
    figure = Figure(figsize=(len(MEASURES) * size + 1.2, size + 0.6), layout="constrained")
    panels = list(figure.subplots(1, len(MEASURES)))
    for axes, measure in zip(panels, MEASURES, strict=True):
        mesh = heat(axes, matrix(pairs, names, measure), names, names)
        axes.set_title(WORDS[measure], size=SMALL)
    scale_beside(figure, mesh, panels, "similarity")
    figure.suptitle(f"Last layers of models · {subject}", size=SMALL + 2, parse_math=False)
    save_svg(figure, path)


def draw_pair(path: Path, pair: PairOfModels, subject: str) -> None:
    """All layers of one model with all of the other."""
    from matplotlib.figure import Figure

    rows, columns = (sorted({places[side] for places in pair.layers}) for side in (0, 1))
    figure = Figure(figsize=(2.6 * len(MEASURES) + 0.6, 2.9), layout="constrained")
    panels = list(figure.subplots(1, len(MEASURES)))
    for axes, measure in zip(panels, MEASURES, strict=True):
        values = np.array([[pair.layers[i, j][measure].value for j in columns] for i in rows])
        mesh = heat(axes, values, rows, columns)
        axes.set_title(WORDS[measure], size=SMALL)
        axes.set_ylabel(f"layer of {pair.first}", size=SMALL, parse_math=False)
        axes.set_xlabel(f"layer of {pair.second}", size=SMALL, parse_math=False)
    scale_beside(figure, mesh, panels, "similarity")
    figure.suptitle(f"{pair.first} and {pair.second} · {subject}", size=SMALL + 2, parse_math=False)
    save_svg(figure, path)
