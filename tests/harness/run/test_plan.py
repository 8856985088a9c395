from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.adapter import ModelAdapter, ModelOptions
from harness.errors import InputError, NotApplicable
from harness.registry import Registry
from harness.run.cell import Cell
from harness.run.plan import Request, parse_layers, plan
from harness.run.spec import Resolver
from tests import fakes


@pytest.fixture
def registry() -> Registry:
    return Registry(dict(fakes.MODELS), dict(fakes.TASKS), dict(fakes.DATASETS))


def cells_of(request: Request, registry: Registry) -> list[Cell]:
    resolver = Resolver(registry=registry)
    return [resolver.cell(spec) for spec in plan(request, resolver)]


def names(request: Request, registry: Registry) -> list[str]:
    return [cell.model.card.name for cell in cells_of(request, registry)]


def test_floors_are_planned_beside_the_model(registry: Registry) -> None:
    assert names(Request(["fake"], ["fake-share"]), registry) == ["fake", "fake:random"]
    assert names(Request(["fake"], ["fake-share"], floors=False), registry) == ["fake"]
    assert names(Request(["fake:random"], ["fake-share"]), registry) == ["fake:random"]
    assert names(Request(["fake", "fake:random"], ["fake-share"]), registry) == ["fake", "fake:random"]


def test_a_floor_is_a_control_of_the_models_that_ask_for_it(registry: Registry) -> None:
    registry.models["other"] = lambda options: fakes.FakeModel("other", "other-1")
    cells = {cell.model.card.name: cell for cell in cells_of(Request(["fake", "other"], ["fake-share"]), registry)}
    assert [cell.model.card.name for cell in cells["fake:random"].control_of] == ["fake"]
    assert [cell.model.card.name for cell in cells["other:random"].control_of] == ["other"]
    assert cells["fake"].control_of == cells["other"].control_of == ()


def test_a_family_pattern_gives_every_cell_families_from_the_headers(registry: Registry, tmp_path: Path) -> None:
    path = tmp_path / "mine.fasta"
    path.write_text(">s1 kind=tRNA\nACGU\n>s2 kind=5S\nACGG\n")
    request = Request(["fake"], ["fake-share"], [str(path)], family=r"kind=(\S+)")
    assert [cell.dataset.families for cell in cells_of(request, registry)] == [["5S", "tRNA"]] * 2


class Twinless(fakes.FakeModel):
    """Has no weights, so no random ones either."""

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        raise NotApplicable("twinless has no random twin")


def test_a_model_without_a_random_twin_is_planned_alone(registry: Registry) -> None:
    registry.models["twinless"] = lambda options: Twinless("twinless")
    assert names(Request(["twinless", "fake"], ["fake-share"]), registry) == ["twinless", "fake", "fake:random"]
    with pytest.raises(NotApplicable):
        cells_of(Request(["twinless:random"], ["fake-share"]), registry)


class Short(fakes.FakeModel):
    """Takes at most 30 nt, in whole codons, and so does its twin."""

    def __init__(self, name: str = "short", identity: str = "short-1") -> None:
        super().__init__(name, identity, max_length=30, length_multiple=3)

    def random_twin(self, initialisation: int = 0) -> ModelAdapter:
        return Short("short:random", f"short-random-{initialisation}")


def lengths(cell: Cell) -> tuple[int, int, int]:
    return cell.settings.longest, cell.settings.shortest, cell.settings.length_multiple


def test_floors_take_the_lengths_that_their_model_takes(registry: Registry) -> None:
    registry.models["counts"] = lambda options: Twinless("counts", "counts-1", layers=None, max_length=None)
    registry.models["short"] = lambda options: Short()
    registry.models["other"] = lambda options: fakes.FakeModel("other", "other-1")
    registry.tasks["fake-share"] = WithCounts
    cells = cells_of(Request(["fake", "short", "other"], ["fake-share"]), registry)
    assert [(cell.model.card.name, lengths(cell)) for cell in cells] == [
        ("fake", (50, 1, 1)),
        ("short", (30, 1, 3)),
        ("other", (50, 1, 1)),
        ("counts", (50, 1, 1)),
        ("counts", (30, 1, 3)),
        ("fake:random", (50, 1, 1)),
        ("short:random", (30, 1, 3)),
        ("other:random", (50, 1, 1)),
    ]
    beside = [[asked.model.card.name for asked in cell.control_of] for cell in cells[3:5]]
    assert beside == [["fake", "other"], ["short"]]
    assert cells[3].identity != cells[4].identity


