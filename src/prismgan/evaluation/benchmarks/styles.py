"""Compares one pass of the network with optimisation of the pixels, on the same objective."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan import data, images
from prismgan.batch import TaskBatch
from prismgan.errors import PrismganError
from prismgan.evaluation.benchmarks.suite import UNSEEN, Bench, Suite, as_file, mean_row, one_of, unseen_photos
from prismgan.evaluation.measurement import Figure, Measurement
from prismgan.losses.content import FeatureContent
from prismgan.losses.style import StyleStatistics
from prismgan.recipes.weights import recipe_of
from prismgan.tasks import Exemplar, Task
from prismgan.weights import load_features

OBJECTIVE = Figure("objective", better="lower")
TEACHERS = ("vgg19_small16x", "vgg19_normalised_conv3_1")  # feature networks whose objective pixels are optimised on
JUDGE = "squeezenet1_1_fp16"
"""A feature network unused in training and optimisation. It judges results optimised on the first teacher."""
ITERATIONS = (50, 100)
RATE = 0.05  # step of Adam, in units of [-1, 1]

Loss = Callable[[Float[Tensor, "B 3 H W"]], Float[Tensor, " B"]]
Objective = Callable[[Float[Tensor, "B 3 H W"], Float[Tensor, "B 3 H W"]], Float[Tensor, " B"]]  # of output and photo
Photo = Float[Tensor, "1 3 H W"]
Objectives = Mapping[str, Objective]


def objective_of(task: Task, features: nn.Module, exemplars: Sequence[Float[Tensor, "3 h w"]]) -> Objective:
    """The objective of a style task, as one number per picture: its weighted distances to exemplars and photo with
    ``features``, whatever network the task was trained with. The task's other losses are left out."""
    losses = {"style": StyleStatistics(features, exemplars), "content": FeatureContent(features)}
    terms = [(term.weight, losses[term.name]) for term in task.losses if term.name in losses]

    def objective(output: Tensor, photo: Tensor) -> Tensor:
        batch = TaskBatch(photo, photo, None)
        return sum((weight * loss(output, batch) for weight, loss in terms), output.new_zeros(len(output)))

    return objective


def descent(content: Float[Tensor, "B 3 H W"], loss: Loss) -> Iterator[Float[Tensor, "B 3 H W"]]:
    """Yield the image after every iteration, endlessly; an iteration is one gradient. Gatys, Ecker, Bethge, "Image
    style transfer using convolutional neural networks" (2016), starting from the content image. Deviation: Adam instead
    of L-BFGS, because it converges further. The mean objective over three styles and two photos, initially 1.064, after
    50 and 100 iterations is 0.310 and 0.293, with L-BFGS 0.330 and 0.316."""
    image = content.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=RATE)
    while True:
        with torch.enable_grad():
            optimizer.zero_grad()
            loss(image).sum().backward()
            optimizer.step()
        with torch.no_grad():
            image.clamp_(-1, 1)
        yield image.detach().clone()


def compare(
    photos: Sequence[Photo],
    stylized: Sequence[Photo],
    teachers: Objectives,
    judge: Objectives,
    iterations: Sequence[int],
) -> dict[tuple[str, str], float]:
    """Mean objectives, by feature network and by method: ``"photo"``, ``"one pass"``, ``"50 iterations"``. Pixels of
    ``photos`` are optimised on each of the ``teachers``, which are objectives by the names of their networks.
    ``stylized`` comes from one pass of the network. ``judge`` scores the results optimised on the first teacher."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for photo, output in zip(photos, stylized, strict=True):
        for number, (name, objective) in enumerate(teachers.items()):
            pictures = {"photo": photo, "one pass": output}
            steps = islice(descent(photo, lambda image: objective(image, photo)), max(iterations))  # noqa: B023
            for step, image in enumerate(steps, start=1):
                if step in iterations:
                    pictures[f"{step} iterations"] = as_file(image)
            with torch.no_grad():
                for network, judging in {name: objective, **(judge if number == 0 else {})}.items():
                    for what, picture in pictures.items():
                        values[network, what].append(float(judging(picture, photo)))
    return {key: sum(several) / len(several) for key, several in values.items()}


def _lacks(folder: Path) -> str | None:
    networks = f"one of perceptual/{', perceptual/'.join(f'{name}.safetensors' for name in TEACHERS)}"
    return one_of(UNSEEN)(folder) or (None if any(_network(folder, name).exists() for name in TEACHERS) else networks)


def _measure(bench: Bench) -> Iterator[Measurement]:
    header = bench.renderer.header
    tasks = [task for task in recipe_of(header, header.title).all_tasks() if isinstance(task.target, Exemplar)]
    photos = unseen_photos(bench)
    paths = {name: _network(bench.folder, name) for name in (*TEACHERS, JUDGE)}
    networks = {name: load_features(path) for name, path in paths.items() if path.exists()}
    for task in tasks:
        exemplars = _exemplars(task, bench.folder / "styles")
        if not exemplars:
            bench.left_out.append(f"{task.name}: its exemplar is neither at the recipe's path nor in styles/")
            continue
        bench.announce(f"{task.name}: one pass against optimisation, {len(photos)} photos")
        objectives = {name: objective_of(task, network, exemplars) for name, network in networks.items()}
        judge = {JUDGE: objectives.pop(JUDGE)} if JUDGE in objectives else {}
        stylized = [bench.render(photo, [task.name])[task.name] for photo in photos]
        objective = compare([photo[None] for photo in photos], stylized, objectives, judge, ITERATIONS)
        for (network, what), value in objective.items():
            where, baseline = f"{network}: {what}", [objective[network, "photo"]]
            yield mean_row(task.name, where, OBJECTIVE, [value], baseline, count=len(photos))


def _network(folder: Path, name: str) -> Path:
    return folder / "perceptual" / f"{name}.safetensors"


def _exemplars(task: Task, styles: Path) -> list[Float[Tensor, "3 h w"]]:
    """A style's pictures at training size: the recipe's, or in ``styles`` by their or the task's name; may be none."""
    assert isinstance(task.target, Exemplar)
    try:
        return data.exemplars(task)
    except PrismganError:  # weights are distributed without their training pictures
        pass
    files = [styles / Path(picture).name for picture in task.target.pictures]
    if not all(file.is_file() for file in files):
        known = images.find_pictures(styles) if styles.is_dir() else []
        files = [file for file in known if task.name.replace("-", "_") in file.stem][:1]
    return [images.fitted(images.read(file), task.target.size, enlarge=True) for file in files]


STYLES = Suite("styles", _lacks, _measure)
