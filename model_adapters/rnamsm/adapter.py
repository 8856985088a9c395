"""RNA-MSM: a model that reads an alignment, whose tied row attention is shared by all of its sequences.

Run as its authors ran it (github.com/yikunpku/RNA-MSM): a leading special token and no trailing one, the columns where
the query has a gap left out, unknown letters as X, at most 512 sequences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

from harness.adapter import ModelOptions
from harness.datasets.alignments import filter_depth
from harness.errors import NotApplicable
from harness.sequences.alignment import Alignment
from model_adapters.encoder.adapter import EncoderAdapter
from model_adapters.encoder.entry import Architecture, Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from model_adapters.rnamsm.network import AlignmentNetwork

ADAPTER_VERSION = 1
"""Raised whenever the numbers that this adapter returns for the same weights change."""

MAXIMUM_DEPTH = 512

RNA_MSM = Entry(
    name="rna-msm",
    group="diverse ncRNA",
    architecture_name="rnamsm",
    architecture=Architecture(
        model_class="RnaMsmForMaskedLM",
        config_class="RnaMsmConfig",
        model_type="rnamsm",
        encoder="model",
        embeddings="model.embeddings",
        blocks="model.encoder.layer",
        attention="row_self_attention",
        final_norm="model.encoder.layer_norm",
        optional_heads=("ss_head", "model.pooler"),
        trailing=(),
    ),
    config={
        "num_hidden_layers": 10,
        "num_attention_heads": 12,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "max_position_embeddings": 1024,
    },
    hub_id="multimolecule/rnamsm",
    revision="main",
    summary="RNA-MSM, axial attention over an alignment of homologs",
    max_length=1023,
    parameters=95_923_484,
    corpus="alignments of 3,932 Rfam 14.7 families",
    licence="AGPL-3.0 (the library's conversion), MIT (the authors' code)",
    citation="Zhang et al. 2024, Nucleic Acids Research 52:e3",
    quirks=(
        "reads an alignment with its homologs, not a sequence; columns where the query has a gap are left out",
        f"an alignment of more than {MAXIMUM_DEPTH} sequences (the authors' limit) is reduced to that many diverse "
        "ones, by a greedy choice where the authors ran hhfilter",
        "alignments run one at a time, because padding in depth changes results",
        "attention is tied row attention: one map per head for the whole alignment",
    ),
)


class RnaMsmAdapter(EncoderAdapter):
    """Takes :class:`Alignment` objects; everything it returns is indexed by the nucleotides of the query."""

    attention_kernel = "eager"

    def __init__(self, entry: Entry, options: ModelOptions, initialisation: int | None = None) -> None:
        super().__init__(entry, options, initialisation)
        capabilities = frozenset({"alignment", "attention", "hidden_states"})
        self.card = self.card.model_copy(update={"capabilities": capabilities})

    def identity(self) -> str:
        return hashlib.sha256(f"{super().identity()}, alignments {ADAPTER_VERSION}".encode()).hexdigest()

    def load(self, device: str = "cpu") -> None:
        if self._network is None:
            folder = self._folder() if self.initialisation is None else None
            from model_adapters.rnamsm.network import AlignmentNetwork

            self._network = AlignmentNetwork.build(
                self.entry, folder, self.initialisation or 0, device, self.options.dtype
            )

    # A model with the capability `alignment` is given alignments where others are given strings.
    def hidden_states(
        self, sequences: Sequence[str] | Sequence[Alignment], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        """Yield ``(index, {layer: (length of the query, width) float32})``, in order.

        Raises:
            NotApplicable: a sequence was given instead of an alignment.
            InputError: a query is too long, or the model has no such layer.
        """
        wanted = {layer: self.resolve_layer(layer) for layer in layers}
        alignments = self._alignments(sequences)
        network = self._alignment_network()
        for index, alignment in enumerate(alignments):
            yield index, network.query_states(filter_depth(alignment, MAXIMUM_DEPTH), wanted)

    def visit_attention(
        self,
        sequences: Sequence[str] | Sequence[Alignment],
        visit: Callable[[int, int, NDArray[np.float32]], None],
    ) -> None:
        """Call ``visit(index, layer, maps)`` with tied row attention ``(heads, length, length)`` of the query.

        Raises:
            NotApplicable: a sequence was given instead of an alignment.
            InputError: a query is too long.
        """
        alignments = self._alignments(sequences)
        network = self._alignment_network()
        for index, alignment in enumerate(alignments):
            network.visit_row_attention(index, filter_depth(alignment, MAXIMUM_DEPTH), visit)

    def visit_attention_with_special(
        self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]
    ) -> None:
        self._lacks("attention with special tokens")

    def _alignments(self, given: Sequence[str] | Sequence[Alignment]) -> list[Alignment]:
        alignments = []
        for index, item in enumerate(given):
            if not isinstance(item, Alignment):
                raise NotApplicable(f"{self.card.name} reads alignments, but sequence {index} has none")
            alignments.append(item)
        self.check_lengths([alignment.query for alignment in alignments])
        return alignments

    def _alignment_network(self) -> AlignmentNetwork:
        self.load()
        return cast("AlignmentNetwork", self._network)
