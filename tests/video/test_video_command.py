"""``prismgan video``: the output is in sync with the input."""

from __future__ import annotations

import errno
import inspect
import io
import os
import re
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

from rich.console import Console  # noqa: E402

from helpers.tiny_clips import FRAMES, UNEVEN, frames, make_clip, packets, picture, saved_weights, times  # noqa: E402
from prismgan import files  # noqa: E402
from prismgan.cli.progress import VideoProgress  # noqa: E402
from prismgan.cli.video import video  # noqa: E402
from prismgan.files import entries  # noqa: E402
from prismgan.render import Renderer, Request  # noqa: E402
from prismgan.render.video.clip import open_clip  # noqa: E402
from prismgan.render.video.segment import Encoding  # noqa: E402
from prismgan.render.video.settings import Settings, parts_kept  # noqa: E402

Command = Callable[..., Any]
MILLISECOND = Fraction(1, 1000)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_weights(tmp_path_factory.mktemp("weights") / "fresh.safetensors", fresh=True)


def test_the_command_keeps_as_much_of_a_frame_as_was_measured() -> None:
    assert inspect.signature(video).parameters["steady"].default == Settings(Encoding()).steady


def test_every_look_is_in_step_with_the_source(tmp_path: Path, command: Command, weights: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    done = command("video", clip, "--out", tmp_path, "--weights", weights, "--grid", "--segment", 0.3)
    assert done.code == 0, done.err
    folder = tmp_path / "clip"
    files = [folder / f"{name}.mp4" for name in ("restore", "paint", "fine-2x", "grid")]
    assert done.out.splitlines() == [str(file) for file in files]
    for file in files:
        assert times(file) == times(clip)
        assert packets(file, "audio") == packets(clip, "audio")
    assert frames(files[0])[0].shape == (48, 64, 3)
    assert frames(files[2])[0].shape == (96, 128, 3)
    assert sorted(path.name for path in folder.glob("[!.]*")) == sorted([*(file.name for file in files), "preview.png"])
    # Frame 7 of the output was made from frame 7 of the source, and no other.
    source, look = frames(clip), frames(folder / "restore.mp4")
    distances = [float(np.abs(look[7].astype(float) - other).mean()) for other in source]
    assert int(np.argmin(distances)) == 7
    again = command("video", clip, "--out", tmp_path, "--weights", weights, "--grid")
    assert (again.code, again.out) == (0, "")
    assert "--overwrite" in again.err
    other = command("video", clip, "--out", tmp_path, "--weights", weights, "--grid", "--strength", "restore=0.5")
    assert other.out.splitlines() == [str(file) for file in files]


@pytest.mark.parametrize(
    "tags", [(1, 1, 1, 1), (6, 6, 6, 1), (1, 1, 1, 2), (2, 2, 2, 0)], ids=["709", "601", "full", "untagged"]
)
def test_strength_0_gives_the_clip_back(
    tmp_path: Path, command: Command, weights: Path, tags: tuple[int, int, int, int]
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", tags=tags)
    arguments = ["--tasks", "paint", "--strength", "paint=0", "--quality", 8]
    done = command("video", clip, "--out", tmp_path, "--weights", weights, *arguments)
    assert done.code == 0, done.err
    with av.open(str(clip)) as before, av.open(str(tmp_path / "clip" / "paint.mp4")) as after:
        for name in ("color_primaries", "color_trc", "colorspace", "color_range"):
            found = getattr(after.streams.video[0].codec_context, name)
            assert found == getattr(before.streams.video[0].codec_context, name), name
    matrix = "ITU709" if tags[2] == 1 else "ITU601"
    assert len(frames(clip)) == FRAMES
    for before, after in zip(frames(clip, matrix), frames(tmp_path / "clip" / "paint.mp4", matrix), strict=True):
        assert np.abs(before.astype(float) - after).mean() < 2


def test_frames_rendered_together_are_the_frames_rendered_one_by_one(
    tmp_path: Path, command: Command, weights: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    for count in (1, 3):
        arguments = ["--tasks", "paint,fine-2x", "--segment", 0.28, "--batch", count, "--quality", 1]
        done = command("video", clip, "--out", tmp_path / str(count), "--weights", weights, *arguments)
        assert done.code == 0, done.err
    for name in ("paint.mp4", "fine-2x.mp4"):
        one, three = (frames(tmp_path / count / "clip" / name) for count in "13")
        assert len(one) == len(three) == 20
        differences = [np.abs(a.astype(int) - b) for a, b in zip(one, three, strict=True)]
        # The last digit of a convolution may differ; after encoding, that is a few levels in a few pixels.
        assert max(each.max() for each in differences) <= 8
        assert max(each.mean() for each in differences) < 0.3


def test_looks_are_steadied_as_far_as_they_show_and_restoration_never() -> None:
    renderer = Renderer.load(None)
    request = Request(
        tasks=("restore", "enlarge-2x", "pencil", "comic"),
        strength={"comic": 0.5},
        blends={"half": {"restore": 0.5, "great-wave": 0.5}},
    )
    parts = parts_kept(renderer, request, Settings(Encoding(), steady=0.9))
    expected = {"restore": 0, "enlarge-2x": 0, "pencil": 0.9, "comic": 0.45, "half": 0.45}
    assert parts == pytest.approx(expected)
    assert not any(parts_kept(renderer, request, Settings(Encoding(), steady=0)).values())


def test_a_variable_frame_rate_is_kept(tmp_path: Path, command: Command, weights: Path) -> None:
    clip = make_clip(tmp_path / "uneven.mp4", times=[90 * time for time in UNEVEN], time_base=Fraction(1, 90_000))
    done = command("video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint", "--segment", 0.2)
    assert done.code == 0, done.err
    assert times(clip) == [time * MILLISECOND for time in UNEVEN]
    assert times(tmp_path / "uneven" / "paint.mp4") == times(clip)
    assert packets(tmp_path / "uneven" / "paint.mp4", "audio") == packets(clip, "audio")


def test_a_clip_that_starts_late_starts_late(tmp_path: Path, command: Command, weights: Path) -> None:
    clip = make_clip(
        tmp_path / "late.ts",
        times=[123_457 + 3_600 * number for number in range(FRAMES)],
        time_base=Fraction(1, 90_000),
    )
    done = command("video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint")
    assert done.code == 0, done.err
    assert times(tmp_path / "late" / "paint.mp4") == times(clip)


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_phones_rotation_is_kept(tmp_path: Path, command: Command, weights: Path, rotation: int) -> None:
    clip = make_clip(tmp_path / "phone.mp4", rotation=rotation)
    done = command("video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint", "--grid")
    assert done.code == 0, done.err
    with av.open(str(tmp_path / "phone" / "paint.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.rotation % 360, frame.width, frame.height) == (rotation % 360, 64, 48)
    with av.open(str(tmp_path / "phone" / "grid.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0  # its pictures are upright already
    upright = open_clip(clip).upright(picture(0, 48, 64))
    assert np.array_equal(upright, np.rot90(picture(0, 48, 64), rotation // 90))


def test_odd_sides_are_made_even_and_nothing_is_cut(tmp_path: Path, command: Command, fresh: Path) -> None:
    clip = make_clip(tmp_path / "odd.mkv", height=47, width=63, codec="ffv1", pix_fmt="yuv444p")
    done = command("video", clip, "--out", tmp_path, "--weights", fresh, "--tasks", "restore", "--steady", 0)
    assert done.code == 0, done.err
    assert "63x47" in done.err
    assert times(tmp_path / "odd" / "restore.mp4") == times(clip)
    for before, after in zip(frames(clip), frames(tmp_path / "odd" / "restore.mp4"), strict=True):
        assert after.shape == (48, 64, 3)
        assert np.abs(before.astype(float) - after[:47, :63]).mean() < 2


def test_sound_that_mp4_does_not_take_goes_elsewhere(tmp_path: Path, command: Command, weights: Path) -> None:
    clip = make_clip(tmp_path / "clip.mov", sound="pcm_alaw")
    done = command("video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint")
    assert done.code == 0, done.err
    assert packets(tmp_path / "clip" / "paint.mov", "audio") == packets(clip, "audio")
    assert times(tmp_path / "clip" / "paint.mov") == times(clip)


def test_subtitles_chapters_and_title_stay(tmp_path: Path, command: Command, weights: Path) -> None:
    clip = tmp_path / "film.mkv"
    with av.open(str(make_clip(tmp_path / "clip.mp4"))) as source, av.open(str(clip), "w") as container:
        copies = {stream.type: container.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        text = container.add_mux_stream("subrip")
        text.metadata["language"] = "deu"
        container.metadata["title"] = "Prisma"
        chapter = {"id": 1, "start": 0, "end": 400, "time_base": MILLISECOND, "metadata": {"title": "One"}}
        container.set_chapters([chapter])
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.type]
                container.mux(packet)
        line = av.Packet(b"Hallo")
        line.stream, line.time_base, line.pts, line.dts, line.duration = text, MILLISECOND, 300, 300, 200
        container.mux(line)
    done = command("video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint")
    assert done.code == 0, done.err
    made = tmp_path / "film" / "paint.mkv"
    assert times(made) == times(clip)
    for kind in ("audio", "subtitle"):
        assert packets(made, kind) == packets(clip, kind)
    with av.open(str(made)) as container:
        assert container.metadata["title"] == "Prisma"
        assert [chapter["metadata"] for chapter in container.chapters()] == [{"title": "One"}]
        assert container.streams.subtitles[0].metadata["language"] == "deu"


def test_a_clip_without_sound_by_another_codec(tmp_path: Path, command: Command, weights: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", sound=None)
    arguments = ["--tasks", "paint,restore", "--blend", "both:paint=1,restore=1", "--codec", "libx265", "--quality", 30]
    done = command("video", clip, "--out", tmp_path, "--weights", weights, *arguments)
    assert done.code == 0, done.err
    assert times(tmp_path / "clip" / "both.mp4") == times(clip)


def test_the_report(tmp_path: Path, command: Command, weights: Path) -> None:
    pytest.importorskip("cv2")
    clip = make_clip(tmp_path / "clip.mp4", sound=None)
    done = command("video", clip, "--out", tmp_path, "--weights", weights, "--report", "--tasks", "paint,fine-2x")
    assert done.code == 0, done.err
    assert f"{FRAMES} frames in" in done.out
    assert "paint: flickers" in done.out
    assert "fine-2x: flickers" in done.out


def test_damaged_frames_are_left_out_and_counted(tmp_path: Path, command: Command, weights: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", codec="mpeg4", options={"g": "1"})
    with av.open(str(clip)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    all_times = times(clip)
    content = bytearray(clip.read_bytes())
    for position, size in places[8:10]:
        content[position : position + size] = bytes(size)
    clip.write_bytes(content)
    done = command("video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint")
    assert done.code == 0, done.err
    assert "2 damaged frames" in done.err
    assert times(tmp_path / "clip" / "paint.mp4") == [*all_times[:8], *all_times[10:]]


@pytest.mark.parametrize(
    ("make", "arguments", "said"),
    [
        (lambda path: path.write_text("no clip"), [], "is not a clip"),
        (lambda path: path.write_bytes(make_clip(path).read_bytes()[:3000]), [], "is not a clip"),
        (lambda path: None, [], "cannot be opened (No such file"),
        (lambda path: path.mkdir(), [], "is a folder, expected a clip"),
        (lambda path: sound_alone(path), [], "has no video stream"),
        (lambda path: make_clip(path, tags=(9, 16, 9, 1)), [], "high dynamic range (PQ)"),
        (lambda path: make_clip(path, height=8), [], "16"),
        (lambda path: make_clip(path), ["--tasks", "pant"], "did you mean 'paint'"),
        (lambda path: make_clip(path), ["--grid", "--blend", "grid:paint=1"], "is named 'grid'"),
        (lambda path: make_clip(path), ["--codec", "gif"], "expected one of libx264"),
        (lambda path: make_clip(path), ["--quality", "99"], "from 0 (best) to 51"),
        (lambda path: make_clip(path), ["--segment", "0"], "--segment 0"),
        (lambda path: make_clip(path), ["--steady", "1"], "expected 0 (every frame by itself) to 0.95"),
        (lambda path: make_clip(path), ["--memory", "1"], "frame 1"),
    ],
)
def test_what_cannot_be_rendered_is_said_in_one_line(
    tmp_path: Path,
    command: Command,
    weights: Path,
    make: Callable[[Path], object],
    arguments: list[str],
    said: str,
) -> None:
    make(tmp_path / "clip.mp4")
    done = command("video", tmp_path / "clip.mp4", "--out", tmp_path / "out", "--weights", weights, *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not list(tmp_path.glob("out/clip/*.mp4"))


def sound_alone(path: Path) -> None:
    """A file without video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux([*stream.encode(frame), *stream.encode()])


@pytest.mark.parametrize("at", ["the end of a file", "any byte"])
def test_a_full_disk_leaves_what_is_finished(
    at: str, tmp_path: Path, command: Command, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg's message for a failed write is its own: an error of its callback."""
    clip = make_clip(tmp_path / "clip.mp4")
    arguments = ["video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint", "--segment", 0.2]
    segments = tmp_path / "clip" / "segments"
    fsync = os.fsync

    def full() -> bool:
        return len(list(segments.glob("paint-*.mp4"))) >= 2

    def synced(descriptor: int) -> None:
        if full():
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    class Disk(files._Watched):
        def write(self, content: Any) -> int:
            if full():
                with Path("/dev/full").open("wb") as device:
                    os.dup2(device.fileno(), self.fileno())
            return super().write(content)

    if at == "any byte":
        if not Path("/dev/full").exists():
            pytest.skip("this system has no full device")
        monkeypatch.setattr(files, "_Watched", Disk)
    else:
        monkeypatch.setattr(os, "fsync", synced)
    done = command(*arguments)
    assert done.code == 2
    assert "cannot be written (No space left on device)" in done.err
    assert len(done.err.splitlines()) == 1
    assert "the first 2 segments are kept" in done.err
    assert sorted(path.name for path in segments.glob("*.mp4")) == ["paint-00000.mp4", "paint-00001.mp4"]
    assert not [path for path in (tmp_path / "clip").glob(".*") if path.name != ".prismgan.json"]
    monkeypatch.undo()
    last = segments / "paint-00001.npy"
    kept = last.read_bytes()
    last.write_bytes(kept[:100])
    done = command(*arguments)
    assert done.code == 2
    assert "paint-00001.npy: is missing or damaged" in done.err
    last.write_bytes(kept)
    done = command(*arguments)
    assert done.code == 0, done.err
    assert "continuing after 10 finished frames" in done.err
    assert times(tmp_path / "clip" / "paint.mp4") == times(clip)


def test_two_programs_do_not_render_one_clip(
    tmp_path: Path, command: Command, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    arguments = ["video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint", "--segment", 0.2]
    refusals = []

    def meanwhile(self: VideoProgress, frames: int, total: int | None) -> None:
        if frames == 7:
            refusals.extend(command(*arguments, *options) for options in ([], ["--overwrite"]))

    monkeypatch.setattr(VideoProgress, "rendered", meanwhile)
    done = command(*arguments)
    assert done.code == 0, done.err
    assert len(refusals) == 2
    for refused in refusals:
        assert (refused.code, len(refused.err.splitlines())) == (2, 1)
        assert "segments: another rendering of this clip is running in this folder" in refused.err
    assert times(tmp_path / "clip" / "paint.mp4") == times(clip)
    assert not (tmp_path / "clip" / "segments").exists()
    assert "are already done" in command(*arguments).err


def test_ctrl_c_says_that_the_job_can_be_resumed(
    tmp_path: Path, command: Command, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    arguments = ["video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint", "--segment", 0.2]
    segments = tmp_path / "clip" / "segments"

    def interrupted(self: VideoProgress, frames: int, total: int | None) -> None:
        while frames > 15 and not (segments / "paint-00000.mp4").exists():
            time.sleep(0.01)
        if frames > 15:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(VideoProgress, "rendered", interrupted)
        done = command(*arguments)
    assert done.code == 130
    (said,) = done.err.splitlines()
    assert re.fullmatch(r"stopped; the first \d segments are kept, and the same command continues after them", said)
    assert entries(segments)
    done = command(*arguments)
    assert done.code == 0, done.err
    assert "continuing after" in done.err
    assert times(tmp_path / "clip" / "paint.mp4") == times(clip)
    assert not segments.exists()


def test_segments_of_another_job_are_not_lost(tmp_path: Path, command: Command, weights: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    segments = tmp_path / "clip" / "segments"
    segments.mkdir(parents=True)
    (segments / "job.json").write_text("{}")
    (segments / "paint-00000.mp4").write_text("of another job")
    (segments / "00000.json").write_text('{"times": [0], "last": 1}')
    arguments = ["video", clip, "--out", tmp_path, "--weights", weights, "--tasks", "paint"]
    done = command(*arguments)
    assert done.code == 2
    assert "different options" in done.err
    assert (segments / "paint-00000.mp4").exists()
    done = command(*arguments, "--overwrite")
    assert done.code == 0, done.err
    assert times(tmp_path / "clip" / "paint.mp4") == times(clip)


@pytest.mark.parametrize(("terminal", "said"), [(True, "writing paint.mp4"), (False, "3/3 frames  ETA")])
def test_progress_on_a_terminal_and_in_a_file(terminal: bool, said: str) -> None:
    shown = io.StringIO()
    with VideoProgress(Console(file=shown, force_terminal=terminal, width=100)) as progress:
        progress.every = 0
        progress.remark("a remark")
        for frame in range(1, 4):
            progress.rendered(frame, 2)  # one more than the file says
        progress.rendered(4, None)
        progress.joining(Path("paint.mp4"))
    assert "a remark" in shown.getvalue()
    assert said in shown.getvalue()


@pytest.mark.parametrize("content", [b"", None])
def test_a_clip_from_a_pipe(
    tmp_path: Path, command: Command, weights: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    clip = make_clip(tmp_path / "clip.mp4")  # whose index lies at its end
    pipe = io.TextIOWrapper(io.BytesIO(clip.read_bytes() if content is None else content))
    monkeypatch.setattr(sys, "stdin", pipe)
    done = command("video", "-", "--out", tmp_path, "--weights", weights, "--tasks", "paint")
    if content is not None:
        assert (done.code, done.err) == (2, "prismgan: standard input: nothing came through the pipe\n")
        return
    assert done.code == 0, done.err
    assert times(tmp_path / "stdin" / "paint.mp4") == times(clip)
    assert packets(tmp_path / "stdin" / "paint.mp4", "audio") == packets(clip, "audio")
    assert sorted(path.name for path in (tmp_path / "stdin").glob("[!.]*")) == ["paint.mp4", "preview.png"]
    again = command("video", "-", "--out", tmp_path, "--weights", weights, "--tasks", "paint")
    assert again.code == 2
    assert "paint.mp4: is the result of an earlier pipe; choose another folder, or use --overwrite" in again.err
