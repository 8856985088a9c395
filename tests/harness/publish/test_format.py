from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.publish.format import number, with_interval
from harness.task import Metric


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[
            (None, "–"),
            (0, "0"),
            (1234567, "1,234,567"),
            (0.0, "0.000"),
            (-0.0004, "0.000"),
            (0.81249, "0.812"),
            (-0.5, "-0.500"),
        ],
        *[(9.9994, "9.999"), (10.0, "10.0"), (-123.45, "-123.5"), (999.94, "999.9"), (12345.6, "12,346")],
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e9, 1e9))
def test_a_number_is_written_to_within_half_its_last_digit(value: float) -> None:
    size = abs(value)
    last = 1e-3 if size < 10 else 0.1 if size < 1000 else 1
    assert abs(float(number(value).replace(",", "")) - value) <= last / 2 * (1 + 1e-6) + 1e-9


def test_intervals_stand_beside_their_value() -> None:
    assert with_interval(Metric(value=0.812, low=0.79, high=0.8333)) == "0.812 [0.790, 0.833]"
    assert with_interval(Metric(value=0.812)) == with_interval(Metric(value=0.812, low=0.7)) == "0.812"
    assert with_interval(Metric(value=None)) == "–"
    assert with_interval(Metric(value=0.0, low=0.0, high=0.0)) == "0.000 [0.000, 0.000]"
