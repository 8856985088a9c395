"""Sparse autoencoders to and from the files that SAELens reads: sae_weights.safetensors and cfg.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from harness.errors import InputError
from harness.storage.files import write_bytes
from tasks.sae.autoencoder.config import SAEConfig
from tasks.sae.autoencoder.model import SparseAutoencoder


def to_saelens(autoencoder: SparseAutoencoder, folder: Path, model_name: str = "") -> None:
    """Write ``sae_weights.safetensors`` and ``cfg.json`` as SAELens reads them, the standardisation folded in."""
    from safetensors.torch import save

    autoencoder.check_ready()
    with torch.no_grad():
        whitens = autoencoder.config.standardise == "whiten"
        encoder = (autoencoder.encoder @ autoencoder.whitening if whitens else autoencoder.encoder) / autoencoder.scale
        tensors = {
            "W_enc": encoder.t().contiguous(),
            "b_enc": autoencoder.encoder_bias - encoder @ autoencoder.shift,
            "W_dec": autoencoder.to_raw(autoencoder.decoder),
            "b_dec": autoencoder.undo_standardise(autoencoder.decoder_bias),
        }
    architecture = {"topk": "topk", "relu": "standard"}.get(autoencoder.config.activation, "jumprelu")
    config: dict[str, Any] = {
        "architecture": architecture,
        "d_in": autoencoder.width,
        "d_sae": autoencoder.config.features,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": False,
        "normalize_activations": "none",
        "rescale_acts_by_decoder_norm": False,
        "metadata": {"model_name": model_name, "hook_name": f"layer.{autoencoder.layer}"},
    }
    if architecture == "topk":
        config["k"] = autoencoder.config.k
    if architecture == "jumprelu":
        tensors["threshold"] = autoencoder.threshold.detach().clamp_min(0)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "sae_weights.safetensors", save({n: t.cpu() for n, t in tensors.items()}))
    write_bytes(folder / "cfg.json", json.dumps(config, indent=1).encode())


def from_saelens(folder: Path, layer: int = -1) -> SparseAutoencoder:
    """An autoencoder for inference from SAELens's form (architectures standard, topk and jumprelu).

    Raises:
        InputError: a file is missing, or it uses something that has no counterpart here.
    """
    from safetensors.torch import load_file

    try:
        config = json.loads((folder / "cfg.json").read_text())
        tensors = load_file(folder / "sae_weights.safetensors")
    except OSError as error:
        raise InputError(f"{folder} contains no SAELens autoencoder: {error.strerror}") from error
    activations = {"standard": "relu", "topk": "topk", "jumprelu": "jumprelu"}
    architecture, normalised = config.get("architecture"), config.get("normalize_activations", "none")
    rescaled = config.get("rescale_acts_by_decoder_norm", False)
    if architecture not in activations or normalised != "none" or rescaled:
        raise InputError(
            f"{folder}: cannot read architecture {architecture!r}, activations normalised by {normalised!r}, "
            f"rescaled by decoder norm: {rescaled}; only standard, topk and jumprelu without either can be read"
        )
    if absent := sorted({"W_enc", "b_enc", "W_dec", "b_dec"} - tensors.keys()):
        raise InputError(f"{folder}: sae_weights.safetensors lacks {', '.join(absent)}")
    features, width = tensors["W_dec"].shape
    settings = {"features": features, "activation": activations[architecture], "standardise": "none"}
    settings["k"] = config.get("k", min(32, features))
    autoencoder = SparseAutoencoder(width, SAEConfig(**settings), seed=0, layer=layer)
    encoder = tensors["W_enc"].t().contiguous()
    bias = tensors["b_enc"]
    if config.get("apply_b_dec_to_input", True):
        bias = bias - encoder @ tensors["b_dec"]
    autoencoder.load_state_dict(
        {
            "encoder": encoder,
            "encoder_bias": bias,
            "decoder": tensors["W_dec"],
            "decoder_bias": tensors["b_dec"],
            "threshold": tensors.get("threshold", torch.zeros(features)),
            "mean": tensors["b_dec"],
            "shift": torch.zeros(width),
            "scale": torch.ones(width),
        }
    )
    return autoencoder
