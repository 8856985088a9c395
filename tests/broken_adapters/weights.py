"""Faults of loading, precision, identity and random twins."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from tests.sound_adapters import LETTERS, Floats, Sound, drawn


class PhonesHome(Sound):
    def load(self, device: str = "cpu") -> None:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.1).close()


class SwitchesGradientsOff(Sound):
    def load(self, device: str = "cpu") -> None:
        import torch

        torch.set_grad_enabled(False)


class DoublePrecision(Sound):
    def sequence_vectors(self, sequences: Sequence[str]) -> Any:
        return super().sequence_vectors(sequences).astype(np.float64)


class OverflowsInLowPrecision(Sound):
    def compare(self, first: Floats, second: Floats) -> float:
        return float("inf") if self.options.dtype == "bfloat16" else super().compare(first, second)


class IdentityWithoutFormat(Sound):
    def facts(self) -> list[object]:
        return super().facts()[:-1]


class IdentityByChance(Sound):
    def facts(self) -> list[object]:
        return [*super().facts(), id(self)]


class TwinsShareIdentity(Sound):
    def facts(self) -> list[object]:
        return super().facts() if self.initialisation is None else ["random", self.options.dtype]


class TwinIsTheModel(Sound):
    def weights(self) -> dict[str, Floats]:
        return drawn(0) if self.initialisation is not None else super().weights()


class OneTwinOnly(Sound):
    """Takes no notice of which initialisation is asked for."""

    def weights(self) -> dict[str, Floats]:
        return drawn(1) if self.initialisation is not None else super().weights()


class IgnoresWeights(Sound):
    def weights(self) -> dict[str, Floats]:
        return drawn(0) if self.initialisation is None else super().weights()


class IdentityByName(Sound):
    """The same identity whatever the weights."""

    def facts(self) -> list[object]:
        return ["sound", self.initialisation, self.vocabulary(), self.options.dtype]


class IdentityByPath(Sound):
    def facts(self) -> list[object]:
        return [*super().facts(), str(self.weights_folder())]


class OwnVocabularyOrder(Sound):
    """Numbers letters by a list of its own, whatever the tokenizer's file says."""

    def vocabulary(self) -> list[str]:
        return [*LETTERS, "<mask>", "<start>"]
