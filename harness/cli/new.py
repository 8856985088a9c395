"""``harness new``: files to start from."""

from __future__ import annotations

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
    folder: Annotated[Path, typer.Option("--dir", help="folder to write into")] = Path("."),
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks")] = False,
) -> None:
    """Write an adapter, its test and a piece of README."""
    from harness.errors import InputError
    from harness.storage.files import write_text

    _check_form(name)
    module = name.replace("-", "_")
    files = {
        folder / f"{module}.py": "model.py.txt",
        folder / f"test_{module}.py": "test.py.txt",
        folder / f"{module}.md": "readme.md.txt",
    }
    for path in files:
        if path.exists():
            raise InputError(f"{path} exists already: take another name or another --dir")
    _check_free(name, module)
    for path, template in files.items():
        try:
            write_text(path, _filled(template, name, module))
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}): take another --dir") from error
        print(path)
    print(f"now: harness check --plugin {folder / module}.py --model {name}")


def _check_form(name: str) -> None:
    import re

    from harness.errors import InputError

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InputError(f"{name!r} is no name of a model: write small letters and digits, with hyphens between words")


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


def _filled(template: str, name: str, module: str) -> str:
    from importlib.resources import files
    from string import Template

    text = (files("harness.cli") / "templates" / template).read_text(encoding="utf-8")
    class_name = "".join(part.capitalize() for part in name.split("-"))
    return Template(text).substitute({"name": name, "module": module, "class": class_name})
