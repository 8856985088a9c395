"""Random twins: the same architecture with random weights, named and marked as a floor by the engine."""

from __future__ import annotations

import re

from harness.adapter import ModelAdapter
from harness.errors import InputError, Unavailable

_TWIN_NAME = re.compile(r"(?P<model>.+?):random(?::(?P<initialisation>\d+))?")


def twin_of(name: str) -> str | None:
    """The model that ``name`` is a random twin of; None where it is no twin."""
    own = _TWIN_NAME.fullmatch(name)
    return own["model"] if own else None


def random_twin(model: ModelAdapter, initialisation: int = 0) -> ModelAdapter:
    """The twin of ``model``, called ``NAME:random`` or ``NAME:random:INITIALISATION`` whatever its adapter calls it.

    It is a floor without a corpus, so that it never stands on a page as the trained model. The twin of a twin counts
    on from it: the first twin of ``NAME:random`` is ``NAME:random:1``.

    Raises:
        NotApplicable: the model has no random twin.
        InputError: the twin is the model itself, or the same for two initialisations.
    """
    twin = model.random_twin(initialisation)
    name, number = model.card.name, initialisation
    if own := _TWIN_NAME.fullmatch(name):
        name, number = own["model"], int(own["initialisation"] or 0) + 1 + initialisation
    _check_identities(model, twin, initialisation)
    marks: dict[str, object] = {
        "name": f"{name}:random:{number}" if number else f"{name}:random",
        "summary": f"{name} with random weights, initialisation {number}",
        "role": "floor",
        "corpus": "none",
        "exposure": {},
        "hub_id": None,
        "revision": None,
    }
    try:
        # on the instance: a card that is an attribute of the class stays the model's
        twin.card = twin.card.model_copy(update=marks)
    except AttributeError:
        raise InputError(
            f"the adapter of {name} has a read-only card, so its random twin cannot be marked: "
            "make `card` a plain attribute"
        ) from None
    return twin


def _check_identities(model: ModelAdapter, twin: ModelAdapter, initialisation: int) -> None:
    name = model.card.name
    try:
        identity = twin.identity()
        other = model.random_twin(initialisation + 1).identity()
        # the identity of a model that is not on this machine would download it
        same = twin is model or (model.available() and model.identity() == identity)
    except Unavailable:
        return
    if same:
        raise InputError(
            f"the random twin of {name} has the identity of {name}: "
            "let random_twin return a new adapter, and let identity() depend on the initialisation"
        )
    if identity == other:
        raise InputError(
            f"random twins {initialisation} and {initialisation + 1} of {name} have the same identity: "
            "let identity() depend on the initialisation"
        )
