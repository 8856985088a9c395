"""``harness new``: files to start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

new = typer.Typer()


@new.callback()
def _verb() -> None:
    """Write files to start from."""


@new.command("adapter")
def new_adapter(
    name: Annotated[str, typer.Argument(help="name of the model, such as my-model")],
    source: Annotated[
        Path | None, typer.Option("--from", help="folder with a transformers model and its tokenizer")
    ] = None,
    folder: Annotated[Path, typer.Option("--dir", help="folder to write into")] = Path("."),
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Write an adapter, its test and a piece of README."""
    from harness.errors import InputError
    from harness.storage.files import write_text

    _check_form(name)
    module = name.replace("-", "_")
    if source is not None and not (source / "config.json").is_file():
        raise InputError(f"{source} holds no config.json: name the folder that model.save_pretrained wrote")
    plugin, test, readme = (folder / file for file in (f"{module}.py", f"test_{module}.py", f"{module}.md"))
    purpose = "the adapter, with random weights: put your network in" if source is None else "the adapter"
    files = {
        plugin: ("model.py.txt" if source is None else "pretrained.py.txt", purpose),
        test: ("test.py.txt", f"its test: run `python {test}`, or pytest"),
        readme: ("readme.md.txt", "how to check, run and install it"),
    }
    for path in files:
        if path.exists():
            raise InputError(f"{path} exists already: take another name or another --dir")
    _check_free(name, module)
    for path, (template, said) in files.items():
        try:
            write_text(path, _filled(template, name, module, source))
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}): take another --dir") from error
        print(f"{path}: {said}")
    if source is not None:
        print("\n  ".join([f"found in {source}:", *_found(plugin, name)]))
    print(f"now: harness check --plugin {plugin} --model {name}")


def _found(plugin: Path, name: str) -> list[str]:
    """What the plugin read from the model's folder, in words.

    Raises:
        InputError: the folder leaves something open that the plugin has to state.
    """
    from harness.errors import InputError
    from harness.registry import Registry

    try:
        card = Registry.discover([plugin]).model(name).card
    except InputError as error:
        raise InputError(f"{plugin} is written but not complete: {error}") from error
    weights = f"{card.parameters:,} parameters" if card.parameters else "no weights: only its random twins run"
    heads = {"log_probs": "masked log-probabilities", "causal_log_probs": "causal log-probabilities"}
    head = next(
        (said for capability, said in heads.items() if capability in card.capabilities), "none that can be used"
    )
    return [
        f"architecture: {card.architecture}, {card.layers} layers, {card.heads} heads, width {card.width}, {weights}",
        f"class and tokenizer: {card.summary}",
        f"tokens: {card.tokenisation}",
        f"longest input: {card.max_length} {'amino acids' if card.alphabet == 'protein' else 'nt'}",
        f"language-model head: {head}",
        *(f"note: {quirk}" for quirk in card.quirks),
    ]


def _check_form(name: str) -> None:
    import re

    from harness.errors import InputError

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InputError(f"{name!r} is not a valid name: use lowercase letters and digits, with hyphens between words")


def _check_free(name: str, module: str) -> None:
    """Refuse a name that a model has, and one whose module would stand in the way of another module."""
    import keyword
    from importlib.util import find_spec

    from harness.errors import InputError
    from harness.registry import Registry

    if name in Registry.discover().models:
        raise InputError(f"a model called {name!r} exists already: take another name")
    if keyword.iskeyword(module) or find_spec(module) is not None:
        raise InputError(f"{module!r} is a word of Python or an installed module: take another name")


def _filled(template: str, name: str, module: str, source: Path | None) -> str:
    from importlib.resources import files
    from string import Template

    text = (files("harness.cli") / "templates" / template).read_text(encoding="utf-8")
    class_name = "".join(part.capitalize() for part in name.split("-"))
    folder = json.dumps(str(source.resolve()), ensure_ascii=False) if source else ""
    return Template(text).substitute({"name": name, "module": module, "class": class_name, "folder": folder})
