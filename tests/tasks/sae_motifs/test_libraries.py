import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.datasets.planted_motifs import PLANTED
from harness.errors import InputError, Unavailable
from harness.sequences.motifs import Motif
from tasks.sae_motifs.libraries import Library, load_library, match

THREADS = torch.get_num_threads()
LIBRARY = load_library("embedded")
BY_ID = {motif.id: number for number, motif in enumerate(LIBRARY.motifs)}


@pytest.mark.parametrize("strand", [1, -1])
@pytest.mark.parametrize(("cut", "before"), [(0, 0), (3, 0), (0, 4)])
def test_a_matrix_is_found_with_its_strand_and_place(strand: int, cut: int, before: int) -> None:
    """Also cut at its start, and after some even columns; the offset is where column 0 lies in the oriented matrix."""
    for name in PLANTED[:4]:
        motif = LIBRARY.motifs[BY_ID[name]]
        oriented = motif if strand > 0 else motif.reverse_complement
        query = np.vstack([np.full((before, 4), 0.25), oriented.frequencies[cut:]])
        found = match([query], LIBRARY)
        assert LIBRARY.motifs[found.motif[0]].id == name
        assert (found.strand[0], found.offset[0]) == (strand, cut - before) and found.p[0] < 0.001


def test_the_first_match_of_a_process_leaves_the_threads_of_pytorch_alone() -> None:
    """That of this file's library, unless another test matched before."""
    assert torch.get_num_threads() == THREADS


def test_p_is_corrected_for_the_size_of_the_library() -> None:
    query = LIBRARY.motifs[0].frequencies[:4]
    single = Library("one", "", LIBRARY.motifs, LIBRARY.clusters, True)
    from memelite import tomtom

    targets = [np.ascontiguousarray(motif.frequencies).T for motif in LIBRARY.motifs]
    p = tomtom([np.ascontiguousarray(query).T], targets, n_jobs=1)[0].min()
    assert match([query], single).p[0] == pytest.approx(1 - (1 - p) ** 48)


def test_rna_is_matched_on_the_forward_strand_alone() -> None:
    forward = Library("rna", "", LIBRARY.motifs, LIBRARY.clusters, False)
    motif = LIBRARY.motifs[BY_ID["MA0138.3"]]
    same, reverse = match([motif.frequencies, motif.reverse_complement.frequencies], forward).p
    assert same < 1e-6 < 0.05 < reverse


def test_random_columns_match_nothing() -> None:
    generator = np.random.default_rng(0)
    queries = list(generator.dirichlet(np.full(4, 0.4), size=(200, 10)))
    assert (match(queries, LIBRARY).p < 0.05).mean() < 0.1


def test_flat_stretches_of_wide_motifs_match_nothing_although_tomtom_says_so() -> None:
    """Each column of a nearly even motif is nearer to an even one than to most of the library."""
    generator = np.random.default_rng(0)
    wide = Motif("wide", "wide", np.vstack([np.eye(4), np.full((20, 4), 0.25), np.eye(4)]) * 100)
    library = Library("with a wide one", "", (*LIBRARY.motifs, wide), np.arange(49), True)
    queries = list(generator.dirichlet(np.full(4, 2.0), size=(50, 18)))
    from memelite import tomtom

    targets = [np.ascontiguousarray(motif.frequencies).T for motif in library.motifs]
    alone = tomtom([np.ascontiguousarray(query).T for query in queries], targets, n_jobs=1)[0].min(axis=1) * 49
    assert (alone < 0.001).mean() > 0.5
    assert (match(queries, library).p < 0.05).mean() < 0.1
    assert match([wide.frequencies], library).p[0] < 0.001


def test_a_permuted_library_has_the_same_columns_and_clusters_in_another_order() -> None:
    permuted = LIBRARY.permuted(0)
    for before, after in zip(LIBRARY.motifs, permuted.motifs, strict=True):
        assert sorted(map(tuple, before.counts)) == sorted(map(tuple, after.counts))
    moved = sum(not np.array_equal(a.counts, b.counts) for a, b in zip(LIBRARY.motifs, permuted.motifs, strict=True))
    assert moved > 40 and permuted.clusters is LIBRARY.clusters
    assert permuted.motifs[0].counts.tolist() == LIBRARY.permuted(0).motifs[0].counts.tolist()
    assert permuted.motifs[0].counts.tolist() != LIBRARY.permuted(1).motifs[0].counts.tolist()
    assert match([LIBRARY.motifs[1].frequencies], permuted).p[0] > 0.05


def test_copies_and_reverse_complements_make_one_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = LIBRARY.motifs[1].reverse_complement
    doubled = (*LIBRARY.motifs, Motif("copy", "copy", extra.counts))
    monkeypatch.setattr("tasks.sae_motifs.libraries.embedded", lambda: doubled)
    clusters = load_library("embedded").clusters
    assert clusters[1] == clusters[48]
    # the 48 are unlike each other
    assert len(set(clusters.tolist())) == len(set(LIBRARY.clusters.tolist())) >= 44


def test_missing_files_and_other_versions_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    with pytest.raises(Unavailable, match="HARNESS_DATA is not set"):
        load_library("jaspar")
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    with pytest.raises(Unavailable, match="does not contain it"):
        load_library("rbp")
    (tmp_path / "motifs").mkdir()
    (tmp_path / "motifs" / "transite_174.meme").write_text("MEME version 4\n")
    with pytest.raises(InputError, match="another version"):
        load_library("rbp")


def test_without_memelite_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *given: Any) -> Any:
        if name == "memelite":
            raise ImportError(name)
        return load(name, *given)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(Unavailable, match=r"pip install 'rna-harness\[motifs\]'"):
        match([np.eye(4)], LIBRARY)
