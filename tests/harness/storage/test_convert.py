from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from harness.errors import InputError
from harness.storage.convert import convert, main
from harness.storage.weights import find_weights

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b.bias": torch.tensor([1, 2])}


class Payload:
    """What a hostile file would run on loading."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


def assert_whole(path: Path) -> None:
    found = load_file(path)
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) and found[name].dtype == TENSORS[name].dtype for name in TENSORS)


@pytest.mark.parametrize(
    "document",
    [
        TENSORS,
        {"state_dict": TENSORS, "epoch": 3},
        {"model": {f"module.{name}": tensor for name, tensor in TENSORS.items()}, "optimizer": {}},
        {name: tensor.requires_grad_() if tensor.is_floating_point() else tensor for name, tensor in TENSORS.items()},
    ],
    ids=["plain", "state_dict", "module", "parameters"],
)
def test_tensors_are_those_that_were_saved(document: Any, tmp_path: Path) -> None:
    torch.save(document, tmp_path / "weights.pt")
    target = convert(tmp_path / "weights.pt")
    assert target == tmp_path / "model.safetensors"
    assert_whole(target)


def test_shared_transposed_and_sliced_tensors_are_written_each_for_itself(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    torch.save({"one": whole, "same": whole, "turned": whole.T, "part": whole[1:]}, tmp_path / "weights.pt")
    found = load_file(convert(tmp_path / "weights.pt", tmp_path / "new"))
    assert torch.equal(found["one"], whole) and torch.equal(found["same"], whole)
    assert torch.equal(found["turned"], whole.T) and torch.equal(found["part"], whole[1:])


def test_a_folder_in_parts_and_the_command_of_the_error_message(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for number, (name, tensor) in enumerate(TENSORS.items(), start=1):
        torch.save({name: tensor}, tmp_path / f"pytorch_model-0000{number}-of-00002.bin")
    torch.save({"lr": 1.0}, tmp_path / "training_args.bin")
    with pytest.raises(InputError, match=r"pickles are not read: run `python -m harness\.storage\.convert") as error:
        find_weights("mine", tmp_path)
    command = str(error.value).split("`")[1].split()
    assert command[-1] == str(tmp_path)
    done = subprocess.run([sys.executable, *command[1:]], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "model.safetensors")
    assert_whole(tmp_path / "model.safetensors")
    assert find_weights("mine", tmp_path) == tmp_path


def test_a_file_that_needs_code_is_refused_and_its_code_does_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    torch.save({"a": torch.zeros(1), "b": Payload(marker)}, tmp_path / "weights.pt")
    with pytest.raises(InputError, match="reading it could run code") as error:
        convert(tmp_path / "weights.pt")
    assert "\n" not in str(error.value) and not marker.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["weights.pt"]


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "weights.pt")
    with pytest.raises(InputError, match=r"torch.save\(model.state_dict\(\), 'weights.pt'\)"):
        convert(tmp_path / "weights.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no torch file", "weights.pt"),
        (b"", "weights.pt was not written by torch.save, or is damaged"),
        ({"a": torch.zeros(1), "epoch": 3}, "contains epoch, which are not tensors"),
        ([torch.zeros(1)], "contains no named tensors"),
        ({}, "contains no named tensors"),
    ],
    ids=["text", "empty", "number", "list", "nothing"],
)
def test_what_holds_no_weights_is_refused_in_one_line(content: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=message) as error:
        convert(path)
    assert "\n" not in str(error.value) and list(tmp_path.iterdir()) == [path]


def test_nothing_is_overwritten_or_guessed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="does not exist"):
        convert(tmp_path / "absent.pt")
    with pytest.raises(InputError, match="contains none of"):
        convert(tmp_path)
    for name in ("one.pt", "two.pt"):
        torch.save(TENSORS, tmp_path / name)
    with pytest.raises(InputError, match=r"contains one.pt, two.pt: name the one with the weights"):
        convert(tmp_path)
    assert main([str(tmp_path / "one.pt")]) == 0
    assert main([str(tmp_path / "two.pt")]) == 2
    assert "already exists" in capsys.readouterr().err
    assert main([]) == 2 and main(["--help"]) == 0
