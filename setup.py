# SPDX-License-Identifier: Apache-2.0
"""Everything is in pyproject.toml; this adds what setuptools cannot yet declare there.

That is the C extension, its tag (one wheel for every Python), and the folders that stand at the top of the tree and are
installed under ``kws`` (``kws/places.py`` finds them).
"""

from setuptools import find_packages, setup

CODE = ("training", "datasets")  # kws.<name> lies in <name>/
DATA = {
    "kws.firmware": "firmware",
    "kws.models": "models",
    "kws.cycles": "benchmarks/cycles",
}

setup(
    cffi_modules=["kws/core/build.py:ffi"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
    package_dir={f"kws.{name}": name for name in CODE} | DATA,
    packages=find_packages(include=["kws", "kws.*"])
    + [f"kws.{name}" for top in CODE for name in find_packages(include=[top, f"{top}.*"])]
    + list(DATA),
)
