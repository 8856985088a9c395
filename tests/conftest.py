"""Where real data and weights may be, and a fake model and task that go through the whole engine."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# a slow answer of a busy machine is no fault
settings.register_profile("harness", deadline=None)
settings.load_profile("harness")
# before torch is imported: threads that wait for each other make tests on a busy machine twenty times slower
os.environ.setdefault("OMP_NUM_THREADS", "1")

_SHARED = Path(__file__).resolve().parents[2] / "shared"


COLLECTED = pytest.StashKey[list[str]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Keep what was collected, before any plugin sorts it or leaves some out."""
    config.stash[COLLECTED] = [item.nodeid for item in items]
    yield


@pytest.fixture(autouse=True, scope="session")
def _private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor write the user's cache, and never reach for a network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_CACHE", str(tmp_path_factory.getbasetemp() / "harness-cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real datasets: ``$HARNESS_DATA``, or the folder that lies beside the checkout on the project's machines."""
    return _folder("HARNESS_DATA", _SHARED / "data")


@pytest.fixture(scope="session")
def weights_folder() -> Path:
    """Real weights: ``$HARNESS_WEIGHTS``, or the folder that lies beside the checkout."""
    return _folder("HARNESS_WEIGHTS", _SHARED / "models")


def _folder(variable: str, beside: Path) -> Path:
    folder = Path(os.environ.get(variable) or beside)
    if not folder.is_dir():
        pytest.skip(f"{variable} is not set: real files are not on this machine")
    return folder
