"""The wording of numbers in reports; that of metrics and baselines is in ``templates/macros.html``."""

import math


def value(number: float | None, unit: str = "") -> str:
    """A measured value without its unit: 2 decimals for decibels, none for counts (``of 10``), else about 4 digits."""
    if number is None:
        return "\N{EN DASH}"
    if not math.isfinite(number):
        return str(number)
    return f"{number:.{_decimals(number, unit)}f}"


def signed(number: float, unit: str = "", like: float | None = None) -> str:
    """A difference with its sign, with as many decimals as ``like`` has."""
    if not math.isfinite(number):
        return str(number)
    decimals = _decimals(number if like is None else like, unit)
    return f"{number:+.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def _decimals(number: float, unit: str) -> int:
    if unit == "dB" or unit.startswith("of "):
        return 2 if unit == "dB" else 0
    size = abs(number)
    return 4 if size < 10 else 2 if size < 100 else 1 if size < 10_000 else 0


def compact(number: float) -> str:
    """A tick label or a count in few characters: ``0.02``, ``250``, ``12k``, ``1.8M``, ``1e-5``."""
    size = abs(number)
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= limit and (limit > 1e3 or size >= 1e4 or size % 100 == 0):
            return f"{number / limit:.3g}{suffix}"
    if size and size < 1e-3:
        mantissa, exponent = f"{number:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{number:.4g}"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def share(fraction: float) -> str:
    """A fraction in percent; never rounded to 0 % or 100 %."""
    percent = fraction * 100
    if 0 < percent < 0.1:
        return "under 0.1 %"
    if 99.9 < percent < 100:
        return "over 99.9 %"
    return f"{percent:.3g} %"


def p_value(p: float | None) -> str:
    """A probability to two digits; a very small one as a bound."""
    if p is None:
        return value(None)
    return "< 0.001" if p < 0.001 else f"{p:.2g}"


def with_half(mean: float, half: float | None, unit: str = "", like: float | None = None, sign: bool = False) -> str:
    """A mean with half of its interval: ``30.12 +- 0.04``; a difference has a sign and the decimals of ``like``."""
    text = signed(mean, unit, like=like) if sign else value(mean, unit)
    if half is None:
        return text
    shown = signed(half, unit, like=like).lstrip("+") if sign else value(half, unit)
    return f"{text} \N{PLUS-MINUS SIGN} {shown}"
