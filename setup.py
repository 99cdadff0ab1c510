"""Everything is in pyproject.toml; this adds what setuptools cannot yet declare there: the C extension and the packages
whose folders stand at the top of the tree and are imported under ``kws``."""

from setuptools import find_packages, setup

FOLDERS = ("training", "datasets")  # kws.<name> lies in <name>/

setup(
    cffi_modules=["kws/core/build.py:ffi"],
    package_dir={f"kws.{name}": name for name in FOLDERS},
    packages=find_packages(include=["kws", "kws.*"])
    + [f"kws.{name}" for top in FOLDERS for name in find_packages(include=[top, f"{top}.*"])],
)
