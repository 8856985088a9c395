from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.registry import Registry
from tests import fakes


@pytest.fixture
def registry() -> Registry:
    return Registry(dict(fakes.MODELS), dict(fakes.TASKS), dict(fakes.DATASETS))


def test_names_resolve(registry: Registry) -> None:
    assert registry.model("fake").card.name == "fake"
    assert registry.model("fake:random").identity() == "random-0"
    assert registry.model("fake:random:3").identity() == "random-3"
    assert registry.task("fake-share").card.headline == "share"
    assert len(registry.dataset("fake-set").records) == 3


def test_unknown_names_get_did_you_mean(registry: Registry) -> None:
    with pytest.raises(InputError, match=r"no model is called 'fke'\. Did you mean fake\?"):
        registry.model("fke")
    with pytest.raises(InputError, match="Did you mean fake-share"):
        registry.task("fake-shore")


@pytest.mark.parametrize("name", ["fake:trained", "fake:random:x", "fake:random:1:2"])
def test_a_malformed_variant_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(InputError, match="is not a model name"):
        registry.model(name)


def test_entry_points_and_plugins_are_found() -> None:
    registry = Registry.discover([Path(fakes.__file__)])
    assert {"fake", "rinalmo", "rnabert"} <= set(registry.models)
    assert {"fake-share", "sae-families"} <= set(registry.tasks)
    assert {"fake-set", "rfam-profiles"} <= set(registry.datasets)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "defines none of MODELS, TASKS, DATASETS"),
        ("import nothing_of_this_name\n", "cannot be imported: ModuleNotFoundError"),
        ("MODELS = {'rinalmo': None}\n", "a name that is taken"),
    ],
)
def test_a_bad_plugin_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Registry.discover([path])
    with pytest.raises(InputError, match="is not a file"):
        Registry.discover([tmp_path / "absent.py"])
