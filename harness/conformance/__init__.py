"""The laws that every adapter must obey: small, named, and chosen by the capabilities in the model's card.

``harness check --model NAME`` prints them. For a model of another package, as pytest cases (docs/conformance.md)::

    @pytest.mark.parametrize("law", laws_for(MyAdapter), ids=str)
    def test_law(law):
        law.demand()
"""

from __future__ import annotations

from pathlib import Path

from harness.adapter import ModelFactory
from harness.conformance import attention, batches, card, files, letters, places, probabilities, scores, tokens, weights
from harness.conformance.law import BoundLaw, Law, Verdict
from harness.conformance.subject import Subject
from harness.errors import HarnessError

LAWS: tuple[Law, ...] = (
    *letters.LAWS,
    *tokens.LAWS,
    *card.LAWS,
    *batches.LAWS,
    *attention.LAWS,
    *places.LAWS,
    *probabilities.LAWS,
    *scores.LAWS,
    *weights.LAWS,  # from here on the model is loaded again, in another number format or with other weights
    *files.LAWS,
)

__all__ = ["LAWS", "BoundLaw", "Law", "Subject", "Verdict", "check", "laws_for"]


def check(make: ModelFactory, device: str = "cpu", weights: Path | None = None) -> list[Verdict]:
    """The verdict of every law on the adapter that ``make(ModelOptions(weights=weights))`` returns, in their order.

    Laws that change a copy of the weights need their folder: ``weights``, or :meth:`ModelAdapter.weights_folder`.

    Raises:
        HarnessError: the model cannot be loaded: its weights are not on this machine, or damaged. No law is at fault.
    """
    subject = Subject(make, device, weights)
    try:
        with subject.running():
            pass
    except HarnessError:
        raise
    except Exception:  # a fault of the adapter: every law that meets it will say so
        pass
    return [law.verdict(subject) for law in LAWS]


def laws_for(make: ModelFactory, device: str = "cpu", weights: Path | None = None) -> list[BoundLaw]:
    """The laws that apply to an adapter, bound to one that they share; loads nothing yet."""
    subject = Subject(make, device, weights)
    return [BoundLaw(law, subject) for law in LAWS if law.concerns(subject.card)]
