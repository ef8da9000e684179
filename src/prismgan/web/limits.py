"""How much a server takes on: of bytes, pixels, pictures, work and time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused beyond, or forgotten."""

    upload_bytes: int = 32_000_000  # of one picture's file
    body_bytes: int = 64_000  # of everything else that a client sends
    frame_bytes: int = 1_000_000  # of one frame of a camera
    bodies_of_a_client: int = 16  # requests of one address whose bodies arrive at the same time
    silence: float = 10  # seconds that the next part of a body, or of its rest after an early answer, is waited for
    pace: float = 10_000  # bytes a second that a body has to arrive at, beyond `silence`
    pixels: int = 24_000_000  # of one picture, decoded: what phones and most cameras take
    output_pixels: int = 64_000_000  # of one output. Larger ones are made by the command line, in tiles and into files.
    pictures: int = 64  # that are kept at once
    pictures_of_a_client: int = 8  # beyond, the one that was used longest ago is forgotten
    idle_seconds: float = 60  # of a picture or clip, after which another client's may replace it
    seconds: float = 3600  # after which a picture or clip that nobody used, and a job that is over, are forgotten
    waiting: int = 32  # jobs in the queue
    waiting_of_a_client: int = 8
    quick_pixels: int = 1_000_000  # a render up to this size does not wait for the end of larger jobs
    jobs: int = 128  # that are kept, those that are over included
    result_bytes: int = 1_000_000_000  # in memory, of all pictures that came out; the oldest are forgotten
    clip_bytes: int = 500_000_000  # of one clip's file
    clip_pixels: int = 9_000_000  # of a frame, of the clip and of its looks: 4K
    clip_seconds: float = 600
    clip_frames: int = 36_000  # 60 a second in that time; a file may say a wrong length
    clips: int = 8  # that are kept at once
    clips_of_a_client: int = 2  # beyond, the one that was used longest ago is forgotten
    clip_result_bytes: int = 4_000_000_000  # on the disk, of all looks of clips; the oldest are forgotten
    blends: int = 8  # in one render
    watchers: int = 64  # open WebSockets
    return_seconds: float = 15  # that a client has to come back before the job it followed is cancelled
    minutes: float = 10  # that a style may learn for
    styles: int = 16  # that may be added while the server runs
