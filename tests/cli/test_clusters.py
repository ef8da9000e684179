"""The engine ``ray``: the same results as without it, whatever happens to machines of the cluster.

The cluster is two raylets of one core on this machine.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import psutil
import pytest
from fsspec.core import url_to_fs

from helpers.tiny_weights import tiny_weights
from prismgan import cluster

pytest.importorskip("ray")
# Ray's processes take long to start if many others use the cores.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Command = Callable[..., Any]
DrawPicture = Callable[..., Path]
PICTURES = 200
NODE = {"num_cpus": 1, "memory": 4_000_000_000, "object_store_memory": 100_000_000}


class Cluster:
    """A head node, and a second machine if a test requests it; records which machines did jobs."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as Raylets

        logging.getLogger("ray").setLevel(logging.CRITICAL)
        # By default workers yield to all other processes of a machine, including the tests.
        head = {**NODE, "include_dashboard": False, "_system_config": {"worker_niceness": 0}}
        self.raylets = _patiently(lambda: Raylets(initialize_head=True, head_node_args=head))
        self.options = ("--engine", "ray", "--address", self.raylets.address)
        self.nodes: list[str] = []
        self.kill_after: int | None = None

    def spread(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        """Like :func:`prismgan.cluster.spread`; the second machine dies within a job, after this many jobs."""
        for done in SPREAD(*arguments, **options):
            if not self.nodes:
                _wait_for_workers()
            self.nodes.append(done.node)
            by_first = self.second.node_id[:8] not in done.node
            enough = self.kill_after is not None and self.done_by_second() >= self.kill_after
            if by_first and enough and len(self.nodes) > 1:
                self.kill_after = None
                self.raylets.remove_node(self.second, allow_graceful=False)
            yield done

    def add(self) -> None:
        self.second = _patiently(lambda: self.raylets.add_node(**NODE))
        self.nodes = []

    def done_by_second(self) -> int:
        return sum(self.second.node_id[:8] in node for node in self.nodes)


def _patiently(start: Callable[[], Any]) -> Any:
    """Ray gives a raylet 30 seconds to start, which may be too few on a busy machine."""
    for _ in range(3):
        try:
            return start()
        except Exception as error:
            if "timed out" not in str(error):
                raise
            late = error
    raise late


def _wait_for_workers() -> None:
    """When the first worker is ready, give the others time, so that it does not do everything alone."""
    for _ in range(600):
        names = [process.info["name"] for process in psutil.process_iter(["name"])]
        if not any(name.startswith(("ray::_Worker.start", "ray::_Worker.__in")) for name in names):
            return
        time.sleep(0.1)


SPREAD = cluster.spread


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Address of an S3 server; it is in the environment of all processes started from here."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.MonkeyPatch.context() as context:
        context.setenv("AWS_ENDPOINT_URL", address)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            context.setenv(name, "tests")
        context.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield address


ONE_BY_ONE = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple
application = DomainDispatcherApplication(create_backend_app)
run_simple("127.0.0.1", int(sys.argv[1]), application, request_handler=MotoRequestHandler)
"""
"""``python -m moto.server`` with a single thread: with several, moto keeps a request's parameters in a shared object,
and existing files are not found."""


@pytest.fixture(scope="module")
def bucket(endpoint: str) -> Iterator[str]:
    """``s3://prism``, an empty bucket of a server in a separate process."""
    for package in ("moto", "flask", "s3fs"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    port = endpoint.rpartition(":")[-1]
    words = [sys.executable, "-c", ONE_BY_ONE, port]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(600):
                with suppress(OSError), socket.create_connection(("127.0.0.1", int(port)), timeout=1):
                    break
                time.sleep(0.1)
            fsspec.filesystem("s3").mkdir("prism")
            yield "s3://prism"
        finally:
            server.kill()


@pytest.fixture(scope="module")
def raylets(endpoint: str) -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.raylets.shutdown()


@pytest.fixture
def machines(raylets: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster, with two machines."""
    for module in ("render.clustered", "comparison.run"):
        monkeypatch.setattr(f"prismgan.{module}.spread", raylets.spread)
    raylets.add()
    return raylets


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    tiny_weights("restore", "paint").save(path)
    return path


def said(stderr: str) -> list[str]:
    """Lines of stderr except estimates of the remaining time, which slow machines print."""
    return [line for line in stderr.splitlines() if "  ETA " not in line]


def outputs(folder: Path | str) -> dict[str, bytes]:
    """The pictures below a folder or an address."""
    files, root = url_to_fs(str(folder))
    files.invalidate_cache()
    return {path[len(root) :]: files.cat_file(path) for path in files.find(root) if path.endswith(".png")}


@pytest.mark.parametrize("stored", [False, True], ids=["disk", "s3"])
def test_many_pictures_and_a_machine_that_dies(
    stored: bool,
    machines: Cluster,
    weights: Path,
    tmp_path: Path,
    draw_picture: DrawPicture,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """All pictures are rendered as by this process alone, except the broken one; finished ones are not repeated."""
    monkeypatch.chdir(tmp_path)
    for number in range(PICTURES):
        draw_picture(tmp_path / "photos" / f"{number % 4}" / f"{number}.png", 16, 24, number)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    here = command("render", "photos", "--weights", weights, "--out", "here")
    prefix = ""
    if stored:
        prefix = f"{request.getfixturevalue('bucket')}/"
        fsspec.filesystem("s3").put(str(tmp_path / "photos"), f"{prefix}photos", recursive=True)
    words = ("render", f"{prefix}photos", "--weights", weights, "--out", f"{prefix}there", *machines.options)
    machines.kill_after = PICTURES // 6
    there = command(*words)
    assert there.code == here.code == 1
    (problem,) = said(there.err)
    assert [problem] == [line.replace("photos", f"{prefix}photos") for line in said(here.err)]
    assert problem.startswith(f"prismgan: {prefix}photos/broken.png: ")
    assert sorted(there.out.splitlines()) == sorted(here.out.replace("here/", f"{prefix}there/").splitlines())
    made = outputs(f"{prefix}there")
    assert made == outputs(tmp_path / "here")
    assert len(made) == 2 * PICTURES
    failed, _ = url_to_fs(f"{prefix}there")
    (row,) = map(json.loads, failed.cat_file(f"{prefix}there/failed.jsonl").decode().splitlines())
    assert f"prismgan: {row['problem']}" == problem
    assert row["source"] == f"{prefix}photos/broken.png"
    assert machines.kill_after is None
    assert len(machines.nodes) == PICTURES + 1
    assert machines.done_by_second() >= PICTURES // 6
    assert row["node"] in machines.nodes

    failed.rm_file(f"{prefix}photos/broken.png")
    before = failed.find(f"{prefix}there", detail=True)
    again = command(*words)
    assert (again.code, again.out) == (0, "")
    assert said(again.err) == [f"{PICTURES} pictures are already done with these options (--overwrite repeats it)"]
    failed.invalidate_cache()
    after = failed.find(f"{prefix}there", detail=True)
    assert {*before} - {*after} == {path for path in before if path.endswith("failed.jsonl")}
    assert all(before[path] == after[path] for path in after)


def test_many_clips_and_a_machine_that_dies(
    machines: Cluster, weights: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clip continues after its last segment on another machine, with the same result as by this process alone."""
    pytest.importorskip("av", reason="av is not installed")
    from helpers.tiny_clips import make_clip

    monkeypatch.chdir(tmp_path)
    clips = [make_clip(Path(f"{number}.mp4"), sound=None).name for number in range(4)]
    Path("broken.mp4").write_bytes(b"no clip")
    options = ("--weights", weights, "--tasks", "restore", "--segment", 0.2, "--steady", 0, "--runtime", "torch")
    here = command("video", *clips, "broken.mp4", *options, "--out", "here")
    machines.kill_after = 0
    words = ("video", *clips, "broken.mp4", *options, "--out", "there", *machines.options)
    there = command(*words)
    assert there.code == here.code == 1
    assert said(there.err) == [line for line in said(here.err) if line.startswith("prismgan: ")]
    assert sorted(there.out.splitlines()) == sorted(here.out.replace("here/", "there/").splitlines())
    made = [f"{number}/restore.mp4" for number in range(4)]
    assert [Path("there", name).read_bytes() for name in made] == [Path("here", name).read_bytes() for name in made]
    assert machines.kill_after is None
    again = command(*words[:5], *words[6:])
    assert (again.code, again.out) == (0, "")
    assert len([line for line in said(again.err) if "already done" in line]) == 4


def test_a_comparison_has_the_results_of_one_machine(
    machines: Cluster,
    tmp_path: Path,
    tiny_recipe: Callable[..., Path],
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prismgan.evaluation.photos.JUDGED", 32)  # as in the workers, where no test changed it
    recipe = tiny_recipe(tmp_path, {"training.steps": 2, "training.save_every": 2})
    words = ("compare", recipe, "--models", "prism,cvae", "--seeds", 1, "--out")
    here = command(*words, tmp_path / "here")
    assert here.code == 0, here.err
    there = command(*words, tmp_path / "there", *machines.options)
    assert there.code == 0, there.err
    assert there.out == here.out.replace("here", "there")
    figures = [json.loads((tmp_path / name / "compare.json").read_text()) for name in ("here", "there")]
    for each in figures:
        for contender in each["contenders"]:
            for clock in ("training_seconds", "seconds_a_step", "rendering_seconds", "rendering_ratio"):
                del contender[clock]
    assert figures[0] == figures[1]
    assert len(machines.nodes) == 2
    again = command(*words, tmp_path / "there", "--resume", *machines.options)
    assert again.code == 0, again.err
    assert "2 of 2 trainings are done" in again.err


TEXT = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")


def exists(place: str) -> bool:
    """Whether there is a file at a path or an address."""
    files, path = url_to_fs(place)
    files.invalidate_cache()
    return bool(files.isfile(path))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Callable[..., Path], bucket: str) -> Path:
    """A folder and a bucket with the files that the commands of the page name."""
    pytest.importorskip("av", reason="av is not installed")
    from helpers.tiny_clips import make_clip

    folder = tmp_path_factory.mktemp("page")
    photos = tiny_recipe(folder, {"training.steps": 1}).parent / "photos"
    for path in sorted(photos.iterdir())[2:]:
        path.unlink()
    for name in "abc":
        make_clip(folder / f"{name}.mp4", sound=None, times=range(0, 120, 40))
    files = fsspec.filesystem("s3")
    files.mkdir("mine")
    files.put(str(photos), "mine/photos", recursive=True)
    return folder


@pytest.mark.parametrize("words", re.findall(r"^\$ prismgan (.+)$", TEXT, flags=re.MULTILINE))
def test_a_command_of_the_page_runs(words: str, raylets: Cluster, place: Path, environment: dict[str, str]) -> None:
    """A command of the page, with the ready-made weights; ``auto`` is the tests' cluster.

    One model is enough for the comparison.
    """
    shutil.rmtree(place / "looks", ignore_errors=True)  # of the previous command
    environment = {**os.environ, **environment, "RAY_worker_niceness": "0"}
    environment.pop("RAY_ADDRESS", None)
    fewer = ["--models", "prism", "--set", 'only=["restore"]'] if words.startswith("compare") else []
    done = subprocess.run(
        [sys.executable, "-m", "prismgan", *shlex.split(words), *fewer],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split()[-1] for line in done.stdout.splitlines()]
    assert [line for line in lines if not exists(line if "://" in line else str(place / line))] == [], done.stdout
    sources = {"render": 2, "video": 3, "compare": 1}[words.split()[0]]
    assert len({line.rpartition("/")[0] for line in lines}) == sources


def test_a_cluster_of_this_machine_alone_ends_with_ctrl_c(
    weights: Path, tmp_path: Path, draw_picture: DrawPicture, environment: dict[str, str]
) -> None:
    """Without output from Ray, and without remaining processes."""
    for number in range(500):
        draw_picture(tmp_path / "photos" / f"{number}.png", 64, 64, 0)
    words = [sys.executable, "-m", "prismgan", "render", "photos", "--weights", weights, "--engine", "ray"]
    environment = {**environment, "RAY_worker_niceness": "0"}
    environment.pop("RAY_ADDRESS", None)
    process = subprocess.Popen(
        [*words, "--workers", "1"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        others = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        rest, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert set(said(err)) <= {"", "Aborted!"}
    assert all((tmp_path / line).stat().st_size for line in (first, *rest.splitlines()))
    _, alive = psutil.wait_procs(others, timeout=30)
    assert alive == []


def test_no_cluster_answers(weights: Path, tmp_path: Path, draw_picture: DrawPicture, refused: Any) -> None:
    photo = draw_picture(tmp_path / "a.png", 20, 20)
    line = refused(
        "render", photo, "--weights", weights, "--out", tmp_path / "out", "--engine", "ray", "--address", "x:1"
    )
    assert line.startswith("prismgan: --address x:1: no Ray cluster can be used there (")
