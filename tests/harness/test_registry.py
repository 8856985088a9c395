from __future__ import annotations

import json
import pickle
import sys
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


@pytest.mark.parametrize(
    "name", ["fake:trained", "fake:random:x", "fake:random:1:2", "fake:random:²", "fake:random:-1"]
)
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
        (
            "MODELS = {'rinalmo': int}\n",
            "plugin .*the model 'rinalmo', which is already registered by model_adapters.models:MODELS",
        ),
        ("MODELS = {'RNABERT': int}\n", "the model 'RNABERT', which is already registered by model_adapters"),
        ("TASKS = {'structure-f1': int}\n", "which is already registered by tasks.registered:TASKS"),
        ("DATASETS = {'rfam-seed': int}\n", "which is already registered by harness.datasets.builtin:DATASETS"),
        ("MODELS = ['mine']\n", "MODELS is a list, not a mapping from names"),
        ("MODELS = None\n", "MODELS is a NoneType, not a mapping"),
        ("MODELS = {1: int}\n", "MODELS names a model 1, which is not text"),
        ("MODELS = {'mine': 'factory'}\n", "the model 'mine' is a str, not a callable factory"),
        ("MODELS = {'x' * 300: int}\n", "'x+…' is not a valid model name"),
        ("MODELS = {'..': int}\n", r"'\.\.' is not a valid model name"),
        ("TASKS = {'<b>': int}\n", "'<b>' is not a valid task name"),
        ("DATASETS = {'a|b': int}\n", r"'a\|b' is not a valid dataset name"),
        ("import sys\nsys.exit(0)\n", r"cannot be imported: it ends the program \(sys.exit\(0\)\)"),
        ("raise BaseException('no')\n", "cannot be imported: BaseException: no"),
        ("raise SystemExit\n", r"it ends the program \(sys.exit\(None\)\)"),
    ],
)
def test_a_bad_plugin_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Registry.discover([path])
    with pytest.raises(InputError, match="is not a file"):
        Registry.discover([tmp_path / "absent.py"])


def test_an_interrupt_during_the_import_of_a_plugin_is_an_interrupt(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text("raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        Registry.discover([path])
    assert not [name for name, module in sys.modules.items() if getattr(module, "__file__", None) == str(path)]


def test_a_plugin_named_twice_is_one(tmp_path: Path) -> None:
    path = tmp_path / "plugin.py"
    path.write_text("MODELS = {'mine': int}\n")
    assert "mine" in Registry.discover([path, tmp_path / ".." / tmp_path.name / "plugin.py"]).models


DATACLASS = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Settings:
    size: int = 0

DATASETS = {"mine": Settings}
"""


def test_classes_of_a_plugin_are_found_by_their_module_and_pickle(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "json.py").write_text(DATACLASS)  # named like a module of Python
    one, two = (Registry.discover([tmp_path / folder / "json.py"]).datasets["mine"] for folder in ("one", "two"))
    assert one is not two
    for settings in (one, two):
        made = settings()
        made.size = 3  # type: ignore[attr-defined]
        assert pickle.loads(pickle.dumps(made)) == made


PLUGIN = """
import sys
from harness.adapter import ModelCard
from tests.fakes import FakeModel

class Unnamed(FakeModel):
    def __init__(self, name):
        super().__init__()
        self.card = self.card.model_copy(update={"name": name})

MODELS = {
    "exits": lambda options: sys.exit(1),
    "fails": lambda options: {}["weights"],
    "carded": lambda options: FakeModel("a b"),
    "copied": lambda options: Unnamed(".."),
    "nothing": lambda options: None,
    "poses": lambda options: FakeModel("rnabert"),
    "twin": lambda options: FakeModel("rnabert:random:1"),
    "alias": lambda options: FakeModel("carded"),
}
TASKS = {"nothing": dict}
DATASETS = {"nothing": list}
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exits", r"cannot be created: it ends the program \(sys.exit\(1\)\)"),
        ("fails", "cannot be created: KeyError: 'weights'"),
        ("carded", "cannot be created: name: 'a b' is not a valid model name"),
        ("copied", r"'\.\.' is not a valid model name"),
        ("nothing", "creates a NoneType, not a ModelAdapter"),
        ("poses", "has the name 'rnabert', already registered by model_adapters.models:MODELS"),
        ("twin", "has the name 'rnabert:random:1', already registered by model_adapters.models:MODELS"),
    ],
)
def test_whatever_a_factory_does_wrong_is_one_line_that_says_whose_it_is(tmp_path: Path, name: str, said: str) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN)
    registry = Registry.discover([path])
    with pytest.raises(InputError, match=said) as caught:
        registry.model(name)
    assert f"model {name!r} of plugin {path}" in str(caught.value) and "\n" not in str(caught.value)
    assert registry.model("alias").card.name == "carded"
    with pytest.raises(InputError, match="creates a dict, not a Task"):
        registry.task("nothing")
    with pytest.raises(InputError, match="creates a list, not a Dataset"):
        registry.dataset("nothing")


def test_neither_a_folder_of_arrays_nor_a_file_takes_the_name_of_what_is_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    registry = Registry.discover()
    for name, taken in (("mine", False), ("rnabert", True)):
        (tmp_path / "manifest.json").write_text(
            json.dumps({"format": 1, "name": name, "layers": 1, "sequences": [{"sequence": "ACGU"}]})
        )
        if not taken:
            assert registry.model(f"precomputed:{tmp_path}").card.name == name
            continue
        with pytest.raises(
            InputError, match=f"{tmp_path} has the name 'rnabert', already registered by model_adapters.models"
        ):
            registry.model(f"precomputed:{tmp_path}")
    for name, taken in (("rfam", False), ("rfam-seed", True), ("rfam-seed-unseen", True)):
        path = tmp_path / f"{name}.fasta"
        path.write_text(">a\nACGU\n")
        if not taken:
            assert registry.dataset(str(path)).card.name == name
            continue
        with pytest.raises(InputError, match=f"would be named {name}, like a registered dataset: rename the file"):
            registry.dataset(str(path))
