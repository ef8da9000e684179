"""Arguments, examples, completion and error messages that several commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer import Argument, Option

import prismgan
from prismgan.errors import nearest, one_line
from prismgan.files import parse_json

if TYPE_CHECKING:
    from prismgan.render.request import Request

ENGINES = ("local", "ray")
Texts = list[str] | None
GROUP: dict[str, Any] = {"no_args_is_help": True, "rich_markup_mode": None}  # settings of every group of commands


def examples(*commands: str) -> str:
    """The end of a command's help: examples, one per line."""
    return "\b\n" + "\n".join(["Examples:", *(f"  prismgan {command}" for command in commands)])


def complete_recipes(incomplete: str) -> list[str]:
    """Names of the built-in recipes, for completion; files are completed by the shell itself."""
    from prismgan.recipes import PREFIX, built_in

    return [name for name in map(PREFIX.__add__, built_in()) if name.startswith(incomplete)]


def complete_tasks(context: typer.Context, incomplete: str) -> list[str]:
    """The task names of the given weights, or of the ready-made ones, appended to those already typed."""
    typed, comma, start = incomplete.rpartition(",")
    others = [name for name in task_names(context.params.get("weights")) if name not in typed.split(",")]
    return [f"{typed}{comma}{name}" for name in others if name.startswith(start)]


def task_names(weights: Path | None) -> list[str]:
    """The task names of a weights file, read without torch, which takes seconds; empty if it cannot be read."""
    path = weights or Path(prismgan.__file__).parent / "weights" / "prism-8.safetensors"
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(min(length, 10_000_000)))
        return [str(task["name"]) for task in parse_json(header["__metadata__"]["prismgan"])["tasks"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


# readable=False, because the code that reads the files reports problems in one line.
RecipeFile = Annotated[
    Path,
    Argument(
        readable=False,
        help="The recipe: a YAML file, or recipe:NAME of `recipe list`.",
        autocompletion=complete_recipes,
    ),
]
Settings = Annotated[list[str] | None, Option("--set", metavar="PATH=VALUE", help="Change a recipe value. Repeatable.")]
WeightsFile = Annotated[
    Path | None, Argument(readable=False, help="The weights, a .safetensors file; the ready-made ones by default.")
]
WeightsOption = Annotated[
    Path | None, Option("--weights", readable=False, help="Use this .safetensors file; the ready-made one by default.")
]
OutFolder = Annotated[Path, Option("--out", help="Write the results into this folder, in one for each clip.")]
TaskNames = Annotated[
    str | None, Option(help="Make only the outputs of these tasks, separated by commas.", autocompletion=complete_tasks)
]
Strengths = Annotated[
    list[str] | None, Option(metavar="TASK=NUMBER", help="Set the strength of an output, from 0 to 2. Repeatable.")
]
Brush = Annotated[
    int | None,
    Option(metavar="PIXELS", help="Longest side for painting styles, by default 640 to 1024; smaller is broader."),
]
Blends = Annotated[
    list[str] | None, Option(metavar="[NAME:]TASK=NUMBER,...", help="Add an output that mixes tasks. Repeatable.")
]
Memory = Annotated[str | None, Option("--memory", metavar="SIZE", help="Set a memory limit, for example 2GB or 800MB.")]
RuntimeOption = Annotated[
    str | None, Option(metavar="NAME", help="Compute with torch, onnxruntime, openvino, or auto for the fastest.")
]
Fast = Annotated[bool, Option("--fast", help="Use half precision: up to three times as fast, a few of 255 levels off.")]
Engine = Annotated[str, Option("--engine", help="Work in this process (local), or on a Ray cluster (ray).")]
Address = Annotated[
    str | None,
    Option(metavar="HOST:PORT", help="Use this Ray cluster, or auto for this machine's; by default RAY_ADDRESS."),
]
Workers = Annotated[int | None, Option(min=1, help="Number of processes; by default as many as the cluster allows.")]
AsJson = Annotated[bool, Option("--json", help="Print JSON.")]


def is_clustered(engine: str, address: str | None, workers: int | None) -> bool:
    """Whether ``--engine`` is ray; the other options of :func:`prismgan.cluster.connected` need it."""
    if engine not in ENGINES:
        fail(f"--engine {engine!r}: expected {' or '.join(ENGINES)}{nearest(engine, ENGINES)}")
    for option, value in {"--address": address, "--workers": workers}.items():
        if engine == "local" and value is not None:
            fail(f"{option} {value}: is only for a cluster; add --engine ray, or leave it out")
    return engine == "ray"


def names(separated: str) -> list[str]:
    return [name.strip() for name in separated.split(",") if name.strip()]


def print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def fail(message: str) -> NoReturn:
    """End the command with one line on stderr and exit code 2."""
    typer.echo(one_line(f"prismgan: {message}"), err=True)
    raise typer.Exit(2)


def parsed_request(
    tasks: str | None, strength: Texts, blend: Texts, seeds: range, brush: int | None, chain: str | None = None
) -> Request:
    strengths = _numbers("--strength", ",".join(strength), "task", "restore=0.6") if strength else {}
    blends = _blends(blend or [])
    from prismgan.render.request import Request  # imports torch

    chosen = None if tasks is None else tuple(names(tasks))
    return Request(chosen, strengths, blends, tuple(seeds), tuple(names(chain or "")), brush=brush)


def _numbers(option: str, text: str, what: str, example: str) -> dict[str, float]:
    """The numbers of ``NAME=NUMBER,...`` by name."""
    numbers: dict[str, float] = {}
    for part in names(text):
        name, _, number = (word.strip() for word in part.partition("="))
        try:
            value = float(number)
        except ValueError:
            fail(f"{option} {text!r}: expected a name and a number, for example {example}; found {part!r}")
        if not name:
            fail(f"{option} {text!r}: names no {what}; write for example {example}")
        if name in numbers:
            fail(f"{option} {text!r}: {name!r} is given twice; give it once")
        numbers[name] = value
    if not numbers:
        fail(f"{option} {text!r}: names no {what}; write for example {example}")
    return numbers


def _blends(texts: list[str]) -> dict[str, dict[str, float]]:
    """The blends of ``--blend [NAME:]TASK=NUMBER,...`` by name; NAME is TASK-TASK by default."""
    blends: dict[str, dict[str, float]] = {}
    for text in texts:
        name, colon, looks = text.rpartition(":")
        weights = _numbers("--blend", looks, "look", "starry-night=0.5,comic=0.5")
        name = name.strip() if colon else "-".join(weights)
        if name in blends:
            other = f"dusk:{looks}"
            fail(f"--blend {text!r}: there is already a blend {name!r}; give one another name, for example {other}")
        blends[name] = weights
    return blends


def parsed_size(text: str | None) -> int | None:
    """The bytes of ``--memory``: ``2GB``, ``800 MB`` (of 1000) or ``2GiB`` (of 1024)."""
    if text is None:
        return None
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        size = TypeAdapter(ByteSize).validate_python(text)
    except ValidationError:
        size = ByteSize(0)
    if not 1 <= size < 2**63:
        fail(f"--memory {text!r}: expected a size, for example 2GB or 800MB")
    return size
