"""The features of sparse autoencoders of one cell and layer, from the tables beside its record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.publish.report.neighbours import nearest

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "sae"
_OWN = {"fraction_active": 3, "maximum": 3, "tau": 3, "information": 3, "select_auroc": 4, "test_auroc": 4}
_OPTIONAL = {"stability": 3}
_CHOSEN = ("select_auroc", "auroc", "mcc", "f1", "average_precision", "q")


def layers_of(folder: Path) -> dict[int, list[int]]:
    """Seeds of every layer that the feature table of a cell holds; empty where there is none."""
    table = _read(folder, "features", ["source", "layer", "seed"])
    if table is None:
        return {}
    found = table[table["source"] == SOURCE].drop_duplicates()
    return {int(k): sorted(map(int, found[found["layer"] == k]["seed"])) for k in sorted(found["layer"].unique())}


def feature_page(folder: Path, layer: int, most: int) -> dict[str, Any]:
    """Families, features and what was chosen, at one layer.

    At most ``most`` features of every seed: those that were chosen for a family, then those that separate their best
    family best on select. Features are columns of equal length under ``seeds``; families are positions in ``families``.
    """
    features, chosen = _read(folder, "features"), _read(folder, "families")
    if features is None:
        raise FileNotFoundError(folder / "features.parquet")
    features = features[(features["source"] == SOURCE) & (features["layer"] == layer)]
    if chosen is None:
        chosen = features.iloc[:0].reindex(columns=["source", "family", "seed", "feature", "sign", "covered", *_CHOSEN])
    else:
        chosen = chosen[chosen["layer"] == layer]
    own = chosen[chosen["source"] == SOURCE]
    families = sorted({*features["family"], *chosen["family"]})
    place = {family: number for number, family in enumerate(families)}
    seeds: dict[str, dict[str, Any]] = {}
    for seed in sorted(features["seed"].unique()):
        part = features[features["seed"] == seed]
        picked = own[own["seed"] == seed]["feature"]
        kept = _best(part, set(picked), most)
        neighbours = nearest(folder / f"sae-layer-{layer}-seed-{seed}", kept["feature"].tolist())
        seeds[str(int(seed))] = _columns(kept, place) | {"total": len(part), "nearest": neighbours}
    return {
        "families": families,
        "seeds": seeds,
        "chosen": [_choice(row, place) for row in own.to_dict("records")],
        "sources": _by_source(chosen, place),
    }


def _best(part: pd.DataFrame, picked: set[int], most: int) -> pd.DataFrame:
    score = part["sign"] * (part["select_auroc"] - 0.5) + part["feature"].isin(picked)
    order = score.sort_values(ascending=False, kind="stable").index[:most]
    return part.loc[sorted(order)]


def _columns(part: pd.DataFrame, place: dict[str, int]) -> dict[str, list[Any]]:
    columns = {
        "feature": [int(number) for number in part["feature"]],
        "live": [int(live) for live in part["live"]],
        "family": [place[family] for family in part["family"]],
        "sign": [int(sign) for sign in part["sign"]],
    }
    numbers = _OWN | {name: digits for name, digits in _OPTIONAL.items() if name in part}
    return columns | {name: [_number(value, digits) for value in part[name]] for name, digits in numbers.items()}


def _choice(row: Mapping[Any, Any], place: dict[str, int]) -> list[Any]:
    start = [place[row["family"]], int(row["seed"]), int(row["feature"]), int(row["sign"]), int(row["covered"])]
    return start + [_number(row[name], 4) for name in _CHOSEN]


def _by_source(chosen: pd.DataFrame, place: dict[str, int]) -> dict[str, list[float | None]]:
    """Held-out AUROC of every source, mean over its seeds, by family: the controls of a family's feature."""
    if not len(chosen):
        return {}
    means = chosen.astype({"source": str, "family": str}).pivot_table(index="source", columns="family", values="auroc")
    return {str(source): [_number(row.get(family), 4) for family in place] for source, row in means.iterrows()}


def _number(value: Any, digits: int) -> float | None:
    """Rounded to significant digits; None where it is missing."""
    if value is None or value != value:
        return None
    return float(f"{float(value):.{digits}g}")


def _read(folder: Path, name: str, columns: list[str] | None = None) -> pd.DataFrame | None:
    import pandas as pd

    path = folder / f"{name}.parquet"
    return pd.read_parquet(path, columns=columns) if path.is_file() else None
