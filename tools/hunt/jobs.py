"""Jobs that are killed at random moments, started twice at once, or meet a full disk, and still give the same
result."""

from __future__ import annotations

import hashlib
import importlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from corpus import TASKS, Corpus
from isolated import Ended, command, isolated
from ledger import Ledger, Trial

__all__ = ["Job", "hunt_kills", "hunt_on_a_full_disk", "hunt_two_at_once", "jobs_of"]

MOST_KILLS = 5
"""Seconds that one job may take."""
FULL = 300_000
"""Bytes of the small disk."""


@dataclass(frozen=True)
class Job:
    """A command, and the output files that are compared byte by byte."""

    name: str
    words: Callable[[Path], tuple[object, ...]]
    """Arguments, given its working folder."""
    made: str
    """Pattern of the results; it matches no file that contains times of a training."""
    resumed: tuple[str, ...] = ()
    """Arguments to add if results exist already."""
    prepare: Callable[[Path], None] = lambda folder: None


def jobs_of(corpus: Corpus) -> list[Job]:
    """All kinds of job."""
    video = corpus.clip.is_file()

    def recipe(changes: dict[str, Any]) -> Callable[[Path], None]:
        def prepare(folder: Path) -> None:
            corpus.copy(folder)
            corpus.write_recipe(folder / "recipe.yaml", changes)

        return prepare

    def train(folder: Path) -> tuple[object, ...]:
        return ("train", folder / "recipe.yaml", "--run", folder / "run")

    every = [
        Job(
            f"train, {stages} stage{'s' * (stages == 'two')}",
            train,
            "run/weights.safetensors",
            ("--resume",),
            recipe({"model.adversary.stages": stages}),
        )
        for stages in ("one", "two")
    ]
    every += [
        Job(
            "render, a folder",
            lambda folder: ("render", corpus.photos, "--weights", corpus.weights, "--out", folder / "out", "--sheet"),
            "out/**/*.png",
        ),
        Job(
            "compare",
            lambda folder: (
                "compare",
                folder / "recipe.yaml",
                "--models",
                "prism,cwgan",
                "--seeds",
                1,
                "--steps",
                6,
                "--out",
                folder / "out",
            ),
            "out/**/weights.safetensors",
            ("--resume",),
            recipe({"training.save_every": 2}),
        ),
        Job(
            "add-task",
            lambda folder: (
                "add-task",
                corpus.weights,
                "--name",
                "mine",
                "--exemplar",
                corpus.folder / "painting.png",
                "--photos",
                corpus.photos,
                "--size",
                64,
                "--steps",
                3,
                "--out",
                folder / "mine.safetensors",
            ),
            "mine.safetensors",
        ),
    ]
    if video:
        every.append(
            Job(
                "video",
                lambda folder: (
                    "video",
                    corpus.clip,
                    "--weights",
                    corpus.weights,
                    "--out",
                    folder / "out",
                    "--tasks",
                    ",".join(TASKS[:2]),
                    "--segment",
                    0.12,
                ),
                "out/**/*.mp4",
            )
        )
    return every


class Reference:
    """The files of an undisturbed job, and its duration; computed once."""

    made: ClassVar[dict[str, tuple[dict[str, str], float]]] = {}

    @classmethod
    def of(cls, job: Job) -> tuple[dict[str, str], float]:
        if job.name not in cls.made:
            with tempfile.TemporaryDirectory(prefix="prismgan-hunt-") as place:
                folder = Path(place)
                job.prepare(folder)
                run, imported = command(*job.words(folder)), folder / "imported.txt"

                def work() -> None:
                    try:
                        run()
                    finally:
                        imported.write_text("\n".join(sys.modules))

                ended = isolated(work)
                if ended.code:
                    raise SystemExit(f"{job.name}: fails undisturbed: {ended.said}")
                cls.made[job.name] = _hashes(folder, job), ended.seconds
                # Modules that it needs are imported here, once for all processes that are forked from now on.
                for module in imported.read_text().split():
                    if module not in sys.modules:
                        with suppress(Exception):
                            importlib.import_module(module)
        return cls.made[job.name]


def hunt_kills(job: Job, ledger: Ledger, trial: Trial) -> None:
    """Kill a job up to five times, at random moments; the final result must be unaffected."""
    expected, seconds = Reference.of(job)
    draw = random.Random(trial.key)
    with tempfile.TemporaryDirectory(prefix="prismgan-hunt-") as place:
        folder = Path(place)
        job.prepare(folder)
        kills = 0
        for _ in range(draw.randint(1, MOST_KILLS)):
            ended = _again(job, folder, kill_after=draw.uniform(0, seconds))
            if ended.code >= 0:
                break
            kills += 1
        last = ended if kills == 0 or ended.code >= 0 else _again(job, folder)
        what = _wrong(job, folder, last, expected)
        if what:
            ledger.keep_folder(trial, folder)
        ledger.note(trial, "failed" if what else "accepted", what, seconds=last.seconds, megabytes=last.megabytes)
        ledger.row(trial.part).kills += kills


