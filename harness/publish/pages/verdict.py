"""Who is ahead, in a sentence, or that this cannot be told."""

from __future__ import annotations

from collections.abc import Sequence

from harness.statistics.ranks import Ranks


def ahead(names: Sequence[str], ranks: Ranks, others: str) -> str:
    """``names`` are Markdown, in the order of the ranks; ``others`` is what one of them is called."""
    group = ranks.groups[0]
    leaders = [names[place] for place in group]
    if len(leaders) == 1:
        return f"**{leaders[0]} is ahead** of every other {others}."
    needed = ranks.detectable[group[0], group[-1]]
    return f"**{listed(leaders)} cannot be told apart**; a difference of {needed:.3f} would show with 80 % power."


def listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
