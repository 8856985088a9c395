"""``harness compare-groups``: features that separate groups of families, and families that share features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare_groups_verb(
    sae: Annotated[
        list[Path],
        typer.Option("--sae", help="an autoencoder of a sae-families result; repeat it for further seeds"),
    ],
    a: Annotated[
        str | None,
        typer.Option("--a", help="first group: family, clan, architecture, Rfam type or LEVEL:NAME; join several by +"),
    ] = None,
    b: Annotated[str | None, typer.Option("--b", help="second group")] = None,
    dataset: Annotated[str | None, typer.Option("--dataset", help="[default: that of the result]")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="table with a column family; its other columns are levels too")
    ] = None,
    clusters: Annotated[int, typer.Option("--clusters", help="least clusters of a family, half of them held out")] = 6,
    out: Annotated[Path, typer.Option("--out", help="folder to write")] = Path("compare-groups"),
    weights: Annotated[Path | None, typer.Option("--weights", help="folder with the model's weights")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:1")] = "auto",
    plugin: Annotated[list[Path] | None, typer.Option("--plugin", help="Python file that defines MODELS")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Compare groups of RNA families by the features of sparse autoencoders.

    Without --a and --b only the relations between all families are shown: clans recovered, and hypotheses.
    """
    from harness.adapter import ModelOptions
    from harness.cli.console import wide_console
    from harness.compute.device import resolve_device
    from harness.errors import InputError
    from harness.progress import Progress
    from harness.registry import Registry
    from tasks.sae_families.compare.run import ComparisonRun

    if (a is None) != (b is None):
        raise InputError("give both --a and --b, or neither")
    registry = Registry.discover(plugin or [])
    run = ComparisonRun.of(sae, registry, ModelOptions(weights=weights), dataset)
    words = None if a is None or b is None else (a, b)
    progress = Progress(debug=debug)
    comparison, subject = run.compare(words, labels, clusters, out, resolve_device(device), progress)
    written = run.write(comparison, subject, out)
    run.show(comparison, subject, wide_console())
    print("\n".join(map(str, written)))
