"""Errors that the user can fix: one clear line each, and exit code 2 on the command line."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

LONGEST = 3000  # maximum length of an error line, because quoted file content may be a megabyte long

# Line breaks, terminal commands, changes of writing direction, and characters that cannot be encoded, as in file names.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """The text in one line that is safe for a terminal: control characters are written as ``\\n`` or ``\\x1b``."""
    return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


class PrismganError(Exception):
    """An error that the user can fix. The message, one line per argument, says what, where, and what to do."""

    def __str__(self) -> str:
        return "\n".join(shortened(one_line(str(line)), LONGEST) for line in self.args)


class PictureError(PrismganError):
    """A picture that cannot be read or written, or whose size does not fit."""


class RecipeError(PrismganError):
    """A recipe with missing, unknown or impossible values."""


class DataError(PrismganError):
    """Data that does not fit the recipe's tasks."""


class WeightsError(PrismganError):
    """A weights file or a checkpoint that cannot be read."""


class DivergedError(PrismganError):
    """A training that keeps diverging at every learning rate."""


def shortened(text: str, length: int = 100) -> str:
    """The text, or its beginning and end if it is longer than ``length``."""
    return text if len(text) <= length else f"{text[: length // 2]} ... {text[-length // 2 :]}"


def reason_of(error: BaseException) -> str:
    """The system's words for an error, else the first line of its message, else its kind."""
    said = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "")
    return one_line(str(said)) or type(error).__name__


@contextmanager
def explained(what: str, advice: str = "", kind: type[PrismganError] = PrismganError) -> Iterator[None]:
    """Raise an ``OSError`` of the block as an error of ours: what failed, the system's reason, and what to do."""
    try:
        yield
    except OSError as error:
        raise kind(f"{what} ({reason_of(error)}){advice}") from None


def nearest(word: str, known: Iterable[str], listed: str = "") -> str:
    """``"; did you mean 'x'?"`` for the known word closest to ``word``, if one is close; with the words before it, for
    example ``"there are"``, all known ones are listed behind that."""
    known = list(known)
    match = difflib.get_close_matches(str(word)[:100], known, n=1, cutoff=0.5)
    return (f"; did you mean {match[0]!r}?" if match else "") + (f" ({listed}: {', '.join(known)})" if listed else "")


def named_tasks(tasks: Iterable[str] | None, known: Collection[str], where: str = "", empty: bool = False) -> list[str]:
    """The given names, or all that are ``known``. Each must be known, and unless ``empty`` there must be at least one;
    otherwise a :class:`PrismganError`, which starts with ``where``."""
    names = list(known if tasks is None else tasks)
    for name in names:
        if name not in known:
            raise PrismganError(f"{where}no task is named {name!r}{nearest(name, known, 'these weights have')}")
    if not names and not empty:
        raise PrismganError(f"{where}no task is named (these weights have: {', '.join(known)})")
    return names
