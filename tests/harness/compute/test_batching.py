from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compute.batching import MemoryBudget, is_out_of_memory, token_budget_batches


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 2000))
def test_batches_are_a_partition_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = token_budget_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= budget
    order = [lengths[index] for batch in batches for index in batch]
    assert order == sorted(lengths, reverse=True)


@given(st.lists(st.integers(1, 100), min_size=2, max_size=40), st.integers(100, 1000))
def test_no_batch_could_have_taken_the_next_item(lengths: list[int], budget: int) -> None:
    batches = token_budget_batches(lengths, budget)
    for batch, _ in pairwise(batches):
        assert lengths[batch[0]] * (len(batch) + 1) > budget


def budget(free: int | None = None) -> MemoryBudget:
    return MemoryBudget(lambda: free)


@given(st.lists(st.integers(1, 500), max_size=60), st.integers(1, 2000), st.sampled_from([None, 10**9]))
def test_with_room_for_all_batches_depend_on_the_items_alone(lengths: list[int], most: int, free: int | None) -> None:
    found = [list(batch) for batch, _ in budget(free).run("k", lengths, most, 4, lambda part: None)]
    assert found == token_budget_batches(lengths, most)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.integers(1, 2000))
def test_batches_take_their_share_of_what_is_free(lengths: list[int], room: int) -> None:
    found = [list(batch) for batch, _ in budget(2 * 8 * room).run("k", lengths, 10**6, 8, lambda part: None)]
    assert found == token_budget_batches(lengths, room)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.integers(100, 1000))
def test_every_item_is_computed_once_where_memory_runs_out(lengths: list[int], fits: int) -> None:
    tried = []

    def compute(part: Sequence[int]) -> list[int]:
        tried.append(list(part))
        if lengths[part[0]] * len(part) > fits:
            raise MemoryError
        return [10 * item for item in part]

    done = list(budget().run("k", lengths, 10**6, 1, compute))
    assert sorted(item for part, _ in done for item in part) == list(range(len(lengths)))
    assert [lengths[item] for part, _ in done for item in part] == sorted(lengths, reverse=True)
    assert all(result == [10 * item for item in part] for part, result in done)
    # halved from all of them to one, and no more often, however many there are
    assert len(tried) - len(done) <= 12


def test_what_did_not_fit_is_remembered_by_kind_and_for_the_next_call() -> None:
    own, sizes = budget(), []

    def compute(part: Sequence[int]) -> None:
        sizes.append(len(part))
        if len(part) > 5:
            raise MemoryError

    def run(kind: str) -> list[int]:
        sizes.clear()
        list(own.run(kind, [10] * 16, 160, 1, compute))
        return sizes.copy()

    assert run("states") == [16, 8, 4, 4, 4, 4]
    assert run("states") == [4, 4, 4, 4]
    assert run("maps")[0] == 16


def test_one_item_that_does_not_fit_and_other_errors_are_raised() -> None:
    def starve(part: Sequence[int]) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    with pytest.raises(RuntimeError, match="out of memory"):
        list(budget().run("k", [1, 1], 2, 1, starve))

    calls = []

    def fail(part: Sequence[int]) -> None:
        calls.append(part)
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        list(budget().run("k", [1, 1], 2, 1, fail))
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_torch_out_of_memory_is_recognised() -> None:
    torch = pytest.importorskip("torch")
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
