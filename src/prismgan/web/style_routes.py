"""Learning styles from a picture (``/api/styles``), and the weights that contain them (``/api/weights``)."""

import secrets
from functools import partial

import torch
from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from prismgan import data, images
from prismgan.errors import PrismganError, WeightsError
from prismgan.images.pixels import on_white
from prismgan.tasks import Style
from prismgan.training.display import Display
from prismgan.training.head_training import HeadTraining
from prismgan.web.api_errors import ApiError, words_of
from prismgan.web.app_state import App, Client, Session
from prismgan.web.bodies import JobBody, StyleBody, wrong
from prismgan.web.jobs import Job, Length
from prismgan.web.render_routes import add_job_routes
from prismgan.web.uploads import SentPicture
from prismgan.weights import free_name

router = APIRouter(prefix="/api", tags=["styles"])
PREVIEW = "builtin:coffee"
PREVIEW_SIDE = 384  # longest side of a preview in pixels


@router.post("/styles", status_code=202, responses=wrong(400, 404, 409, 422, 429))
def learn(asked: StyleBody, app: App, client: Client) -> JobBody:
    """Learn the style of an uploaded picture. Everybody who uses this server gets the new style."""
    exemplar = app.pictures.get(asked.picture)
    shown = None if asked.preview is None else app.pictures.get(asked.preview)
    limits, weights = app.limits, app.session.weights
    if asked.minutes > limits.minutes:
        raise ApiError(422, f"minutes: found {asked.minutes:g}, expected at most {limits.minutes:g}")
    if asked.name in {entry.name for entry in weights.header.tasks} | app.jobs.names("style"):
        raise ApiError(409, f"there is already a task {asked.name!r}; choose another name")
    try:
        free_name(weights, asked.name)
    except WeightsError as error:
        raise ApiError(422, f"name: {words_of(error, [weights.path])}") from None
    if len(app.session.added) + len(app.jobs.names("style")) >= limits.styles:
        problem = f"{limits.styles} styles were already added"
        raise ApiError(409, f"{problem}; restart the server with the downloaded weights")
    work = partial(train_style, app.session, asked, exemplar, shown)
    uploads = (exemplar,) if shown is None else (exemplar, shown)
    return app.submit(Job(client, work, Length.MINUTES, kind="style", name=asked.name, uploads=uploads))


add_job_routes(router, "style")


@router.get("/weights", responses={200: {"content": {"application/octet-stream": {}}}})
def weights(app: App) -> Response:
    """The weights with all added styles: a file for ``--weights``."""
    path = app.folder.path / secrets.token_urlsafe(16)
    app.session.weights.save(path)
    kind, done = "application/octet-stream", BackgroundTask(path.unlink)
    return FileResponse(path, media_type=kind, filename="weights.safetensors", background=done)


def train_style(session: Session, asked: StyleBody, exemplar: SentPicture, shown: SentPicture | None, job: Job) -> None:
    """Train a head on the session's weights at the time when the job's turn comes, and add it to them."""
    if shown is None or not shown.path.exists():  # its owner has replaced it while this job waited
        source = data.pictures.load(PREVIEW)
    else:
        source = torch.from_numpy(on_white(shown.open()).copy()).permute(2, 0, 1)
    source = images.fitted(source, PREVIEW_SIDE, images.MINIMUM_SIDE)
    # There is no discriminator: see HeadTraining.
    entry = Style(name=asked.name, exemplars=(str(exemplar.path),), exemplar_size=asked.size, adversarial_weight=0)
    try:
        training = HeadTraining(session.weights, entry)
    except PrismganError as error:
        raise PrismganError(words_of(error, [exemplar.path, session.weights.path])) from None

    if training.started_from is not None:
        nearest = next(task.title for task in session.weights.header.tasks if task.name == training.started_from)
        job.remarks.append(f"started from {nearest}, the style that is nearest to the picture")

    def make_way() -> None:
        # Before the first step, the number of steps that fit into the minutes is unknown.
        job.advance(training.step, training.steps if training.step else job.total)

    def show() -> None:
        make_way()  # the preparation before the first step takes seconds, too
        job.show(images.to_pil(training.render(source)))

    # No worker processes: this process has threads, and forking it may deadlock.
    training.train(Display(), minutes=asked.minutes, show=show, between=make_way, workers=0)
    session.add(training.result(), entry)
