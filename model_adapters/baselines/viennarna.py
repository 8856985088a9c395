"""Base-pair probabilities of ViennaRNA: what a thermodynamic model achieves without learning from sequences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from harness.adapter import ModelAdapter, ModelCard, ModelOptions
from harness.errors import Unavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ADAPTER_VERSION = 1
"""Raised whenever the numbers of the same ViennaRNA change."""


class ViennaRna(ModelAdapter):
    """McCaskill base-pair probabilities at 37 °C with the default parameters (Turner 2004), N pairing with nothing."""

    card = ModelCard(
        name="viennarna",
        summary="base-pair probabilities of ViennaRNA, default parameters",
        role="reference",
        architecture="partition function",
        capabilities=frozenset({"pair_scores"}),
        corpus="none",
        licence="ViennaRNA licence (free for research and education)",
        citation="Lorenz et al. 2011, Algorithms for Molecular Biology 6:26",
        quirks=("no pseudoknots, no non-canonical pairs and no hairpin loops under 3 nt: these pairs score 0",),
    )

    def __init__(self, options: ModelOptions) -> None:
        pass

    def identity(self) -> str:
        """Hash of the version of the installed package.

        Raises:
            Unavailable: ViennaRNA is not installed.
        """
        try:
            installed = version("ViennaRNA")
        except PackageNotFoundError:
            raise Unavailable("viennarna needs a package that is not installed: run `pip install ViennaRNA`") from None
        return hashlib.sha256(f"viennarna adapter {ADAPTER_VERSION}, ViennaRNA {installed}".encode()).hexdigest()

    def available(self) -> bool:
        try:
            return bool(self.identity())
        except Unavailable:
            return False

    def pair_scores(self, sequences: Sequence[str]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield ``(index, (length, length))`` symmetric float32 probabilities, in order.

        Raises:
            Unavailable: ViennaRNA is not installed.
        """
        self.identity()
        import numpy as np
        import RNA

        for index, sequence in enumerate(sequences):
            fold = RNA.fold_compound(sequence)
            # the partition function of a long sequence overflows unless its scale is set from the minimum free energy
            fold.exp_params_rescale(fold.mfe()[1])
            fold.pf()
            upper = np.asarray(fold.bpp(), dtype=np.float32)[1:, 1:]  # counted from 1, j > i only
            yield index, upper + upper.T
