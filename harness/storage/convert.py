"""Convert a file written by torch.save to safetensors, without running any code in it.

    python -m harness.storage.convert runs/my_bert              # its pytorch_model.bin, or its one .bin or .pt file
    python -m harness.storage.convert checkpoint.pt runs/my_bert

Writes ``model.safetensors`` into the folder of the weights or into the one named. Tensors that share memory are
written each for itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, InputError
from harness.storage.bounds import check_zip
from harness.storage.files import atomic_path

if TYPE_CHECKING:
    from torch import Tensor

_WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training programs put the weights, beside epochs and optimisers."""
_PARALLEL = "module."
"""What torch's DataParallel puts before every name."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_USAGE = "python -m harness.storage.convert FILE_OR_FOLDER [FOLDER_TO_WRITE_INTO]"


def convert(source: Path, folder: Path | None = None) -> Path:
    """Write the tensors of ``source``, a file or the folder of one or several, as ``model.safetensors``; its path.

    Raises:
        InputError: there is nothing to read, the file needs code to be read, holds no tensors, or the target exists.
    """
    from safetensors.torch import save_file

    target = (folder or (source if source.is_dir() else source.parent)) / "model.safetensors"
    if target.exists():
        raise InputError(f"{target} already exists: move it, or choose another output folder")
    tensors: dict[str, Tensor] = {}
    for path in _files(source):
        tensors |= _tensors(path)
    try:
        with atomic_path(target) as temporary:
            save_file(tensors, temporary, metadata={"format": "pt"})
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}): choose another folder") from error
    return target


def _files(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"{source} does not exist")
    found = sorted(path for pattern in PICKLES for path in source.glob(pattern))
    weights = [path for path in found if path.name.startswith("pytorch_model")] or found
    if not weights:
        raise InputError(f"{source} contains none of {', '.join(PICKLES)}")
    if len(weights) > 1 and not all(path.name.startswith("pytorch_model-") for path in weights):
        raise InputError(f"{source} contains {', '.join(path.name for path in weights)}: name the one with the weights")
    return weights


def _tensors(path: Path) -> dict[str, Tensor]:
    import pickle

    import torch

    check_zip(path)
    try:
        document: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{path} contains more than tensors, and reading it could run code: if you trust it, "
            f"load it in your own program and torch.save(model.state_dict(), {path.name!r}) ({_first_line(error)})"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} was not written by torch.save, or is damaged: {_first_line(error)}") from error
    for wrapper in _WRAPPERS:
        if isinstance(document, Mapping) and isinstance(document.get(wrapper), Mapping):
            document = document[wrapper]
    if not isinstance(document, Mapping) or not document:
        raise InputError(f"{path} contains no named tensors: save model.state_dict()")
    others = [str(name) for name, value in document.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise InputError(f"{path} contains {', '.join(others[:3])}, which are not tensors: save model.state_dict()")
    names = {str(name): tensor for name, tensor in document.items()}
    if all(name.startswith(_PARALLEL) for name in names):
        names = {name.removeprefix(_PARALLEL): tensor for name, tensor in names.items()}
    return {name: tensor.detach().clone().contiguous() for name, tensor in names.items()}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).split(". ")[0]


def main(arguments: list[str]) -> int:
    """The command; returns the exit code."""
    if not 1 <= len(arguments) <= 2 or arguments[0].startswith("-"):
        print(f"usage: {_USAGE}", file=sys.stderr)
        return 0 if arguments in (["--help"], ["-h"]) else InputError.exit_code
    try:
        print(convert(Path(arguments[0]), Path(arguments[1]) if len(arguments) == 2 else None))
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
