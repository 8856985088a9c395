"""What a law is, and what it says of a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from harness.adapter import Capability, ModelCard
from harness.conformance.subject import Subject
from harness.errors import Unavailable

Outcome = Literal["pass", "fail", "not-applicable"]


class Finding(NamedTuple):
    """What a law found: whether it holds (None: it has nothing to say of this model), a figure and one line."""

    holds: bool | None
    figure: float | None
    remark: str


class Verdict(BaseModel):
    """The outcome of one law on one model. ``figure`` is the number that decided, often the largest difference."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    law: str
    outcome: Outcome
    figure: float | None
    remark: str


@dataclass(frozen=True)
class Law:
    """A statement that holds of every sound adapter with one of the capabilities ``needs``, or where empty of all."""

    name: str
    judge: Callable[[Subject], Finding]
    needs: frozenset[Capability]

    def __str__(self) -> str:
        return self.name

    @property
    def statement(self) -> str:
        return (self.judge.__doc__ or "").splitlines()[0]

    def concerns(self, card: ModelCard) -> bool:
        return not self.needs or bool(self.needs & card.capabilities)

    def verdict(self, subject: Subject) -> Verdict:
        """Judge the model. An error that the adapter raises is a failure of the law that met it.

        Raises:
            Unavailable: something that the model needs is not on this machine: no law can say anything.
        """
        if not self.concerns(subject.card):
            lacking = ", ".join(sorted(name.replace("_", " ") for name in self.needs))
            return Verdict(law=self.name, outcome="not-applicable", figure=None, remark=f"without {lacking}")
        try:
            holds, figure, remark = self.judge(subject)
        except Unavailable:
            raise
        except Exception as error:  # whatever an adapter raises where it must not is what the user needs to read
            said = " ".join(f"{type(error).__name__}: {error}".split())
            return Verdict(law=self.name, outcome="fail", figure=None, remark=f"raised {said}")
        outcome: Outcome = "not-applicable" if holds is None else "pass" if holds else "fail"
        return Verdict(law=self.name, outcome=outcome, figure=figure, remark=remark)


@dataclass(frozen=True)
class BoundLaw:
    """A law with the model that it is to judge: one pytest case."""

    law: Law
    subject: Subject

    def __str__(self) -> str:
        return self.law.name

    def demand(self) -> None:
        """Raise AssertionError, with the figure and the remark, where the law does not hold."""
        verdict = self.law.verdict(self.subject)
        if verdict.outcome == "fail":
            raise AssertionError(f"{verdict.law}: {self.law.statement} Figure {verdict.figure}: {verdict.remark}")


def law(name: str, *needs: Capability) -> Callable[[Callable[[Subject], Finding]], Law]:
    """Make a law of a function; the first line of its docstring is the law's statement."""
    return lambda judge: Law(name, judge, frozenset(needs))
