"""A new style for trained weights: one head, learnt from a picture or a few, on the branch as it is.

The task is the recipe's kind ``style``, and :class:`Prism` trains it, so nothing of that is written twice. Only the new
head learns; that is what makes minutes enough, and what leaves the other tasks' outputs as they were, to the bit. There
is no adversarial loss: the statistics of the exemplars' features carry the look, and ready-made weights bring no
discriminator that could be gone on with.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan import data
from prismgan.batch import Batch, TaskBatch
from prismgan.data import DataConfig, DegradationConfig, Jpeg, Noise, SourceEntry, TrainingSet
from prismgan.data.batches import killed_workers_named
from prismgan.errors import PrismganError, WeightsError
from prismgan.models import Prism, PrismConfig
from prismgan.models.schedule import Schedule
from prismgan.networks import Generator, GeneratorConfig, HeadSpec
from prismgan.packages import require_training
from prismgan.tasks import Style
from prismgan.training.display import Display
from prismgan.training.ema import Average
from prismgan.training.precision import precision
from prismgan.training.signals import signals_told
from prismgan.weights import HeadEntry, Weights, add_head, free_name

__all__ = ["MOST_BYTES", "HeadTraining"]

MOST_BYTES = 300_000
"""Bytes that a new head may add to a file."""
MOST_BLOCKS = 4
"""Residual blocks of a new head, as far as they fit. It needs more than those that the branch learnt together with."""
STORED = torch.float16
"""What a new head's numbers are stored in, whatever the others are."""

CROP = 256
"""A look is asked of whole photos: what squares of 112 pixels teach covers the photo with strokes (``docs/log.md``)."""
BATCH = 1
RATE = 3e-3
WARMUP = 20
AVERAGE = 0.99
PATIENCE = 5
COMPARED = 4
"""Photos that the looks which a new one may start from are compared on."""
GUESS = 1000
"""Steps that fit into the minutes, as long as their speed is not known."""
LOG_EVERY = 10
SHOW_EVERY = 20.0
"""Seconds between two previews."""

# Restoring is for other tasks; a look should merely not be thrown off by a little noise.
DEGRADATION = DegradationConfig(clean=0.5, noise=Noise(probability=1, sigma=(0, 15)), jpeg=Jpeg(probability=0.3))


