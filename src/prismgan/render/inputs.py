"""The renderer's boundary: converts pictures of the supported types to arrays of pixels and back."""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import IO, Any, NamedTuple, TypedDict, TypeVar, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from prismgan.errors import PictureError, PrismganError, nearest
from prismgan.images import Depth, Picture, from_pil, open_picture
from prismgan.render.request import Plan, Request

File = str | os.PathLike[str] | bytes | IO[bytes]  # returns :class:`~prismgan.images.Picture` objects
InMemory = TypeVar("InMemory", Image.Image, NDArray[Any], Tensor)  # returns pictures of the same type
Pictures = list[Any] | tuple[Any, ...]
Tasks = str | Iterable[str] | None  # the name of a task, several, or None for all
SLACK = 1e-3  # tolerance for floats outside [0, 1], because resizing overshoots


class Options(TypedDict, total=False):
    strength: Mapping[str, float] | None  # by task, or ``blend``: 0 is the source, 1 the output, up to 2
    blend: Mapping[str, float] | None  # weights of the tasks mixed in an additional output named ``blend``
    mask: NDArray[Any] | None  # (H, W) in [0, 1]: where the outputs apply; elsewhere the source is kept


class Source(NamedTuple):
    """A picture in the form that rendering uses."""

    pixels: NDArray[Any]  # (H, W, 3), of 8 or 16 bits, or floats in [-1, 1]
    depth: Depth  # bits of its outputs
    result: Callable[[NDArray[Any]], Any]  # converts the pixels of an output to the source's type


class PictureRenderer(ABC):
    """Turns pictures of any type into pictures of the same type."""

    @abstractmethod
    def plan(self, request: Request) -> Plan: ...

    @abstractmethod
    def render(self, *arguments: Any, **options: Any) -> dict[str, NDArray[Any]]: ...

    @overload
    def __call__(
        self, picture: File, tasks: Tasks = None, seed: int = 0, **options: Unpack[Options]
    ) -> dict[str, Picture]: ...

    @overload
    def __call__(
        self, picture: InMemory, tasks: Tasks = None, seed: int = 0, **options: Unpack[Options]
    ) -> dict[str, InMemory]: ...

    @overload
    def __call__(
        self, picture: Pictures, tasks: Tasks = None, seed: int = 0, **options: Unpack[Options]
    ) -> list[dict[str, Any]]: ...

    def __call__(self, picture: Any, tasks: Tasks = None, seed: int = 0, **options: Unpack[Options]) -> Any:
        """Render a picture into the named tasks, all by default, in one pass of the generator.

        Outputs have the type of the picture. A file (a path, its content, or an open file) returns
        :class:`~prismgan.Picture` objects, whose ``save`` keeps 16 bits, transparency, profile and EXIF, and
        whose ``image`` is a Pillow picture. A Pillow picture returns Pillow pictures of 8 bits. An array or a tensor
        returns one of the same ``dtype`` (and device). Several threads may call one renderer at the same time.

        Args:
            picture: a file; a Pillow picture; a NumPy array (H, W, 3) of ``uint8``, ``uint16`` or floats in [0, 1]; a
                tensor (3, H, W) of ``uint8`` or floats in [0, 1]; or a list of these, which returns a list.
            tasks: the name of a task, or several; only their heads are computed.
            seed: seed of the latent z, which changes the tasks that were trained to vary.
            **options: see :class:`~prismgan.render.inputs.Options`.

        Raises:
            PictureError: the picture cannot be read, has the wrong type, shape or range of values, is too small or too
                large, or the mask does not fit it.
            PrismganError: there is no such task, or a number is out of range.
        """
        request = self._request(tasks, seed, options)
        if isinstance(picture, list | tuple):
            return [self._rendered(each, request, f"picture {number}") for number, each in enumerate(picture, 1)]
        return self._rendered(picture, request, "picture")

    def _rendered(self, picture: Any, request: Request, where: str) -> dict[str, Any]:
        where = _name_of(picture, where)
        source = source_of(picture, where)
        rendered = self.render(source.pixels, request, depth=source.depth, where=where)
        # One after the other, to save memory: each result may be a copy.
        return {name: source.result(rendered.pop(name)) for name in list(rendered)}

    @overload
    def stream(
        self, picture: File, tasks: Tasks = None, seed: int = 0, **options: Unpack[Options]
    ) -> Iterator[tuple[str, Picture]]: ...

    @overload
    def stream(
        self, picture: InMemory, tasks: Tasks = None, seed: int = 0, **options: Unpack[Options]
    ) -> Iterator[tuple[str, InMemory]]: ...

    def stream(
        self, picture: Any, tasks: Tasks = None, seed: int = 0, **options: Unpack[Options]
    ) -> Iterator[tuple[str, Any]]:
        """Render one picture in a thread, and yield the name and the picture of each output as soon as it is complete.
        A wrong request or picture raises immediately, as in a call."""
        request = self._request(tasks, seed, options)
        where = _name_of(picture)
        source = source_of(picture, where)
        made: Queue[tuple[str, Any] | None] = Queue()
        closed = threading.Event()

        def tell(name: str, pixels: NDArray[Any]) -> None:
            made.put((name, source.result(pixels)))
            if closed.is_set():
                raise CancelledError

        def render() -> None:
            try:
                self.render(source.pixels, request, depth=source.depth, made=tell, where=where)
            finally:
                made.put(None)

        def outputs() -> Iterator[tuple[str, Any]]:
            with ThreadPoolExecutor(1, "prismgan stream") as pool:
                work = pool.submit(render)
                try:
                    while (output := made.get()) is not None:
                        yield output
                    work.result()  # raises what the rendering raised
                finally:
                    closed.set()

        return outputs()

    def _request(self, tasks: Tasks, seed: int, options: Options) -> Request:
        given = (tasks,) if isinstance(tasks, str) or not isinstance(tasks, Iterable) else tuple(tasks)
        names = None if tasks is None else tuple(name for name in given if isinstance(name, str))
        if names is not None and len(names) < len(given):
            raise PrismganError(f"tasks: expected names of tasks, found {tasks!r}")
        for name in options:
            if name not in Options.__annotations__:
                hint = nearest(name, Options.__annotations__, "the options are")
                raise PrismganError(f"{name}: there is no such option{hint}")
        for name in ("strength", "blend"):
            if not isinstance(options.get(name) or {}, Mapping):
                raise PrismganError(f"{name}: expected numbers by task, for example {{'comic': 0.5}}")
        blend = options.get("blend")
        blends = {} if blend is None else {"blend": blend}
        request = Request(names, options.get("strength") or {}, blends, (seed,), mask=options.get("mask"))
        self.plan(request)
        return request


