"""Every way in which autoencoders fail is named, and nothing else is."""

from __future__ import annotations

import re

import numpy as np
import pytest

from harness.task import Metric
from tasks.sae.failures import layer_warnings, why_failed, without_stability

AGREEMENT = ("stability", "stability_raw", "pw_mcc")
GOOD = {"fve": Metric(value=0.8), "dead_share": Metric(value=0.1)}
GOOD |= {name: Metric(value=0.4, low=0.3, high=0.5) for name in AGREEMENT}
SCORES = np.random.default_rng(0).random((6, 24)).astype(np.float32)


def test_sound_autoencoders_have_not_failed() -> None:
    assert why_failed(GOOD, [SCORES, SCORES]) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fve": Metric(value=-70.2)}, r"less variance than the mean .* \(FVE -70.2\)"),
        ({"fve": Metric(value=None)}, r"\(FVE not a number\)"),
        ({"dead_share": Metric(value=1.0)}, "all features are dead"),
    ],
)
def test_failures_of_quality_are_named(changes: dict[str, Metric], reason: str) -> None:
    assert re.search(reason, why_failed(GOOD | changes, [SCORES]) or "")


def test_scores_without_any_difference_are_a_failure_of_their_seed() -> None:
    reason = why_failed(GOOD, [SCORES, np.ones_like(SCORES)])
    assert reason == "every feature scores all sequences alike in 1 of 2 of them"


def test_the_stability_of_failed_autoencoders_has_no_value() -> None:
    kept = without_stability(GOOD)
    assert all(kept[name].value is kept[name].low is kept[name].high is None for name in AGREEMENT)
    assert kept["fve"] == GOOD["fve"] and without_stability({"fve": GOOD["fve"]}) == {"fve": GOOD["fve"]}


def test_layers_that_failed_or_share_no_more_than_chance_are_named() -> None:
    chance = Metric(value=0.9, low=0.85, high=0.95)
    quality = {
        0: {"stability": Metric(value=0.93), "stability_chance": chance},
        1: {"stability": Metric(value=0.96), "stability_chance": chance},
        2: without_stability({"stability": Metric(value=0.1), "stability_chance": chance}),
        3: {},
        4: {"stability": Metric(value=0.49), "stability_chance": Metric(value=0.0, low=0.0, high=0.0)},
        5: {"stability": Metric(value=0.51), "stability_chance": Metric(value=0.0, low=0.0, high=0.0)},
    }
    found = list(layer_warnings({0: None, 1: None, 2: "all features are dead", 3: None}, quality))
    assert found == [
        "the autoencoders of layer 2 failed: all features are dead",
        "the stability of layer 0 means nothing: seeds share 0.93 of their live features, random decoder rows as many "
        "(0.90)",
        "seeds share less than half of the live features of layer 4 (0.49)",
    ]
