"""Which names are taken, that no two of them share a folder, and what is left of control characters."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InputError
from harness.names import (
    LONGEST_NAME,
    Kind,
    check_label,
    check_name,
    fault_of_name,
    folder_name,
    name_from,
    printable,
)

KINDS: tuple[Kind, ...] = get_args(Kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["rnabert", "nt-2.5b-multi-species", "utrlm-te_el", "3utr", "A", "a" * LONGEST_NAME])
def test_names_that_can_be_used(kind: Kind, name: str) -> None:
    assert fault_of_name(kind, name) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "-x", "_x", ".x", "x.", "x-", "x_", "a b", "a\n", "a/../b", "/a", "a/", "a--b", "a..b", "a|b"),
        *("<b>", "=1", "a\x1b", "é", "a:b", "a:random:", "a:random:01", "a:random:²", "a" * (LONGEST_NAME + 1)),
    ],
)
def test_names_that_cannot(kind: Kind, name: str) -> None:
    with pytest.raises(InputError, match=f"is not a valid {kind} name: use letters") as caught:
        check_name(kind, name)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("a:random", ("model",)),
        ("a:random:12", ("model",)),
        ("precomputed:", ("model",)),
        ("owner/name", ("dataset",)),
        ("a_random", ("task", "dataset")),
        ("a_random_3", ("task", "dataset")),
        ("a_random_walk", KINDS),
    ],
)
def test_what_only_some_kinds_take(name: str, kinds: tuple[Kind, ...]) -> None:
    assert tuple(kind for kind in KINDS if fault_of_name(kind, name) is None) == kinds


def test_no_two_names_share_a_folder_and_no_folder_leaves_its_parent() -> None:
    """Every text of up to five of these pieces."""
    pieces = ("a", "_random", ":random", "_", ":", ".", "1", "/", "--")
    texts = {"".join(parts) for count in range(1, 6) for parts in product(pieces, repeat=count)}
    for kind in KINDS:
        names = [text for text in texts if fault_of_name(kind, text) is None]
        folders = {folder_name(name) for name in names}
        assert len(names) > 100 and len(folders) == len(names)
        assert not [folder for folder in folders if "/" in folder or folder in (".", "..")]
        assert all(name_from(name) == name for name in names if not {":", "/"} & set(name))


@given(st.text())
def test_a_name_made_from_any_text_can_be_used(text: str) -> None:
    name = name_from(text)
    assert name is None or fault_of_name("dataset", name) is None
    assert name is not None or not any(letter.isascii() and letter.isalnum() for letter in text)


@given(st.text())
def test_printable_text_is_kept_and_the_rest_spelled_out(text: str) -> None:
    shown = printable(text)
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in shown)
    shown.encode()  # a half of a surrogate pair, as in file names that are not UTF-8, would stop the output
    assert shown == text or not text.isprintable()


def test_labels_name_what_is_wrong() -> None:
    check_label("the id", "gi|12/3-4 = 5; \u00a0 β")
    with pytest.raises(InputError, match=r"^the id 'a\\tb' contains '\\t', which is not printable: remove it$"):
        check_label("the id", "a\tb")
