"""Searches for failures of prismgan: kills, concurrent jobs, a full disk, damaged and harmful files, many bad clients.

    python tools/hunt --minutes 20
    python tools/hunt --replay runs/hunt/failures.jsonl

Everything is a function of ``--seed`` and a number, except for the moment of a kill and the order of requests. The
results are a table and a file of the failures; the exit code is 1 if there were any.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from clients import hunt_requests
from corpus import Corpus
from files import KINDS, hunt_files, kind_of
from isolated import isolated
from jobs import hunt_kills, hunt_on_a_full_disk, hunt_two_at_once, jobs_of
from ledger import Ledger, Trial

JOBS = {"kills": hunt_kills, "two": hunt_two_at_once, "disk": hunt_on_a_full_disk}
PARTS = ("harmful", *KINDS, *JOBS, "requests")
SHARES = {"pictures": 3, "kills": 40, "requests": 6}
"""Share of the time; 1 for the other parts."""
FILES = 80
"""Seconds of one part before the next part has its turn."""
MOST_SECONDS, MOST_MEGABYTES = 2.0, 1024
"""Seconds allowed for refusing a harmful file."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", default=",".join(PARTS), help="of the hunt, separated by commas")
    parser.add_argument("--out", type=Path, default=Path("runs/hunt"))
    parser.add_argument("--replay", type=Path, help="only what failed before, from this file")
    asked = parser.parse_args()
    parts = [part for part in PARTS if part in asked.parts.split(",")]
    if not parts:
        parser.error(f"--parts: expected some of {', '.join(PARTS)}")
    _import_everything(asked.replay is not None or not set(parts) <= {"harmful", *KINDS})
    asked.out.mkdir(parents=True, exist_ok=True)
    replayed = [json.loads(line) for line in asked.replay.read_text().splitlines()] if asked.replay else None
    ledger = Ledger(asked.out)
    if replayed is None:
        ledger.failures.write_bytes(b"")
    with tempfile.TemporaryDirectory(prefix="prismgan-hunt-") as place:
        hunt = Hunt(Corpus(Path(place) / "corpus"), ledger, asked.seed)
        if replayed is not None:
            for line in replayed:
                hunt.replay(Trial(line["part"], line["seed"], line["number"]))
        else:
            with suppress(KeyboardInterrupt):  # the table is written in any case
                hunt.run(parts, 60 * asked.minutes)
    print(ledger.table())
    (asked.out / "table.txt").write_text(ledger.table() + "\n")
    if ledger.failed:
        print(f"\nfailures: {ledger.failures}; python tools/hunt --replay {ledger.failures} tries them again")
    return int(bool(ledger.failed))


class Hunt:
    """All parts, in turn until the time is over; each has its share of it."""

    def __init__(self, corpus: Corpus, ledger: Ledger, seed: int) -> None:
        self.corpus, self.ledger, self.seed = corpus, ledger, seed
        self.jobs = jobs_of(corpus)
        self.numbers = dict.fromkeys(PARTS, 0)

    def run(self, parts: list[str], seconds: float) -> None:
        began = time.monotonic()
        if "harmful" in parts:
            self.harmful()
        spent = dict.fromkeys([part for part in parts if part != "harmful"], 0.0)
        while spent and time.monotonic() - began < seconds:
            part = min(spent, key=lambda part: spent[part] / SHARES.get(part, 1))
            start = time.monotonic()
            left = seconds - (start - began)
            self.turn(part, min(20.0, left))
            spent[part] += time.monotonic() - start

    def turn(self, part: str, seconds: float) -> None:
        number = self.numbers[part]
        if part == "requests":
            self.numbers[part] += hunt_requests(self.corpus, self.ledger, self.seed, number, seconds)
        elif part in JOBS:
            self.numbers[part] += 1
            job = self.jobs[number % len(self.jobs)]
            JOBS[part](job, self.ledger, Trial(f"{part}: {job.name}", self.seed, number))
        else:
            self.numbers[part] += FILES
            kind = kind_of(part, self.corpus)
            if kind.corpus[0].is_file():
                hunt_files(kind, self.ledger, self.seed, number, FILES)

    def harmful(self) -> None:
        """Files that are designed to consume time or memory."""
        from helpers.harmful_files import HARMFUL
        from prismgan.errors import PrismganError
        from prismgan.images import open_picture

        path = self.corpus.folder / "harmful"

        def work() -> None:
            try:
                open_picture(path)
            except PrismganError as error:
                print(error)
                sys.exit(2)

        for number, (name, (make, _)) in enumerate(HARMFUL.items()):
            trial = Trial("harmful", self.seed, number)
            path.write_bytes(make())
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            ended = isolated(work)
            took = ended.megabytes - before
            if ended.code not in (0, 2) or ended.seconds > MOST_SECONDS or took > MOST_MEGABYTES:
                what = f"{name}: code {ended.code}, {ended.seconds:.1f} s, {took} MB: {ended.said[-300:]}"
                self.ledger.note(trial, "failed", what, seconds=ended.seconds, megabytes=took)
            else:
                outcome = "refused" if ended.code else "accepted"
                self.ledger.note(trial, outcome, seconds=ended.seconds, megabytes=max(took, 0))

    def replay(self, trial: Trial) -> None:
        """Repeat a trial; files that were tested through the command line are tested so again."""
        part, _, what = trial.part.partition(": ")
        name = trial.part.partition(",")[0]
        if name in KINDS:
            hunt_files(kind_of(name, self.corpus), self.ledger, trial.seed, trial.number, 1, name != trial.part)
        elif part in JOBS:
            JOBS[part](next(job for job in self.jobs if job.name == what), self.ledger, trial)
        elif part == "requests":
            hunt_requests(self.corpus, self.ledger, trial.seed, trial.number, 5)
        else:
            self.harmful()


def _import_everything(jobs_too: bool) -> None:
    """Import everything before processes are forked, so that they need not."""
    import torch

    torch.set_num_threads(1)
    modules = ["cli.commands", "data.manifest", "images", "recipes.text", "training.run", "weights"]
    if jobs_too:
        modules += ["comparison", "evaluation", "render.files", "report", "training.trainer", "web.serving"]
        torch.optim.AdamW([torch.zeros(1)])  # imports a compiler
    for module in modules:
        importlib.import_module(f"prismgan.{module}")


if __name__ == "__main__":
    sys.exit(main())
