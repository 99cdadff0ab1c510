"""Everything is in pyproject.toml; this adds only the C extension, which setuptools cannot yet declare there."""

from setuptools import setup

setup(cffi_modules=["kws/core/build.py:ffi"])
