"""Distil VGG-19 into the small feature network that prismgan includes.

    python tools/distil_features.py --data DATA --out features.safetensors --minutes 22
    python tools/distil_features.py --data DATA --from features.safetensors --rate 0.012 --minutes 14 \
        --out src/prismgan/weights/features.safetensors

DATA holds `photos`, `styles` and `cartoon` (pictures to train on; every eighth is held out) and `perceptual` (VGG-19 in
two files). The student has VGG's form with fewer channels. A 1x1 convolution for each level, used for training alone,
embeds its maps in the teacher's (Wang et al., "Collaborative distillation for ultra-resolution universal style
transfer", CVPR 2020, eq. 3). The network is used for distances between pictures, so those are taught as well:
see :class:`Distillation`. They are measured on held-out pictures at the end.

The command prints one line every 50 steps, and figures at the end. A second run with the same `--steps` gives the same
network; with `--minutes` the clock decides how many steps there are.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan import images
from prismgan.batch import TaskBatch
from prismgan.data import DegradationConfig
from prismgan.data.degradation import GaussianBlur, Jpeg, Noise, draw
from prismgan.data.streams import integer, stream, uniform
from prismgan.errors import DataError, PrismganError, WeightsError
from prismgan.files import replace_file
from prismgan.losses.style import StyleStatistics, moments
from prismgan.machine import precision
from prismgan.networks import FeatureNetwork, LearntFeatures
from prismgan.weights import load_features

WIDTHS = ((24, 24), (48, 48), (96, 96, 96, 96), (160,))
"""Channels of the student. At full resolution the number of channels determines the time, not the multiplications."""

FOLDERS = ("photos", "styles", "cartoon")
HELD_OUT = 8
"""One picture of a folder in this many is held out."""
LONGEST = 640
"""Longest side in pixels to which pictures are resized."""
CROP = 128
"""Side of the crops in every other step. The steps between use a quarter as many crops of twice the side: outputs are
compared as whole pictures, where distances differ from those of small crops."""
ASIDE = 10**9
"""Number of the first batch that is not used in a step."""
WHOLE = 25
"""Number of whole pictures for the final evaluation."""
ROWS = 8
"""Crops per step; each is used twice, original and changed."""
RATE = 0.035
"""Adam's step for a layer, relative to the initial standard deviation of its weights: layers with many inputs take
small steps."""
TERMS = {"map": 1.0, "change": 0.5, "gram": 0.5, "relation": 0.5, "style": 4.0}
"""Weights of the terms of the loss."""
FRESH = 10
"""Number of steps between two updates of the paintings' statistics in the student."""
CHANGES = DegradationConfig(
    clean=0.3,
    gaussian_blur=GaussianBlur(probability=0.4, sigma=(0.4, 2.5)),
    noise=Noise(probability=0.5, sigma=(3.0, 50.0)),
    jpeg=Jpeg(probability=0.4, quality=(15, 90)),
)

Pictures = Mapping[str, Sequence[UInt8[Tensor, "3 H W"]]]
"""Pictures by the folder they come from."""


# -- pictures ----------------------------------------------------------------------------------------


def read_pictures(data: Path) -> tuple[dict[str, list[Tensor]], dict[str, list[Tensor]]]:
    """Pictures to train on, and those that are held out, by folder.

    Raises:
        PictureError: a folder is missing or holds no picture.
    """
    train: dict[str, list[Tensor]] = defaultdict(list)
    held: dict[str, list[Tensor]] = defaultdict(list)
    for folder in FOLDERS:
        for number, path in enumerate(images.find_pictures(data / folder)):
            pixels = images.read(path)
            scale = min(1.0, LONGEST / max(pixels.shape[-2:]))
            height, width = (max(CROP, round(side * scale)) for side in pixels.shape[-2:])
            reduced = images.to_uint8(images.resize(images.to_float(pixels), height, width))
            (held if number % HELD_OUT == 0 else train)[folder].append(reduced)
    return dict(train), dict(held)


