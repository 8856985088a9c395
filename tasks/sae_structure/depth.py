"""The numbers of a cell of sae-structure by layer: the headline of every source, and every element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.common import CORRELATION
from tasks.sae.depth import MODEL, TWINS, AtLayer
from tasks.sae_structure.nucleotides import ELEMENTS
from tasks.sae_structure.report import LayerResult


def numbers_by_layer(layers: Sequence[LayerResult]) -> Iterator[AtLayer]:
    """On the part of the headline; elements of the model and of its random twins."""
    for result in layers:
        for source in result.sources.values():
            macro = source.estimate("mcc", source.part.headline)
            yield AtLayer.of("mcc_macro", source.name, result.layer, macro, within=CORRELATION)
            if source.name in (MODEL, TWINS):
                for c, element in enumerate(source.part.elements):
                    own = source.estimate("mcc", [c])
                    yield AtLayer.of("mcc", source.name, result.layer, own, ELEMENTS[element], CORRELATION)
