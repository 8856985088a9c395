"""``harness new``: templates for an adapter or a task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from harness.names import Kind

new = typer.Typer()


@new.callback()
def _verb() -> None:
    """Generate a template for a model or a task of your own."""


@new.command("adapter")
def new_adapter(
    name: Annotated[str, typer.Argument(help="name of the model, such as my-model")],
    source: Annotated[
        Path | None, typer.Option("--from", help="folder with a saved transformers model and its tokenizer")
    ] = None,
    folder: Annotated[Path, typer.Option("--dir", help="folder to write to")] = Path("."),
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Generate an adapter template with tests."""
    from harness.errors import InputError

    module = _module_of(name)
    if source is not None and not (source / "config.json").is_file():
        raise InputError(f"{source} contains no config.json: give the folder that model.save_pretrained wrote")
    plugin, test, readme = (folder / file for file in (f"{module}.py", f"test_{module}.py", f"{module}.md"))
    purpose = "the adapter, with random weights: replace its network with yours" if source is None else "the adapter"
    files = {
        plugin: ("model.py.txt" if source is None else "pretrained.py.txt", purpose),
        test: ("test.py.txt", f"its test: run `python {test}`, or pytest"),
        readme: ("readme.md.txt", "how to check, run and install it"),
    }
    _write(files, "model", name, module, source)
    if source is not None:
        print("\n  ".join([f"found in {source}:", *_found(plugin, name)]))
    print(f"next: harness check --plugin {plugin} --model {name}")


@new.command("task")
def new_task(
    name: Annotated[str, typer.Argument(help="name of the task, such as my-task")],
    folder: Annotated[Path, typer.Option("--dir", help="folder to write to")] = Path("."),
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Generate a task template with tests."""
    module = _module_of(name)
    plugin, test = folder / f"{module}.py", folder / f"test_{module}.py"
    files = {
        plugin: ("task.py.txt", "the task: replace its protocol with your own"),
        test: ("task_test.py.txt", f"its test: run `python -m pytest {test}`"),
    }
    _write(files, "task", name, module)
    print(f"next: harness run --plugin {plugin} --model kmer-2 --task {name}")


def _write(
    files: Mapping[Path, tuple[str, str]], kind: Kind, name: str, module: str, source: Path | None = None
) -> None:
    """Fill in and write a template for each path, all or none, and print what each file is for."""
    from harness.errors import InputError
    from harness.storage.files import write_text

    for path in files:
        if path.exists():
            raise InputError(f"{path} already exists: choose another name or another --dir")
    _check_free(kind, name, module)
    for path, (template, purpose) in files.items():
        try:
            write_text(path, _filled(template, name, module, source))
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}): choose another --dir") from error
        print(f"{path}: {purpose}")


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
        raise InputError(f"{plugin} was written but is not complete: {error}") from error
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


def _module_of(name: str) -> str:
    """The module that a name of lowercase words is written to: hyphens become underscores."""
    import re

    from harness.errors import InputError

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InputError(f"{name!r} is not a valid name: use lowercase letters and digits, with hyphens between words")
    return name.replace("-", "_")


def _check_free(kind: Kind, name: str, module: str) -> None:
    """Refuse a name that is already registered, and one whose module would shadow another module."""
    import keyword
    from importlib.util import find_spec

    from harness.errors import InputError
    from harness.registry import Registry

    registry = Registry.discover()
    if name in (registry.models if kind == "model" else registry.tasks):
        raise InputError(f"a {kind} named {name!r} already exists: choose another name")
    if keyword.iskeyword(module) or find_spec(module) is not None:
        raise InputError(f"{module!r} is a Python keyword or an installed module: choose another name")


def _filled(template: str, name: str, module: str, source: Path | None) -> str:
    from importlib.resources import files
    from string import Template

    text = (files("harness.cli") / "templates" / template).read_text(encoding="utf-8")
    class_name = "".join(part.capitalize() for part in name.split("-"))
    folder = json.dumps(str(source.resolve()), ensure_ascii=False) if source else ""
    return Template(text).substitute({"name": name, "module": module, "class": class_name, "folder": folder})
