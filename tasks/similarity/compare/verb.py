"""``harness compare-models``: how alike the layers of several models are, from the states that their records kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare_models_verb(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD…", help="records of similarity, one of each model")],
    out: Annotated[Path, typer.Option("--out", help="folder to write")] = Path("compare-models"),
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Compare the representations of models on the nucleotides that their records share; runs no model."""
    from harness.progress import Progress
    from tasks.similarity.compare.comparison import compare
    from tasks.similarity.compare.page import write
    from tasks.similarity.compare.results import common, read_kept

    shared = common([read_kept(path) for path in records])
    pairs = compare(shared, Progress(debug=debug))
    print("\n".join(map(str, write(shared, pairs, out))))
