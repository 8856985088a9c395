"""Batches of similar lengths within a budget that follows the free memory, split and retried when it runs out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

Result = TypeVar("Result")

SHARE_OF_FREE = 0.5
"""Of the free memory that a batch may take: other processes take some too, and the estimate is rough."""
_MESSAGES = ("out of memory", "can't allocate memory")


def token_budget_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices in batches, longest first, so that (longest of the batch) x (batch size) stays within ``budget``.

    An item that exceeds the budget by itself gets a batch of its own. ``lengths`` may be any cost per item, such as
    squared lengths where memory grows so. Longest first: if memory is short, that shows at once.
    """
    waiting = _longest_first(lengths)
    batches = []
    while waiting:
        batches.append(_next_batch(waiting, lengths, budget))
    return batches


class MemoryBudget:
    """Runs items in batches that the memory has room for, and remembers what it had no room for.

    A batch costs at most what it is allowed, less where free memory is short: on a CPU the system would kill the
    process instead of refusing the memory. With room for all, batches depend on the items alone. Keep one for as long
    as a model is loaded.

    Args:
        free: bytes that are free now; None where that is not known.
    """

    def __init__(self, free: Callable[[], int | None]) -> None:
        self._free = free
        self._largest: dict[Hashable, int] = {}

    def run(
        self,
        kind: Hashable,
        costs: Sequence[int],
        most: int,
        bytes_each: int,
        compute: Callable[[Sequence[int]], Result],
    ) -> Iterator[tuple[Sequence[int], Result]]:
        """Yield ``(batch, compute(batch))``, as :func:`token_budget_batches` makes them; ``compute`` is called again
        with halves where memory runs out, and later batches of the same ``kind`` are no larger than those.

        Args:
            costs: of every item, such as its length or the square of it.
            most: that a batch may cost.
            bytes_each: memory of a cost of 1.

        Raises:
            Exception: whatever ``compute`` raises, out-of-memory errors included once a single item does not fit.
        """
        waiting = _longest_first(costs)
        while waiting:
            free = self._free()
            room = most if free is None else int(SHARE_OF_FREE * free / bytes_each)
            batch = _next_batch(waiting, costs, min(most, room, self._largest.get(kind, most)))
            try:
                result = compute(batch)
            except Exception as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
            else:
                yield batch, result
                continue
            # outside the handler: its traceback would keep the tensors of the failed pass alive
            self._largest[kind] = costs[batch[0]] * (len(batch) // 2)
            waiting.extendleft(reversed(batch))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that host or device memory ran out; needs no deep-learning library."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MESSAGES)
    )


def _longest_first(costs: Sequence[int]) -> deque[int]:
    return deque(sorted(range(len(costs)), key=lambda index: -costs[index]))


def _next_batch(waiting: deque[int], costs: Sequence[int], budget: int) -> list[int]:
    """Take the first items of ``waiting`` that fit into the budget together, one at least."""
    batch = [waiting.popleft()]
    while waiting and costs[batch[0]] * (len(batch) + 1) <= budget:
        batch.append(waiting.popleft())
    return batch
