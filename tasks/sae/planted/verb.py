"""``harness sae-check``: sparse autoencoders on features that are known."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated, Any

import typer


def sae_check_verb(
    width: Annotated[int, typer.Option("--width", help="dimensions of a hidden state")] = 128,
    features: Annotated[
        int, typer.Option("--features", help="planted features; more than --width of them overlap")
    ] = 256,
    active: Annotated[float, typer.Option("--active", help="mean number of features active at a nucleotide")] = 6.0,
    children: Annotated[
        float, typer.Option("--children", help="share of features that fire only where a parent does")
    ] = 0.2,
    noise: Annotated[float, typer.Option("--noise", help="standard deviation of the noise per dimension")] = 0.05,
    steps: Annotated[int, typer.Option("--steps", help="training steps of 2,048 nucleotides")] = 3000,
    seed: Annotated[str, typer.Option("--seed", help="seeds such as 0,1,2")] = "0,1,2",
    variant: Annotated[
        str, typer.Option("--variant", help="batchtopk, topk, relu, jumprelu, matryoshka; separate several by commas")
    ] = "batchtopk,topk,relu,jumprelu,matryoshka",
    json_output: Annotated[bool, typer.Option("--json", help="print one JSON document on stdout")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Train sparse autoencoders on planted features and report how many they recover."""
    import json

    from pydantic import TypeAdapter, ValidationError

    from harness.errors import InputError, did_you_mean
    from harness.progress import Progress
    from harness.task import Seeds
    from tasks.sae.planted.check import planted_variants, sae_check, summary
    from tasks.sae.planted.truth import PlantedSettings

    try:
        settings = PlantedSettings(width=width, features=features, active=active, children=children, noise=noise)
        seeds = TypeAdapter(Seeds).validate_python(seed.split(","))
        known = planted_variants(settings, steps)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"sae-check: {where + ': ' if where else ''}{first['msg']}") from None
    names = [name.strip() for name in variant.split(",")]
    if unknown := [name for name in names if name not in known]:
        hint = did_you_mean(unknown[0], known)
        raise InputError(f"no variant is called {unknown[0]!r}.{hint} Known: {', '.join(known)}")
    with Progress(debug=debug).track("training", steps) as advance:
        table = sae_check(
            settings, {name: known[name] for name in names}, seeds, progress=lambda step, total: advance(step)
        )
    if json_output:
        print(json.dumps({"rows": json.loads(table.to_json(orient="records"))}, indent=1))
        return
    _print(summary(table).to_dict("records"), len(seeds))


_COLUMNS = {
    "recovered": "recovered",
    "precision": "precision",
    "recall": "recall",
    "fve_raw": "FVE",
    "dead_share": "dead",
    "stability": "stability",
}


def _print(rows: list[dict[Hashable, Any]], seeds: int) -> None:
    from rich.table import Table

    from harness.cli.console import wide_console
    from harness.publish.format import number

    title = f"Planted features, mean over {seeds} seeds [lowest, highest]"
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False, collapse_padding=True)
    table.add_column("variant")
    for heading in _COLUMNS.values():
        table.add_column(heading, justify="right")
    for row in rows:
        cells = [
            "–" if row[name] != row[name] else f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"
            for name in _COLUMNS
        ]
        table.add_row(str(row["variant"]), *cells)
    console = wide_console()
    console.print(table)
    sparsity = ", ".join(f"{row['variant']} {number(row['l0'])}" for row in rows)
    console.print(
        "recovered: share of planted features matched at cosine > 0.9; precision and recall: of where matched features "
        f"fire; active features per nucleotide: {sparsity}"
    )
