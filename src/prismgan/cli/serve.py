"""The command ``serve``."""

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from prismgan.cli.options import Fast, RuntimeOption, WeightsOption, fail
from prismgan.packages import require


def serve(
    weights: WeightsOption = None,
    host: Annotated[str, Option(help="Address to listen on; 0.0.0.0 also accepts other machines.")] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="Port to listen on; 0 selects a free one.")] = 8000,
    runtime: RuntimeOption = None,
    fast: Fast = False,
    static: Annotated[
        Path | None,
        Option(metavar="FOLDER", readable=False, help="Serve a site written by `prismgan export --format site`."),
    ] = None,
) -> None:
    """Serve a page for pictures and clips, until Ctrl-C."""
    if static is not None and (weights is not None or runtime is not None or fast):
        fail("serve: a site contains its own network; leave out --weights, --runtime and --fast")
    require("serve", "web", "fastapi", "uvicorn", "websockets", "multipart")

    from prismgan.web.app_state import Session
    from prismgan.web.guard import LOCAL
    from prismgan.web.serving import make_application, serve, site_application
    from prismgan.weights import load_weights

    application: Any

    def ready(address: str) -> None:
        if host not in LOCAL:
            typer.echo(f"prismgan: anyone who can reach {host} can use this server; there is no password", err=True)
        typer.echo(address)

    # FastAPI silences this while it reads its own routes, but not if another thread opens a picture meanwhile.
    warnings.filterwarnings("ignore", message="The 'alias' attribute")
    # No exception occurs if the process was started with SIGINT ignored, as background processes of scripts are.
    with suppress(KeyboardInterrupt):
        if static is not None:
            application = site_application(static, host)
        else:
            application = make_application(Session(load_weights(weights), runtime, fast=fast), host)
        serve(application, host, port, ready)
    typer.echo("stopped", err=True)
