import numpy as np
import pytest
from scipy.stats import entropy

from harness.errors import InputError
from harness.sequences.motifs import Motif, frequencies, information, read_motifs

TRANSFAC = """AC MA0001.1
XX
ID ABC
XX
DE MA0001.1 ABC ; From JASPAR
PO\tA\tC\tG\tT
01\t4.0\t16.0\t0.0\t0.0
02\t19.0\t0.0\t1.0\t0.0
XX
CC tax_group:vertebrates
XX
//
AC MA0002.1
XX
ID XYZ
XX
PO\tA\tC\tG\tT
01\t1.0\t2.0\t3.0\t4.0
XX
//
"""
MEME = """MEME version 4

ALPHABET= ACGU

Background letter frequencies
A 0.25 C 0.25 G 0.25 U 0.25

MOTIF M001 A1CF
letter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0
0.395329 0.105514 0.105514 0.393643
0.007705 0.007705 0.007705 0.976886

MOTIF M002
letter-probability matrix: alength= 4 w= 1 nsites= 20 E= 0
0.1 0.2 0.3 0.4
"""


def test_transfac_and_meme() -> None:
    first, second = read_motifs(TRANSFAC, "transfac")
    assert (first.id, first.name, second.id, second.name) == ("MA0001.1", "ABC", "MA0002.1", "XYZ")
    assert first.counts.tolist() == [[4, 16, 0, 0], [19, 0, 1, 0]] and second.counts.tolist() == [[1, 2, 3, 4]]
    third, fourth = read_motifs(MEME, "minimal")
    assert (third.id, third.name, fourth.id, fourth.name) == ("M001", "A1CF", "M002", "M002")
    # not rounded to counts out of 20
    assert third.counts[0].tolist() == [0.395329, 0.105514, 0.105514, 0.393643] and third.width == 2


def test_the_other_strand_reads_backwards_with_complements() -> None:
    motif = Motif("m", "m", np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=float))
    assert motif.reverse_complement.counts.tolist() == [[8, 7, 6, 5], [4, 3, 2, 1]]
    assert motif.reverse_complement.reverse_complement.counts.tolist() == motif.counts.tolist()


def test_information_is_two_bits_less_the_entropy() -> None:
    counts = np.array([[10, 0, 0, 0], [5, 5, 0, 0], [1, 2, 3, 4], [0, 0, 0, 0]], dtype=float)
    shares = frequencies(counts)
    assert shares[3].tolist() == [0.25] * 4
    expected = [2 - entropy(row, base=2) for row in shares]
    np.testing.assert_allclose(information(shares), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "format"),
    [("", "transfac"), ("", "minimal"), (TRANSFAC.replace("4.0\t16.0\t0.0\t0.0", "0.0\t0.0\t0.0\t0.0"), "transfac")],
)
def test_what_is_no_motif_is_refused_in_one_line(text: str, format: str) -> None:
    with pytest.raises(InputError) as error:
        read_motifs(text, format)
    assert "\n" not in str(error.value)
