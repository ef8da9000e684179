"""A style from one picture: the parameters that are trained, those that are not, and the files written."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from prismgan import images
from prismgan.batch import Batch
from prismgan.networks import Generator, GeneratorConfig, StyleBranchConfig
from prismgan.render.renderer import Renderer
from prismgan.tasks import Style
from prismgan.training import head_training
from prismgan.training.display import Display
from prismgan.training.head_training import MARGIN, MOST_BYTES, SHARES, HeadTraining, add_task, preview_path
from prismgan.weights import HeadEntry, Weights, load_weights

MOSAIC = Style(name="mosaic", exemplars=("builtin:mosaic",), exemplar_size=192, adversarial_weight=0)


class Log(Display):
    """Records the calls."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.losses: list[float] = []
        self.shares: dict[str, float] = {}
        self.events: list[str] = []
        self.interrupt_at = interrupt_at

    def step(self, step: int, steps: int, log: Mapping[str, float], images_per_second: float) -> None:
        self.losses.append(log["loss/mosaic/style"])
        self.shares |= {key.removeprefix("share/mosaic/"): value for key, value in log.items() if "share/" in key}
        if self.interrupt_at is not None and step >= self.interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)

    def event(self, message: str) -> None:
        self.events.append(message)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest crops, steps and pictures."""
    monkeypatch.setattr(head_training, "CROP", 64)
    monkeypatch.setattr(head_training, "BATCH", 2)
    monkeypatch.setattr(head_training, "LOG_EVERY", 5)


@pytest.fixture
def photos(tiny_run: Path) -> Path:
    return tiny_run.parent / "photos"


@pytest.fixture
def weights(tiny_run: Path) -> Weights:
    return load_weights(tiny_run / "weights.safetensors")


@pytest.mark.usefixtures("small")
def test_no_loss_sees_the_border(weights: Weights, photos: Path) -> None:
    """A head would paint a band there with the exemplar colours that fit nowhere else."""
    model = HeadTraining(weights, MOSAIC, photos).model
    source = torch.zeros(1, 3, 64, 64)
    batch = Batch(source, source)
    seen, outputs = model.without_margin(batch, {"mosaic": source})
    assert seen.reference.shape[-1] == outputs["mosaic"].shape[-1] == 64 - 2 * MARGIN


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("latent", [False, True])
def test_the_new_head_learns_and_nothing_else_does(weights: Weights, photos: Path, latent: bool) -> None:
    training = HeadTraining(weights, MOSAIC.model_copy(update={"latent": latent}), photos)
    log = Log()
    before = {name: value.clone() for name, value in training.model.generator.state_dict().items()}
    assert training.train(log, steps=60)
    assert log.losses[-1] < 0.8 * log.losses[0]
    after = training.model.generator.state_dict()
    for name, value in before.items():
        own = name.startswith("heads.mosaic.")
        assert torch.equal(value, after[name]) != own, name
    result = training.result()
    for name, tensor in weights.part("generator").items():
        assert torch.equal(result.part("generator")[name], tensor)
    entry = result.header.tasks[-1]
    assert (entry.name, entry.kind, entry.latent, entry.blocks) == ("mosaic", "style", latent, training.entry.blocks)
    assert Renderer(result)(torch.zeros(3, 32, 40), ["mosaic"])["mosaic"].shape == (3, 32, 40)


@pytest.mark.usefixtures("small")
def test_losses_have_shares_of_the_gradient(weights: Weights, photos: Path) -> None:
    log = Log()
    HeadTraining(weights, MOSAIC, photos).train(log, steps=1)
    assert log.shares == pytest.approx(SHARES)
    own = {"style": 0.7, "content": 0.3}
    HeadTraining(weights, MOSAIC.model_copy(update={"shares": own}), photos).train(log := Log(), steps=1)
    assert log.shares == pytest.approx(own)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("factor", [0.5, 1, 3])
def test_the_weight_of_the_style_sets_its_share(weights: Weights, photos: Path, factor: float) -> None:
    entry = MOSAIC.model_copy(update={"style_weight": 12 * factor})
    shares = HeadTraining(weights, entry, photos).entry.shares
    assert shares is not None
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["style"] / shares["content"] == pytest.approx(factor * SHARES["style"] / SHARES["content"])
    assert shares["tone"] / shares["content"] == pytest.approx(SHARES["tone"] / SHARES["content"])


@pytest.mark.usefixtures("small")
def test_training_by_steps_is_reproducible(weights: Weights, photos: Path) -> None:
    heads = []
    for _ in range(2):
        training = HeadTraining(weights, MOSAIC, photos)
        training.train(Display(), steps=4)
        heads.append(training.result().part("generator.heads.mosaic"))
    for name, tensor in heads[0].items():
        assert torch.equal(tensor, heads[1][name]), name


@pytest.mark.usefixtures("small")
def test_training_by_the_clock_ends_on_time(weights: Weights, photos: Path) -> None:
    training = HeadTraining(weights, MOSAIC, photos)
    assert training.train(Display(), minutes=0.05)
    assert 5 <= training.step == training.model.steps


def test_a_new_head_is_small() -> None:
    """With the default sizes, and with others."""
    for config in (GeneratorConfig(), GeneratorConfig(style=StyleBranchConfig(head=48))):
        for latent in (False, True):
            found = head_training._blocks(config, latent)
            head = HeadEntry(name="new", kind="style", scale=1, fine=False, latent=latent, blocks=found)
            count = Generator(config, [head.spec()]).parameter_counts()["new"]
            assert 2 * count <= MOST_BYTES
            assert found >= 1


@pytest.mark.usefixtures("small")
def test_a_photo_that_cannot_be_read_is_left_out_and_named(weights: Weights, photos: Path, tmp_path: Path) -> None:
    for name in ("photo-0.jpg", "photo-1.jpg"):
        (tmp_path / name).write_bytes((photos / name).read_bytes())
    (tmp_path / "photo-1.jpg").write_bytes((photos / "photo-1.jpg").read_bytes()[:-300])
    log = Log()
    assert HeadTraining(weights, MOSAIC, tmp_path).train(log, steps=5)
    assert log.events == [f"{tmp_path / 'photo-1.jpg'}: cannot be read and is left out"]


# -- files written --------------------------------------------------------------------------------


def add_mosaic(weights: Path, out: Path, **settings: Any) -> bool:
    return add_task(weights, out, name="mosaic", exemplars=["builtin:mosaic"], **settings)


@pytest.mark.usefixtures("small")
def test_weights_and_preview_are_written(tiny_run: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "new.safetensors", Log()
    fields = {"exemplar_size": 192, "style_weight": 4.0}
    assert add_mosaic(tiny_run / "weights.safetensors", out, display=log, style=fields, steps=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.preview.png", "new.safetensors"]
    assert images.size(preview_path(out))[1] > 600
    task = load_weights(out).header.recipe["tasks"][-1]
    assert (task["name"], task["exemplar_size"], task["style_weight"]) == ("mosaic", 192, 4.0)
    assert task["adversarial_weight"] == 0
    assert task["shares"]["style"] < SHARES["style"]
    assert not log.events


@pytest.mark.usefixtures("small")
def test_an_interrupted_training_is_written_and_says_so(tiny_run: Path, photos: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "new.safetensors", Log(interrupt_at=5)
    before = signal.getsignal(signal.SIGINT)
    assert not add_mosaic(tiny_run / "weights.safetensors", out, display=log, photos=photos, steps=10_000)
    assert signal.getsignal(signal.SIGINT) is before
    assert log.events == [f"stopped at step 5; the style so far is in {out}"]
    assert Renderer.load(out).tasks == ("restore", "enlarge", "paint", "mosaic")


@pytest.mark.usefixtures("small")
def test_the_file_may_replace_the_one_it_was_made_from(tiny_run: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    out.write_bytes((tiny_run / "weights.safetensors").read_bytes())
    Image.new("RGB", (40, 90), "orange").save(tmp_path / "p.png")
    assert add_mosaic(out, out, display=Display(), photos=photos, steps=2, previews=[f"{tmp_path}/p.png"])
    assert Renderer.load(out).tasks == ("restore", "enlarge", "paint", "mosaic")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.png", "w.preview.png", "w.safetensors"]


@pytest.mark.usefixtures("small")
def test_a_new_look_starts_as_the_nearest_that_there_is(weights: Weights, photos: Path) -> None:
    first = HeadTraining(weights, MOSAIC, photos)
    first.train(Display(), steps=15, workers=0)
    trained = first.result()
    again = HeadTraining(trained, MOSAIC.model_copy(update={"name": "again"}), photos)
    expected = trained.prism_generator("a test").heads["mosaic"].state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in again.head.state_dict().items())
