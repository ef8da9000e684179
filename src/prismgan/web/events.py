"""Progress over a WebSocket: ``/api/renders/{id}/events`` and ``/api/styles/{id}/events``."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from prismgan.web.refusals import Refusal
from prismgan.web.workshop import Here, Workshop

router = APIRouter(prefix="/api")
EVERY = 0.1
"""Seconds between two looks at a job. The worker's thread is only looked at: nothing has to be carried across."""
TRY_LATER, UNKNOWN = 1013, 4404


@router.websocket("/renders/{name}/events")
async def render_events(websocket: WebSocket, name: str, here: Here) -> None:
    """A JSON text for every change, until the render is over."""
    await _follow(websocket, here, name, "render")


@router.websocket("/styles/{name}/events")
async def style_events(websocket: WebSocket, name: str, here: Here) -> None:
    """A JSON text for every change, and every preview as a JPEG in a binary message."""
    await _follow(websocket, here, name, "style")


async def _follow(websocket: WebSocket, here: Workshop, name: str, kind: Literal["render", "style"]) -> None:
    await websocket.accept()
    try:
        job = here.jobs.get(name, kind)
    except Refusal as refusal:
        await websocket.close(UNKNOWN, str(refusal.detail))
        return
    if here.watchers >= here.limits.watchers:
        await websocket.close(TRY_LATER, "too many watch; ask for the state instead")
        return
    here.watchers += 1
    job.watchers += 1
    told, shown = None, 0
    try:
        while True:
            state = here.describe(job)
            if state.previews > shown:
                shown = state.previews
                await websocket.send_bytes(job.preview)
            if state != told:
                told = state
                await websocket.send_json(state.model_dump())
            if state.state in ("done", "failed", "cancelled"):
                await websocket.close()
                return
            await _pause(websocket)
    except WebSocketDisconnect:
        return
    finally:
        here.watchers -= 1
        job.watchers -= 1
        job.asked = time.monotonic()
        here.cancel_if_left(job, asyncio.get_running_loop().call_later)


async def _pause(websocket: WebSocket) -> None:
    """Wait a moment, and notice whoever leaves in the meantime."""
    with suppress(TimeoutError):
        async with asyncio.timeout(EVERY):
            while (await websocket.receive())["type"] != "websocket.disconnect":
                continue
            raise WebSocketDisconnect
