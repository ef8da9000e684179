"""What several commands have in common: arguments, and how they read, print and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

__all__ = ["AsJson", "WeightsFile", "fail", "names", "print_json"]

WeightsFile = Annotated[
    Path | None,
    typer.Argument(help="A .safetensors file; the ready-made weights by default.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def names(separated: str) -> list[str]:
    """The names in an option's value, which are separated by commas."""
    return [name.strip() for name in separated.split(",") if name.strip()]


def print_json(content: Any) -> None:
    """Print plain values, for other programs."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def fail(message: str) -> NoReturn:
    """End the command with one line on stderr and exit code 2."""
    typer.echo(f"prismgan: {message}", err=True)
    raise typer.Exit(2)
