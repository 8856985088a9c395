"""Detects what a model must not touch as it loads and runs: the network, and the process's gradient mode."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

_CALLS = ((socket.socket, "connect"), (socket.socket, "connect_ex"), (socket, "getaddrinfo"))


class Watch:
    """A context, entered as often as need be, that refuses the network and notes who asks, and sees changed modes."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        """Addresses that were asked for."""
        self.changed_gradient_mode = False
        self._originals: list[tuple[Any, str, Any]] = []

    def __enter__(self) -> Watch:
        for owner, name in _CALLS:
            self._originals.append((owner, name, getattr(owner, name)))
            setattr(owner, name, self._refusing(name, getattr(owner, name)))
        # not imported yet: then it starts in its own default, with gradients
        self._gradients = sys.modules["torch"].is_grad_enabled() if "torch" in sys.modules else True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for owner, name, original in self._originals:
            setattr(owner, name, original)
        self._originals.clear()
        if "torch" in sys.modules:
            torch = sys.modules["torch"]
            self.changed_gradient_mode |= torch.is_grad_enabled() != self._gradients
            torch.set_grad_enabled(self._gradients)

    def _refusing(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*arguments: Any, **options: Any) -> Any:
            first = arguments[0] if arguments else options.get("host")
            if isinstance(first, socket.socket):
                if first.family not in (socket.AF_INET, socket.AF_INET6):
                    return original(*arguments, **options)  # between processes of this machine
                first = arguments[1]
            self.reached.append(f"{name} {first}")
            raise OSError("network access is blocked while a model is checked")

        return refuse
