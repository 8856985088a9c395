"""The gain of a score over each of several floors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.statistics.bootstrap import Estimate, Interval


@dataclass(frozen=True)
class Gain:
    """The smallest of the gains over floors. ``hardest`` names the floor of that gain, the first of equals.

    ``over`` holds the paired difference to every floor, score less floor.
    """

    smallest: Interval
    hardest: str
    over: Mapping[str, Interval]


def smallest_gain(score: Estimate, floors: Mapping[str, Estimate]) -> Gain:
    """The gain over every floor at once, from paired draws, by the intersection-union argument (Berger 1982).

    "Better than every floor" is false as soon as one floor is as good. A test that rejects only where each floor is
    beaten at level α is wrong no more often than the test against the one floor that is as good, so that α needs no
    correction for the number of floors, and no floor has to be chosen first. Turned into an interval: value, low and
    high are the smallest of the values, of the lows and of the highs of the paired differences, and the smallest true
    gain lies under ``low`` no more often than one difference lies under its own. ``high`` has no such guarantee: where
    several floors are alike, value and high are on the small side.

    Raises:
        ValueError: there is no floor, or one is not from the same items and draws.
    """
    if not floors:
        raise ValueError("a gain needs at least one floor")
    over = {name: (score - floor).interval() for name, floor in floors.items()}
    hardest = min(over, key=lambda name: over[name].value)
    smallest = Interval(
        value=over[hardest].value,
        low=min(interval.low for interval in over.values()),
        high=min(interval.high for interval in over.values()),
        n=score.n,
        note=score.note,
    )
    return Gain(smallest, hardest, over)
