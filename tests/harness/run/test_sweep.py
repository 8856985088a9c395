"""Expansion of settings into cells, and what is refused before anything runs."""

from __future__ import annotations

import pytest

from harness.errors import InputError
from harness.registry import Registry
from harness.run.plan import Request
from harness.run.spec import Resolver
from harness.run.sweep import combinations, distinct, plan_sweep
from tests import fakes

REQUEST = Request(["fake"], ["fake-share"])


@pytest.fixture
def resolver() -> Resolver:
    return Resolver(registry=Registry(dict(fakes.MODELS), dict(fakes.TASKS), dict(fakes.DATASETS)))


def labels(given: list[tuple[str, str]], lists: set[str] | None = None) -> list[str]:
    return [own.label for own in combinations(given, lists or set())]


def test_every_combination_in_the_order_of_the_settings() -> None:
    given = [("k", "8,16"), ("steps", "30"), ("features", "2d, 4d,2d")]
    assert labels(given) == ["k=8, features=2d", "k=8, features=4d", "k=16, features=2d", "k=16, features=4d"]
    assert {own.fixed for own in combinations(given, set())} == {(("steps", "30"),)}


def test_a_setting_given_again_has_the_values_of_both() -> None:
    assert labels([("k", "8"), ("k", "16,8")]) == ["k=8", "k=16"]


def test_commas_of_a_list_belong_to_one_value() -> None:
    given = [("groups", "A+B,C"), ("k", "8,16")]
    assert labels(given, {"groups"}) == ["k=8", "k=16"]
    assert labels([*given[:1], ("groups", "D,E")], {"groups"}) == ["groups=A+B,C", "groups=D,E"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([("k", "8,,16")], "--set k=8,,16 contains an empty value: write k=A,B"),
        ([("k", "8,")], "contains an empty value"),
        ([("k", "8")], "nothing to sweep"),
        ([("k", "8,8")], "nothing to sweep"),
        ([], "nothing to sweep"),
    ],
)
def test_what_is_no_sweep_is_refused(given: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        combinations(given, set())


def test_cells_have_the_settings_of_their_combination_and_controls_of_their_own(resolver: Resolver) -> None:
    planned = plan_sweep(REQUEST, [("scale", "1,2"), ("seeds", "0,1")], resolver)
    found = [(own.combination.label, own.cell.model.card.name, own.cell.settings.scale) for own in planned]  # type: ignore[attr-defined]
    assert found == [
        *(("scale=1", "fake", 1.0), ("scale=1", "fake:random", 1.0)),
        *(("scale=2", "fake", 2.0), ("scale=2", "fake:random", 2.0)),
    ]
    assert {own.cell.settings.seeds for own in planned} == {(0, 1)}  # type: ignore[attr-defined]
    assert len({own.cell.identity for own in planned}) == 4 == len(distinct(planned))


def test_lists_are_swept_by_giving_them_again(resolver: Resolver) -> None:
    planned = plan_sweep(REQUEST, [("layers", "0,1"), ("layers", "2")], resolver)
    assert [own.cell.settings.layers for own in planned[::2]] == [(0, 1), (2,)]  # type: ignore[attr-defined]


def test_one_number_typed_in_two_ways_is_one_cell(resolver: Resolver) -> None:
    planned = plan_sweep(REQUEST, [("scale", "1,1.0")], resolver)
    assert len(planned) == 4 and len(distinct(planned)) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([("scale", "1,x")], r"^scale=x: fake-share: scale: .*not 'x'"),
        ([("scale", "1,2"), ("fail", "true,perhaps")], r"^scale=1, fail=perhaps: fake-share: fail: "),
        ([("scales", "1,2")], r"^scales=1: fake-share has no setting 'scales'. Did you mean scale"),
        ([("scale", "1,2"), ("fail", "perhaps")], r"^fake-share: fail: "),  # whatever the combination
    ],
)
def test_a_bad_value_is_refused_with_its_combination(
    resolver: Resolver, given: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan_sweep(REQUEST, given, resolver)


def test_an_unknown_model_is_not_blamed_on_a_combination(resolver: Resolver) -> None:
    with pytest.raises(InputError, match=r"^no model is called 'fka'"):
        plan_sweep(Request(["fka"], ["fake-share"]), [("scale", "1,2")], resolver)
