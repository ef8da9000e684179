"""A new style for trained weights: one head, learnt in minutes from one or a few pictures. The other tasks' outputs
stay the same bit for bit. The style comes from the statistics of the exemplars' features; no adversarial loss."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import ValidationError
from torch import Tensor

from prismgan import data, images
from prismgan.batch import TaskBatch
from prismgan.config import located
from prismgan.data import DataConfig, DegradationConfig, Jpeg, Noise, SourceEntry, TrainingSet, builtin
from prismgan.errors import PrismganError, RecipeError, WeightsError
from prismgan.machine import precision
from prismgan.models import Prism, PrismConfig
from prismgan.models.config import Schedule
from prismgan.networks import Generator, GeneratorConfig, HeadSpec
from prismgan.packages import require_training
from prismgan.render.sheet import sheet
from prismgan.tasks import PictureName, Style
from prismgan.training.display import Display
from prismgan.training.loop import Average, Loop
from prismgan.weights import HeadEntry, Weights, add_head, check_no_task_lost, free_name, load_weights

MOST_BYTES = 300_000  # bytes that a new head may add to a file
MOST_BLOCKS = 4  # of a new head, if they fit; heads that were trained together with the branch need fewer
STORED = torch.float16  # type in which a new head is stored, whatever the others have
CROP = 256  # large, because styles are applied to whole photos; 112 pixels gave strokes everywhere (`docs/log.md`)
MARGIN = 16  # pixels at each border of a crop that losses ignore; otherwise a head paints a band there (`PrismConfig`)
BATCH, RATE, WARMUP, AVERAGE, PATIENCE = 1, 3e-3, 20, 0.99, 5
SHARES = {"style": 0.62, "content": 0.26, "tone": 0.09, "total_variation": 0.03}  # of the gradient at the output
COMPARED = 4  # photos on which the possible starting styles are compared
GUESS = 1000  # assumed number of steps, until their speed is known
LOG_EVERY = 10
SHOW_EVERY = 20.0  # seconds between two previews

PREVIEWS: tuple[PictureName, ...] = builtin.expand("builtin:held-out")  # what previews show by default
PREVIEW_SIDE = 320  # longest side of a preview's pictures in pixels

# Restoration is the job of other tasks; a style only has to tolerate a little noise.
DEGRADATION = DegradationConfig(clean=0.5, noise=Noise(probability=1, sigma=(0, 15)), jpeg=Jpeg(probability=0.3))


class HeadTraining(Loop):
    """The training of one style head on the frozen branch of a weights file."""

    def __init__(self, weights: Weights, entry: Style, photos: Path | None = None) -> None:
        """Read the photos, by default the built-in ones, and the exemplars; PrismganError if they are unusable. The
        losses' shares of the gradient are those of the entry, or follow from :data:`SHARES` and ``style_weight``."""
        require_training()
        free_name(weights, entry.name)
        trained = weights.prism_generator("a new style")
        if trained.branch is None:
            fault = "has no style, but a new one needs the branch that styles share"
            raise WeightsError(f"{weights.path}: {fault}; use weights with a style, for example the ready-made ones")
        self.weights = weights
        shares = _shares(entry) if entry.shares is None else entry.shares
        self.entry = entry.model_copy(update={"blocks": _blocks(trained.config, entry.latent), "shares": shares})
        task = self.entry.task()
        origin = SourceEntry(builtin="photos") if photos is None else SourceEntry(folder=str(photos))
        sources = DataConfig(train=(origin,), test_fraction=0)
        data.validate(sources, [task], CROP)
        self.samples = TrainingSet(data.rows(sources), [task], CROP, DEGRADATION, reduced=True)

        device = "cuda" if torch.cuda.is_available() else "cpu"
        sizes, schedule, shown = trained.config, Schedule(warmup=WARMUP), {entry.name: data.exemplars(task)}
        config = PrismConfig(generator=sizes, frozen="shared", margin=MARGIN, rate=RATE, schedule=schedule)
        dtype = precision("auto", device)
        self.model = model = Prism(config, [task], shown, steps=GUESS, device=device, precision=dtype)
        generator = model.generator
        for part in ("branch", "mapping"):
            generator.get_submodule(part).load_state_dict(trained.get_submodule(part).state_dict())
        self.head = generator.heads[entry.name]
        self.started_from = self._start_as_nearest(trained)
        """Name of the style that the head was initialised with; None if no trained style's head fits."""
        super().__init__(model, Average(self.head, AVERAGE), steps=GUESS, log_every=LOG_EVERY, patience=PATIENCE)

    def train(
        self,
        display: Display,
        *,
        minutes: float = 5.0,
        steps: int | None = None,
        show: Callable[[], None] = lambda: None,
        between: Callable[[], None] = lambda: None,
        workers: int = 1,
    ) -> bool:
        """Train for some minutes or, reproducibly, a number of steps; False if a signal ended it earlier. ``show`` is
        called before, every few seconds, and after; ``between`` after every step, and its exceptions end the training.
        Use 0 ``workers`` in a program whose threads do not allow forking. PrismganError if no photo can be read, or
        losses or gradients are not finite."""
        self.display = display
        self.minutes = minutes if steps is None else None
        self.steps = self.model.steps = steps or GUESS
        self._show, self._between = show, between
        show()
        self._shown = time.monotonic()
        finished = self.loop([data.Part(self.samples, BATCH)], workers)
        show()
        return finished

    def after_step(self, last: bool) -> None:
        self._between()
        if not last and time.monotonic() - self._shown >= SHOW_EVERY:
            self._show()
            self._shown = time.monotonic()

    def log(self, means: Mapping[str, float], images_per_second: float) -> None:
        self.display.step(self.step, self.steps, means, images_per_second)

    def event(self, kind: str, message: str) -> None:
        self.display.event(message)

    def diverged(self) -> None:
        failed = f"the training of {self.entry.name!r} produced non-finite values (step {self.step})"
        raise PrismganError(f"{failed}; try a smaller weight of the style, or another exemplar")

    @torch.no_grad()
    def _start_as_nearest(self, trained: Generator) -> str | None:
        """Initialise the head with that of the trained style nearest to the exemplars, and return that style's name.
        Additional blocks start close to the identity; heads with more blocks are skipped."""
        places = self.head.state_dict().keys()
        starts = {}
        for entry in self.weights.header.tasks:
            # The other style may vary with z even if the new one does not.
            known = trained.heads[entry.name].state_dict()
            state = {key: tensor for key, tensor in known.items() if ".linear." not in key}
            if entry.kind == "style" and state.keys() <= places:
                starts[entry.name] = state
        names = list(starts)
        if not names:
            return None
        photos = torch.stack([self.samples.sample(position).source for position in range(COMPARED)])
        outputs = {name: output.to(self.model.device) for name, output in trained(photos, tasks=names).items()}
        photos = photos.to(self.model.device)
        style = self.model.losses[self.entry.name]["style"]

        def distance(pictures: Float[Tensor, "B 3 H W"]) -> float:
            return float(style(pictures, TaskBatch(photos, photos, None)).mean())

        nearest = min(outputs, key=lambda name: distance(outputs[name]))
        self.head.load_state_dict(starts[nearest], strict=False)
        return nearest

    @torch.no_grad()
    def render(self, source: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 H W"]:
        """The output for a picture with the current head."""
        with self.average.applied():
            latent = self.model.generator.seeded_latent().to(self.model.device)
            return self.model.generate(source[None].to(self.model.device), latent)[self.entry.name][0]

    def result(self) -> Weights:
        head = {name: tensor.to("cpu", STORED) for name, tensor in self.average.weights().items()}
        return add_head(self.weights, HeadEntry.of(self.entry.task()), self.entry.model_dump(mode="json"), head)


def _shares(entry: Style) -> dict[str, float]:
    """The shares of an entry without its own; the style's, relative to the others, is proportional to its weight."""
    default: float = Style.model_fields["style_weight"].default
    parts = {**SHARES, "style": SHARES["style"] * entry.style_weight / default}
    return {name: part / sum(parts.values()) for name, part in parts.items()}


def _blocks(config: GeneratorConfig, latent: bool) -> int:
    """The number of residual blocks of a new head."""

    def size(blocks: int) -> int:
        spec = HeadSpec("new", fine=False, latent=latent, blocks=blocks)
        return Generator(config, [spec]).parameter_counts()["new"] * STORED.itemsize

    return max((blocks for blocks in range(MOST_BLOCKS + 1) if size(blocks) <= MOST_BYTES), default=0)


def preview_path(out: Path) -> Path:
    return out.with_suffix(".preview.png")


def add_task(
    weights: Path | None,
    out: Path,
    *,
    name: str,
    exemplars: Sequence[PictureName],
    display: Display,
    style: dict[str, float | int | bool] | None = None,
    photos: Path | None = None,
    previews: Sequence[PictureName] = (),
    minutes: float = 5.0,
    steps: int | None = None,
) -> bool:
    """Train a style head on trained weights, by default the ready-made ones, and write both to ``out``.

    Nothing is written before all checks have passed. Then the preview, of ``previews``, is updated every few seconds,
    and the weights are written at the end. ``style`` contains further fields of the recipe's kind ``style``; ``photos``
    is a folder to train on instead of the built-in ones. Returns False if a signal ended the training early. Raises
    PrismganError with a one-line message."""
    loaded = load_weights(weights)
    free_name(loaded, name)
    if out.is_dir():
        raise PrismganError(f"{out}: is a folder, expected a file name for the new weights")
    if not out.parent.is_dir():
        raise PrismganError(f"{out}: there is no folder {out.parent}; create it, or choose another place")
    check_no_task_lost(out, loaded, [*(entry.name for entry in loaded.header.tasks), name])
    here = Path.cwd()
    # There is no discriminator: see HeadTraining.
    fields = {"name": name, "exemplars": tuple(exemplars), "adversarial_weight": 0, **(style or {})}
    try:
        entry = Style.model_validate(fields, context={"base": here})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise RecipeError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}, found {fault['input']!r}") from None
    shown = []
    for picture in (located(picture, here) for picture in previews or PREVIEWS):
        pixels = data.pictures.load(picture)
        images.refuse_small(picture, *pixels.shape[-2:])
        shown.append(images.fitted(pixels, PREVIEW_SIDE, images.MINIMUM_SIDE))
    training = HeadTraining(loaded, entry, None if photos is None else here / photos.expanduser())

    def show() -> None:
        pictures = {}
        for number, source in enumerate(shown, start=1):
            pictures[f"photo {number}"] = images.to_pil(source)
            pictures[f"{name} {number}"] = images.to_pil(training.render(source))
        images.write(preview_path(out), sheet(pictures, columns=2))

    finished = training.train(display, minutes=minutes, steps=steps, show=show)
    training.result().save(out)
    if not finished:
        display.event(f"stopped at step {training.step}; the style so far is in {out}")
    return finished