class Crops:
    """Crops of pictures, each as it is and changed, as a function of seed and number."""

    def __init__(self, pictures: Pictures, seed: int) -> None:
        self.pictures = [list(found) for found in pictures.values() if found]
        self.seed = seed

    def batch(self, number: int, rows: int, side: int | None = None) -> Float[Tensor, "2B 3 S S"]:
        """``rows`` crops of side :data:`CROP` by default, then the same crops changed, in [-1, 1]."""
        pairs = [self._pair(number, row, side or CROP) for row in range(rows)]
        found = torch.stack([plain for plain, _ in pairs] + [changed for _, changed in pairs])
        return found.contiguous(memory_format=torch.channels_last)

    def _pair(self, number: int, row: int, side: int) -> tuple[Tensor, Tensor]:
        random = stream("crops", self.seed, number, row)
        plain = self._crop(random, side)
        if uniform(random, 0, 1) < 0.5:
            plain = _other_colours(plain, random)
        changed = plain
        if uniform(random, 0, 1) < 0.5:
            changed = _other_colours(changed, random)
        if uniform(random, 0, 1) < 0.3:  # as intermediate outputs of a style task are
            changed = torch.lerp(changed, self._crop(random, side), uniform(random, 0.2, 0.8))
        return plain, draw(CHANGES, random).apply(changed, random)

    def _crop(self, random: torch.Generator, side: int) -> Float[Tensor, "3 S S"]:
        folder = self.pictures[integer(random, 0, len(self.pictures) - 1)]
        picture = folder[integer(random, 0, len(folder) - 1)]
        height, width = picture.shape[-2:]
        most = min(height, width)
        window = round(math.exp(uniform(random, math.log(min(0.6 * side, most)), math.log(most))))
        top, left = integer(random, 0, height - window), integer(random, 0, width - window)
        found = images.to_float(picture[:, top : top + window, left : left + window])
        # Bilinear, for speed: a crop's sharpness varies by more than kernels differ.
        (crop,) = F.interpolate(found[None], size=(side, side), mode="bilinear", antialias=True)
        crop = crop.transpose(1, 2) if uniform(random, 0, 1) < 0.25 else crop
        return crop.flip(2) if uniform(random, 0, 1) < 0.5 else crop


def _other_colours(image: Float[Tensor, "3 H W"], random: torch.Generator) -> Float[Tensor, "3 H W"]:
    """Change saturation, contrast, brightness and tint, and sometimes invert the colours."""
    grey = images.luma(image[None])[0]
    changed = torch.lerp(grey.expand_as(image), image, uniform(random, 0, 1.8))
    changed = changed * math.exp(uniform(random, -0.6, 0.4)) + uniform(random, -0.3, 0.3)
    changed = changed + 0.2 * torch.randn(3, 1, 1, generator=random)
    return (-changed if uniform(random, 0, 1) < 0.1 else changed).clamp(-1, 1)


# -- teacher and student -----------------------------------------------------------------------------


class Teacher(nn.Module):
    """The feature maps that the student's levels should span: VGG's relu1_1 ... relu4_1, each from the best network
    that has it.

    ``wide`` is a VGG without the last levels. ``pruned`` has all levels with fewer channels, and 1x1 convolutions back
    to VGG's width (followed by ReLU). Where both have a level, the pruned one adds nothing: it was itself distilled
    from the wide one, and on photos its three levels correlate with that one's channels by 0.98, 0.88 and 0.80.
    """

    def __init__(self, wide: LearntFeatures, pruned: LearntFeatures, back: Sequence[tuple[Tensor, Tensor]]) -> None:
        """``back`` are weight and bias of the pruned levels' 1x1 convolutions."""
        super().__init__()
        self.wide, self.pruned = wide, pruned
        self.levels = len(back)
        for level, (weight, bias) in enumerate(back):
            self.register_buffer(f"weight{level}", weight)
            self.register_buffer(f"bias{level}", bias)
        self.scales: list[Tensor] = []
        """For every level, the factors (1, C, 1, 1) that give its channels about the same power."""

    @classmethod
    def read(cls, folder: Path) -> Teacher:
        """The networks of the data folder.

        Raises:
            WeightsError: a file is missing or is not what it should be.
        """
        pruned = folder / "vgg19_small16x.safetensors"
        wide, narrow = load_features(folder / "vgg19_normalised_conv3_1.safetensors"), load_features(pruned)
        tensors = load_file(pruned)
        names = [f"conv{level}1_aux" for level in (1, 2, 3, 4)]
        if not all(f"{name}.weight" in tensors for name in names):
            raise WeightsError(f"{pruned}: has no 1x1 convolutions (conv11_aux, ...) back to VGG's width")
        return cls(wide, narrow, [(tensors[f"{name}.weight"], tensors[f"{name}.bias"]) for name in names])

    @torch.no_grad()
    def calibrate(self, batches: Sequence[Float[Tensor, "B 3 S S"]]) -> None:
        """Compute the scales: one over a channel's root mean square, limited for the weakest channels; see the style
        loss."""
        self.scales = []
        powers = [[level.float().square().mean((0, 2, 3)) for level in self(batch)] for batch in batches]
        for level in range(self.levels):
            power = torch.stack([found[level] for found in powers]).mean(0)
            self.scales.append(power.clamp_min(0.1 * power.mean()).rsqrt().view(1, -1, 1, 1))

    @torch.no_grad()
    def forward(self, pictures: Float[Tensor, "B 3 S S"]) -> list[Float[Tensor, "B C h w"]]:
        maps = self.wide(pictures)
        for level, narrow in enumerate(self.pruned(pictures)):
            if level >= len(maps):
                full = F.conv2d(narrow, self.get_buffer(f"weight{level}"), self.get_buffer(f"bias{level}"))
                maps.append(F.relu(full))
        return maps


