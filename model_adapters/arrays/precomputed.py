"""``precomputed:FOLDER``: a model that is a folder of arrays, so that any model can be scored wherever it ran."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.adapter import Capability, ModelAdapter, ModelCard, ModelOptions
from harness.errors import HarnessError, InputError, Unavailable
from harness.sequences.alignment import Alignment
from harness.storage.cache import file_digest
from model_adapters.arrays.folder import DOCUMENTATION, MANIFEST, Arrays, abbreviated, open_array, read_manifest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Precomputed(ModelAdapter):
    """Arrays that were computed elsewhere, looked up by sequence; an alignment is looked up by its query.

    Raises:
        InputError: the folder holds no manifest, or one that does not say what it must.
    """

    def __init__(self, options: ModelOptions) -> None:
        self.folder = Path(options.argument).expanduser()
        self.named = bool(options.argument)
        if not self.named:  # as in a listing of all models
            self.card = ModelCard(
                name="precomputed:",
                summary="a folder of attention maps and hidden states, written precomputed:FOLDER",
                architecture="arrays",
                capabilities=frozenset({"attention", "hidden_states"}),
            )
            return
        self.manifest = manifest = read_manifest(self.folder)
        capabilities: set[Capability] = set()
        if any(arrays.attention for arrays in manifest.sequences):
            capabilities.add("attention")
        if any(arrays.hidden_states for arrays in manifest.sequences):
            capabilities.add("hidden_states")
        self.card = ModelCard(
            name=manifest.name,
            summary=manifest.summary,
            architecture="arrays",
            alphabet=manifest.alphabet,
            capabilities=frozenset(capabilities),
            layers=manifest.layers,
            heads=manifest.heads,
            width=manifest.width,
            licence=manifest.licence,
            citation=manifest.citation,
            quirks=("computed elsewhere and read from files: this record does not know how",),
        )

    def identity(self) -> str:
        """Hash of the sequences and of the files that hold their arrays, wherever these lie.

        Raises:
            InputError: no folder was named, or a file is missing.
        """
        if not self.named:
            raise InputError(f"precomputed needs a folder: write precomputed:FOLDER ({DOCUMENTATION})")
        sequences = [
            [
                sequence,
                arrays.attention and self._digest(arrays.attention),
                {layer: self._digest(reference) for layer, reference in arrays.hidden_states.items()},
            ]
            for sequence, arrays in sorted(self._arrays.items())
        ]
        manifest = self.manifest
        facts = [manifest.format, manifest.alphabet, manifest.layers, manifest.heads, manifest.width, sequences]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def available(self) -> bool:
        try:
            return bool(self.identity())
        except HarnessError:
            return False

    def layers_held(self, sequences: Sequence[str]) -> tuple[int, ...]:
        found = [set(self._find(sequence).hidden_states) for sequence in sequences]
        return tuple(sorted(map(int, set.intersection(*found))))

    def hidden_states(
        self, sequences: Sequence[str], layers: Sequence[int]
    ) -> Iterator[tuple[int, dict[int, NDArray[np.float32]]]]:
        """Yield ``(index, {layer: (length, width) float32})``, in order.

        Raises:
            Unavailable: the folder lacks a sequence, or a layer of it.
            InputError: an array is missing, damaged, of another shape or not finite.
        """
        wanted = {layer: str(self.resolve_layer(layer)) for layer in layers}
        found = [self._find(sequence) for sequence in sequences]
        for arrays in found:
            if absent := [key for key in wanted.values() if key not in arrays.hidden_states]:
                what = f"{self.folder} has no hidden states of layer {absent[0]}"
                raise Unavailable(f"{what} for sequence {abbreviated(arrays.sequence)}: add them to {MANIFEST}")
        for index, arrays in enumerate(found):
            states = {}
            for layer, key in wanted.items():
                reference = arrays.hidden_states[key]
                with self._open(reference, (len(arrays.sequence), self.manifest.width)) as array:
                    states[layer] = self._float32(array[:], reference)
            yield index, states

    def visit_attention(self, sequences: Sequence[str], visit: Callable[[int, int, NDArray[np.float32]], None]) -> None:
        """Call ``visit(index, layer, maps)`` with ``(heads, length, length)`` float32, in order.

        Raises:
            Unavailable: the folder lacks a sequence, or its attention.
            InputError: an array is missing, damaged, of another shape or not finite.
        """
        found = [self._find(sequence) for sequence in sequences]
        references = []
        for arrays in found:
            if arrays.attention is None:
                what = f"{self.folder} has no attention for sequence {abbreviated(arrays.sequence)}"
                raise Unavailable(f"{what}: add it to {MANIFEST}")
            references.append(arrays.attention)
        layers, heads = self.manifest.layers, self.manifest.heads or 0
        for index, (arrays, reference) in enumerate(zip(found, references, strict=True)):
            length = len(arrays.sequence)
            stacked, flat = (layers, heads, length, length), (layers * heads, length, length)
            with self._open(reference, stacked, flat) as array:
                for layer in range(layers):
                    maps = array[layer] if array.ndim == 4 else array[layer * heads : (layer + 1) * heads]
                    visit(index, layer + 1, self._float32(maps, reference))

    @cached_property
    def _arrays(self) -> dict[str, Arrays]:
        return {arrays.sequence: arrays for arrays in self.manifest.sequences}

    def _find(self, sequence: str | Alignment) -> Arrays:
        query = sequence.query if isinstance(sequence, Alignment) else sequence
        if query not in self._arrays:
            raise Unavailable(f"{self.folder} has no arrays for sequence {abbreviated(query)}: add it to {MANIFEST}")
        return self._arrays[query]

    def _path(self, reference: str) -> tuple[Path, str]:
        name, _, key = reference.partition("#")
        return self.folder / Path(name).expanduser(), key

    def _digest(self, reference: str) -> list[str]:
        path, key = self._path(reference)
        if not path.is_file():
            raise InputError(f"{path} does not exist: {self.folder / MANIFEST} names it")
        return [file_digest(path), key]

    @contextmanager
    def _open(self, reference: str, *shapes: tuple[int | None, ...]) -> Iterator[Any]:
        with open_array(*self._path(reference)) as array:
            if array.shape not in shapes:
                wanted = " or ".join(map(str, shapes))
                raise InputError(f"{self.folder / reference} has shape {array.shape}, not {wanted}")
            yield array

    def _float32(self, array: Any, reference: str) -> NDArray[np.float32]:
        import numpy as np

        values: NDArray[np.float32] = np.array(array, dtype=np.float32)
        if not np.isfinite(values).all():
            raise InputError(f"{self.folder / reference} contains values that are not finite")
        return values
