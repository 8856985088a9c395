"""Training of several sparse autoencoders in lock-step from one pass over the activations; resumable."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from harness.activations.standardisation import Standardisation
from harness.activations.stream import ActivationStream
from harness.errors import InputError
from harness.storage.files import write_bytes
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.losses import auxiliary_loss, unexplained_share
from tasks.sae.autoencoder.model import SparseAutoencoder
from tasks.sae.autoencoder.sparse import (
    jump,
    select_batch_top_k,
    select_row_top_k,
    sparse_autoencode,
    split_flat,
)

AUXILIARY_STRIDE = 4
"""AuxK reads every fourth nucleotide of a batch, which is in random order: the same loss on average. It is dense, and
on all of them takes five times as long as the rest of a step where half the features are dead, as on random encoders.
"""
CALIBRATION_STEPS = 16
_REPORT_EVERY = 10

Key = TypeVar("Key")
ReportStep = Callable[[int, int, dict[str, float]], None]


class StaleCheckpoint(InputError):
    """A checkpoint is damaged, or of another training: other settings, data, weights or code."""


@dataclass(frozen=True)
class StepLoss:
    """Loss of one batch: ``total`` is minimised; ``unexplained`` is the share of variance left; l0 per nucleotide.

    ``active`` (features,) bool: features that are active somewhere in the batch.
    """

    total: Tensor
    unexplained: Tensor
    l0: float
    active: Tensor


def uses_bfloat16(config: SAEConfig, device: torch.device) -> bool:
    """What ``config.bfloat16`` means on this device."""
    if config.bfloat16 is not None:
        return config.bfloat16
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def step_loss(autoencoder: SparseAutoencoder, x: Tensor, dead: Tensor) -> StepLoss:
    """Training loss of raw hidden states ``x`` (n, width); ``dead`` (features,) bool says what AuxK works on."""
    config = autoencoder.config
    z = autoencoder.standardise(x)
    mean = autoencoder.standardised_mean
    reconstructions, sparsity, l0, active = (_top_k_pass if config.is_top_k else _dense_pass)(autoencoder, z)
    unexplained = [unexplained_share(z, reconstruction, mean) for reconstruction in reconstructions]
    total = torch.stack(unexplained).mean() + config.sparsity_weight * sparsity
    if config.auxiliary_weight and dead.any():
        weights = autoencoder.encoder, autoencoder.encoder_bias, autoencoder.decoder
        some = slice(None, None, AUXILIARY_STRIDE)
        auxiliary = auxiliary_loss(z[some], reconstructions[-1][some], mean, *weights, dead)
        total = total + config.auxiliary_weight * auxiliary
    return StepLoss(total, unexplained[-1].detach(), l0, active)


def _top_k_pass(autoencoder: SparseAutoencoder, z: Tensor) -> tuple[list[Tensor], Tensor, float, Tensor]:
    """Reconstructions of every Matryoshka prefix (the whole last), sparsity term, L0, active features."""
    config = autoencoder.config
    with torch.no_grad():
        if uses_bfloat16(config, z.device):
            scores = functional.linear(
                z.bfloat16(), autoencoder.encoder.bfloat16(), autoencoder.encoder_bias.bfloat16()
            )
        else:
            scores = autoencoder.scores(z)
        select = select_batch_top_k if config.activation == "batchtopk" else select_row_top_k
        flat = select(scores, config.k)
    reconstructions = []
    reconstruction = autoencoder.decoder_bias.expand_as(z)
    bounds = (0, *config.prefixes, config.features)
    for low, high in pairwise(bounds):
        feature = flat % config.features
        part = flat[(feature >= low) & (feature < high)] if config.prefixes else flat
        pointers, indices = split_flat(part, len(z), config.features)
        weights = autoencoder.encoder, autoencoder.encoder_bias, autoencoder.decoder
        _, addition = sparse_autoencode(z, *weights, pointers, indices)
        reconstruction = reconstruction + addition
        reconstructions.append(reconstruction)
    active = torch.bincount(flat % config.features, minlength=config.features) > 0
    return reconstructions, z.new_zeros(()), len(flat) / len(z), active


def _dense_pass(autoencoder: SparseAutoencoder, z: Tensor) -> tuple[list[Tensor], Tensor, float, Tensor]:
    """The same for relu and jumprelu, whose codes are too dense early in training to gain from a sparse form."""
    config = autoencoder.config
    scores = autoencoder.scores(z)
    if config.activation == "jumprelu":
        values, over = jump(scores, autoencoder.threshold)
        sparsity = over.sum() / len(z)
    else:
        values = scores.relu()
        sparsity = values.sum() / len(z)
    ends = (*config.prefixes, config.features)
    reconstructions = [values[:, :end] @ autoencoder.decoder[:end] + autoencoder.decoder_bias for end in ends]
    is_active = values > 0
    return reconstructions, sparsity, float(is_active.sum()) / len(z), is_active.any(0)


def learning_rate_factor(config: SAEConfig, step: int) -> float:
    """Share of the peak learning rate at ``step``, counted from 0."""
    warmup = config.warmup * config.steps
    factor = min(1.0, (step + 1) / warmup) if warmup else 1.0
    if config.schedule == "cosine":
        progress = max(0.0, step - warmup) / max(1.0, config.steps - warmup)
        return factor * (1 + math.cos(math.pi * progress)) / 2
    decay = config.decay * config.steps
    return factor * (min(1.0, (config.steps - step) / decay) if decay else 1.0)


class Trainer:
    """One autoencoder, its optimiser, and how long each of its features has been silent."""

    def __init__(self, autoencoder: SparseAutoencoder) -> None:
        self.autoencoder = autoencoder
        config = autoencoder.config
        trained = [parameter for parameter in autoencoder.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(
            trained, lr=config.peak_learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.silent = torch.zeros(config.features, dtype=torch.long, device=autoencoder.encoder.device)

    def step(self, x: Tensor, number: int) -> dict[str, float]:
        """One optimiser step on raw hidden states; returns loss (share of variance left), l0, dead share."""
        autoencoder, config = self.autoencoder, self.autoencoder.config
        x = x.to(autoencoder.encoder.device)
        dead = self.silent >= config.dead_after
        loss = step_loss(autoencoder, x, dead)
        self.optimizer.zero_grad()
        loss.total.backward()
        self._remove_parallel_gradient()
        torch.nn.utils.clip_grad_norm_(autoencoder.parameters(), config.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = config.peak_learning_rate * learning_rate_factor(config, number)
        self.optimizer.step()
        autoencoder.constrain()
        self.silent += len(x)
        self.silent[loss.active] = 0
        autoencoder.nucleotides_seen += len(x)
        return {"loss": float(loss.unexplained), "l0": loss.l0, "dead_share": float(dead.float().mean())}

    @torch.no_grad()
    def _remove_parallel_gradient(self) -> None:
        """A step along a unit row only changes its norm, which is undone afterwards, yet would feed Adam's moments."""
        decoder = self.autoencoder.decoder
        if decoder.grad is not None:  # a frozen decoder has none
            decoder.grad -= torch.linalg.vecdot(decoder.grad, decoder).unsqueeze(1) * decoder

    def tensors(self) -> dict[str, Tensor]:
        """All that a resumed training needs."""
        tensors = {f"model.{name}": tensor for name, tensor in self.autoencoder.state_dict().items()}
        for name, parameter in self.autoencoder.named_parameters():
            for moment, tensor in self.optimizer.state[parameter].items():
                tensors[f"adam.{name}.{moment}"] = tensor
        return tensors | {"silent": self.silent}

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Undo :meth:`tensors`."""
        prefix = "model."
        state = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        self.autoencoder.load_state_dict(state)
        self.silent.copy_(tensors["silent"])
        for name, parameter in self.autoencoder.named_parameters():
            device = parameter.device
            start = f"adam.{name}."
            moments = {n.removeprefix(start): t.to(device) for n, t in tensors.items() if n.startswith(start)}
            if parameter.requires_grad:
                self.optimizer.state[parameter] = moments
        self.autoencoder.nucleotides_seen = step * self.autoencoder.config.batch_size


def train(
    autoencoders: Mapping[Key, SparseAutoencoder],
    stream: ActivationStream,
    checkpoint: Path | None = None,
    progress: ReportStep | None = None,
    checkpoint_seconds: float = 60.0,
) -> dict[Key, dict[str, float]]:
    """Train all autoencoders on the same batches, then calibrate their thresholds. They are changed in place.

    Args:
        autoencoders: each reads the layer of the stream that it names. Those without a standardisation get one
            fitted on the stream.
        stream: of the training split.
        checkpoint: file to resume from where it exists, and to write every ``checkpoint_seconds``. The caller
            deletes it once the result is safe. A resumed training ends in the same weights, bit for bit on a CPU.
        progress: called as progress(step, steps, means over the autoencoders of loss, l0, dead_share, and
            nucleotides_per_second, counted once per autoencoder).

    Returns:
        Per autoencoder: loss (share of variance left), l0 and dead_share of the last step.

    Raises:
        InputError: steps or batch size differ, or a layer is not in the stream.
        StaleCheckpoint: the checkpoint is damaged or another training's.
    """
    steps = _check(autoencoders, stream)
    trainers = {key: Trainer(autoencoder) for key, autoencoder in autoencoders.items()}
    description = _describe(autoencoders, stream)
    start, last = _resume(trainers, checkpoint, description)
    fresh = [autoencoder for autoencoder in autoencoders.values() if not autoencoder.is_standardised]
    if fresh:
        fits = Standardisation.fit(stream)
        for autoencoder in fresh:
            autoencoder.set_standardisation(fits[autoencoder.layer])
    began = saved = time.monotonic()
    with ThreadPoolExecutor(min(len(trainers), torch.get_num_threads())) as pool:
        for step, batch in enumerate(stream.batches(start, steps), start):
            with _threads_for(len(trainers)):
                reports = pool.map(lambda t, x=batch, n=step: t.step(x[t.autoencoder.layer], n), trainers.values())
                last = dict(zip(trainers, reports, strict=True))
            done = step + 1
            if progress is not None and (done % _REPORT_EVERY == 0 or done == steps):
                means = {
                    name: sum(row[name] for row in last.values()) / len(last) for name in next(iter(last.values()))
                }
                rate = (done - start) * stream.batch_size * len(last) / (time.monotonic() - began)
                progress(done, steps, means | {"nucleotides_per_second": rate})
            if checkpoint is not None and time.monotonic() - saved >= checkpoint_seconds:
                _save(trainers, checkpoint, description, done, last)
                saved = time.monotonic()
    if checkpoint is not None:
        _save(trainers, checkpoint, description, steps, last)
    calibrate(autoencoders, stream)
    return last


@contextmanager
def _threads_for(workers: int) -> Iterator[None]:
    """Share the threads of the process between ``workers`` that run side by side.

    Several small autoencoders side by side scale far better than the threads inside one operation, which also wait
    for each other in busy loops: on a machine that others use too that is ten times slower.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // workers))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def calibrate(autoencoders: Mapping[Key, SparseAutoencoder], stream: ActivationStream) -> None:
    """Set all thresholds on the stretch of the stream that follows the training steps of each."""
    for layer, steps in {(a.layer, a.config.steps) for a in autoencoders.values()}:
        members = [a for a in autoencoders.values() if (a.layer, a.config.steps) == (layer, steps)]
        batches = [batch[layer] for batch in stream.batches(steps, steps + CALIBRATION_STEPS)]
        with _threads_for(len(autoencoders)):
            for autoencoder in members:
                autoencoder.calibrate(x.to(autoencoder.encoder.device) for x in batches)


