"""`prismgan serve` under load: 20 clients at once, each with a mix of typical tasks, on loopback.

python benchmarks/load.py                           # the ready-made weights, 200 tasks of 20 clients
python benchmarks/load.py --weights W --clients 4 --tasks 20 --json figures.json

It starts a server, and each client has a separate address (127.0.0.2 and up, which all exist on Linux), because the
server distinguishes clients by it. Every answer must be a documented one; after 429, when a client exceeds its limits,
it tries again. Resident memory is printed along the way. At the end the server is stopped, and must leave no file
behind. The exit code is 1 if anything went wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
from PIL import Image
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

SIDES = {"small": (240, 320), "medium": (480, 640), "large": (1200, 1600)}
OVER = ("done", "failed", "cancelled")
ATTEMPTS = 60
"""Number of times that a client repeats a request, a second later, after status 429."""


def drawn(height: int, width: int) -> bytes:
    """A picture file with smooth random colours."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(content, "JPEG")
    return content.getvalue()


@dataclass
class Figures:
    """The measurements."""

    answers: Counter[int] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    waits: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds from requesting outputs of a small picture until they are ready, by client."""
    resident: list[tuple[float, float]] = field(default_factory=list)
    """Seconds since the start, and megabytes."""


class Client:
    """One client: an address that performs one task after another."""

    def __init__(self, number: int, server: str, figures: Figures) -> None:
        self.address, self.server, self.figures = f"127.0.0.{number + 2}", server, figures
        self.draw = random.Random(number)
        transport = httpx2.AsyncHTTPTransport(local_address=self.address)
        self.http = httpx2.AsyncClient(base_url=server, transport=transport, timeout=120)
        self.looks: list[str] = []

    async def work(self, tasks: list[str]) -> None:
        """Perform all tasks; errors are recorded, and the next task starts."""
        async with self.http:
            self.looks = [look["name"] for look in (await self.ask("GET", "/api/tasks", 200)).json()["tasks"]]
            for task in tasks:
                try:
                    await TASKS[task](self)
                    self.figures.done[task] += 1
                except (AssertionError, OSError, httpx2.HTTPError, WebSocketException) as error:
                    self.figures.failures.append(f"{self.address} {task}: {error!r}")

    async def ask(self, method: str, path: str, expected: int, **more: Any) -> httpx2.Response:
        """One request, repeated if the server is at its limit."""
        for _ in range(ATTEMPTS):
            answer = await self.http.request(method, path, **more)
            self.figures.answers[answer.status_code] += 1
            if answer.status_code != 429:
                break
            await asyncio.sleep(1)
        assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
        return answer

    async def send(self, size: str) -> str:
        """Id of a picture."""
        answer = await self.ask("POST", "/api/pictures", 201, files={"file": drawn(*SIDES[size])})
        return str(answer.json()["id"])

    async def started(self, picture: str, **body: Any) -> str:
        """URL path of a render."""
        answer = await self.ask("POST", f"/api/pictures/{picture}/renders", 202, json=body)
        return f"/api/renders/{answer.json()['id']}"

    async def follow(self, job: str) -> dict[str, Any]:
        """The final state, by a WebSocket or by polling."""
        state: dict[str, Any] = {"state": "queued"}
        if self.draw.random() < 0.5:
            place = self.server.replace("http", "ws") + job + "/events"
            async with connect(place, local_addr=(self.address, 0), proxy=None) as socket:
                async for message in socket:
                    state = json.loads(message) if isinstance(message, str) else state
        while state["state"] not in OVER:
            await asyncio.sleep(0.2)
            state = (await self.ask("GET", job, 200)).json()
        return state

    async def render(self, size: str) -> None:
        """Render some outputs of a picture, fetch them and delete the picture."""
        picture = await self.send(size)
        looks = self.draw.sample(self.looks, self.draw.randint(1, min(3, len(self.looks))))
        asked = time.monotonic()
        job = await self.started(picture, tasks=looks, seed=self.draw.randrange(100))
        state = await self.follow(job)
        if size == "small":
            self.figures.waits[self.address].append(time.monotonic() - asked)
        assert state["state"] == "done", state
        for look in looks:
            fetched = await self.ask("GET", f"{job}/{look}?format=jpg", 200)
            assert Image.open(io.BytesIO(fetched.content)).width >= SIDES[size][1]
        await self.ask("DELETE", job, 204)
        await self.ask("DELETE", f"/api/pictures/{picture}", 204)

    async def cancel(self) -> None:
        """Cancel a render."""
        picture = await self.send("large")
        job = await self.started(picture)
        await asyncio.sleep(self.draw.random())
        await self.ask("DELETE", job, 204)
        await self.ask("GET", job, 404)
        await self.ask("DELETE", f"/api/pictures/{picture}", 204)

    async def crowd(self) -> None:
        """Exceed the limits, and disconnect."""
        picture = await self.send("small")
        answers = await asyncio.gather(
            *(self.http.post(f"/api/pictures/{picture}/renders", json={"tasks": self.looks[:1]}) for _ in range(12))
        )
        for answer in answers:
            self.figures.answers[answer.status_code] += 1
            assert answer.status_code in (202, 429), answer.text
            if answer.status_code == 202:
                await self.ask("DELETE", f"/api/renders/{answer.json()['id']}", 204)
        await self.ask("DELETE", f"/api/pictures/{picture}", 204)

    async def err(self) -> None:
        """Send broken files, and request missing ones."""
        whole = drawn(*SIDES["small"])
        for content, expected in ((b"", 415), (b"no picture", 415), (whole[: len(whole) // 2], 422)):
            await self.ask("POST", "/api/pictures", expected, files={"file": content})
        await self.ask("GET", "/api/renders/none", 404)
        await self.ask(
            "POST", "/api/pictures/none/renders", 400, content=b"{", headers={"Content-Type": "application/json"}
        )
        await self.ask("GET", "/api/nothing", 404, headers={"Host": "127.0.0.1"})
        await self.ask("GET", "/api/tasks", 403, headers={"Origin": "http://elsewhere.example"})

    async def look(self) -> None:
        """Open the page."""
        page = await self.ask("GET", "/", 200)
        for name in ("style.css", "main.js"):
            assert f"static/{name}" in page.text
            await self.ask("GET", f"/static/{name}", 200)
        sample = await self.ask("GET", "/api/samples/coffee", 200)
        assert Image.open(io.BytesIO(sample.content)).width > 100

    async def style(self) -> None:
        """Train a style for a few seconds, while all other clients are served."""
        picture = await self.send("small")
        body = {"picture": picture, "name": f"style-{self.draw.randrange(10**9)}", "minutes": 0.1}
        answer = await self.ask("POST", "/api/styles", 202, json=body)
        state = await self.follow(f"/api/styles/{answer.json()['id']}")
        assert state["state"] == "done", state
        await self.ask("DELETE", f"/api/pictures/{picture}", 204)


TASKS: dict[str, Callable[[Client], Awaitable[None]]] = {
    "small": lambda client: client.render("small"),
    "medium": lambda client: client.render("medium"),
    "large": lambda client: client.render("large"),
    "cancel": Client.cancel,
    "crowd": Client.crowd,
    "err": Client.err,
    "look": Client.look,
    "style": Client.style,
}
SHARES = {"small": 84, "medium": 30, "large": 5, "cancel": 25, "crowd": 10, "err": 25, "look": 20, "style": 1}
"""Weights of the tasks; they sum to 200."""


def dealt(tasks: int, clients: int) -> list[list[str]]:
    """The tasks of each client."""
    deck = [name for name, share in SHARES.items() for _ in range(round(share * tasks / sum(SHARES.values())))]
    random.Random(0).shuffle(deck)
    return [deck[number::clients] for number in range(clients)]


@contextmanager
def served(weights: Path | None, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Address and process of a server whose temporary files are in this folder; asked to stop at the end."""
    words = ["serve", "--port", "0", *([] if weights is None else ["--weights", str(weights)])]
    with subprocess.Popen(
        [sys.executable, "-m", "prismgan", *words],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                sys.exit("the server did not start")
            yield address, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


async def watch(process: psutil.Process, figures: Figures) -> None:
    """Record the server's memory every second, and print it now and then."""
    start = time.monotonic()
    while True:
        figures.resident.append((time.monotonic() - start, process.memory_info().rss / 1e6))
        if len(figures.resident) % 10 == 1:
            seconds, resident = figures.resident[-1]
            print(f"  {seconds:5.0f} s  {resident:6.0f} MB  {sum(figures.done.values()):4d} tasks done", flush=True)
        await asyncio.sleep(1)


async def load(server: str, process: psutil.Process, hands: list[list[str]], seconds: float) -> Figures:
    """Run all clients at once."""
    figures = Figures()
    watching = asyncio.create_task(watch(process, figures))
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(Client(number, server, figures).work(hand) for number, hand in enumerate(hands)))
    except TimeoutError:
        figures.failures.append(f"not done after {seconds:g} s")
    finally:
        watching.cancel()
    return figures


