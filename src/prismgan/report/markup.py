"""HTML that cannot be broken by a name: every string is escaped unless it is markup already."""

from __future__ import annotations

from html import escape

__all__ = ["Html", "element", "join"]

_VOID = frozenset({"img", "input", "meta"})


class Html(str):
    """A piece of finished markup. Only :func:`element` and :func:`join` make one from text."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | int | bool | None) -> Html:
    """One element. Children that are not :class:`Html`, and all attribute values, are escaped.

    An attribute name's trailing underscore falls away and the others become dashes (``class_``,
    ``data_name``). True gives the bare attribute; False and None leave it out.
    """
    parts = [tag]
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(name)
        elif value is not False and value is not None:
            parts.append(f'{name}="{escape(str(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Html(opening if tag in _VOID else f"{opening}{join(*children)}</{tag}>")


def join(*children: str) -> Html:
    """Children one after another, text among them escaped."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))
