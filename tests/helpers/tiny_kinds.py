"""The tiny recipe's model section, for every kind of model."""

from __future__ import annotations

from typing import Any

from prismgan.models import MODELS

__all__ = ["COMPARISON_KINDS", "PHOTO_KINDS", "tiny_model"]

PHOTO_KINDS = tuple(kind for kind, model in MODELS.items() if model.config_type.source == "photo")
COMPARISON_KINDS = tuple(kind for kind in PHOTO_KINDS if kind != "prism")


def tiny_model(kind: str) -> dict[str, Any]:
    """The model section of a recipe for a comparison kind, with the smallest sizes."""
    small = {"discriminator": {"width": 8, "levels": 2}}
    games: dict[str, dict[str, Any]] = {"cwgan": {"critic": {**small, "steps": 2}}, "cganomaly": {"adversary": small}}
    return {
        "kind": kind,
        "generator": {"widths": [8, 12], "blocks": [1, 1], "latent": 4, "code": 8},
        "schedule": {"warmup": 5},
        **games.get(kind, {}),
    }
