"""The benchmark of planted features as users run it, at a size that a test can afford."""

import pytest

from harness.errors import InputError
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.planted.check import planted_variants, sae_check, summary
from tasks.sae.planted.truth import PlantedSettings

SMALL = PlantedSettings(width=48, features=64, active=3.0, groups=8, children=0.0)


def test_a_small_planted_set_is_recovered():
    settings = PlantedSettings(width=32, features=32, active=2.0, groups=4, children=0.0)
    rule = SAEConfig(features=32, k=2, steps=400, batch_size=512)
    slow = rule.model_copy(update={"learning_rate": rule.peak_learning_rate / 10})
    table = sae_check(settings, {"rule": rule, "a tenth of the rate": slow}, seeds=(0, 1)).set_index("variant")
    assert (table.recovered["rule"] >= 0.9).all() and (table.stability["rule"] >= 0.9).all()
    assert (table.precision["rule"] > 0.8).all() and (table.recall["rule"] > 0.8).all()
    assert table.recovered["rule"].min() > table.recovered["a tenth of the rate"].max()


def test_every_variant_is_trained_and_measured_with_every_seed():
    steps = []
    variants = planted_variants(SMALL, steps=20)
    table = sae_check(SMALL, variants, seeds=(0, 1), progress=lambda step, total: steps.append((step, total)))
    assert list(table.variant) == [name for name in variants for _ in range(2)] and set(table.seed) == {0, 1}
    assert steps[-1] == (20, 20)
    columns = ["recovered", "precision", "recall", "fve_raw", "l0", "dead_share", "start_cosine", "stability"]
    assert table[columns].notna().all().all()
    assert table.absorption.isna().all()  # no hierarchy was planted
    assert table[table.variant == "batchtopk"].l0.between(2, 4).all()


def test_the_summary_has_the_spread_over_seeds():
    table = sae_check(SMALL, {"a": SAEConfig(features=64, k=3, steps=30, batch_size=256)}, seeds=(0, 1, 2))
    row = summary(table).iloc[0]
    assert row.recovered == pytest.approx(table.recovered.mean())
    assert (row.fve_raw_low, row.fve_raw_high) == (table.fve_raw.min(), table.fve_raw.max())


def test_one_seed_has_no_stability():
    table = sae_check(SMALL, {"a": SAEConfig(features=64, k=3, steps=5, batch_size=256)}, seeds=(0,))
    assert table.stability.isna().all()


def test_variants_of_unequal_budget_are_refused():
    variants = {"a": SAEConfig(features=64, k=3, steps=5), "b": SAEConfig(features=64, k=3, steps=6)}
    with pytest.raises(InputError, match="equal steps"):
        sae_check(SMALL, variants)
