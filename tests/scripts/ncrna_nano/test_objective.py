import math

import numpy as np
import pytest
import torch

from scripts.ncrna_nano.batches import IGNORED, encode
from scripts.ncrna_nano.objective import family_loss, masked_loss


def test_masked_loss_is_the_mean_over_hidden_positions() -> None:
    logits = torch.randn(2, 5, 28, generator=torch.Generator().manual_seed(0))
    labels = torch.full((2, 5), IGNORED)
    labels[0, 1], labels[1, 3] = 6, 9
    expected = -(logits[0, 1].log_softmax(-1)[6] + logits[1, 3].log_softmax(-1)[9]) / 2
    assert masked_loss(logits, labels).item() == pytest.approx(expected.item(), rel=1e-6)


def test_family_loss_agrees_with_a_loop_over_anchors() -> None:
    ids = encode(["ACGU", "ACG", "GGCAU", "GGNA"])
    hidden = torch.randn(*ids.shape, 6, generator=torch.Generator().manual_seed(1))
    sequences = ["ACGU", "ACG", "GGCAU", "GGNA"]
    means = [
        np.mean([hidden[row, 1 + i].numpy() for i, letter in enumerate(sequence) if letter != "N"], axis=0)
        for row, sequence in enumerate(sequences)
    ]
    cosine = [[float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) / 0.1 for b in means] for a in means]
    losses = []
    for anchor, partner in enumerate([1, 0, 3, 2]):
        others = [cosine[anchor][other] for other in range(4) if other != anchor]
        losses.append(math.log(sum(map(math.exp, others))) - cosine[anchor][partner])
    assert family_loss(hidden, ids, 0.1).item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_family_loss_is_low_only_where_families_lie_together() -> None:
    ids = encode(["ACGU"] * 4)
    near, far = torch.eye(4)[0], torch.eye(4)[1]
    together = torch.stack([near, near, far, far])[:, None].expand(4, 6, 4)
    crossed = torch.stack([near, far, near, far])[:, None].expand(4, 6, 4)
    assert family_loss(together, ids, 0.1) < 0.01
    assert family_loss(crossed, ids, 0.1) > 5
