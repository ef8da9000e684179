"""The sample photos of the page."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from prismgan.data.builtin import SIGMA, SMALL, sample, samples


@pytest.mark.parametrize("name", samples())
def test_samples_are_photos_that_come_out_the_same_every_time(name: str) -> None:
    photo = sample(name)
    assert (photo.dtype, photo.shape[2]) == (np.uint8, 3)
    assert photo.std() > 20
    sample.cache_clear()
    assert np.array_equal(sample(name), photo)


def test_one_of_them_is_small_and_noisy() -> None:
    def noise(name: str) -> float:
        grey = sample(name).mean(axis=2)
        return float(np.median(np.abs(grey - ndimage.median_filter(grey, 3))))

    assert sample("small-and-noisy").shape == (*SMALL[::-1], 3)
    assert noise("small-and-noisy") > 2 * max(noise(name) for name in samples() if name != "small-and-noisy")
    assert SIGMA < 30  # otherwise its effect is invisible
