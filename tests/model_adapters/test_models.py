from __future__ import annotations

import subprocess
import sys

from harness.adapter import ModelOptions
from harness.registry import Registry
from model_adapters.catalog.models import ENTRIES
from model_adapters.models import MODELS


def test_names_are_registered_and_agree_with_their_cards() -> None:
    registry = Registry.discover()
    full_name = {alias: entry.name for entry in ENTRIES.values() for alias in entry.aliases}
    for name, factory in MODELS.items():
        assert factory(ModelOptions()).card.name == full_name.get(name, name)
        assert registry.model(name).card.name == full_name.get(name, name)


def test_naming_a_model_imports_no_numerical_library() -> None:
    code = (
        "import sys; from harness.adapter import ModelOptions; from model_adapters.models import MODELS;"
        "[make(ModelOptions()) for make in MODELS.values()];"
        "sys.exit(','.join({'numpy', 'scipy', 'torch', 'multimolecule', 'RNA', 'h5py'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