def hunt_two_at_once(job: Job, ledger: Ledger, trial: Trial) -> None:
    """Start a job twice: one does it, the other reports that in one line, or finds it done."""
    expected, seconds = Reference.of(job)
    draw = random.Random(trial.key)
    with tempfile.TemporaryDirectory(prefix="prismgan-hunt-") as place:
        folder = Path(place)
        job.prepare(folder)
        second: list[Ended] = []

        def beside() -> None:
            time.sleep(draw.uniform(0, 0.7 * seconds))
            second.append(isolated(command(*job.words(folder), *_resumed(job, folder))))

        first = isolated(command(*job.words(folder)), beside=beside)
        faults = [fault for ended in (first, *second) if (fault := ended.fault)]
        last = first if first.code == 0 else second[0] if second[0].code == 0 else _again(job, folder)
        what = "; ".join(faults) or _wrong(job, folder, last, expected)
        ledger.note(trial, "failed" if what else "accepted", what, seconds=first.seconds, megabytes=first.megabytes)


def hunt_on_a_full_disk(job: Job, ledger: Ledger, trial: Trial) -> None:
    """Fill the disk during a job. With room again it continues, and existing files are undamaged."""
    expected, _ = Reference.of(job)
    draw = random.Random(trial.key)
    with tempfile.TemporaryDirectory(prefix="prismgan-hunt-") as place:
        disk = Path(place) / "disk"
        disk.mkdir()
        mounted = _mount(disk)
        if mounted is not None:
            ledger.row(trial.part).remark = f"skipped: {mounted}"
            return
        try:
            folder = disk / "work"
            folder.mkdir()
            job.prepare(folder)
            taken = shutil.disk_usage(disk).used
            _resize(disk, taken + draw.randrange(4_096, FULL))
            full = _again(job, folder)
            what = full.fault or ""
            if not what and full.code and not any(word in full.said for word in ("space", "full", "disk")):
                what = f"a full disk is not named: {full.said.strip()[-300:]}"
            _resize(disk, 200_000_000)
            last = _again(job, folder) if full.code else full
            what = what or _wrong(job, folder, last, expected)
            outcome = "failed" if what else "refused" if full.code else "accepted"
            ledger.note(trial, outcome, what, seconds=full.seconds, megabytes=full.megabytes)
        finally:
            subprocess.run(["umount", disk], check=False, capture_output=True)


def _again(job: Job, folder: Path, kill_after: float | None = None) -> Ended:
    return isolated(command(*job.words(folder), *_resumed(job, folder)), kill_after)


def _resumed(job: Job, folder: Path) -> tuple[str, ...]:
    return job.resumed if job.resumed and any((folder / name).is_dir() for name in ("run", "out")) else ()


def _wrong(job: Job, folder: Path, last: Ended, expected: dict[str, str]) -> str:
    if fault := last.fault:
        return fault
    if last.code:
        return f"does not go on: {last.said.strip()[-600:]}"
    made = _hashes(folder, job)
    if made != expected:
        odd = sorted(name for name in made.keys() | expected if made.get(name) != expected.get(name))
        return f"is not what an undisturbed one makes: {', '.join(odd)}"
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob(".*-*"))
    return f"leaves {', '.join(left)}" if left else ""


def _hashes(folder: Path, job: Job) -> dict[str, str]:
    return {str(path.relative_to(folder)): _hash(path) for path in _sorted(folder.glob(job.made))}


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file() and "segments" not in path.parts)


def _hash(path: Path) -> str:
    if path.suffix == ".mp4":
        return _frames(path)
    if path.suffix == ".safetensors":
        return _tensors(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _tensors(path: Path) -> str:
    """Digest of all numbers; their descriptions name the folder that they were made in."""
    from safetensors.torch import load_file

    tensors = load_file(path)
    return hashlib.sha256(
        b"".join(name.encode() + tensors[name].numpy().tobytes() for name in sorted(tensors))
    ).hexdigest()


def _frames(path: Path) -> str:
    """Digest of a clip's pictures and packets; its container stores the time of creation."""
    from helpers.tiny_clips import frames

    return hashlib.sha256(b"".join(frame.tobytes() for frame in frames(path))).hexdigest()


def _mount(place: Path) -> str | None:
    """The reason why there is no small disk; None if there is one."""
    if os.geteuid() != 0:
        return "a small disk takes root"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200000000", "tmpfs", place], capture_output=True, check=False
    )
    return done.stderr.decode().strip() if done.returncode else None


def _resize(place: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", place], check=True, capture_output=True)
