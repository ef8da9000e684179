"""Joins segments with the source's sound and times into one file, without re-encoding anything."""

import heapq
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from prismgan.errors import PrismganError, reason_of
from prismgan.files import new_file
from prismgan.render.video.clip import Clip
from prismgan.render.video.container import opened, packets

FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}  # FFmpeg's names, in order of preference
COPIED = ("audio", "subtitle")
LARGEST_TIMESCALE = 2**31 - 1


@dataclass(frozen=True)
class Target:
    """The container for a clip's outputs."""

    suffix: str
    copied: tuple[int, ...]  # indices of the sound and subtitle streams that are copied
    left_out: tuple[str, ...]  # codecs of the streams that no container supports


def target_of(clip: Clip) -> Target:
    """The first container that supports all sound and subtitles of a clip; otherwise Matroska, which rounds times to
    milliseconds, with the streams that it supports."""
    import av

    with opened(clip.path, clip.name) as source:
        codecs = {
            stream.index: "unknown" if stream.codec_context is None else stream.codec_context.name
            for stream in source.streams
            if stream.type in COPIED
        }
    target = Target(".mkv", (), ())
    for suffix, name in FORMATS.items():
        with av.open(io.BytesIO(), "w", format=name) as container:
            known = container.supported_codecs
        fitting = tuple(index for index, codec in codecs.items() if codec in known)
        target = Target(suffix, fitting, tuple(codec for codec in codecs.values() if codec not in known))
        if not target.left_out:
            break
    return target


def join(
    path: Path,
    segments: Sequence[Path],
    times: Sequence[int],
    last: int,
    clip: Clip,
    copied: Sequence[int],
    *,
    turned: bool,
) -> None:
    """Write one output file: its segments' frames at the source's times, and the source's sound and subtitles.

    Args:
        times: times of all frames, in the clip's time base, increasing; the last one is shown for ``last`` ticks.
        copied: indices of the source's streams that are copied.
        turned: whether players still have to apply the clip's display matrix.
    """
    import av

    options = {}
    with opened(clip.path, clip.name) as source, new_file(path) as file:
        streams = [source.streams[index] for index in copied]
        if path.suffix != ".mkv":
            options["movie_timescale"] = str(_timescale([clip.time_base, *(stream.time_base for stream in streams)]))
        try:
            with (
                av.open(file, "w", format=FORMATS[path.suffix], container_options=options) as target,
                av.open(str(segments[0])) as first,
            ):
                template = first.streams.video[0]
                video = target.add_stream_from_template(template, opaque=True)
                if template.codec_context.name == "hevc" and path.suffix != ".mkv":
                    video.codec_context.codec_tag = "hvc1"  # the only one that some players know
                video.time_base = clip.time_base
                if turned and clip.matrix is not None:
                    video.set_display_matrix(clip.matrix)
                copies = {}
                for stream in streams:
                    copies[stream.index] = target.add_stream_from_template(stream, opaque=True)
                    copies[stream.index].metadata.update(stream.metadata)
                    copies[stream.index].disposition = stream.disposition
                # Facts about the source's own file stay there.
                facts = ("major_brand", "minor_version", "compatible_brands", "encoder")
                target.metadata.update({key: text for key, text in source.metadata.items() if key not in facts})
                if source.chapters():
                    target.set_chapters(source.chapters())
                encoded = _timed(segments, template.codec_context.extradata, times, last, video, clip.time_base)
                others = _copied(source, streams, copies)
                for packet in heapq.merge(encoded, others, key=lambda each: each.dts * each.time_base):
                    target.mux_one(packet)
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise PrismganError(f"{path}: cannot be joined ({reason_of(error)})") from None


def ranks_to_decoding_times(ranks: Sequence[int], times: Sequence[int]) -> list[int]:
    """The decoding time of each packet: as late as possible, and later than the previous one. ``ranks`` are the
    packets' positions in presentation order, listed in decoding order; ``times`` increase."""
    delay = max(place - rank for place, rank in enumerate(ranks))
    step = max(1, (times[-1] - times[0]) // max(1, len(times) - 1))
    return [times[0] - (delay - place) * step for place in range(delay)] + list(times[: len(times) - delay])


def _ranked(segments: Iterable[Path], extradata: bytes) -> Iterator[tuple[Any, int]]:
    """Every packet, in decoding order, with the position of its frame in presentation order."""
    import av

    before = 0
    for path in segments:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.codec_context.extradata != extradata:
                raise PrismganError(f"{path}: was encoded differently from the first segment; use --overwrite")
            packets = [packet for packet in container.demux(stream) if packet.size]
        places = {shown: place for place, shown in enumerate(sorted(packet.pts for packet in packets))}
        yield from ((packet, before + places[packet.pts]) for packet in packets)
        before += len(packets)


def _timed(
    segments: Sequence[Path], extradata: bytes, times: Sequence[int], last: int, stream: Any, time_base: Fraction
) -> Iterator[Any]:
    """Packets with their source's times."""
    # Read twice: when the first one is decoded depends on the order of all.
    ranks = [rank for _, rank in _ranked(segments, extradata)]
    if len(ranks) != len(times):
        raise PrismganError(f"the segments hold {len(ranks)} frames, but {len(times)} were rendered; use --overwrite")
    ends = [*times[1:], times[-1] + last]
    decoded = ranks_to_decoding_times(ranks, times)
    for (packet, rank), dts in zip(_ranked(segments, extradata), decoded, strict=True):
        packet.stream = stream
        packet.time_base = time_base
        packet.pts, packet.dts, packet.duration = times[rank], dts, ends[rank] - times[rank]
        yield packet


def _copied(source: Any, streams: Sequence[Any], copies: Mapping[int, Any]) -> Iterator[Any]:
    """Unchanged packets of sound and subtitles, at their own times."""
    before: dict[int, int] = {}
    for packet in packets(source, *streams) if streams else ():
        if packet.dts is None:  # the last ones are empty
            continue
        number = packet.stream.index
        # Containers refuse packets that are not later than the previous one, which damaged files contain.
        packet.dts = max(packet.dts, before.get(number, packet.dts - 1) + 1)
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        before[number] = packet.dts
        packet.stream = copies[number]
        yield packet


def _timescale(time_bases: Iterable[Fraction]) -> int:
    """Ticks per second in which these time bases are exact; at 1000, edit lists would round the first frame's time."""
    scale = 1
    for time_base in time_bases:
        wider = math.lcm(scale, time_base.denominator)
        scale = wider if wider <= LARGEST_TIMESCALE else scale
    return max(scale, 1000)
