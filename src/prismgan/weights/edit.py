"""Edits of a weights file: tasks are added, removed and renamed. All other tensors stay the same, so the other tasks
render bit-identical pictures. The recipe in the header is edited, too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from prismgan.errors import WeightsError, nearest
from prismgan.networks import TaskName
from prismgan.weights.file import Weights, load_weights
from prismgan.weights.header import HeadEntry, Header

HEADS = "generator.heads"
VECTORS = ("patch_embeddings", "whole_embeddings", "classifier")
OWNED = (HEADS, "generator.codes", *(f"discriminator.{vectors}" for vectors in VECTORS))
"""Prefixes of the tensors that belong to one task, keyed by its name."""


def free_name(weights: Weights, name: str) -> str:
    """The name itself; :class:`WeightsError` if it is not a valid task name, or a task of these weights has it."""
    try:
        TypeAdapter(TaskName).validate_python(name)
    except ValidationError as error:
        fault = error.errors()[0]
        why = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "string_pattern_mismatch":
            why = "expected lower-case letters, digits and dashes"
        raise WeightsError(f"{name!r} cannot name a task: {why}") from None
    if name in _names(weights):
        raise WeightsError(f"{weights.path}: already has a task {name!r}; choose another name, or remove that task")
    return name


def check_no_task_lost(out: Path, weights: Weights, names: Iterable[str]) -> None:
    """Raise :class:`WeightsError` if ``out`` is a different file from that of ``weights`` and holds tasks that are not
    among ``names``, or is not a weights file."""
    if not out.is_file() or out.samefile(weights.path):
        return
    try:
        there = load_weights(out)
    except WeightsError:
        raise WeightsError(f"{out}: already exists and holds no weights; choose another name") from None
    lost = sorted(set(_names(there)) - set(names))
    if lost:
        fault = f"already exists, and its tasks would be lost ({', '.join(lost)})"
        raise WeightsError(f"{out}: {fault}; pass it as the weights to change it, or choose another name")


def add_head(weights: Weights, entry: HeadEntry, task: dict[str, Any], head: Mapping[str, Tensor]) -> Weights:
    """The weights with one more task, whose head has the state dict ``head``. The discriminator does not know the task,
    so it is left out."""
    name = free_name(weights, entry.name)
    header = _with_tasks(weights, [*weights.header.tasks, entry], [*_recipe_tasks(weights), task])
    added = {f"{HEADS}.{name}.{key}": tensor for key, tensor in head.items()}
    return replace(weights, header=header, tensors={**weights.without("discriminator").tensors, **added})


def remove_tasks(weights: Weights, names: Sequence[str]) -> Weights:
    """The weights without the named tasks; :class:`WeightsError` if there is no such task, or none would be left."""
    for name in names:
        _check_exists(weights, name)
    kept = [entry for entry in weights.header.tasks if entry.name not in names]
    if not kept:
        raise WeightsError(f"{weights.path}: no task would be left; keep at least one")
    recipe = [task for task in _recipe_tasks(weights) if task.get("name") not in names]
    header = _with_tasks(weights, kept, recipe)
    prefixes = tuple(f"{place}.{name}" for place in OWNED for name in names)
    # The remaining tasks may no longer need all shared layers.
    with weights.as_large_as_claimed():
        networks = header.make_networks()
    used = {f"{part}.{key}" for part, network in networks.items() for key in network.state_dict()}
    tensors = {key: tensor for key, tensor in weights.tensors.items() if not _owned(key, prefixes)}
    tensors = {key: each for key, each in tensors.items() if key in used or key.partition(".")[0] not in networks}
    return replace(weights, header=header, tensors=tensors)


def rename_task(weights: Weights, old: str, new: str) -> Weights:
    """The weights with one task renamed, in the same position; :class:`WeightsError` if that is not possible."""
    _check_exists(weights, old)
    free_name(weights, new)
    tasks = [entry.model_copy(update={"name": new}) if entry.name == old else entry for entry in weights.header.tasks]
    recipe = [{**task, "name": new} if task.get("name") == old else task for task in _recipe_tasks(weights)]
    header = _with_tasks(weights, tasks, recipe)
    renamed = {f"{place}.{old}": f"{place}.{new}" for place in OWNED}

    def key_of(key: str) -> str:
        prefix = next((prefix for prefix in renamed if _owned(key, (prefix,))), None)
        return key if prefix is None else renamed[prefix] + key[len(prefix) :]

    return replace(weights, header=header, tensors={key_of(key): tensor for key, tensor in weights.tensors.items()})


def _names(weights: Weights) -> list[str]:
    return [entry.name for entry in weights.header.tasks]


def _check_exists(weights: Weights, name: str) -> None:
    names = _names(weights)
    if name not in names:
        hint = nearest(name, names)
        raise WeightsError(f"{weights.path}: has no task {name!r}{hint} (it has: {', '.join(names)})")


def _owned(key: str, prefixes: Iterable[str]) -> bool:
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)


def _recipe_tasks(weights: Weights) -> list[dict[str, Any]]:
    """The recipe's tasks that are in the weights; with ``only``, a recipe lists more tasks than it trains."""
    names = _names(weights)
    return [task for task in weights.header.recipe.get("tasks", ()) if task.get("name") in names]


def _with_tasks(weights: Weights, tasks: Sequence[HeadEntry], recipe: list[dict[str, Any]]) -> Header:
    whole = {**weights.header.recipe, "tasks": recipe, "only": None}
    return weights.header.model_copy(update={"tasks": tuple(tasks), "recipe": whole})
