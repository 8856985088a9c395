"""The tables that a cell of sae-motifs leaves beside its record, one parquet file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from harness.datasets.records import Record
from tasks.sae_motifs.choices import ALL, Claim, Entry
from tasks.sae_motifs.libraries import Library
from tasks.sae_motifs.scores import ClaimScore, confirmed

LETTERS = "ACGU"


def claim_table(
    entries: Sequence[Entry], scores: Mapping[int, Mapping[Claim, ClaimScore]], libraries: Sequence[Library]
) -> pd.DataFrame:
    """``motifs.parquet``: one row per source, seed, library and motif cluster that one of all features matches.

    ``match_p`` is TOMTOM's, corrected for the number of motifs; ``delta`` says how many nucleotides after the left end
    of a site the feature is active; ``auroc``, ``p`` and ``q`` are of test.

    Args:
        scores: by ``id`` of the entry.
    """
    rows = []
    for entry in entries:
        for number, claims in enumerate(entry.rounds[ALL][0].claims):
            if not claims:
                continue
            own = [scores[id(entry)][claim] for claim in claims]
            q, held, _ = confirmed(own)
            for claim, score, q_value, is_confirmed in zip(claims, own, q, held, strict=True):
                motif = libraries[number].motifs[claim.motif]
                place = int(np.searchsorted(entry.with_motif, claim.feature))
                rows.append(
                    {
                        "source": entry.name,
                        "layer": entry.layer,
                        "seed": entry.seed,
                        "library": number,
                        "cluster": int(libraries[number].clusters[claim.motif]),
                        "motif": motif.id,
                        "name": motif.name,
                        "feature": claim.feature,
                        "feature_name": entry.source.feature_name(claim.feature),
                        "strand": claim.strand,
                        "delta": claim.delta,
                        "match_p": float(entry.matches[number].p[place]),
                        "sites": score.sites,
                        "auroc": score.auroc,
                        "p": score.p,
                        "q": float(q_value),
                        "confirmed": bool(is_confirmed),
                    }
                )
    columns = {
        "source": "str", "layer": "Int64", "seed": "Int64", "library": "int64", "cluster": "int64", "motif": "str",
        "name": "str", "feature": "int64", "feature_name": "str", "strand": "int64", "delta": "int64",
        "match_p": "float64", "sites": "int64", "auroc": "float64", "p": "float64", "q": "float64", "confirmed": "bool",
    }  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def feature_table(entries: Sequence[Entry], library: Library) -> pd.DataFrame:
    """``feature_motifs.parquet``: one row per feature that has a motif, with the motif of the library it is nearest
    to, matched or not."""
    frames = []
    for entry in entries:
        if not len(entry.with_motif):
            continue
        nearest = entry.matches[0]
        own = [motif for motif in entry.motifs if motif is not None]
        frames.append(
            pd.DataFrame(
                {
                    "source": entry.name,
                    "layer": pd.array([entry.layer] * len(own), "Int64"),
                    "seed": pd.array([entry.seed] * len(own), "Int64"),
                    "feature": entry.with_motif,
                    "windows": [motif.windows for motif in own],
                    "first": [motif.first for motif in own],
                    "consensus": [_consensus(motif.frequencies) for motif in own],
                    "motif": [library.motifs[number].id for number in nearest.motif],
                    "name": [library.motifs[number].name for number in nearest.motif],
                    "match_p": nearest.p,
                }
            )
        )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"source": []}, dtype="str")


def logo_table(entries: Sequence[Entry], claims: pd.DataFrame) -> pd.DataFrame:
    """``logos.parquet``: the letter counts of the features of the first seed that match a motif, a row per column."""
    first = next(entry.seed for entry in entries if entry.name == "sae")
    rows = []
    for entry in entries:
        if entry.name != "sae" or entry.seed != first:
            continue
        own = claims[(claims["source"] == "sae") & (claims["seed"] == first) & (claims["layer"] == entry.layer)]
        for feature in own[own["library"] == 0]["feature"]:
            motif = entry.motifs[feature]
            assert motif is not None
            for column, counts in enumerate(motif.counts):
                place = {"layer": entry.layer, "seed": entry.seed, "feature": feature, "place": motif.first + column}
                rows.append(place | dict(zip(LETTERS, counts, strict=True)))
    return pd.DataFrame(rows, columns=["layer", "seed", "feature", "place", *LETTERS])


def item_table(entries: Sequence[Entry], records: Sequence[Record]) -> pd.DataFrame:
    """One row per test sequence, source and seed: how much stronger the peak feature is than on the shuffle."""
    names = {"item": [r.id for r in records], "cluster": [r.cluster or "" for r in records]}
    names |= {"family": [r.family or "" for r in records]}
    frames = [
        pd.DataFrame(
            names
            | {
                "metric": "peak_score",
                "source": entry.name,
                "layer": pd.array([entry.layer] * len(records), "Int64"),
                "seed": pd.array([entry.seed] * len(records), "Int64"),
                "value": entry.peaks[:, 0],
                "shuffled": entry.peaks[:, 1],
            }
        )
        for entry in entries
    ]
    table = pd.concat(frames, ignore_index=True)
    return table.astype({c: "category" for c in ("item", "cluster", "family", "metric", "source")})


def _consensus(frequencies: np.ndarray) -> str:
    """The most frequent letter of every column, small where it has less than half."""
    best = frequencies.argmax(axis=1)
    return "".join(
        LETTERS[letter] if share[letter] >= 0.5 else LETTERS[letter].lower()
        for letter, share in zip(best, frequencies, strict=True)
    )
