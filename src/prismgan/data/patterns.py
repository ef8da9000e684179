"""Stripes, checkers, squares, rings and gratings, as the amount of ink in every pixel."""

import math
import random

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

PERIODS = (2.0, 24.0)  # shortest and longest period in pixels


def log_uniform(chance: random.Random, low: float, high: float) -> float:
    """A number between two positive ones, drawn evenly on a logarithmic scale."""
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def cover(height: int, width: int, chance: random.Random, unit: float) -> Field:
    """The amount of ink in every pixel, 0..1, of one pattern."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    period = max(PERIODS[0], log_uniform(chance, *PERIODS) * unit)
    form = chance.random()
    if form < 0.4:  # along the pixels, with sharp edges: stripes, checkers, squares
        cell = max(1, round(period / 2))
        tall = cell * chance.choice((1, 1, 2))
        first, second = ((x + chance.randrange(64)) // cell) % 2, ((y + chance.randrange(64)) // tall) % 2
        return chance.choice((first, second, abs(first - second), abs(first - second), first * second))
    if form < 0.5:  # rings
        radius = np.hypot(x - chance.uniform(0, width), y - chance.uniform(0, height))
        return _wave(radius / period + (radius / period) ** 2 * chance.uniform(0, 0.01), chance)
    angle = chance.choice((0.0, math.pi / 4, chance.uniform(0, math.pi), chance.uniform(0, math.pi)))
    u = (x * math.cos(angle) + y * math.sin(angle)) / period
    v = (y * math.cos(angle) - x * math.sin(angle)) / (period * chance.choice((1.0, chance.uniform(1, 3))))
    if chance.random() < 0.3:  # in perspective
        depth = 1 + (x * chance.uniform(0, 2) / width + y * chance.uniform(0, 2) / height)
        u, v = u / depth * 2, v / depth * 2
    if form < 0.75:
        return _wave(u, chance)
    first, second = _wave(u, chance), _wave(v, chance)
    return chance.choice((first * second, first + second - 2 * first * second, np.maximum(first, second)))


def _wave(phase: Field, chance: random.Random) -> Field:
    """A wave of the phase in periods, antialiased: a sine, or bars whose edges are a pixel wide."""
    slope = np.hypot(*np.gradient(phase)) + 1e-6
    visible = np.clip((0.55 - slope) * 10, 0, 1)  # fades out periods finer than two pixels
    phase = phase + np.float32(chance.random())
    if chance.random() < 0.35:
        return np.asarray(0.5 + 0.5 * visible * np.sin(2 * np.pi * phase), np.float32)
    part = chance.choice((0.5, 0.5, chance.uniform(0.1, 0.9)))
    distance = (np.abs(phase - np.floor(phase) - 0.5) - part / 2) / slope  # in pixels, negative within the ink
    return np.asarray(part + visible * (np.clip(0.5 - distance, 0, 1) - part), np.float32)
