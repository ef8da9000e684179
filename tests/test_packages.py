"""Optional packages: what is said where one is missing."""

from __future__ import annotations

import re

import pytest

from prismgan import packages
from prismgan.errors import PrismganError


def test_a_missing_package_is_named_by_its_own_name_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda module: object() if module == "av" else None)
    line = "clips: needs the package opencv-python-headless and onnx; install it: pip install 'prismgan[video]'"
    with pytest.raises(PrismganError, match=f"^{re.escape(line)}$"):
        packages.require("clips", "video", "av", "cv2", "onnx")


def test_what_is_there_is_not_refused() -> None:
    packages.require("this", "dev", "numpy", "torch")
    assert packages.missing(["numpy", "no_such_module"]) == ["no_such_module"]
