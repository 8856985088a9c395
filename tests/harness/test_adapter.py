from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.adapter import ModelAdapter, ModelCard
from harness.errors import InputError, NotApplicable
from tests.fakes import FakeModel


class Bare(ModelAdapter):
    """Nothing but a card and an identity."""

    card = ModelCard(name="bare", summary="", architecture="none", capabilities=frozenset())

    def identity(self) -> str:
        return "bare"


def test_what_a_model_lacks_is_not_applicable() -> None:
    model = Bare()
    calls = {
        "bare has no hidden states": lambda: model.hidden_states(["A"], [0]),
        "bare has no attention": lambda: model.visit_attention(["A"], lambda *_: None),
        "bare has no log probs": lambda: model.log_probs(["A"], [[0]]),
        "bare has no random twin": lambda: model.random_twin(),
        "bare has no layers": lambda: model.resolve_layer(0),
    }
    for reason, call in calls.items():
        with pytest.raises(NotApplicable, match=f"^{reason}$"):
            call()
    model.load()
    model.unload()
    assert model.available()


@given(st.integers(0, 4), st.integers(-7, 7))
def test_layers_count_from_either_end(layers: int, layer: int) -> None:
    model = FakeModel(layers=layers)
    names = list(range(layers + 1))
    try:
        expected = names[layer]
    except IndexError:
        with pytest.raises(InputError, match=f"has layers 0 to {layers}"):
            model.resolve_layer(layer)
    else:
        assert model.resolve_layer(layer) == expected
    assert model.layers_held(["ACGU"]) == tuple(names)


def test_a_sequence_over_the_limit_is_refused_with_its_length() -> None:
    FakeModel(max_length=4).check_lengths(["ACGU", "A"])
    FakeModel(max_length=None).check_lengths(["A" * 100_000])
    with pytest.raises(InputError, match="sequence 1 has 5 nt; fake takes at most 4"):
        FakeModel(max_length=4).check_lengths(["ACGU", "ACGUA"])


@pytest.mark.parametrize("fields", [{"colour": "red"}, {"role": "judge"}, {"capabilities": {"telepathy"}}])
def test_cards_refuse_what_they_do_not_know(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FakeModel(**fields)  # type: ignore[arg-type]


def test_cards_do_not_change() -> None:
    with pytest.raises(ValidationError):
        FakeModel().card.name = "other"  # type: ignore[misc]


def test_nucleotides_are_told_apart_unless_an_adapter_says_otherwise() -> None:
    groups = FakeModel().token_of("ACGU")
    assert groups.tolist() == [0, 1, 2, 3] and groups.dtype == "int64"


def test_exposure_is_what_the_card_says_none_without_pretraining_and_else_unknown() -> None:
    card = FakeModel().card.model_copy(update={"corpus": "everything", "exposure": {"seen": "all of it"}})
    assert [card.exposure_to(name) for name in ("seen", "other")] == ["all of it", "unknown"]
    assert card.model_copy(update={"corpus": "none"}).exposure_to("other") == "none"
