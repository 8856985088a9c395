"""A law, its finding and its verdict on a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from harness.adapter import Capability, ModelCard
from harness.conformance.subject import NotJudged, Subject, said_by
from harness.errors import HarnessError, Unavailable

Outcome = Literal["pass", "fail", "not-applicable", "not-judged"]


class Finding(NamedTuple):
    """What a law found: whether it holds (None: it has nothing to say of this model), a figure and one line."""

    holds: bool | None
    figure: float | None
    remark: str


class Verdict(BaseModel):
    """The outcome of one law on one model. ``figure`` is the number that decided, often the largest difference.

    ``not-judged``: a fault that another law names keeps this one from saying anything.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    law: str
    outcome: Outcome
    figure: float | None
    remark: str


@dataclass(frozen=True)
class Law:
    """A statement that holds for every sound adapter with one of the capabilities ``needs`` (if empty, for all)."""

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
        """Judge the model. An error that the adapter raises is a failure of the law that meets it first.

        Raises:
            Unavailable: something that the model needs is not on this machine: no law can say anything.
        """
        if not self.concerns(subject.card):
            lacking = " or ".join(sorted(name.replace("_", " ") for name in self.needs))
            return Verdict(law=self.name, outcome="not-applicable", figure=None, remark=f"has no {lacking}")
        try:
            holds, figure, remark = self.judge(subject)
        except Unavailable:
            raise
        except NotJudged as reason:
            return Verdict(law=self.name, outcome="not-judged", figure=None, remark=str(reason))
        except Exception as error:  # whatever an adapter raises where it must not is what the user needs to read
            first = subject.errors.setdefault(said_by(error), self.name)
            if first != self.name:
                remark = f"stopped by the same error as {first}"
                return Verdict(law=self.name, outcome="not-judged", figure=None, remark=remark)
            return Verdict(law=self.name, outcome="fail", figure=None, remark=likely_cause(subject, error))
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
        """Raise AssertionError, with the figure and the remark, where the law does not hold or cannot be judged."""
        verdict = self.law.verdict(self.subject)
        if verdict.outcome in ("fail", "not-judged"):
            raise AssertionError(f"{verdict.law}: {self.law.statement} Figure {verdict.figure}: {verdict.remark}")


def likely_cause(subject: Subject, error: Exception) -> str:
    """What the adapter raised, and what to do if a single letter causes it."""
    said = said_by(error)
    if isinstance(error, HarnessError):
        return f"raised {said}"
    unread = subject.unread_letters
    known = [letter for letter in subject.letters if letter not in unread]
    letters = [letter for letter, raised in unread.items() if raised == said]
    if not known or not letters:
        return f"raised {said}"
    letter = letters[0]
    advice = f"give {letter} a token"
    if letter == subject.unknown:
        advice = "read it as the unknown token, or raise an InputError and say so in the card's quirks"
    elif letter == "U":
        advice = "T is passed as U: map U to the vocabulary's T"
    return f"{letter} is not accepted ({said}): {advice}"


def law(name: str, *needs: Capability) -> Callable[[Callable[[Subject], Finding]], Law]:
    """Make a law of a function; the first line of its docstring is the law's statement."""
    return lambda judge: Law(name, judge, frozenset(needs))
