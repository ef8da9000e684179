"""Feature networks: what images are compared by when pixels are too strict."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.errors import WeightsError

__all__ = [
    "FeatureNetwork",
    "LearntFeatures",
    "SqueezeFeatures",
    "default_features",
    "find_features",
    "load_features",
]


class LearntFeatures(nn.Module, ABC):
    """A network that was trained on pictures, frozen: images to the maps of some of its layers.

    Several losses ask for the features of one output, and several tasks for those of one photo. So a frozen network
    remembers the maps of the last two tensors it was called with; see :class:`_Memory`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._memory = _Memory()

    @abstractmethod
    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        """The maps, computed."""

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        """One map per level, finest first, of images in [-1, 1]; levels that an image is too small for are left out.

        The caller's autocast decides the precision. Whoever calls again with the same tensor may get the same maps,
        so they are not to be changed in place.
        """
        learns = any(parameter.requires_grad for parameter in self.parameters())
        return self.maps(images) if learns else self._memory.recall(images, self.maps)

    def frozen(self) -> LearntFeatures:
        """Itself, ready to be used in a loss: nothing learns, in the memory layout that convolutions are fast in."""
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self.eval().requires_grad_(False)


class FeatureNetwork(LearntFeatures):
    """Stages of 3x3 convolutions with max-pooling between them, as in VGG (Simonyan & Zisserman, ICLR 2015).

    The maps are those after the first convolution of every stage: relu1_1, relu2_1, ... Borders are reflected, so that
    a picture has no frame in its features. Convolutions after the last map are left out.
    """

    def __init__(self, widths: Sequence[Sequence[int]]) -> None:
        """``widths`` are the channels of every convolution of every stage; the last stage has one."""
        super().__init__()
        self.widths = tuple(stage[0] for stage in widths)
        """Channels of the maps."""
        self.stages = nn.ModuleList()
        channels = 3
        for stage in widths:
            convolutions = nn.ModuleList()
            for width in stage:
                convolutions.append(nn.Conv2d(channels, width, 3, padding=1, padding_mode="reflect"))
                channels = width
            self.stages.append(convolutions)

    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        found: list[Tensor] = []
        x = images
        for stage in self.stages:
            if min(x.shape[-2:]) < (4 if found else 2):  # a single pixel has nothing to reflect
                break
            x = F.max_pool2d(x, 2) if found else x
            for number, convolution in enumerate(stage.children()):
                x = F.relu(convolution(x))
                if number == 0:
                    found.append(x)
        return found


class SqueezeFeatures(LearntFeatures):
    """SqueezeNet 1.1 (Iandola et al. 2016) up to the maps after layers 1, 4, 7 and 9, with torchvision's names.

    They are the first four of those that LPIPS compares (Zhang et al., CVPR 2018).
    """

    LEVELS = (1, 4, 7, 9)

    def __init__(self) -> None:
        super().__init__()

        def pool() -> nn.Module:
            return nn.MaxPool2d(3, stride=2, ceil_mode=True)

        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            pool(),
            _Fire(64, 16, 64),
            _Fire(128, 16, 64),
            pool(),
            _Fire(128, 32, 128),
            _Fire(256, 32, 128),
            pool(),
            _Fire(256, 48, 192),
        )

    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        found: list[Tensor] = []
        x = images
        for number, layer in enumerate(self.features):
            smallest = {nn.Conv2d: 3, nn.MaxPool2d: 2}.get(type(layer), 1)
            if min(x.shape[-2:]) < smallest:
                break
            x = layer(x)
            if number in self.LEVELS:
                found.append(x)
        return found


