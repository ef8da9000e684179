"""Rendering from files to files."""

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prismgan import images
from prismgan.errors import PictureError
from prismgan.images import check_format, open_picture, write_picture
from prismgan.images.pixels import LUMA, on_white
from prismgan.images.writing import LOSSY_FORMATS, check_side
from prismgan.render.jobs import PictureJob, is_made_of
from prismgan.render.options import KeptOptions, options_of
from prismgan.render.renderer import Renderer
from prismgan.render.request import EVERYTHING, Request
from prismgan.render.sheet import sheet

SHEET = "sheet.png"
Mask = NDArray[np.float32]


@dataclass(frozen=True)
class Rendered:
    source: Path | str  # a path, or an address of an object store as a string; the same for the results
    written: tuple[Path | str, ...]
    problem: str | None = None  # why the picture or some of its outputs failed; names the file
    node: str = field(default_factory=platform.node)  # name of the machine that rendered it


@dataclass(eq=False)
class FileRenderer:
    """Renders files to files and keeps profile, EXIF, transparency and, if the format supports them, 16 bits.

    Raises :class:`PrismganError` if the request does not fit the weights, or the format or quality is invalid."""

    renderer: Renderer
    request: Request = EVERYTHING
    _: KW_ONLY
    suffix: str = "png"  # the format of the outputs, one of :data:`prismgan.images.writing.FORMATS`
    quality: int = 95  # 1 to 100, for lossy formats
    with_sheet: bool = False  # also write ``sheet.png`` with all outputs
    mask: Mask | None = None  # where the outputs apply; resized to every picture
    overwrite: bool = True  # also render outputs that are already up to date

    def __post_init__(self) -> None:
        check_format(self.suffix, self.quality)
        self.plan = self.renderer.plan(self.request)
        lossy = {"quality": self.quality} if self.suffix in LOSSY_FORMATS else {}
        outputs = options_of(self.renderer, replace(self.request, mask=self.mask)).items()
        # The options of each output, by file name.
        self.options: dict[str, dict[str, Any]] = {f"{name}.{self.suffix}": {**each, **lossy} for name, each in outputs}
        if self.with_sheet:
            self.options[SHEET] = {"outputs": dict(self.options)}

    def waiting(self, jobs: Sequence[PictureJob]) -> list[PictureJob]:
        return [job for job in jobs if not self.is_done(job)]

    def is_done(self, job: PictureJob) -> bool:
        """Whether all outputs of a picture exist, were made with the same options, and are not older than it."""
        kept = KeptOptions(job.folder)
        return all(self._is_done(kept, path, job.source) for path in self._paths(job))

    def _is_done(self, kept: KeptOptions, path: Path, source: Path) -> bool:
        return is_made_of(path, source) and kept.fit(path.name, self.options[path.name])

    def render(
        self, jobs: Sequence[PictureJob], progress: Callable[[float], None] = lambda done: None
    ) -> Iterator[Rendered]:
        """Render one picture after the other; ``progress`` receives the number of finished pictures, with a fraction. A
        picture that cannot be rendered does not stop the others; a failed write raises :class:`PrismganError`."""
        self.refuse_clashes(jobs)
        for number, job in enumerate(jobs):

            def within(done: int, total: int, number: int = number) -> None:
                progress(number + done / max(1, total))

            written: list[Path] = []
            problem = None
            try:
                for path in self._outputs(job, within):
                    written.append(path)
            except PictureError as error:
                problem = str(error)
            except MemoryError:
                problem = str(PictureError(f"{job.source}: needs more memory than is available; make it smaller"))
            progress(number + 1)
            yield Rendered(job.source, tuple(written), problem)

    def refuse_clashes(self, jobs: Sequence[PictureJob]) -> None:
        """Raise :class:`PictureError` if an output would replace one of the pictures or a folder."""
        sources = {job.source.resolve() for job in jobs}
        for job in jobs:
            folder = job.folder.resolve()
            for path in self._paths(job):
                if folder / path.name in sources:
                    fault = f"its result would replace the picture {path}"
                    raise PictureError(f"{job.source}: {fault}; choose another folder")
                if path.is_dir():
                    raise PictureError(f"{job.source}: its result would be {path}, which is a folder; remove it")

    def _paths(self, job: PictureJob) -> list[Path]:
        return [job.folder / name for name in self.options]

    def _outputs(self, job: PictureJob, progress: Callable[[int, int], None]) -> Iterator[Path]:
        """Yield the files of one picture's outputs as they are written."""
        source, where, request = open_picture(job.source), str(job.source), self.request
        height, width = source.pixels.shape[:2]
        check_side(where, self.suffix, max(height, width) * max(self.plan.scales.values()))
        if self.mask is not None:
            request = replace(request, mask=_fitted(self.mask, height, width, where))
        outputs = self.renderer.render(source.pixels, request, depth=source.depth, progress=progress, where=where)
        kept = KeptOptions(job.folder)
        replaced = {
            path.name
            for path in self._paths(job)
            if self.overwrite or path.name == SHEET or not self._is_done(kept, path, job.source)
        }
        kept.forget(replaced)
        shown = {"source": Image.fromarray(on_white(source))} if self.with_sheet else {}
        for name, pixels in outputs.items():
            output = source.with_pixels(pixels)
            path = job.folder / f"{name}.{self.suffix}"
            if path.name in replaced:
                write_picture(path, output, self.quality)
                yield path
            if self.with_sheet:
                shown[name] = Image.fromarray(on_white(output))
        if self.with_sheet:
            path = job.folder / SHEET
            images.write(path, sheet(shown, title=job.source.name))
            yield path
        kept.keep({name: self.options[name] for name in replaced})


def read_mask(path: Path) -> Mask:
    """Read a mask (H, W) in [0, 1], the picture's luma: black and transparent pixels are 0, white ones 1."""
    picture = open_picture(path)
    luma = picture.pixels @ np.array(LUMA, dtype=np.float32) / np.iinfo(picture.pixels.dtype).max
    if picture.alpha is not None:
        luma *= picture.alpha / np.float32(np.iinfo(picture.alpha.dtype).max)
    return luma.astype(np.float32).clip(0, 1)


def _fitted(mask: Mask, height: int, width: int, where: str) -> Mask:
    """Resize a mask to the picture, bilinearly, with antialiasing if it becomes smaller."""
    if mask.shape == (height, width):
        return mask
    # The sides of either may have been rounded.
    if abs(mask.shape[0] * width - mask.shape[1] * height) > max(height, width, *mask.shape):
        sizes = f"has {width}x{height} pixels, but the mask has {mask.shape[1]}x{mask.shape[0]}"
        raise PictureError(f"{where}: {sizes}; give a mask with the same aspect ratio, in any size")
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.BILINEAR)).clip(0, 1)
