"""Random twins are named and marked by the engine, whatever an adapter returns."""

from __future__ import annotations

from pathlib import Path
from string import Template

import pytest

from harness.adapter import ModelAdapter, ModelCard
from harness.errors import InputError, NotApplicable
from harness.registry import Registry
from harness.twins import random_twin
from tests.fakes import FakeModel


class Posing(ModelAdapter):
    """Its twins keep the card of the class, as those of a simple plugin do."""

    card = ModelCard(
        name="posing",
        summary="trained on everything",
        architecture="none",
        capabilities=frozenset({"hidden_states"}),
        corpus="RNAcentral",
        exposure={"rfam-seed": "all of it"},
        hub_id="someone/posing",
        revision="main",
    )

    def __init__(self, initialisation: int | None = None) -> None:
        self.initialisation = initialisation

    def identity(self) -> str:
        return f"posing-{self.initialisation}"

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        own = -1 if self.initialisation is None else self.initialisation
        return type(self)(own + 1 + initialisation)


@pytest.mark.parametrize(("initialisation", "name"), [(0, "posing:random"), (1, "posing:random:1")])
def test_a_twin_that_keeps_the_card_of_its_model_is_marked(initialisation: int, name: str) -> None:
    model = Posing()
    card = random_twin(model, initialisation).card
    assert (card.name, card.role, card.corpus, card.exposure) == (name, "floor", "none", {})
    assert (card.hub_id, card.revision) == (None, None) and "random weights" in card.summary
    assert card.architecture == "none" and card.exposure_to("rfam-seed") == "none"
    assert model.card is Posing.card and Posing.card.name == "posing" and Posing.card.role == "model"


def test_the_twin_of_a_twin_counts_on() -> None:
    twin = random_twin(Posing(), 1)
    assert [random_twin(twin, i).card.name for i in (0, 2)] == ["posing:random:2", "posing:random:4"]
    assert random_twin(twin, 0).identity() == "posing-2"


class Same(Posing):
    def identity(self) -> str:
        return "the same"


class SameTwins(Posing):
    def identity(self) -> str:
        return f"{self.initialisation is None}"


class Itself(Posing):
    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return self


class Fixed(Posing):
    @property
    def card(self) -> ModelCard:  # type: ignore[override]
        return Posing.card


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Same(), "the random twin of posing has the identity of posing: "),
        (Itself(), "the random twin of posing has the identity of posing: "),
        (SameTwins(), "random twins 0 and 1 of posing have the same identity: "),
        (Fixed(), "has a read-only card"),
    ],
)
def test_a_twin_that_is_no_other_model_is_refused(model: ModelAdapter, words: str) -> None:
    with pytest.raises(InputError, match=words):
        random_twin(model)
    assert Posing.card.name == "posing"


def test_a_model_that_is_not_on_this_machine_is_not_asked_who_it_is() -> None:
    class Absent(Posing):
        def available(self) -> bool:
            return self.initialisation is not None

        def identity(self) -> str:
            assert self.initialisation is not None, "this would download the weights"
            return super().identity()

    assert random_twin(Absent()).card.name == "posing:random"


def test_a_model_without_a_twin_says_so() -> None:
    class Alone(FakeModel):
        random_twin = ModelAdapter.random_twin

    with pytest.raises(NotApplicable, match="has no random twin"):
        random_twin(Alone())


def test_the_twin_of_the_template_does_not_pose_as_the_model(tmp_path: Path) -> None:
    template = Path(__file__).parents[2] / "harness" / "cli" / "templates" / "model.py.txt"
    plugin = tmp_path / "mine.py"
    text = template.read_text().replace('corpus="none"', 'corpus="RNAcentral"')
    plugin.write_text(Template(text).substitute({"name": "mine", "module": "mine", "class": "Mine"}))
    registry = Registry.discover([plugin])
    cards = [registry.model(name).card for name in ("mine", "mine:random", "mine:random:2")]
    assert [card.name for card in cards] == ["mine", "mine:random", "mine:random:2"]
    assert [card.role for card in cards] == ["model", "floor", "floor"]
    assert [card.corpus for card in cards] == ["RNAcentral", "none", "none"]
