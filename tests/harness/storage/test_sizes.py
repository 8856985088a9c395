from __future__ import annotations

import pytest

from harness.storage.sizes import human_size, parse_size


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (7, "7 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (4_210_000_000, "4.2 GB"),
        (10**10, "10 GB"),
        (3 * 10**12, "3.0 TB"),
    ],
)
def test_sizes_have_three_digits_at_most(size: int, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize("size", [7 * 10**3, 12 * 10**6, 10**10, 5 * 10**12])
def test_a_size_is_read_as_it_is_written(size: int) -> None:
    assert parse_size(human_size(size), "it") == size
