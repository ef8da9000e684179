"""Feature networks, for comparing images where a comparison of pixels would be too strict."""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.networks.blocks import SLOPE, BorderedConv2d


class LearntFeatures(nn.Module, ABC):
    """A frozen, trained network that returns the maps of some of its layers. Several losses and tasks need the features
    of the same picture, so the last three results are cached (:class:`_FeatureCache`)."""

    def __init__(self) -> None:
        super().__init__()
        self._cache = _FeatureCache()

    @abstractmethod
    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]: ...
    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        """One map per level, finest first, of images in [-1, 1]; levels for which an image is too small are omitted. Do
        not change the maps in place: another call with the same tensor may return the same maps."""
        learns = any(parameter.requires_grad for parameter in self.parameters())
        return self.maps(images) if learns else self._cache.get(images, self.maps)

    def frozen(self) -> Self:
        """Freeze the network for use in a loss, in the fastest memory layout for convolutions; returns itself."""
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self.eval().requires_grad_(False)


class FeatureNetwork(LearntFeatures):
    """Stages of 3x3 convolutions with max-pooling between them, as in VGG (Simonyan & Zisserman, ICLR 2015); returns
    the maps relu1_1, relu2_1, ... Borders are reflected, so that they leave no frame in the features."""

    def __init__(self, widths: Sequence[Sequence[int]]) -> None:
        """``widths`` are the channels of every convolution of every stage; one is enough for the last stage."""
        super().__init__()
        self.widths = tuple(stage[0] for stage in widths)  # channels of the maps
        self.stages = nn.ModuleList()
        channels = 3
        for stage in widths:
            convolutions = nn.ModuleList()
            for width in stage:
                convolutions.append(BorderedConv2d(channels, width, 3, padding=1, padding_mode="reflect"))
                channels = width
            self.stages.append(convolutions)

    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        levels: list[Tensor] = []
        x = images
        for stage in self.stages:
            if min(x.shape[-2:]) < (4 if levels else 2):  # a single pixel has nothing to reflect
                break
            x = F.max_pool2d(x, 2) if levels else x
            for number, convolution in enumerate(stage.children()):
                x = F.relu(convolution(x))
                if number == 0:
                    levels.append(x)
        return levels


class CombinedFeatures(LearntFeatures):
    """The maps of a first network, and those of a second one for the levels that the first one lacks. Strokes show in
    fine levels, where a pruned network has few channels; forms in coarse ones, which a full network computes slowly."""

    def __init__(self, first: LearntFeatures, second: LearntFeatures) -> None:
        super().__init__()
        self.first, self.second = first, second

    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        fine = self.first.maps(images)
        return [*fine, *self.second.maps(images)[len(fine) :]]


class SqueezeFeatures(LearntFeatures):
    """SqueezeNet 1.1 (Iandola et al. 2016) up to the deepest requested layer, with torchvision's parameter names."""

    STYLE_LEVELS = (1, 4, 7, 9)  # layers for comparing styles: one for each size of map
    LPIPS_LEVELS = (1, 4, 7, 9, 10, 11, 12)  # layers that LPIPS compares (Zhang et al., CVPR 2018)
    LPIPS_CHANNELS = (64, 128, 256, 384, 384, 512, 512)
    SMALLEST = 17  # side in pixels of the smallest image that has all maps

    def __init__(self, levels: Sequence[int] = STYLE_LEVELS) -> None:
        """``levels`` are the layers' numbers, in ascending order."""
        super().__init__()
        self.levels = tuple(levels)

        pool = partial(nn.MaxPool2d, 3, stride=2, ceil_mode=True)
        layers = (
            *(nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool()),
            *(_Fire(64, 16, 64), _Fire(128, 16, 64), pool()),
            *(_Fire(128, 32, 128), _Fire(256, 32, 128), pool()),
            *(_Fire(256, 48, 192), _Fire(384, 48, 192), _Fire(384, 64, 256), _Fire(512, 64, 256)),
        )
        self.features = nn.Sequential(*layers[: self.levels[-1] + 1])

    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        levels: list[Tensor] = []
        x = images
        for number, layer in enumerate(self.features):
            if min(x.shape[-2:]) < {nn.Conv2d: 3, nn.MaxPool2d: 2}.get(type(layer), 1):
                break
            x = layer(x)
            if number in self.levels:
                levels.append(x)
        return levels


class _Fire(nn.Module):
    """A squeeze layer, followed by parallel 1x1 and 3x3 convolutions (Iandola et al. 2016, figure 1)."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class _FeatureCache:
    """A cache of a function's results for its last three inputs. A result is reused for the same tensor object if the
    tensor has not been changed in place and the gradient and autocast modes are the same. Once a gradient flows back
    through a result it is dropped, because its graph may have been freed."""

    SIZE = 3

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def __reduce__(self) -> tuple[type["_FeatureCache"], tuple[()]]:
        return _FeatureCache, ()  # tensors with a graph cannot be copied, and a copy does not need them

    def get(self, key: Tensor, compute: Callable[[Tensor], list[Tensor]]) -> list[Tensor]:
        if key.is_inference():  # inference tensors do not count in-place changes
            return compute(key)
        autocast = torch.is_autocast_enabled(key.device.type), torch.get_autocast_dtype(key.device.type)
        state = torch.is_grad_enabled(), key.requires_grad, *autocast
        for entry in self._entries:
            if entry.key is key and entry.version == key._version and entry.state == state:
                self._entries.remove(entry)
                self._entries.append(entry)
                return list(entry.results)
        entry = _Entry(key, key._version, state, compute(key))
        self._entries = [*self._entries[1 - self.SIZE :], entry]
        cache, added = weakref.ref(self), weakref.ref(entry)

        def evict(_: Tensor) -> None:
            if (alive := cache()) is not None:
                alive._entries = [other for other in alive._entries if other is not added()]

        for result in entry.results:
            if result.requires_grad:
                result.register_hook(evict)
        return list(entry.results)


@dataclass(frozen=True, eq=False)
class _Entry:
    key: Tensor
    version: int
    state: tuple[object, ...]
    results: list[Tensor]


class Classifier(nn.Module):
    """A small classifier of small pictures, used to count and compare sets of generated pictures."""

    WIDTHS, FEATURES = (16, 32, 64), 64
    CELLS = 4  # side of the pooled last maps; more than 1, because position matters: a six upside down is a nine
    SMALLEST = 2 ** len(WIDTHS)  # side in pixels

    def __init__(self, classes: int) -> None:
        super().__init__()
        pairs = pairwise((3, *self.WIDTHS))
        self.convolutions = nn.ModuleList(nn.Conv2d(fine, coarse, 4, 2, padding=1) for fine, coarse in pairs)
        self.hidden = nn.Linear(self.WIDTHS[-1] * self.CELLS**2, self.FEATURES)
        self.last = nn.Linear(self.FEATURES, classes)

    def features(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """The features before the logits, for pictures in [-1, 1]."""
        maps = pictures.clamp(-1, 1)
        for layer in self.convolutions:
            maps = F.leaky_relu(layer(maps), SLOPE)
        return F.leaky_relu(self.hidden(F.adaptive_avg_pool2d(maps, self.CELLS).flatten(1)), SLOPE)

    def forward(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        return self.last(self.features(pictures))

    @torch.no_grad()
    def probabilities(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        return self(pictures).softmax(dim=1)
