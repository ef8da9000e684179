"""The server's limits on bytes, pixels, pictures, work and time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits beyond which requests are refused, or stored data is removed."""

    upload_bytes: int = 32_000_000  # of one picture's file
    body_bytes: int = 64_000  # of everything else that a client sends
    frame_bytes: int = 1_000_000  # of one frame of a camera
    bodies_of_a_client: int = 16  # requests of one address whose bodies arrive at the same time
    silence: float = 10  # maximum seconds between two parts of a body, also after an early response
    pace: float = 10_000  # minimum bytes per second of a body, in addition to `silence`
    pixels: int = 24_000_000  # of one picture, decoded: what phones and most cameras take
    output_pixels: int = 64_000_000  # of one output; the command line makes larger ones
    pictures: int = 64  # stored at the same time
    pictures_of_a_client: int = 8  # beyond this, the least recently used one is removed
    idle_seconds: float = 60  # time without use after which another client's upload may replace a picture or clip
    seconds: float = 3600  # time after which unused pictures or clips, and finished jobs, are removed
    waiting: int = 32  # jobs in the queue
    waiting_of_a_client: int = 8
    quick_pixels: int = 1_000_000  # a render up to this size does not wait for the end of larger jobs
    jobs: int = 128  # stored jobs, including finished ones
    result_bytes: int = 1_000_000_000  # of all output pictures in memory; the oldest are removed
    clip_bytes: int = 500_000_000  # of one clip's file
    clip_pixels: int = 9_000_000  # of a frame, of the clip and of its outputs: 4K
    clip_seconds: float = 600
    clip_frames: int = 36_000  # 60 a second in that time, because a file may state a wrong length
    clips: int = 8  # stored at the same time
    clips_of_a_client: int = 2  # beyond this, the least recently used one is removed
    clip_result_bytes: int = 4_000_000_000  # of all outputs of clips on disk; the oldest are removed
    blends: int = 8  # in one render
    watchers: int = 64  # open WebSockets
    return_seconds: float = 15  # time for a client to come back before the job that it followed is cancelled
    minutes: float = 10  # maximum training time of a style
    styles: int = 16  # styles that may be added while the server runs
