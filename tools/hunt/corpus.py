"""Starting material of the hunt: small pictures, clips, weights, a recipe and a run of it, created for every hunt."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import tifffile
from isolated import command, isolated

from helpers.tiny_weights import tiny_weights

__all__ = ["Corpus"]

TASKS = ("restore", "paint", "fine-2x")
RECIPE: dict[str, Any] = {
    "name": "hunted",
    "data": {"train": [{"folder": "photos"}], "test": [{"folder": "held-out"}], "workers": 0},
    "degradation": {"clean": 0.2, "noise": {"sigma": [5, 50]}, "jpeg": {"quality": [30, 95]}},
    "tasks": [
        {"name": "restore", "kind": "restore"},
        {"name": "paint", "kind": "style", "exemplars": ["painting.png"], "exemplar_size": 64, "latent": True},
    ],
    "model": {
        "generator": {"widths": [8, 16], "blocks": [1, 1], "latent": 4, "code": 8},
        "adversary": {"discriminator": {"width": 8, "levels": 2}, "penalty_every": 2},
        "schedule": {"warmup": 2},
    },
    "training": {
        "steps": 24,
        "batch_size": 2,
        "crop": 32,
        "precision": "float32",
        "ema": 0.9,
        "log_every": 1,
        "save_every": 4,
        "sample_every": 0,
    },
    "evaluation": {"conditions": [{"name": "clean"}], "maximum_side": 64},
}
SAVED: dict[str, tuple[str, dict[str, Any]]] = {
    "a.png": ("RGB", {}),
    "alpha.png": ("RGBA", {}),
    "palette.png": ("P", {}),
    "grey.png": ("L", {}),
    "a.jpg": ("RGB", {}),
    "progressive.jpg": ("RGB", {"progressive": True, "quality": 60}),
    "ink.jpg": ("CMYK", {}),
    "a.webp": ("RGB", {}),
    "lossless.webp": ("RGBA", {"lossless": True}),
    "a.tif": ("RGB", {}),
    "lzw.tif": ("RGB", {"compression": "tiff_lzw"}),
    "jpeg.tif": ("RGB", {"compression": "jpeg"}),
    "fax.tif": ("1", {"compression": "group4"}),
    "a.avif": ("RGB", {}),
    "a.bmp": ("RGB", {}),
    "a.gif": ("P", {}),
}


class Corpus:
    """All of it, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.weights = folder / "tiny.safetensors"
        tiny_weights(*TASKS).save(self.weights)
        self.photos = folder / "photos"
        for number in range(4):
            drawn(self.photos / f"photo-{number}.jpg", 64 + 2 * number, 72, number)
        drawn(folder / "held-out" / "test.png", 70, 66, 20)
        drawn(folder / "painting.png", 80, 100, 90)
        self.recipe = self.write_recipe(folder / "recipe.yaml")
        self.clip = self._clip()

    @cached_property
    def run(self) -> Path:
        """A run of the recipe."""
        trained = isolated(command("train", self.recipe, "--run", self.folder / "run", "--steps", 4))
        if trained.code:
            raise SystemExit(f"the hunt cannot begin: {trained.said}")
        return self.folder / "run"

    def write_recipe(self, path: Path, changes: Mapping[str, Any] | None = None) -> Path:
        """The recipe, with a few values changed."""
        recipe = json.loads(json.dumps(RECIPE))
        for name, value in (changes or {}).items():
            *keys, last = name.split(".")
            place = recipe
            for key in keys:
                place = place[key]
            place[last] = value
        path.write_text(yaml.safe_dump(recipe, sort_keys=False))
        return path

    @cached_property
    def pictures(self) -> list[Path]:
        """Pictures of every format, depth and colour mode."""
        pictures = self.folder / "pictures"
        pictures.mkdir()
        exif = Image.Exif()
        exif[0x0112], exif[270] = 6, "a picture"
        for number, (name, (mode, settings)) in enumerate(SAVED.items()):
            about = {"exif": exif} if mode == "RGB" and name[-3:] in ("png", "jpg", "ebp", "vif") else {}
            noise(40, 48, number).convert(mode).save(pictures / name, **settings, **about)
        deep = np.random.default_rng(5).integers(0, 65_536, (40, 48, 3), dtype=np.uint16)
        tifffile.imwrite(pictures / "deep.tif", deep, metadata=None)
        (pictures / "several.gif").write_bytes(_several())
        return sorted(pictures.iterdir())

    def files(self, kind: str) -> list[Path]:
        """Undamaged files of one kind."""
        if kind == "pictures":
            return self.pictures
        if kind == "clips":
            return [self.clip, *sorted(self.folder.glob("clip-*"))]
        if kind == "weights":
            return [self.weights]
        if kind == "checkpoints":
            return [self.run / "checkpoint.pt"]
        if kind == "recipes":
            return [self.recipe, *sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))]
        return self._texts()[kind]

    def _texts(self) -> dict[str, list[Path]]:
        rows = [
            {"picture": f"photos/photo-{number}.jpg", "comic": "painting.png", "split": "train"} for number in range(4)
        ]
        table, lines = self.folder / "rows.csv", self.folder / "rows.jsonl"
        table.write_text("picture,comic,split\n" + "".join(",".join(row.values()) + "\n" for row in rows))
        lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return {"manifests": [table], "JSON-lines": [lines]}

    def _clip(self) -> Path:
        try:
            from helpers.tiny_clips import make_clip
        except ImportError:
            return self.folder / "no clips without PyAV"
        make_clip(self.folder / "clip-b.mkv")
        make_clip(self.folder / "clip-c.mp4", sound=None, rotation=90)
        return make_clip(self.folder / "a.mp4", height=96, width=128)

    def copy(self, place: Path) -> None:
        """The files that trainings start from, in another folder."""
        for name in ("photos", "held-out"):
            shutil.copytree(self.folder / name, place / name)
        shutil.copy(self.folder / "painting.png", place)


def drawn(path: Path, height: int, width: int, seed: int) -> None:
    """Smooth colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)


def noise(height: int, width: int, seed: int) -> Image.Image:
    """Random colours of every kind."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def _several() -> bytes:
    content = io.BytesIO()
    noise(20, 20, 1).save(content, "GIF", save_all=True, append_images=[noise(20, 20, 2)])
    return content.getvalue()