class _Fire(nn.Module):
    """Few channels, then 1x1 and 3x3 convolutions of them side by side (Iandola et al. 2016, figure 1)."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class _Memory:
    """What a function made of the last two tensors it was given.

    A result is given out again for the same tensor object, if that was not changed in place since and if gradients and
    autocast are switched as they were. Once a gradient flows back through a result it is forgotten: its graph may have
    been freed. So graphs live no longer than their backward pass, or, without one, than two further calls.
    """

    SIZE = 2

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def __deepcopy__(self, memo: object) -> _Memory:
        return _Memory()  # tensors with a graph cannot be copied, and a copy has no use for them

    def __reduce__(self) -> tuple[type[_Memory], tuple[()]]:
        return _Memory, ()

    def recall(self, key: Tensor, make: Callable[[Tensor], list[Tensor]]) -> list[Tensor]:
        """``make(key)``, or what that was before."""
        if key.is_inference():  # such tensors do not count their changes
            return make(key)
        kind = key.device.type
        state = (
            torch.is_grad_enabled(),
            key.requires_grad,
            torch.is_autocast_enabled(kind),
            torch.get_autocast_dtype(kind),
        )
        for entry in self._entries:
            if entry.key is key and entry.version == key._version and entry.state == state:
                self._entries.remove(entry)
                self._entries.append(entry)
                return list(entry.made)
        entry = _Entry(key, key._version, state, make(key))
        self._entries = [*self._entries[1 - self.SIZE :], entry]
        memory, made = weakref.ref(self), weakref.ref(entry)

        def forget(_: Tensor) -> None:
            alive = memory()
            if alive is not None:
                alive._entries = [other for other in alive._entries if other is not made()]

        for result in entry.made:
            if result.requires_grad:
                result.register_hook(forget)
        return list(entry.made)


@dataclass(frozen=True, eq=False)
class _Entry:
    key: Tensor
    version: int
    state: tuple[object, ...]
    made: list[Tensor]


# -- files -----------------------------------------------------------------------------------------

ACCEPTED = (
    "accepted are VGG-19 (torchvision's, the pruned vgg19_small16x, or the normalised one up to conv3_1), "
    "torchvision's SqueezeNet 1.1, and prismgan's own features.safetensors"
)
NO_PICKLE = (AttributeError, LookupError, ValueError)
"""What torch's reader may raise on files that hold something else."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class _Layout:
    """How a file names the convolutions of a VGG."""

    stages: tuple[tuple[str, ...], ...]
    colours: str | None = None
    """The 1x1 convolution that maps RGB in [0, 1] to what the network was trained on; None for ImageNet's mean and
    deviation."""

    @property
    def names(self) -> set[str]:
        convolutions = [name for stage in self.stages for name in stage]
        return {f"{name}.{part}" for name in convolutions for part in ("weight", "bias")}


LAYOUTS = (
    _Layout(
        (("conv11", "conv12"), ("conv21", "conv22"), ("conv31", "conv32", "conv33", "conv34"), ("conv41",)),
        colours="conv0",
    ),
    _Layout((("2", "5"), ("9", "12"), ("16",)), colours="0"),
    _Layout(
        (
            ("features.0", "features.2"),
            ("features.5", "features.7"),
            ("features.10", "features.12", "features.14", "features.16"),
            ("features.19",),
        )
    ),
)


def find_features(path: str | None) -> nn.Module:
    """The feature network of a recipe: of a file, or the one that prismgan brings."""
    return default_features() if path is None else load_features(Path(path))


def default_features() -> LearntFeatures:
    """The feature network that prismgan brings (``tools/distil_features.py``)."""
    with resources.as_file(resources.files("prismgan") / "weights" / "features.safetensors") as path:
        return load_features(path)


def load_features(path: Path) -> LearntFeatures:
    """A frozen feature network from a file of one of the accepted layouts, recognised by names and shapes.

    Whatever colours the file's network was trained on, the one returned takes images in [-1, 1].

    Raises:
        WeightsError: the file is missing or damaged, or holds something else.
    """
    tensors: Mapping[str, Tensor] = {
        name: tensor.float() for name, tensor in _read(path).items() if tensor.is_floating_point()
    }
    try:
        with torch.random.fork_rng(devices=[]):  # a new network draws weights, which are overwritten
            network, tensors = _network_for(path, tensors)
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError, ValueError, IndexError):
        raise WeightsError(f"{path}: its tensors do not fit together as a feature network; {ACCEPTED}") from None
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise WeightsError(f"{path}: holds numbers that are not finite; the file is damaged")
    return network.frozen()


