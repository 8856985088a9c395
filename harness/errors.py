"""Errors that a user can act on: each is one line saying what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HarnessError(Exception):
    """Base of every error shown to the user as a single line, without a traceback."""

    exit_code = 1


class InputError(HarnessError):
    """The user named or supplied something that cannot be used: an option, a file, a record, a layer."""

    exit_code = 2


class Unavailable(HarnessError):
    """Something needed is not on this machine: weights, a dataset, an optional package, a device."""

    exit_code = 3


class NotApplicable(HarnessError):
    """The model does not fit the task or dataset; the cell is recorded as not applicable, which is not an error.

    Outside a cell it is an error: the user asked for something the model lacks, such as a random twin of k-mer counts.
    """

    exit_code = 2


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` Did you mean x?`` or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" Did you mean {', '.join(close)}?" if close else ""