def _name_of(picture: object, otherwise: str = "picture") -> str:
    return str(picture) if isinstance(picture, str | os.PathLike) else otherwise


def source_of(picture: object, where: str = "picture") -> Source:
    """Convert a picture of any supported type; ``where`` names it in errors unless it is a path."""
    if hasattr(picture, "read"):
        try:
            picture = picture.read()
        except (OSError, ValueError) as error:
            fault = f"is a file that cannot be read ({error})"
            raise PictureError(f"{where}: {fault}; open it again with mode 'rb'") from None
        if not isinstance(picture, bytes):
            raise PictureError(f"{where}: is a file opened as text; open it with mode 'rb'")
    if isinstance(picture, str | os.PathLike):
        picture = Path(picture)
    if isinstance(picture, Path | bytes | bytearray | memoryview):
        opened = open_picture(picture if isinstance(picture, Path) else bytes(picture), where)
        return Source(opened.pixels, opened.depth, opened.with_pixels)
    if isinstance(picture, Image.Image):
        pixels = from_pil(ImageOps.exif_transpose(picture)).permute(1, 2, 0).numpy()
        return Source(pixels, 8, Image.fromarray)
    if isinstance(picture, Tensor):
        return _of_tensor(picture, where)
    if isinstance(picture, np.ndarray):
        return _of_array(picture, where)
    raise PictureError(
        f"{where}: is of type {type(picture).__name__}; expected a path, bytes, an open file, a Pillow picture, "
        "a NumPy array (height, width, 3), a torch tensor (3, height, width), or a list of these"
    )


def _of_array(array: NDArray[Any], where: str) -> Source:
    if array.ndim != 3 or array.shape[2] != 3:
        expected = "expected (height, width, 3) in RGB; pass several as a list"
        raise PictureError(f"{where}: is an array of shape {array.shape}, {expected}")
    if array.dtype in (np.uint8, np.uint16):
        return Source(array, 8 if array.dtype == np.uint8 else 16, lambda pixels: pixels)
    if array.dtype.kind != "f":
        raise PictureError(f"{where}: is an array of {array.dtype}, expected uint8, uint16, or floats in [0, 1]")
    _check_range(float(array.min(initial=0.0)), float(array.max(initial=0.0)), where)
    return Source(array.astype(np.float32) * 2 - 1, 16, lambda pixels: (pixels / 65535).astype(array.dtype))


def _of_tensor(tensor: Tensor, where: str) -> Source:
    if tensor.ndim != 3 or tensor.shape[0] != 3:
        expected = "expected (3, height, width) in RGB; pass a batch as list(batch)"
        raise PictureError(f"{where}: is a tensor of shape {tuple(tensor.shape)}, {expected}")
    tensor = tensor.detach()
    if tensor.dtype == torch.uint8:
        return Source(tensor.permute(1, 2, 0).cpu().numpy(), 8, lambda pixels: _tensor(pixels).to(tensor.device))
    if not tensor.is_floating_point():
        raise PictureError(f"{where}: is a tensor of {tensor.dtype}, expected uint8, or floats in [0, 1]; convert it")
    if tensor.numel():
        _check_range(float(tensor.min()), float(tensor.max()), where)
    pixels = tensor.float().permute(1, 2, 0).cpu().numpy() * 2 - 1
    return Source(pixels, 16, lambda made: _tensor((made / 65535).astype(np.float32)).to(tensor.device, tensor.dtype))


def _tensor(pixels: NDArray[Any]) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _check_range(low: float, high: float, where: str) -> None:
    if low >= -SLACK and high <= 1 + SLACK:
        return
    hint = "; pass finite numbers"
    if high > 2:
        hint = "; divide by 255, or convert to uint8"
    elif low >= -1 - SLACK:
        hint = "; if their range is [-1, 1], pass (x + 1) / 2"
    raise PictureError(f"{where}: has floats from {low:.4g} to {high:.4g}, expected [0, 1]{hint}")
