"""Text and patterns drawn by code, which restoration must not change and enlargement must preserve."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from prismgan import images
from prismgan.evaluation.benchmarks.restoration import Judged, against_bicubic, reduced
from prismgan.evaluation.benchmarks.suite import Bench, Suite, mean_row
from prismgan.evaluation.measurement import Measurement
from prismgan.metrics import PSNR, Metric

Colours = tuple[tuple[int, int, int], tuple[int, int, int]]  # ink and paper
Draw = Callable[[Colours, int, int], UInt8[Tensor, "3 H W"]]
"""Draws a square picture from the colours, a side in pixels and a factor by which it is drawn larger."""
Pattern = Callable[[Tensor, Tensor], Tensor]  # from rows and columns of pixels to the amount of ink there, 0..1
SIDE = 192  # height and width in pixels of the rendered pictures
RIM = 8  # width in pixels of the border that is ignored for patterns
COLOURS: tuple[Colours, ...] = (  # dark on light, light on dark, and coloured
    ((0, 0, 0), (255, 255, 255)),
    ((235, 235, 235), (24, 28, 36)),
    ((20, 60, 160), (250, 240, 200)),
)
TEXT_SIZES = (10, 12, 20)  # sizes of letters in pixels of the rendered picture
LEAST_PSNR, LEAST_CONTRAST = 38.0, 0.9  # targets after restoration: PSNR of clean text in dB, and contrast of patterns
LINES = (
    "The quick brown fox jumps over the lazy dog.",
    "Pack my box with five dozen liquor jugs: 0123456789",
    "Sphinx of black quartz, judge my vow! (page 42/57)",
    "How vexingly quick daft zebras jump; @home #7 & 100%",
)


def _stripes(period: int, x: Tensor) -> Tensor:
    """1 on the first pixels of a period (half of them, if the period is even); 0 on the others."""
    return (x % period < period // 2).float()


def _upright(period: int, y: Tensor, x: Tensor) -> Tensor:
    """Vertical stripes in the left half, horizontal ones in the right."""
    return torch.where(x < x.amax() / 2, _stripes(period, x), _stripes(period, y))


def _checkers(period: int, y: Tensor, x: Tensor) -> Tensor:
    return (_stripes(period, x) - _stripes(period, y)).abs()


def _grating(period: int, y: Tensor, x: Tensor) -> Tensor:
    return 0.5 + 0.5 * torch.sin((0.8 * x + 0.6 * y) * 2 * torch.pi / period)


PATTERN_KINDS: dict[str, Pattern] = {  # by their form and their period in pixels
    **{f"stripes-{period}": partial(_upright, period) for period in (2, 3, 4, 6)},
    **{f"checkers-{period}": partial(_checkers, period) for period in (2, 4, 6)},
    **{f"grating-{period}": partial(_grating, period) for period in (3, 4, 6)},
}


def page(size: int, colours: Colours, side: int, scale: int = 1) -> UInt8[Tensor, "3 H W"]:
    """Lines of text in letters of ``size`` pixels, in the font included in Pillow, which training does not use."""
    ink, paper = colours
    size, side = size * scale, side * scale
    picture = Image.new("RGB", (side, side), paper)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
    for number, y in enumerate(range(size // 3, side, round(1.4 * size))):
        pen.text((size // 3, y), LINES[number % len(LINES)], ink, font)
    return images.from_pil(picture)


def pattern(kind: Pattern, colours: Colours, side: int, scale: int = 1) -> UInt8[Tensor, "3 H W"]:
    axis = (torch.arange(side * scale, dtype=torch.float32) + 0.5) / scale
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    ink, paper = (torch.tensor(colour, dtype=torch.float32)[:, None, None] for colour in colours)
    return (paper + kind(y, x) * (ink - paper)).round().to(torch.uint8)


def contrast(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """How much of ``expected`` is preserved in ``output``: the slope of a linear regression."""
    actual, wanted = (image - image.mean(dim=(-2, -1), keepdim=True) for image in (output, expected))
    return (actual * wanted).flatten(1).sum(dim=1) / wanted.square().flatten(1).sum(dim=1)


CONTRAST = Metric("contrast", "", "higher", contrast)
"""1 if a pattern is fully preserved, 0 if nothing is left, below 0 if light and dark are swapped."""


def _text(bench: Bench) -> Iterator[Measurement]:
    for size in TEXT_SIZES:
        yield from _kept(bench, f"text-{size}", partial(page, size), PSNR, LEAST_PSNR)
        yield from _enlarged(bench, f"text-{size}", partial(page, size), [PSNR])


def _patterns(bench: Bench) -> Iterator[Measurement]:
    for name, kind in PATTERN_KINDS.items():
        yield from _kept(bench, name, partial(pattern, kind), CONTRAST, LEAST_CONTRAST)
        yield from _enlarged(bench, name, partial(pattern, kind), [CONTRAST, PSNR])


def _kept(bench: Bench, condition: str, draw: Draw, metric: Metric, least: float) -> Iterator[Measurement]:
    """How much of clean pictures restoration preserves, in the worst colours."""
    for entry in bench.of_kind("restore"):
        bench.announce(f"{entry.name}: {condition}, {len(COLOURS)} pictures")
        values = []
        for colours in COLOURS:
            source = images.to_float(draw(colours, SIDE, 1))
            output = bench.render(source, [entry.name])[entry.name]
            values.append(float(metric(images.interior(output, RIM), images.interior(source[None], RIM))))
        yield mean_row(entry.name, f"{condition}, worst of {len(values)}", metric, [min(values)], None, target=least)


def _enlarged(bench: Bench, condition: str, draw: Draw, metrics: Sequence[Metric]) -> Iterator[Measurement]:
    for entry in bench.of_kind("super_resolution"):
        bench.announce(f"{entry.name}: {condition}, {len(COLOURS)} pictures")
        large = [draw(colours, SIDE, entry.scale) for colours in COLOURS]
        pairs = [(images.to_float(reduced(each, entry.scale)), images.to_float(each)) for each in large]
        judged = [Judged(metric, RIM * entry.scale) for metric in metrics]
        yield from against_bicubic(bench, entry.name, f"{condition} x{entry.scale}", pairs, judged)


TEXT = Suite("text", lambda _: None, _text)  # drawn, so that no folder lacks anything
PATTERNS = Suite("patterns", lambda _: None, _patterns)
