from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.compute.batching import halve_on_out_of_memory, is_out_of_memory, token_budget_batches


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


@given(st.integers(1, 40), st.integers(1, 40))
def test_halving_computes_every_item_once_in_order(size: int, fits: int) -> None:
    def compute(part: Sequence[int]) -> list[int]:
        if len(part) > fits:
            raise MemoryError
        return [10 * item for item in part]

    done = list(halve_on_out_of_memory(range(size), compute))
    assert [item for part, _ in done for item in part] == list(range(size))
    assert all(result == [10 * item for item in part] and len(part) <= fits for part, result in done)


def test_one_item_that_does_not_fit_and_other_errors_are_raised() -> None:
    def starve(part: Sequence[int]) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")

    with pytest.raises(RuntimeError, match="out of memory"):
        list(halve_on_out_of_memory([0, 1], starve))

    calls = []

    def fail(part: Sequence[int]) -> None:
        calls.append(part)
        raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        list(halve_on_out_of_memory([0, 1], fail))
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
