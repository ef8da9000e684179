"""Times of packets, the queue between threads, and the message if a package is missing."""

from __future__ import annotations

import threading
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("av")

from helpers.tiny_clips import make_clip
from prismgan.errors import PictureError
from prismgan.render.video import container
from prismgan.render.video.clip import Reader, open_clip
from prismgan.render.video.join import ranks_to_decoding_times
from prismgan.render.video.pipeline import Channel, Stopped
from prismgan.render.video.segment import CODECS, Encoding, encode_segment


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(-50, 50), st.randoms(use_true_random=False))
def test_packets_are_decoded_in_order_and_before_they_are_shown(gaps: list[int], start: int, draw: object) -> None:
    times = [start + sum(gaps[:number]) for number in range(len(gaps))]
    ranks = list(range(len(times)))
    draw.shuffle(ranks)  # type: ignore[attr-defined]
    decoded = ranks_to_decoding_times(ranks, times)
    assert all(before < after for before, after in pairwise(decoded))
    assert all(dts <= times[rank] for dts, rank in zip(decoded, ranks, strict=True))


def test_packets_in_order_are_decoded_when_they_are_shown() -> None:
    assert ranks_to_decoding_times([0, 1, 2], [5, 7, 20]) == [5, 7, 20]
    assert ranks_to_decoding_times([0, 2, 1, 3], [0, 10, 20, 30]) == [-10, 0, 10, 20]


def test_a_stopped_channel_lets_go_of_both_sides() -> None:
    stop = threading.Event()
    channel: Channel[int] = Channel(1, stop)
    channel.put(1)
    assert channel.get() == 1
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Stopped):
        channel.get()
    with pytest.raises(Stopped):
        channel.put(2)


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_frames_are_encoded_alike_whatever_memory_held(tmp_path: Path, codec: str) -> None:
    clip = open_clip(make_clip(tmp_path / "clip.mp4", height=240, width=320))
    frames = [frame.pixels for frame in islice(Reader(clip.name).frames(clip), 6)]
    draw = np.random.default_rng(0)
    found = set()
    for number in range(8):
        np.full(draw.integers(1000, 3_000_000), number, np.uint8)  # freed at once, and then the encoder's
        encode_segment(tmp_path / "segment.mp4", frames, clip, Encoding(codec))
        found.add((tmp_path / "segment.mp4").read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile a.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_opens_no_other_file(playlist: str, tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mp4")
    (tmp_path / "list").write_text(playlist)
    with pytest.raises(PictureError, match="not a clip that can be read"):
        open_clip(tmp_path / "list")


def test_frames_that_would_take_all_memory_are_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(container, "MOST_PIXELS", 64 * 48 - 1)
    with pytest.raises(PictureError, match="no frame of its video stream can be decoded"):
        open_clip(path)
