"""How a comparison's report writes measurements."""

from __future__ import annotations

from prismgan.comparison.quality import Interval
from prismgan.report.markup import Html, element, join
from prismgan.report.numbers import signed, value
from prismgan.report.tables import METRIC_NAMES

__all__ = ["DIRECTIONS", "in_unit", "metric_name", "p_value", "with_half"]

DIRECTIONS = {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}"}
"""Where a metric is better."""


def metric_name(metric: str, better: str) -> Html:
    """The metric with an arrow to where it is better."""
    arrow = element("small", DIRECTIONS[better], title=f"{better} is better")
    return join(METRIC_NAMES.get(metric, metric), " ", arrow)


def in_unit(unit: str) -> str:
    """The unit as it stands behind a number."""
    return f" {unit}" if unit else ""


def with_half(found: Interval, unit: str = "", like: float | None = None, sign: bool = False) -> str:
    """A mean with half of its interval: ``30.12 +- 0.04``; a difference has a sign and the decimals of ``like``."""
    mean = signed(found.mean, unit, like=like) if sign else value(found.mean, unit)
    if found.half is None:
        return mean
    half = signed(found.half, unit, like=like) if sign else value(found.half, unit)
    return f"{mean} \N{PLUS-MINUS SIGN} {half.lstrip('+')}"


def p_value(p: float | None) -> str:
    """To two digits; very small ones as a bound."""
    if p is None:
        return value(None)
    return "< 0.001" if p < 0.001 else f"{p:.2g}"
