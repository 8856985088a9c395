import random
from pathlib import Path

from harness.datasets.resolve import load_dataset
from scripts.gene_model.split import load_peaks
from tasks.sae_motifs.data import prepare
from tasks.sae_motifs.settings import SaeMotifsSettings


def test_no_model_trains_on_what_the_task_chooses_or_scores_on(tmp_path: Path) -> None:
    """Nor on a peak that overlaps one by 70 of its 100 nt."""
    generator = random.Random(0)
    lines = []
    for number in range(60):
        letters = "".join(generator.choices("ACGT", k=130))
        lines.append(f">chr1:{number}000-{number}100\n{letters[:100]}\n>chr1:{number}030-{number}130\n{letters[30:]}")
    path = tmp_path / "peaks.fasta"
    path.write_text("\n".join(lines))
    peaks = load_peaks(str(path))
    used = prepare(load_dataset(str(path)), SaeMotifsSettings())
    held = [record.sequence for record in (*used.select, *used.test)]
    every = [*peaks.training, *peaks.validation]
    assert len(every) == len(set(every)) and peaks.alike > 0
    assert len(every) + len(held) + peaks.alike == 120
    for sequence in every:
        assert not any(sequence[:70] in other or sequence[30:] in other for other in held)
