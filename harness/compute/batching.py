"""Batches of similar lengths within a token budget, halved and retried when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Result = TypeVar("Result")

_MESSAGES = ("out of memory", "can't allocate memory")


def token_budget_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices in batches, longest first, so that (longest of the batch) x (batch size) stays within ``budget``.

    An item that exceeds the budget by itself gets a batch of its own. ``lengths`` may be any cost per item, such as
    squared lengths where memory grows so. Longest first: if memory is short, that shows at once.
    """
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def halve_on_out_of_memory(
    batch: Sequence[int], compute: Callable[[Sequence[int]], Result]
) -> Iterator[tuple[Sequence[int], Result]]:
    """Yield ``(part, compute(part))``: the whole batch, or halves of halves of it where memory runs out.

    Raises:
        Exception: whatever ``compute`` raises, out-of-memory errors included once a single item does not fit.
    """
    waiting = [batch]
    while waiting:
        part = waiting.pop()
        try:
            result = compute(part)
        except Exception as error:
            if len(part) == 1 or not is_out_of_memory(error):
                raise
        else:
            yield part, result
            continue
        # outside the handler: its traceback would keep the tensors of the failed pass alive
        middle = len(part) // 2
        waiting += [part[middle:], part[:middle]]


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that host or device memory ran out; needs no deep-learning library."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MESSAGES)
    )