def summary(figures: Figures, seconds: float) -> dict[str, Any]:
    """Print and write the results."""
    waits = [statistics.mean(found) for found in figures.waits.values()]
    resident = [megabytes for _, megabytes in figures.resident]
    half = len(resident) // 2
    return {
        "seconds": seconds,
        "tasks": dict(figures.done),
        "answers": {str(code): count for code, count in sorted(figures.answers.items())},
        "failures": figures.failures,
        "resident_start_mb": resident[0],
        "resident_most_first_half_mb": max(resident[: half + 1]),
        "resident_most_second_half_mb": max(resident[half:]),
        "wait_median": statistics.median(waits),
        "wait_most": max(waits),
        "wait_most_over_median": max(waits) / statistics.median(waits),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="serve these instead of the ready-made ones")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=200, help="of all clients together, about")
    parser.add_argument("--seconds", type=float, default=900, help="after which it is given up")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served(options.weights, folder) as (server, process):
            start = time.monotonic()
            figures = asyncio.run(load(server, process, dealt(options.tasks, options.clients), options.seconds))
            found = summary(figures, time.monotonic() - start)
        left = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    found["failures"] += [f"left behind: {path}" for path in left]
    requests, tasks = sum(figures.answers.values()), sum(figures.done.values())
    print(f"{tasks} tasks of {options.clients} clients, {requests} requests in {found['seconds']:.0f} s")
    print(f"tasks                           {found['tasks']}")
    print(f"answers                         {found['answers']}")
    print(f"resident memory at the start    {found['resident_start_mb']:6.0f} MB")
    print(f"  most in the first half        {found['resident_most_first_half_mb']:6.0f} MB")
    print(f"  most in the second half       {found['resident_most_second_half_mb']:6.0f} MB")
    print(f"mean seconds for a small picture, of the median client          {found['wait_median']:6.2f}")
    print(f"  of the client who waited longest                              {found['wait_most']:6.2f}")
    for failure in found["failures"]:
        print(f"FAILED {failure}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(1 if found["failures"] else 0)


if __name__ == "__main__":
    main()