class Distillation:
    """A student that learns from a teacher. The loss has four terms of each level and one of all, each 0 at best and
    about 1 at first.

    ``map``: the teacher's maps, from the student's through a 1x1 convolution; mean square over variance. ``change``:
    the same for the difference between a picture and its changed version, which is what a content loss compares.
    ``gram``: the Gram matrices of those embedded maps. ``relation``: the student's own maps, with no convolution
    between, should have the same distances between pictures' Gram matrices as the teacher's (Park et al., "Relational
    knowledge distillation", CVPR 2019, eq. 3 and 4): style losses never see the embedding. ``style``: the style losses
    of the pictures for some paintings, over all levels as the loss is, should rank as the teacher's do: one minus their
    correlation.
    """

    def __init__(
        self,
        teacher: Teacher,
        crops: Crops,
        *,
        widths: Sequence[Sequence[int]] = WIDTHS,
        rows: int = ROWS,
        seed: int = 0,
        device: str = "cpu",
        start: FeatureNetwork | None = None,
        paintings: Sequence[Float[Tensor, "3 h w"]] = (),
    ) -> None:
        """``start`` is a student to continue; by default a new one of these ``widths`` is created. ``paintings`` are
        the exemplars of the style losses."""
        self.crops, self.rows, self.seed, self.device = crops, rows, seed, device
        number = precision("auto", device)
        self.autocast = torch.autocast(device, number, enabled=number != torch.float32)
        self.teacher = teacher.to(device)
        with self.autocast:
            self.teacher.calibrate([self.crops.batch(ASIDE + number, 8).to(device) for number in range(4)])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            student = start or _new_student(widths)
        self.student = student.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.paintings = [painting.to(device) for painting in paintings]
        self.styles = _styles(self.teacher, self.paintings)
        self.own_styles = _styles(self.student, self.paintings)
        layers = [module for module in self.student.modules() if isinstance(module, nn.Conv2d)]
        self.deviations = [math.sqrt(2 / layer.weight[0].numel()) for layer in layers]
        self.optimizer = torch.optim.Adam([{"params": layer.parameters()} for layer in layers], betas=(0.9, 0.98))

    def step(self, number: int, rate: float = RATE) -> dict[str, float]:
        """One update; returns the terms of every level before it."""
        for group, deviation in zip(self.optimizer.param_groups, self.deviations, strict=True):
            group["lr"] = rate * deviation
        if number % FRESH == 0:
            self.own_styles = _styles(self.student, self.paintings)
        large = number % 2
        # With a single unchanged pair all distances would be 0.
        rows = max(2, self.rows // 4) if large else self.rows
        pictures = self.crops.batch(number, rows, (1 + large) * CROP).to(self.device)
        terms = self.terms(pictures, offset=number)
        loss = torch.stack([TERMS[name.partition("/")[0]] * value for name, value in terms.items()]).sum()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimizer.step()
        return {"loss": float(loss.detach()), **{name: float(value.detach()) for name, value in terms.items()}}

    def terms(self, pictures: Float[Tensor, "2B 3 S S"], offset: int = 0) -> dict[str, Float[Tensor, ""]]:
        """Every term of every level, as ``map/1``, and ``style/all``."""
        found: dict[str, Tensor] = {}
        with self.autocast:
            levels, own_levels = self.teacher(pictures), self.student(pictures)
            if self.styles:
                found["style/all"] = self._style_term(levels, own_levels)
            for number, (wanted, own) in enumerate(zip(levels, own_levels, strict=True)):
                if number < 3:  # every other pixel gives the same statistics at a quarter of the cost
                    grid = (..., slice(offset % 2, None, 2), slice(offset // 2 % 2, None, 2))
                    wanted, own = wanted[grid], own[grid]
                wanted = wanted.float() * self.teacher.scales[number]
                embedded = _embedded(own, wanted)
                error, power = (embedded - wanted).square(), (wanted - wanted.mean((0, 2, 3), keepdim=True)).square()
                plain, changed = (embedded - wanted).chunk(2)
                wanted_plain, wanted_changed = wanted.chunk(2)
                change = (wanted_changed - wanted_plain).square().mean()
                wanted_gram = _gram(wanted)
                difference = (_gram(embedded) - wanted_gram).square().sum((1, 2))
                size = wanted_gram.square().sum((1, 2))
                found |= {
                    f"map/{number + 1}": error.mean() / power.mean(),
                    f"change/{number + 1}": (changed - plain).square().mean() / (change + 1e-6),
                    f"gram/{number + 1}": (difference / (size + 0.1 * size.mean())).mean(),
                    f"relation/{number + 1}": (_distances(_gram(_levelled(own.float()))) - _distances(wanted_gram))
                    .square()
                    .mean(),
                }
        return found

    def _style_term(self, levels: Sequence[Tensor], own_levels: Sequence[Tensor]) -> Float[Tensor, ""]:
        with torch.autocast(self.device, enabled=False):
            wanted = _distances_of(self.styles, levels)
            own = _distances_of(self.own_styles, own_levels)
        return 1 - F.cosine_similarity(own - own.mean(), wanted - wanted.mean(), dim=0)


def _distances_of(styles: Sequence[StyleStatistics], levels: Sequence[Tensor]) -> Float[Tensor, " N"]:
    return torch.cat([torch.stack(style.levels(levels)).mean(0) for style in styles])


def _styles(network: nn.Module, paintings: Sequence[Float[Tensor, "3 h w"]]) -> list[StyleStatistics]:
    return [StyleStatistics(network, [painting]) for painting in paintings]


def _shown(picture: UInt8[Tensor, "3 H W"]) -> Float[Tensor, "3 h w"]:
    """A painting, resized as for style tasks."""
    found = images.to_float(picture)
    scale = 384 / max(found.shape[-2:])
    return F.interpolate(found[None], scale_factor=scale, mode="bilinear", antialias=True)[0]


def _new_student(widths: Sequence[Sequence[int]]) -> FeatureNetwork:
    student = FeatureNetwork(widths)
    for module in student.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return student


def _embedded(own: Float[Tensor, "B c h w"], wanted: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
    """The student's maps, mapped by the 1x1 convolution that brings them nearest to the teacher's.

    It is solved for (least squares over the batch) instead of being trained with the student, which therefore never has
    to wait for it. The gradient treats it as constant: at the optimum its own change does not change the error.
    """
    with torch.autocast(own.device.type, enabled=False):
        own = own.float()
        with torch.no_grad():
            x = own.transpose(0, 1).flatten(1)
            x = torch.cat([x, torch.ones_like(x[:1])])
            y = wanted.transpose(0, 1).flatten(1)
            products = (x @ x.T).double()
            ridge = 1e-5 * products.diagonal().mean() * torch.eye(len(x), dtype=torch.float64, device=x.device)
            weights = torch.linalg.solve(products + ridge, (x @ y.T).double()).T.float()
        return F.conv2d(own, weights[:, :-1, None, None], weights[:, -1])


def _gram(maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C C"]:
    return moments(maps)[0]


def _levelled(maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
    """Every channel divided by its root mean square, as in the style loss."""
    power = maps.detach().square().mean((0, 2, 3), keepdim=True)
    return maps * power.clamp_min(0.1 * power.mean() + 1e-6).rsqrt()


def _distances(grams: Float[Tensor, "B C C"]) -> Float[Tensor, " P"]:
    """Distances of all pairs, divided by their mean."""
    flat = grams.flatten(1)
    first, second = torch.triu_indices(len(flat), len(flat), 1, device=flat.device)
    # With autocast the products would be rounded by more than the differences of similar pictures.
    with torch.autocast(flat.device.type, enabled=False):
        products = flat @ flat.T
    squares = products.diagonal()[first] + products.diagonal()[second] - 2 * products[first, second]
    distances = (squares.clamp_min(0) + 1e-6 * squares.mean().detach() + 1e-12).sqrt()
    return distances / distances.mean()


@torch.no_grad()
def equalise(student: FeatureNetwork, pictures: Float[Tensor, "B 3 S S"]) -> None:
    """Scale channels so that each has a mean square of 1 on the pictures, as Gatys et al. (2016) do with VGG.

    ReLU passes factors through, so the next layer takes them back: nothing else changes. Distances then mean about the
    same at every level, and nothing is too large or small for float16.
    """
    powers: list[Tensor] = []
    convolutions = [module for module in student.modules() if isinstance(module, nn.Conv2d)]
    hooks = [
        convolution.register_forward_hook(
            lambda module, inputs, output: powers.append(F.relu(output).square().mean((0, 2, 3)))
        )
        for convolution in convolutions
    ]
    student(pictures)
    for hook in hooks:
        hook.remove()
    before: Tensor | None = None
    for convolution, power in zip(convolutions, powers, strict=True):
        assert convolution.bias is not None
        factor = power.clamp_min(0.01 * power.mean()).rsqrt()
        if before is not None:
            convolution.weight /= before.view(1, -1, 1, 1)
        convolution.weight *= factor.view(-1, 1, 1, 1)
        convolution.bias *= factor
        before = factor


# -- evaluation --------------------------------------------------------------------------------------


def rank_correlation(first: Float[Tensor, "*B N"], second: Float[Tensor, "*B N"]) -> Float[Tensor, "*B"]:
    """Spearman's rank correlation along the last dimension; values are taken to differ."""
    ranks = torch.stack([first, second]).argsort(-1).argsort(-1).double()
    ranks = ranks - ranks.mean(-1, keepdim=True)
    return (ranks[0] * ranks[1]).sum(-1) / (ranks[0].norm(dim=-1) * ranks[1].norm(dim=-1))


@torch.no_grad()
def style_distances(
    features: nn.Module, exemplars: Sequence[Float[Tensor, "3 H W"]], batches: Sequence[Float[Tensor, "N 3 h w"]]
) -> Float[Tensor, "E M"]:
    """The style loss of every picture of all batches for every exemplar."""
    styles = _styles(features, exemplars)
    found = [
        torch.stack([style(pictures, TaskBatch(pictures, pictures, None)) for style in styles]) for pictures in batches
    ]
    return torch.cat(found, dim=1)


@torch.no_grad()
def content_distances(
    features: nn.Module,
    first: Float[Tensor, "N 3 S S"],
    second: Float[Tensor, "N 3 S S"],
    weights: Sequence[Float[Tensor, "1 C 1 1"]] | None = None,
) -> Float[Tensor, " N"]:
    """LPIPS on the levels there are (Zhang et al., CVPR 2018, eq. 1), without ``weights`` with equal ones."""
    total = torch.zeros(len(first))
    for level, (a, b) in enumerate(zip(features(first), features(second), strict=True)):
        difference = (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square()
        difference = difference.sum(1) if weights is None else (difference * weights[level]).sum(1)
        total += difference.mean((1, 2))
    return total


@dataclass(frozen=True)
class Judges:
    """Networks that the student is compared with: its teachers, and one that was not used in training."""

    teacher: Teacher
    """The teacher."""
    networks: Mapping[str, nn.Module]
    """The networks that the teacher combines, separately."""
    squeeze: nn.Module | None
    """SqueezeNet, with LPIPS's weights for its first four levels."""
    squeeze_weights: Sequence[Tensor]

    @classmethod
    def read(cls, folder: Path) -> Judges:
        """The networks of the data folder; SqueezeNet is omitted if its files are missing."""
        teacher = Teacher.read(folder)
        networks = {name: load_features(folder / f"{name}.safetensors") for name in TEACHERS}
        paths = folder / "squeezenet1_1_fp16.safetensors", folder / "lpips_v0.1_squeeze_lin.safetensors"
        if not all(path.exists() for path in paths):
            return cls(teacher, networks, None, ())
        weights = load_file(paths[1])
        return cls(
            teacher, networks, load_features(paths[0]), [weights[f"lin{level}.model.1.weight"] for level in range(4)]
        )


TEACHERS = ("vgg19_normalised_conv3_1", "vgg19_small16x")


def figures(student: nn.Module, judges: Judges, held: Pictures, train: Pictures) -> dict[str, float]:
    """Agreement of the student's distances with those of other networks, as rank correlations.

    ``style``: of the style losses of 48 crops (held-out photos and comics, and parts of paintings) for the eight
    paintings, the mean over paintings. ``content``: of the distances between held-out crops and their changed
    versions, 160 pairs. For comparison, the same between the two teachers.
    """
    exemplars = [_shown(picture) for pictures in (held, train) for picture in pictures["styles"]]
    crops = Crops(held, seed=1)
    seen = crops.batch(0, 24)
    pairs = torch.stack([crops.batch(1 + number, 16) for number in range(10)])
    plain, changed = (half.flatten(0, 1) for half in pairs.chunk(2, dim=1))
    different = (plain - changed).flatten(1).abs().amax(1) > 0.02
    plain, changed = plain[different], changed[different]

    candidates = {"student": student, TEACHERS[1]: judges.networks[TEACHERS[1]]}
    styles = {name: style_distances(network, exemplars, [seen]) for name, network in candidates.items()}
    contents = {name: content_distances(network, plain, changed) for name, network in candidates.items()}
    found = {}
    for name, judge in judges.networks.items():
        style, content = style_distances(judge, exemplars, [seen]), content_distances(judge, plain, changed)
        for candidate in candidates:
            if candidate != name:
                found[f"style/{candidate}/{name}"] = float(rank_correlation(styles[candidate], style).mean())
                found[f"content/{candidate}/{name}"] = float(rank_correlation(contents[candidate], content))
    for what, batches in {"crops": [seen], "whole": _whole(held)}.items():
        one, other = (style_distances(network, exemplars, batches).flatten() for network in (student, judges.teacher))
        found[f"pairs/{what}"] = float(rank_correlation(one, other))
    if judges.squeeze is not None:
        content = content_distances(judges.squeeze, plain, changed, judges.squeeze_weights)
        for candidate in candidates:
            found[f"content/{candidate}/lpips_squeeze"] = float(rank_correlation(contents[candidate], content))
    return {name: round(value, 4) for name, value in found.items()}


def _whole(held: Pictures) -> list[Float[Tensor, "1 3 h w"]]:
    """Held-out photos and comics, the same number of each, at the size of a large crop."""
    turns = [picture for pair in zip(held["photos"], held["cartoon"], strict=False) for picture in pair]
    several = [images.to_float(picture)[None] for picture in [*turns, *held["photos"][len(turns) // 2 :]][:WHOLE]]
    return [
        F.interpolate(picture, scale_factor=2 * CROP / max(picture.shape[-2:]), mode="bilinear", antialias=True)
        for picture in several
    ]


def save_features(path: Path, student: FeatureNetwork, about: Mapping[str, object]) -> None:
    """Write the student in float16, with its metadata.

    Raises:
        PrismganError: the file cannot be written.
    """
    tensors = {name: tensor.detach().half().cpu().contiguous() for name, tensor in student.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, save(tensors, {"prismgan": json.dumps(about)}))


# -- the command -------------------------------------------------------------------------------------


def factor(progress: float) -> float:
    """The learning rate over the run: a short rise, then half a cosine down to 0."""
    return min(1.0, progress / 0.02 + 0.05) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def distil(distillation: Distillation, *, minutes: float, steps: int | None, rate: float = RATE) -> int:
    """Train for the given time or number of steps; returns the number of steps."""
    started, number = time.monotonic(), 0
    window: dict[str, list[float]] = defaultdict(list)
    while True:
        seconds = time.monotonic() - started
        progress = number / steps if steps is not None else seconds / (60 * minutes)
        if progress >= 1:
            return number
        for name, value in distillation.step(number, rate * factor(progress)).items():
            window[name].append(value)
        number += 1
        if number % 50 == 0:
            means = {name: sum(values) / len(values) for name, values in window.items()}
            window.clear()
            print(f"step {number:5}  {seconds:6.0f} s  loss {means['loss']:.3f}  {_by_level(means)}", flush=True)


def _by_level(means: Mapping[str, float]) -> str:
    levels: dict[str, list[str]] = defaultdict(list)
    for name in sorted(means):
        term, slash, _ = name.partition("/")
        if slash:
            levels[term].append(f"{means[name]:.3f}")
    return "  ".join(" ".join([term, *levels[term]]) for term in TERMS if levels[term])


def main() -> None:
    """Read the command line. An error that the user can fix is one line on stderr with exit code 2."""
    parser = argparse.ArgumentParser(description="Distil VGG-19 into the feature network that prismgan brings.")
    parser.add_argument("--data", type=Path, required=True, help="folder with photos, styles, cartoon and perceptual")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long to train")
    parser.add_argument("--steps", type=int, help="how many steps to train, instead of minutes")
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    parser.add_argument("--from", dest="start", type=Path, help="a student to go on with")
    parser.add_argument("--rate", type=float, default=RATE, help="step of Adam, against what layers start with")
    try:
        run(parser.parse_args())
    except PrismganError as error:
        print(f"distil_features: {error}", file=sys.stderr)
        sys.exit(2)


def run(arguments: argparse.Namespace) -> None:
    """Read, distil, measure, write.

    Raises:
        PrismganError: data or teachers cannot be read, or the file cannot be written.
    """
    data, out, device, seed = arguments.data, arguments.out, arguments.device, arguments.seed
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    teacher, judges = Teacher.read(data / "perceptual"), Judges.read(data / "perceptual")
    start = None if arguments.start is None else _learning(arguments.start)
    train, held = read_pictures(data)
    counts = {name: len(pictures) for name, pictures in train.items()}
    print(
        f"{sum(counts.values())} pictures to train on ({counts}), {sum(map(len, held.values()))} held out", flush=True
    )
    paintings = [_shown(picture) for picture in train["styles"]]
    distillation = Distillation(teacher, Crops(train, seed), seed=seed, device=device, start=start, paintings=paintings)
    started = time.monotonic()
    taken = distil(distillation, minutes=arguments.minutes, steps=arguments.steps, rate=arguments.rate)
    spent = (time.monotonic() - started) / 60
    if not all(parameter.isfinite().all() for parameter in distillation.student.parameters()):
        raise DataError("the student diverged; nothing is written")

    with torch.no_grad():
        test = [distillation.terms(Crops(held, 2).batch(number, 16).to(device)) for number in range(4)]
        errors = {name: round(float(torch.stack([found[name] for found in test]).mean()), 4) for name in test[0]}
        equalise(distillation.student, Crops(train, seed).batch(ASIDE, 32).to(device))
    about: dict[str, object] = {
        "kind": "features",
        "widths": WIDTHS,
        "teachers": [f"{name}.safetensors" for name in TEACHERS],
        "data": counts,
        "command": "python tools/distil_features.py --data DATA --out FILE "
        + (f"--steps {arguments.steps}" if arguments.steps is not None else f"--minutes {arguments.minutes:g}")
        + (f" --seed {seed}" if seed else "")
        + (f" --rate {arguments.rate:g}" if arguments.rate != RATE else "")
        + (" --from FEATURES" if start is not None else ""),
        "steps": taken,
        "minutes": round(spent, 1),
        "held_out": errors,
    }
    save_features(out, distillation.student, about)  # so that nothing is lost if measuring fails
    about["agreement"] = figures(load_features(out), judges, held, train)
    save_features(out, distillation.student, about)
    print(f"{taken} steps in {spent:.1f} minutes; on held-out pictures  {_by_level(errors)}")
    for name, value in sorted(about["agreement"].items()):  # type: ignore[attr-defined]
        print(f"  {name:60} {value:.3f}")
    print(f"{out}: {out.stat().st_size:,} bytes")


def _learning(path: Path) -> FeatureNetwork:
    """A student written earlier, to continue its training.

    Raises:
        WeightsError: the file is missing, or is not what this command writes.
    """
    student = load_features(path)
    if not isinstance(student, FeatureNetwork) or student.widths != tuple(stage[0] for stage in WIDTHS):
        raise WeightsError(f"{path}: is another network than this command teaches")
    return student.train().requires_grad_(True)


if __name__ == "__main__":
    main()