def _network_for(path: Path, tensors: Mapping[str, Tensor]) -> tuple[LearntFeatures, Mapping[str, Tensor]]:
    """A network that the tensors fit into, and the tensors by its names."""
    if "features.3.squeeze.weight" in tensors:
        return SqueezeFeatures(), _named_as_squeeze(tensors)
    if "stages.0.0.weight" not in tensors:
        layout = next((layout for layout in LAYOUTS if layout.names <= set(tensors)), None)
        if layout is None:
            raise WeightsError(f"{path}: is not a feature network that prismgan knows; {ACCEPTED}")
        tensors = _named_as_stages(tensors, layout)
    return FeatureNetwork(_widths(tensors)), tensors


def _read(path: Path) -> dict[str, Tensor]:
    """Named tensors of a safetensors file, or of one that torch has saved as ``.pt`` or ``.pth``."""
    import pickle

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix in (".pt", ".pth"):
            found = torch.load(path, map_location="cpu", weights_only=True)
            return {name: tensor for name, tensor in found.items() if isinstance(tensor, Tensor)}
        return load_file(path)
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; {ACCEPTED}") from None
    except (SafetensorError, OSError, pickle.UnpicklingError, RuntimeError, EOFError, *NO_PICKLE):
        raise WeightsError(f"{path}: cannot be read as weights; {ACCEPTED}") from None


def _widths(tensors: Mapping[str, Tensor]) -> list[list[int]]:
    """Channels of every convolution of every stage, from names as in ``stages.0.1.weight``."""
    widths: list[list[int]] = []
    while f"stages.{len(widths)}.0.weight" in tensors:
        stage: list[int] = []
        while f"stages.{len(widths)}.{len(stage)}.weight" in tensors:
            stage.append(len(tensors[f"stages.{len(widths)}.{len(stage)}.weight"]))
        widths.append(stage)
    return widths


def _named_as_stages(tensors: Mapping[str, Tensor], layout: _Layout) -> dict[str, Tensor]:
    named = {
        f"stages.{i}.{j}.{part}": tensors[f"{name}.{part}"]
        for i, stage in enumerate(layout.stages)
        for j, name in enumerate(stage)
        for part in ("weight", "bias")
    }
    if layout.colours is None:
        matrix, offset = _imagenet()
    else:
        matrix, offset = tensors[f"{layout.colours}.weight"][:, :, 0, 0], tensors[f"{layout.colours}.bias"]
    return named | _folded(named, "stages.0.0", matrix, offset)


def _named_as_squeeze(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    wanted = {name: tensors[name] for name in SqueezeFeatures().state_dict()}
    return wanted | _folded(wanted, "features.0", *_imagenet())


def _imagenet() -> tuple[Float[Tensor, "3 3"], Float[Tensor, " 3"]]:
    deviation = torch.tensor(IMAGENET_DEVIATION)
    return torch.diag(1 / deviation), -torch.tensor(IMAGENET_MEAN) / deviation


def _folded(
    tensors: Mapping[str, Tensor], name: str, matrix: Float[Tensor, "3 3"], offset: Float[Tensor, " 3"]
) -> dict[str, Tensor]:
    """A first convolution that takes [-1, 1] instead of ``matrix @ colour + offset`` of colours in [0, 1].

    This is exact: the map is linear, and what is beyond the border is reflected colours, not zeros.
    """
    weight, bias = tensors[f"{name}.weight"].double(), tensors[f"{name}.bias"].double()
    matrix, offset = matrix.double(), offset.double()
    offset = offset + matrix.sum(1) / 2
    folded = torch.einsum("ochw,cd->odhw", weight, matrix / 2)
    return {
        f"{name}.weight": folded.float().contiguous(),
        f"{name}.bias": (bias + torch.einsum("ochw,c->o", weight, offset)).float(),
    }
