"""The sparse autoencoder: one class for every activation, with its standardisation inside."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn
from torch.nn import functional

from harness.activations.standardisation import EIGENVALUE_FLOOR, Standardisation
from harness.errors import InputError
from harness.storage.files import write_bytes
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.sparse import SparseCode, decode, positions, select_batch_top_k, select_row_top_k, split_flat

SCHEMA_VERSION: Literal[1] = 1
_WHITE_SAMPLE = 256  # draws that the scale of a new encoder rests on
_ROUNDING = 1e-3  # of the largest stretch of a whitening matrix, which is kept in single precision
_CHUNK = 4096  # nucleotides whose dense pre-activations are in memory at once


class Metadata(BaseModel):
    """What a saved autoencoder was trained on, and how good it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_identity: str
    dataset_fingerprint: str
    quality: dict[str, float] = Field(default_factory=dict)


class _Saved(BaseModel):
    """config.json beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1]
    variant: str
    d: int
    m: int
    k: int
    seed: int
    layer: int
    standardisation: str
    nucleotides_seen: int
    config: SAEConfig
    metadata: Metadata


class SparseAutoencoder(nn.Module):
    """x -> standardise -> encoder -> sparse code -> decoder -> undo the standardisation.

    All inputs and outputs are raw hidden states, (nucleotides, width) float32; losses and weights live in the
    standardised space. Encoder and decoder weights are (features, width); decoder rows have unit norm.

    Args:
        width: size d of a hidden state.
        config: everything else.
        seed: of the initial weights.
        layer: the layer of the model that it reads, as the activation stream names it.
        standardisation: fitted on the training split; without it inputs are taken as they are, until
            :meth:`set_standardisation`.
    """

    mean: Tensor
    shift: Tensor
    scale: Tensor
    whitening: Tensor
    colouring: Tensor
    threshold: Tensor

    def __init__(
        self,
        width: int,
        config: SAEConfig,
        seed: int,
        layer: int = -1,
        standardisation: Standardisation | None = None,
    ) -> None:
        super().__init__()
        self.width, self.config, self.seed, self.layer = width, config, seed, layer
        self.nucleotides_seen = 0
        self.metadata: Metadata | None = None
        generator = torch.Generator().manual_seed(seed)
        rows = functional.normalize(torch.randn(config.features, width, generator=generator))
        self.decoder = nn.Parameter(rows, requires_grad=config.frozen != "decoder")
        self.decoder_bias = nn.Parameter(torch.zeros(width))
        self.encoder = nn.Parameter(rows.clone(), requires_grad=config.frozen != "encoder")
        self.encoder_bias = nn.Parameter(torch.zeros(config.features))
        threshold = torch.zeros(config.features)
        if config.activation == "jumprelu":
            self.threshold = nn.Parameter(threshold + 0.1)
        else:
            uncalibrated = config.activation == "batchtopk"
            self.register_buffer("threshold", threshold + float("nan") if uncalibrated else threshold)
        if config.is_top_k and config.k > width:
            self._scale_encoder(generator)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("shift", torch.zeros(width))
        self.register_buffer("scale", torch.full((width,), float("nan")))
        if config.standardise == "whiten":
            self.register_buffer("whitening", torch.eye(width))
            self.register_buffer("colouring", torch.eye(width))
        if standardisation is not None:
            self.set_standardisation(standardisation)

    @torch.no_grad()
    def _scale_encoder(self, generator: torch.Generator) -> None:
        """Start from an encoder of the scale that reconstructs white inputs best.

        More active rows than dimensions are all alike to x and add up to many times x (53 times for 32 rows in 5
        dimensions): the variance left would start in the thousands, and short trainings end there.
        """
        x = torch.randn(_WHITE_SAMPLE, self.width, generator=generator)
        scores = self.scores(x)
        select = select_batch_top_k if self.config.activation == "batchtopk" else select_row_top_k
        chosen = select(scores, self.config.k)
        pointers, indices = split_flat(chosen, len(x), self.config.features)
        code = SparseCode(pointers, indices, scores.reshape(-1)[chosen], self.config.features)
        reconstruction = decode(code, self.decoder)
        self.encoder.mul_(min(1.0, float((reconstruction * x).sum() / reconstruction.square().sum())))

    @property
    def is_standardised(self) -> bool:
        return not bool(self.scale.isnan().any())

    @property
    def is_calibrated(self) -> bool:
        return not bool(self.threshold.isnan().any())

    def set_standardisation(self, standardisation: Standardisation) -> None:
        """Take over what ``config.standardise`` asks for. A dimension that does not vary is left alone."""
        mean = torch.from_numpy(standardisation.mean)
        self.mean.copy_(mean)
        self.shift.copy_(torch.zeros_like(mean) if self.config.standardise == "none" else mean)
        if self.config.standardise in ("zscore", "whiten"):
            self.scale.copy_(torch.from_numpy(standardisation.scale))
        else:
            self.scale.fill_(standardisation.common_scale)
        if self.config.standardise == "whiten":
            whitening, colouring = standardisation.whitening()
            self.whitening.copy_(torch.from_numpy(whitening))
            self.colouring.copy_(torch.from_numpy(colouring))

    def standardise(self, x: Tensor) -> Tensor:
        return self.to_standardised(x - self.shift)

    def undo_standardise(self, z: Tensor) -> Tensor:
        return self.to_raw(z) + self.shift

    def to_standardised(self, directions: Tensor) -> Tensor:
        """Differences of raw hidden states, (n, width), as differences in the standardised space."""
        scaled = directions / self.scale
        return scaled @ self.whitening if self.config.standardise == "whiten" else scaled

    def to_raw(self, directions: Tensor) -> Tensor:
        """Undo :meth:`to_standardised`: decoder rows, for one, as directions in the space of the model."""
        coloured = directions @ self.colouring if self.config.standardise == "whiten" else directions
        return coloured * self.scale

    @torch.no_grad()
    def varying_part(self, directions: Tensor) -> Tensor:
        """Differences in the standardised space, (n, width), without their part along directions of no variance.

        Those are the directions whose eigenvalue whitening raises to its floor. No gradient reaches a decoder there,
        so its rows keep their random start.
        """
        if self.config.standardise != "whiten":
            return directions
        stretched, vectors = torch.linalg.eigh(self.whitening.double())
        kept = vectors[:, stretched < (1 - _ROUNDING) * EIGENVALUE_FLOOR**-0.5].to(directions.dtype)
        return directions @ kept @ kept.t()

    @property
    def standardised_mean(self) -> Tensor:
        """(width,): the training mean in the standardised space; 0 unless ``standardise`` is none."""
        return self.standardise(self.mean)

    def scores(self, z: Tensor) -> Tensor:
        """Dense pre-activations (n, features) of standardised inputs."""
        return functional.linear(z, self.encoder, self.encoder_bias)

    @torch.no_grad()
    def encode(self, x: Tensor) -> SparseCode:
        """Sparse code of raw hidden states; a nucleotide gets the same one alone or in a batch.

        Raises:
            InputError: the standardisation or the threshold has not been set yet.
        """
        self.check_ready()
        flat = []
        values = []
        for start in range(0, max(1, len(x)), _CHUNK):
            scores = self.scores(self.standardise(x[start : start + _CHUNK]))
            if self.config.activation == "topk":
                chosen = select_row_top_k(scores, self.config.k)
            else:
                chosen = positions((scores > self.threshold.clamp_min(0)).reshape(-1))
            flat.append(chosen + start * self.config.features)
            values.append(scores.reshape(-1)[chosen])
        pointers, indices = split_flat(torch.cat(flat), len(x), self.config.features)
        return SparseCode(pointers, indices, torch.cat(values), self.config.features)

    @torch.no_grad()
    def decode(self, code: SparseCode) -> Tensor:
        """(n, width) raw hidden states from a sparse code."""
        return self.undo_standardise(decode(code, self.decoder) + self.decoder_bias)

    def reconstruct(self, x: Tensor) -> Tensor:
        """(n, width) raw hidden states after a trip through the code."""
        return self.decode(self.encode(x))

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Set the threshold of a batchtopk autoencoder so that k features are active on average over ``batches``.

        ``batches``: raw hidden states, each (n, width). Other activations need no calibration.
        """
        if self.config.activation != "batchtopk":
            return
        smallest = []
        for x in batches:
            scores = self.scores(self.standardise(x))
            smallest.append(scores.reshape(-1)[select_batch_top_k(scores, self.config.k)].min())
        self.threshold.fill_(float(torch.stack(smallest).mean()))

    @torch.no_grad()
    def constrain(self) -> None:
        """After an optimiser step: decoder rows back to unit norm, thresholds not under 0."""
        if self.config.frozen != "decoder":
            self.decoder.div_(torch.linalg.vector_norm(self.decoder, dim=1, keepdim=True).clamp_min(1e-8))
        if self.config.activation == "jumprelu":
            self.threshold.clamp_min_(0)

    def save(self, folder: Path, metadata: Metadata) -> None:
        """Write ``model.safetensors`` and ``config.json``, each by temporary file and rename."""
        from safetensors.torch import save

        config = self.config
        saved = _Saved(
            schema_version=SCHEMA_VERSION,
            variant=config.activation,
            d=self.width,
            m=config.features,
            k=config.k,
            seed=self.seed,
            layer=self.layer,
            standardisation=config.standardise,
            nucleotides_seen=self.nucleotides_seen,
            config=config,
            metadata=metadata,
        )
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.state_dict().items()}
        write_bytes(folder / "model.safetensors", save(tensors))
        write_bytes(folder / "config.json", (saved.model_dump_json(indent=1) + "\n").encode())

    @classmethod
    def load(cls, folder: Path, model_identity: str | None = None, layer: int | None = None) -> SparseAutoencoder:
        """Read what :meth:`save` wrote; ``.metadata`` holds the metadata.

        ``model_identity`` and ``layer`` say what it is wanted for, see :meth:`check_made_for`.

        Raises:
            InputError: a file is missing, of another schema, does not fit the other one, or was made for another model
                or layer.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            saved = _Saved.model_validate_json((folder / "config.json").read_text())
            tensors = load_file(folder / "model.safetensors")
        except OSError as error:
            raise InputError(f"{folder} contains no sparse autoencoder: {error.strerror}") from error
        except (ValidationError, SafetensorError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{folder} is not a version {SCHEMA_VERSION} sparse autoencoder: {reason}") from error
        autoencoder = cls(saved.d, saved.config, saved.seed, saved.layer)
        try:
            autoencoder.load_state_dict(tensors)
        except RuntimeError as error:
            raise InputError(f"{folder}: model.safetensors does not fit config.json; train it again") from error
        autoencoder.nucleotides_seen = saved.nucleotides_seen
        autoencoder.metadata = saved.metadata
        autoencoder.check_made_for(model_identity, layer)
        return autoencoder

    def check_made_for(self, model_identity: str | None, layer: int | None) -> None:
        """Raise an InputError if it was trained on another model or layer than the one given; None asks nothing.

        An autoencoder of elsewhere that does not say what it was trained on (no metadata, layer -1) passes.
        """
        made_for = self.metadata.model_identity if self.metadata else None
        if model_identity is not None and made_for not in (None, model_identity):
            raise InputError(
                f"this sparse autoencoder was trained on model {made_for:.12}, not on {model_identity:.12}: "
                "its features mean nothing there; train one for this model"
            )
        if layer is not None and self.layer not in (-1, layer):
            raise InputError(
                f"this sparse autoencoder reads layer {self.layer}, not layer {layer}; train one for this layer"
            )

    def check_ready(self) -> None:
        """Raise an InputError unless the standardisation and the threshold are set."""
        if not self.is_standardised:
            raise InputError("this sparse autoencoder has no standardisation: call set_standardisation or train it")
        if not self.is_calibrated:
            raise InputError("this sparse autoencoder has no threshold: call calibrate or train it")
