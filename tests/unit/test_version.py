# SPDX-License-Identifier: Apache-2.0
"""The library and the package have one version."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import kws

ROOT = Path(__file__).resolve().parents[2]


def test_c_header_and_package_have_one_version() -> None:
    header = (ROOT / "firmware" / "kws.h").read_text(encoding="utf-8")
    numbers = [re.search(rf"#define KWS_VERSION_{part} (\d+)\n", header) for part in ("MAJOR", "MINOR", "PATCH")]
    assert ".".join(number[1] for number in numbers if number) == kws.__version__
    assert f'"{kws.__version__}"' in header
    assert tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"] == kws.__version__