def test_a_floor_asked_for_by_name_runs_again_on_the_lengths_of_another_model(registry: Registry) -> None:
    registry.models["counts"] = lambda options: Twinless("counts", "counts-1", max_length=50)
    registry.models["short"] = lambda options: Short()
    registry.tasks["fake-share"] = WithCounts
    cells = cells_of(Request(["fake", "short", "counts"], ["fake-share"]), registry)
    own = [(lengths(cell), len(cell.control_of)) for cell in cells if cell.model.card.name == "counts"]
    assert own == [((50, 1, 1), 0), ((30, 1, 3), 1)]


def test_layers_are_resolved_before_identity(registry: Registry) -> None:
    last, two = (cells_of(Request(["fake"], ["fake-share"], layers=text), registry)[0] for text in ("-1", "2"))
    (default, _) = cells_of(Request(["fake"], ["fake-share"]), registry)
    assert last.identity == two.identity == default.identity
    assert default.settings.model_dump()["layers"] == (2,)


def test_a_floor_without_layers_ignores_the_layers_asked_for(registry: Registry) -> None:
    registry.models["counts"] = lambda options: Twinless("counts", "counts-1", layers=None)
    registry.tasks["fake-share"] = WithCounts
    cells = cells_of(Request(["fake"], ["fake-share"], layers="all"), registry)
    layers = {cell.model.card.name: cell.settings.model_dump()["layers"] for cell in cells}
    assert layers == {"fake": (0, 1, 2), "counts": (-1,), "fake:random": (0, 1, 2)}
    # beside an encoder it is the same cell whatever the layers
    other = cells_of(Request(["fake"], ["fake-share"], layers="1"), registry)
    assert [cell.identity == own.identity for cell, own in zip(cells, other, strict=True)] == [False, True, False]
    # asked for by name too, as long as another model has layers
    assert names(Request(["counts", "fake"], ["fake-share"], layers="1"), registry) == ["counts", "fake", "fake:random"]
    with pytest.raises(InputError, match="--layer: counts has no layers to choose from"):
        cells_of(Request(["counts"], ["fake-share"], layers="all"), registry)


class WithCounts(fakes.FakeTask):
    card = fakes.FakeTask.card.model_copy(update={"floors": ("counts", "{model}:random")})


@pytest.mark.parametrize(
    ("text", "layers"), [("0", (0,)), ("0-2", (0, 1, 2)), ("2,0,2", (0, 2)), ("-1,0", (0, 2)), ("all", (0, 1, 2))]
)
def test_parse_layers(text: str, layers: tuple[int, ...]) -> None:
    assert parse_layers(text, fakes.FakeModel()) == layers


@pytest.mark.parametrize("text", ["x", "", "1-", "2-1", "3", "-4", "0-3"])
def test_layers_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_layers(text, fakes.FakeModel())


def test_a_model_without_layers_is_not_applicable() -> None:
    with pytest.raises(NotApplicable):
        parse_layers("all", fakes.FakeModel(layers=None))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"sclae": "1"}}, "no setting 'sclae'. Did you mean scale"),
        ({"settings": {"scale": "wide"}}, "scale: .*number"),
        ({"seeds": "0,x"}, "seeds.1: .*integer"),
        ({"limit": 0}, "limit: .*greater than or equal to 1"),
        ({"layers": "7"}, "fake has layers 0 to 2"),
        ({"options": ModelOptions(weights=Path("x")), "models": ["fake", "mute"]}, "--weights applies to one model"),
    ],
)
def test_bad_settings_are_one_line(registry: Registry, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        cells_of(Request(**({"models": ["fake"], "tasks": ["fake-share"]} | changes)), registry)
    assert "\n" not in str(caught.value)


def test_settings_are_read_by_type(registry: Registry) -> None:
    cells = cells_of(Request(["fake"], ["fake-share"], seeds="4,5", limit=3, settings={"scale": "2"}), registry)
    settings = cells[0].settings.model_dump()
    assert (settings["seeds"], settings["scale"], settings["limit"]) == ((4, 5), 2.0, 3)


class WindowTask(fakes.FakeTask):
    card = fakes.FakeTask.card.model_copy(update={"name": "window-share", "windows": True})


def test_in_windows_a_model_and_its_floors_take_any_length(registry: Registry) -> None:
    registry.tasks["window-share"] = WindowTask
    lengths = {
        long: {(cell.settings.longest, cell.settings.long) for cell in cells_of(request, registry)}
        for long in ("skip", "window")
        for request in [Request(["fake"], ["window-share"], settings={"longest": "900", "long": long})]
    }
    assert lengths == {"skip": {(50, "skip")}, "window": {(900, "window")}}
    same = [Request(["fake"], ["window-share"], settings=own) for own in ({}, {"long": "skip"})]
    first, second = ([cell.identity for cell in cells_of(request, registry)] for request in same)
    assert first == second
    with pytest.raises(InputError, match=r"fake-share reads every sequence as a whole.*omit --long"):
        plan(Request(["fake"], ["fake-share"], settings={"long": "window"}), Resolver(registry=registry))
