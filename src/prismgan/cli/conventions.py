"""What several commands have in common: arguments, and how they read, print and refuse."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from prismgan.errors import one_line

__all__ = [
    "AsJson",
    "Fast",
    "RecipeFile",
    "RuntimeOption",
    "Settings",
    "Strengths",
    "TaskNames",
    "WeightsFile",
    "WeightsOption",
    "fail",
    "names",
    "parsed_blends",
    "parsed_size",
    "parsed_strengths",
    "print_json",
]

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}

RecipeFile = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a value of the recipe. Repeatable."),
]
WeightsFile = Annotated[
    Path | None,
    typer.Argument(help="A .safetensors file; the ready-made weights by default.", show_default=False),
]
# Files are opened by what reads them, which says in one line what is wrong: hence readable=False.
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        readable=False,
        help="A .safetensors file; the ready-made weights by default.",
        show_default=False,
    ),
]
TaskNames = Annotated[str | None, typer.Option("--tasks", help="Names of tasks, separated by commas; all by default.")]
Strengths = Annotated[
    list[str] | None,
    typer.Option(
        "--strength", metavar="TASK=NUMBER", help="0 is the source, 1 the task's look, 2 exaggerates it. Repeatable."
    ),
]
RuntimeOption = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        help="torch, onnxruntime, openvino, or auto: openvino where it is installed and there is no GPU, else torch.",
    ),
]
Fast = Annotated[
    bool,
    typer.Option("--fast", help="In half the precision: up to three times as fast, a few levels of 255 off."),
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
    typer.echo(one_line(f"prismgan: {message}"), err=True)
    raise typer.Exit(2)


def _pairs(option: str, text: str, example: str) -> Iterator[tuple[str, float]]:
    """``name=number`` separated by commas."""
    for part in names(text):
        name, _, number = (word.strip() for word in part.partition("="))
        try:
            value = float(number)
        except ValueError:
            fail(f"{option} {text!r}: expected a name and a number, as {example}; found {part!r}")
        if not name:
            fail(f"{option} {text!r}: names no task; write it as {example}")
        yield name, value


def parsed_strengths(texts: list[str]) -> dict[str, float]:
    """By name of a task, of ``--strength TASK=NUMBER``."""
    strengths: dict[str, float] = {}
    for text in texts:
        pairs = list(_pairs("--strength", text, "restore=0.6"))
        if not pairs:
            fail(f"--strength {text!r}: names no task; write it as restore=0.6")
        for name, value in pairs:
            if name in strengths:
                fail(f"--strength {text!r}: {name!r} has a strength already; name it once")
            strengths[name] = value
    return strengths


def parsed_blends(texts: list[str]) -> dict[str, dict[str, float]]:
    """Weights of looks by the blend's name, of ``--blend [NAME:]TASK=NUMBER,...``; without a name, the looks' names
    joined by dashes.
    """
    blends: dict[str, dict[str, float]] = {}
    for text in texts:
        name, colon, looks = text.rpartition(":")
        weights: dict[str, float] = {}
        for look, weight in _pairs("--blend", looks, "starry-night=0.5,comic=0.5"):
            if look in weights:
                fail(f"--blend {text!r}: {look!r} is named twice; name it once")
            weights[look] = weight
        if not weights:
            fail(f"--blend {text!r}: names no look; write it as starry-night=0.5,comic=0.5")
        name = name.strip() if colon else "-".join(weights)
        if name in blends:
            fail(f"--blend {text!r}: there is a blend {name!r} already; give one of them another name, as dusk:{looks}")
        blends[name] = weights
    return blends


def parsed_size(text: str) -> int:
    """Of ``--memory``: ``2GB``, ``800 MB`` (of 1000) or ``2GiB`` (of 1024) in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?I?)B?", text.strip().upper())
    if found is None or found[2] not in UNITS or not 1 <= (size := float(found[1]) * UNITS[found[2]]) < math.inf:
        fail(f"--memory {text!r}: expected a size, as 2GB or 800MB")
    return int(size)