def _check(autoencoders: Mapping[Key, SparseAutoencoder], stream: ActivationStream) -> int:
    """The common number of steps."""
    if not autoencoders:
        raise InputError("there is no sparse autoencoder to train")
    steps = {autoencoder.config.steps for autoencoder in autoencoders.values()}
    sizes = {autoencoder.config.batch_size for autoencoder in autoencoders.values()}
    if len(steps) > 1 or sizes != {stream.batch_size}:
        raise InputError(
            f"autoencoders trained together need equal steps and the batch size of the stream: steps {sorted(steps)}, "
            f"batch sizes {sorted(sizes)}, stream {stream.batch_size}"
        )
    for autoencoder in autoencoders.values():
        if autoencoder.layer not in stream.layers or autoencoder.width != stream.width:
            raise InputError(
                f"an autoencoder reads {autoencoder.width} numbers of layer {autoencoder.layer}; "
                f"the stream has {stream.width} of layers {list(stream.layers)}"
            )
    return steps.pop()


def _describe(autoencoders: Mapping[Key, SparseAutoencoder], stream: ActivationStream) -> str:
    """What must be the same for a checkpoint to be continued."""
    members = {
        str(key): [autoencoder.layer, autoencoder.seed, autoencoder.config.model_dump(mode="json")]
        for key, autoencoder in autoencoders.items()
    }
    source: list[Any] = [stream.reader.model.identity(), stream.fingerprint]
    return json.dumps({"autoencoders": members, "stream": source}, sort_keys=True)