class HeadTraining:
    """The training of one style head on the frozen branch of a weights file."""

    def __init__(self, weights: Weights, entry: Style, photos: Path | None = None, seed: int = 0) -> None:
        """Read the photos, the built-in ones by default, and the exemplars.

        Raises:
            DataError: a picture is missing or cannot be used; all problems are named.
            WeightsError: the name is taken, the weights are damaged, or they are of another kind of model than ours.
        """
        require_training()
        free_name(weights, entry.name)
        trained = weights.prism_generator("a new look")
        if trained.branch is None:
            raise WeightsError(
                f"{weights.path}: has no style, and a new one is learnt on what styles share; "
                "use weights that have one, such as the ready-made ones"
            )
        self.weights = weights
        self.entry = entry.model_copy(update={"blocks": _blocks(trained.config, entry.latent)})
        task = self.entry.task()
        origin = SourceEntry(builtin="photos") if photos is None else SourceEntry(folder=str(photos))
        sources = DataConfig(train=(origin,), test_fraction=0)
        data.must_fit(sources, [task], CROP)
        self.samples = TrainingSet(data.rows(sources), [task], CROP, DEGRADATION, seed, reduced=True)

        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = Prism(
            PrismConfig(generator=trained.config, frozen="shared", rate=RATE, schedule=Schedule(warmup=WARMUP)),
            [task],
            {entry.name: data.exemplars(task)},
            steps=GUESS,
            seed=seed,
            device=device,
            precision=precision("auto", device),
        )
        generator = self.model.generator
        for part in ("branch", "mapping"):
            generator.get_submodule(part).load_state_dict(trained.get_submodule(part).state_dict())
        self.head = generator.heads[entry.name]
        self.started_from = self._start_as_nearest(trained)
        """Name of the look that the head started as; None where it started from nothing."""
        self.average = Average(self.head, AVERAGE)
        self.step = 0
        self.in_a_row = 0
        self.unreadable: set[str] = set()

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
        """Train for some minutes, or a number of steps; False if a signal ended it earlier.

        Args:
            display: told of every step.
            minutes: how long; the schedule is stretched to the steps that fit.
            steps: how many, instead of minutes: reproducible.
            show: called before, every few seconds, and after.
            between: called after every step; what it raises ends the training.
            workers: processes that prepare batches; 0 for a program whose threads do not bear to be forked.

        Raises:
            DataError: no photo can be read.
            PrismganError: losses or gradients are not finite, step after step.
        """
        signals: list[int] = []
        window: dict[str, list[float]] = defaultdict(list)
        length = 2**31 if steps is None else steps  # where time decides, no number of steps is too large
        self.model.steps = steps or GUESS
        show()
        display.start(0, self.model.steps)
        started = shown = time.monotonic()
        try:
            with signals_told(signals.append), killed_workers_named():
                for batch in data.batches([data.Part(self.samples, BATCH)], 0, length, workers=workers):
                    for key, value in self._learn(batch, display).items():
                        window[key].append(float(value))
                    between()
                    now = time.monotonic()
                    pace = self.step / (now - started)
                    if steps is None:
                        self.model.steps = max(self.step, round(60 * minutes * pace))
                    if self.step % LOG_EVERY == 0 or self.step == self.model.steps:
                        means = {key: sum(values) / len(values) for key, values in window.items()}
                        display.step(self.step, self.model.steps, means, BATCH * pace)
                        window.clear()
                    if signals or self.step >= self.model.steps:
                        break
                    if now - shown >= SHOW_EVERY:
                        show()
                        shown = time.monotonic()
        finally:
            display.stop()
        show()
        return not signals

    def _learn(self, batch: Batch, display: Display) -> dict[str, Tensor]:
        """One step; what it has to say for the log."""
        for name in set(batch.skipped) - self.unreadable:
            self.unreadable.add(name)
            display.event(f"{name}: cannot be read and is left out")
        log = self.model.step(batch.to(self.model.device))
        self.step += 1
        if not float(log["skipped"]):
            self.in_a_row = 0
            self.average.update(self.step)
            return log
        self.in_a_row += 1
        if self.in_a_row >= PATIENCE:
            raise PrismganError(
                f"the training of {self.entry.name!r} does not stay finite (step {self.step}); "
                "try a smaller weight of the style, or another exemplar"
            )
        return log

    @torch.no_grad()
    def _start_as_nearest(self, trained: Generator) -> str | None:
        """Let the head start as that of the trained look nearest to the exemplars, if nearer than photos; its name.

        It paints already, so that minutes are for what is this style's own. Blocks that the new head has more are near
        to identities as they start; a look whose head has more than that is left out.
        """
        places = self.head.state_dict().keys()
        starts = {}
        for entry in self.weights.header.tasks:
            # A look may vary with z where the new one does not.
            state = {
                key: tensor for key, tensor in trained.heads[entry.name].state_dict().items() if ".linear." not in key
            }
            if entry.kind == "style" and state.keys() <= places:
                starts[entry.name] = state
        names = list(starts)
        if not names:
            return None
        photos = torch.stack([self.samples.sample(position).source for position in range(COMPARED)])
        looks = {name: look.to(self.model.device) for name, look in trained(photos, tasks=names).items()}
        photos = photos.to(self.model.device)
        style = self.model.losses[self.entry.name]["style"]

        def distance(pictures: Float[Tensor, "B 3 H W"]) -> float:
            return float(style(pictures, TaskBatch(photos, photos, None)).mean())

        distances = {name: distance(look) for name, look in looks.items()}
        nearest = min(distances, key=distances.__getitem__)
        if distances[nearest] >= distance(photos):
            return None
        self.head.load_state_dict(starts[nearest], strict=False)
        return nearest

    @torch.no_grad()
    def render(self, source: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 H W"]:
        """The look of a picture as it would be rendered from now on."""
        with self.average.applied():
            latent = self.model.generator.seeded_latent().to(self.model.device)
            return self.model.generate(source[None].to(self.model.device), latent)[self.entry.name][0]

    def result(self) -> Weights:
        """The weights, with the head as it is now."""
        head = {name: tensor.to("cpu", STORED) for name, tensor in self.average.weights().items()}
        return add_head(self.weights, HeadEntry.of(self.entry.task()), self.entry.model_dump(mode="json"), head)


def _blocks(config: GeneratorConfig, latent: bool) -> int:
    """As many residual blocks as a new head may have."""

    def size(blocks: int) -> int:
        spec = HeadSpec("new", fine=False, latent=latent, blocks=blocks)
        return Generator(config, [spec]).parameter_counts()["new"] * STORED.itemsize

    return max((blocks for blocks in range(MOST_BLOCKS + 1) if size(blocks) <= MOST_BYTES), default=0)
