"""``harness annotate``: features of new sequences, with what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def annotate_verb(
    file: Annotated[Path, typer.Argument(help="sequences: FASTA, CSV or any other format that --dataset takes")],
    sae: Annotated[Path, typer.Option("--sae", help="an autoencoder of a result: results/…/CELL/sae-layer-L-seed-S")],
    out: Annotated[
        Path | None, typer.Option("--out", help="start of the files to write [default: the name of FILE here]")
    ] = None,
    weights: Annotated[Path | None, typer.Option("--weights", help="folder with the model's weights")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:1")] = "auto",
    plugin: Annotated[list[Path] | None, typer.Option("--plugin", help="Python file that defines MODELS")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Mark the nucleotides of new sequences with the features that were confirmed on held-out ones.

    Writes OUT.tsv, one line per nucleotide and active feature, OUT.bed, the stretches of called concepts, and OUT.html,
    a page with the sequences coloured by activation.
    """
    from harness.adapter import ModelOptions
    from harness.compute.device import resolve_device
    from harness.datasets.readers import read
    from harness.errors import InputError
    from harness.progress import Progress
    from harness.registry import Registry
    from tasks.sae.annotate.annotation import annotate
    from tasks.sae.annotate.files import SUFFIXES, annotation_files
    from tasks.sae.annotate.meanings import meanings, record_of
    from tasks.sae.annotate.page import AnnotationPage
    from tasks.sae.autoencoder.model import SparseAutoencoder

    record = record_of(sae)
    registry = Registry.discover(plugin or [])
    model = registry.model(record.model.card.name, ModelOptions(weights=weights))
    autoencoder = SparseAutoencoder.load(sae, model.identity())
    found = meanings(sae, autoencoder, record)
    dataset = read(file)
    chosen = resolve_device(device)
    progress = Progress(debug=debug)
    if dataset.replaced_letters:
        progress.message(f"{dataset.replaced_letters:,} letters other than A C G T U N were replaced by N")
    model.load(chosen)
    autoencoder.to(chosen)
    start = Path(file.name.partition(".")[0]) if out is None else out
    read_by = f"{record.model.card.name} (layer {autoencoder.layer}, seed {autoencoder.seed})"
    subject = f"{read_by}, chosen on {record.dataset.name}"
    page = AnnotationPage(file.name, subject, found)
    try:
        with annotation_files(start, page) as files, progress.track("sequences", len(dataset.records)) as advance:
            for done, (read_record, codes) in enumerate(annotate(model, autoencoder, found, dataset.records), 1):
                files.add(read_record, codes, found)
                advance(done)
    except OSError as error:
        raise InputError(f"{start}.tsv cannot be written: {error.strerror}; choose another --out") from None
    print("\n".join(f"{start}.{suffix}" for suffix in SUFFIXES))