def _save(trainers: Mapping[Key, Trainer], path: Path, description: str, step: int, last: Any) -> None:
    """One file, so that tensors and their description can never come from different moments."""
    from safetensors.torch import save

    tensors = {
        f"{number}.{name}": tensor.detach().cpu().contiguous()
        for number, trainer in enumerate(trainers.values())
        for name, tensor in trainer.tensors().items()
    }
    header = {"step": str(step), "description": description, "last": json.dumps(list(last.values()))}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, save(tensors, header))


def _resume(
    trainers: Mapping[Key, Trainer], path: Path | None, description: str
) -> tuple[int, dict[Key, dict[str, float]]]:
    """The step to go on from, and the report of the one before."""
    from safetensors import SafetensorError, safe_open

    if path is None or not path.exists():
        return 0, {}
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dictionary)
    except SafetensorError as error:
        raise StaleCheckpoint(f"{path} is not a training checkpoint; delete it to restart") from error
    if header is None or header.get("description") != description:
        raise StaleCheckpoint(f"{path} belongs to another training run; delete it to restart")
    step = int(header["step"])
    for number, trainer in enumerate(trainers.values()):
        start = f"{number}."
        own = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
        trainer.restore(own, step)
    return step, dict(zip(trainers, json.loads(header["last"]), strict=True))
