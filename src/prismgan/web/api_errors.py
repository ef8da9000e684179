"""Errors of clients: a status code and one clear line, as JSON."""

from collections.abc import Iterable
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from prismgan.errors import PrismganError, one_line, reason_of


class ApiError(HTTPException):
    """Answered with a status code and ``{"error": "what, where, what to do"}``."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, one_line(message))


def words_of(error: PrismganError, paths: Iterable[Path] = (), what: str = "the picture") -> str:
    """An error's message with ``what`` in place of this machine's ``paths``, which clients should not see."""
    text = " ".join(str(error).splitlines())
    for path in paths:
        text = text.replace(f"{path}: ", "").replace(str(path), what)
    return text


def answer_errors(application: FastAPI) -> None:
    """Return every client error as JSON of the same form."""

    @application.exception_handler(AnyHTTPException)
    async def refused(request: Request, error: AnyHTTPException) -> JSONResponse:
        message, status = error.detail, error.status_code
        if isinstance(error.__cause__, OSError):  # of the temporary file for an incoming form
            status, message = 507, f"the file cannot be stored ({reason_of(error.__cause__)}); try again later"
        elif not isinstance(error, ApiError):
            message = {
                400: "the request cannot be read; send what /api/openapi.json describes",
                404: f"{one_line(request.url.path)}: there is nothing here; see /api/openapi.json",
                405: f"{request.method} is not possible here; see /api/openapi.json",
            }.get(error.status_code, str(error.detail))
        return JSONResponse({"error": message}, status, headers=error.headers)

    @application.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        if fault["type"] == "json_invalid":
            return JSONResponse({"error": "the body is not JSON; send what /api/openapi.json describes"}, 400)
        place = ".".join(str(part) for part in fault["loc"] if part not in ("body", "query", "path"))
        return JSONResponse({"error": one_line(f"{place or 'body'}: {fault['msg']}; see /api/openapi.json")}, 422)

    @application.exception_handler(PrismganError)
    async def wrong(request: Request, error: PrismganError) -> JSONResponse:
        return JSONResponse({"error": words_of(error)}, 422)
