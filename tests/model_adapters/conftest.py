"""Every known architecture at a reduced size, and the same network built by the library itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model_adapters.catalog.models import ENTRIES
from model_adapters.encoder.entry import Entry

REDUCED = {"num_hidden_layers": 3, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 48}
ARCHITECTURES = ("rinalmo-micro", "rnafm", "rnabert", "ernierna", "rnaernie", "splicebert", "utrlm-te_el")


def reduced(name: str, **changes: Any) -> Entry:
    """The catalog's entry of ``name`` with a small network."""
    entry = ENTRIES[name]
    return entry.model_copy(update={"config": {**entry.config, **REDUCED, **changes}})


def upstream(entry: Entry, seed: int = 0) -> Any:
    """The network of ``entry`` by direct use of multimolecule, with eager attention."""
    import multimolecule
    import torch

    torch.manual_seed(seed)
    config = getattr(multimolecule, entry.architecture.config_class)(**entry.config, attn_implementation="eager")
    return getattr(multimolecule, entry.architecture.model_class)(config).eval()


def sequences(*lengths: int, seed: int = 0) -> list[str]:
    """Random sequences over A C G U with a few N."""
    random = np.random.default_rng(seed)
    return ["".join(random.choice(list("ACGUN"), n, p=[0.24, 0.24, 0.24, 0.24, 0.04])) for n in lengths]


@pytest.fixture(params=ARCHITECTURES)
def entry(request: pytest.FixtureRequest) -> Entry:
    return reduced(request.param)
