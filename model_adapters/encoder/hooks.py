"""What hooks on the modules of a network share: reading what a module returns, and leaving its pass early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

Hook = Callable[[nn.Module, Any, Any], Any]


class Enough(Exception):
    """Raised in a hook once everything asked for is there: the rest of the network need not run."""


class VisitorError(Exception):
    """Carries an error of the caller's own function out of the hooks, so that no batch is run again for it."""


@contextmanager
def visiting() -> Iterator[None]:
    """Around a call of the caller's own function."""
    try:
        yield
    except Exception as error:
        raise VisitorError from error


def last_recorder(captured: list[Tensor]) -> Hook:
    """Keeps what a module returns, and ends the pass."""

    def record(module: nn.Module, arguments: Any, output: Any) -> None:
        captured.append(hidden_of(output))
        raise Enough

    return record


def hidden_of(output: Any) -> Tensor:
    hidden: Tensor = output[0] if isinstance(output, tuple) else output
    return hidden


def to_numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array
