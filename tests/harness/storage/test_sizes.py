from __future__ import annotations

import pytest

from harness.errors import InputError
from harness.storage.sizes import parse_size, readable


@pytest.mark.parametrize("size", [7_000, 12 * 10**6, 250 * 10**6, 10**10, 5 * 10**12])
def test_a_size_is_read_as_it_is_written(size: int) -> None:
    assert parse_size(readable(size), "it") == size
    assert parse_size(readable(size).replace(" ", "").lower(), "it") == size


def test_a_size_that_is_none_is_named() -> None:
    assert parse_size(" 0 ", "it") == 0
    with pytest.raises(InputError, match=r"^it is '3': write a size such as 20GB"):
        parse_size("3", "it")
