"""Files of feature networks: the built-in one, and those of other programs."""

from collections import defaultdict
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.errors import WeightsError
from prismgan.networks.features import CombinedFeatures, FeatureNetwork, LearntFeatures, SqueezeFeatures

ACCEPTED = (
    "accepted are VGG-19 (torchvision's, the pruned vgg19_small16x, or the normalised one up to conv3_1), "
    "torchvision's SqueezeNet 1.1, and prismgan's own features.safetensors"
)
READ_ERRORS = (AttributeError, LookupError, ValueError)  # raised by torch.load, too, for files that are not pickles
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

# Names of a VGG's convolutions in files, stage by stage.
SMALL = ("conv11 conv12", "conv21 conv22", "conv31 conv32 conv33 conv34", "conv41 conv42 conv43 conv44", "conv51")
TORCHVISION = (
    *("features.0 features.2", "features.5 features.7"),
    "features.10 features.12 features.14 features.16",
    "features.19 features.21 features.23 features.25",
    "features.28",
)
# For each layout also the 1x1 convolution from RGB in [0, 1] to input colours; None for ImageNet's mean and deviation.
LAYOUTS = ((SMALL, "conv0"), (("2 5", "9 12", "16"), "0"), (TORCHVISION, None))


def find_features(paths: tuple[str, ...]) -> LearntFeatures:
    """The feature network of a recipe: from one file, from two combined, or, without a file, the built-in one."""
    if not paths:
        return default_features()
    first, *others = (load_features(Path(path)) for path in paths)
    return CombinedFeatures(first, others[0]).frozen() if others else first


def default_features() -> LearntFeatures:
    """The built-in feature network (``tools/distil_features.py``)."""
    with resources.as_file(resources.files("prismgan") / "weights" / "features.safetensors") as path:
        return load_features(path)


def load_features(path: Path) -> LearntFeatures:
    """A frozen feature network from a file with one of the accepted layouts, recognised by names and shapes. The
    network takes images in [-1, 1], whatever range of colours the file's network was trained on. :class:`WeightsError`
    if the file is missing or damaged, or contains another network."""
    tensors: Mapping[str, Tensor] = read_tensors(path, ACCEPTED)
    try:
        with torch.random.fork_rng(devices=[]):  # a new network draws weights, which are overwritten
            network, tensors = _network_for(path, tensors)
        network.load_state_dict(tensors)
    except (KeyError, RuntimeError, ValueError, IndexError):
        raise WeightsError(f"{path}: its tensors do not fit together as a feature network; {ACCEPTED}") from None
    return network.frozen()


def load_squeeze(path: Path) -> SqueezeFeatures:
    """A frozen SqueezeNet 1.1 with all maps for LPIPS, from torchvision's file. It takes images in [-1, 1]. Raises the
    same errors as :func:`load_features`."""
    accepted = "expected torchvision's SqueezeNet 1.1"
    tensors = read_tensors(path, accepted)
    with torch.random.fork_rng(devices=[]):
        network = SqueezeFeatures(SqueezeFeatures.LPIPS_LEVELS)
    try:
        network.load_state_dict(_named_as_squeeze(tensors, network))
    except (KeyError, RuntimeError, ValueError, IndexError):
        raise WeightsError(f"{path}: its tensors do not fit together as SqueezeNet; {accepted}") from None
    network.frozen()
    return network


def _network_for(path: Path, tensors: Mapping[str, Tensor]) -> tuple[LearntFeatures, Mapping[str, Tensor]]:
    """An untrained network with the tensors' layout, and the tensors under that network's parameter names."""
    if "features.3.squeeze.weight" in tensors:
        squeeze = SqueezeFeatures()
        return squeeze, _named_as_squeeze(tensors, squeeze)
    if "stages.0.0.weight" not in tensors:
        for stages, colours in LAYOUTS:
            if all(f"{name}.weight" in tensors for name in " ".join(stages).split()):
                tensors = _named_as_stages(tensors, stages, colours)
                break
        else:
            raise WeightsError(f"{path}: is not a feature network that prismgan supports; {ACCEPTED}")
    return FeatureNetwork(_widths(tensors)), tensors


def read_tensors(path: Path, accepted: str) -> dict[str, Tensor]:
    """Named tensors, in float32, of a safetensors file, or of a ``.pt`` or ``.pth`` file of torch.
    :class:`WeightsError` if it is missing or damaged; the message ends with ``accepted``."""
    import pickle

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix in (".pt", ".pth"):
            content = torch.load(path, map_location="cpu", weights_only=True).items()
        else:
            content = load_file(path).items()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; {accepted}") from None
    except (SafetensorError, OSError, pickle.UnpicklingError, RuntimeError, EOFError, *READ_ERRORS):
        raise WeightsError(f"{path}: cannot be read as weights; {accepted}") from None
    tensors = {name: each.float() for name, each in content if isinstance(each, Tensor) and each.is_floating_point()}
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise WeightsError(f"{path}: holds non-finite numbers; the file is damaged")
    return tensors


def _widths(tensors: Mapping[str, Tensor]) -> list[list[int]]:
    """Channels of every convolution of every stage, from names such as ``stages.0.1.weight``."""
    widths: defaultdict[int, list[int]] = defaultdict(list)
    for name in sorted(tensors):
        if name.startswith("stages.") and name.endswith(".weight"):
            widths[int(name.split(".")[1])].append(len(tensors[name]))
    return [widths[stage] for stage in range(len(widths))]


def _named_as_stages(tensors: Mapping[str, Tensor], stages: tuple[str, ...], colours: str | None) -> dict[str, Tensor]:
    places = [(f"stages.{i}.{j}", name) for i, stage in enumerate(stages) for j, name in enumerate(stage.split())]
    named = {f"{place}.{part}": tensors[f"{name}.{part}"] for place, name in places for part in ("weight", "bias")}
    matrix, offset = _imagenet()
    if colours is not None:
        matrix, offset = tensors[f"{colours}.weight"][:, :, 0, 0], tensors[f"{colours}.bias"]
    return named | _folded(named, "stages.0.0", matrix, offset)


def _named_as_squeeze(tensors: Mapping[str, Tensor], network: SqueezeFeatures) -> dict[str, Tensor]:
    wanted = {name: tensors[name] for name in network.state_dict()}
    return wanted | _folded(wanted, "features.0", *_imagenet())


def _imagenet() -> tuple[Float[Tensor, "3 3"], Float[Tensor, " 3"]]:
    deviation = torch.tensor(IMAGENET_DEVIATION)
    return torch.diag(1 / deviation), -torch.tensor(IMAGENET_MEAN) / deviation


def _folded(
    tensors: Mapping[str, Tensor], name: str, matrix: Float[Tensor, "3 3"], offset: Float[Tensor, " 3"]
) -> dict[str, Tensor]:
    """The parameters of a first convolution, changed so that it takes colours in [-1, 1] instead of ``matrix @ colour +
    offset`` of colours in [0, 1]. This is exact, because borders are reflected and not filled with zeros."""
    weight, bias = tensors[f"{name}.weight"].double(), tensors[f"{name}.bias"].double()
    matrix, offset = matrix.double(), offset.double()
    offset = offset + matrix.sum(1) / 2
    bias = (bias + torch.einsum("ochw,c->o", weight, offset)).float()
    weight = torch.einsum("ochw,cd->odhw", weight, matrix / 2).float().contiguous()
    return {f"{name}.weight": weight, f"{name}.bias": bias}
