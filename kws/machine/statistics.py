# SPDX-License-Identifier: Apache-2.0
"""Statistics of normal rows: standard deviations, shrunk covariances, whitening."""

from __future__ import annotations

import numpy as np

from kws.machine.network import Affine, FloatArray


def standardise(rows: FloatArray, floor: float) -> Affine:
    """Return a factor for each column of ``[n, size]``: its standard deviation becomes 1, or less below ``floor``."""
    return Affine(weights=1.0 / np.maximum(rows.std(axis=0), floor), centre=rows.mean(axis=0))


def shrunk_covariance(rows: FloatArray) -> FloatArray:
    """Covariance of rows ``[n, size]`` around their mean, drawn to a multiple of the identity where rows are few.

    References
    ----------
    Y. Chen, A. Wiesel, Y. Eldar, A. Hero, "Shrinkage algorithms for MMSE covariance estimation", IEEE Transactions on
    Signal Processing 58 (2010): the oracle approximating shrinkage.
    """
    centred = rows - rows.mean(axis=0)
    number, size = centred.shape
    sample = centred.T @ centred / number
    mean = float(np.trace(sample)) / size
    squares = float((sample**2).mean())
    spread = (number + 1.0) * (squares - mean**2 / size)
    share = 1.0 if spread <= 0.0 else min(1.0, (squares + mean**2) / spread)
    return np.asarray((1.0 - share) * sample + share * mean * np.eye(size), np.float64)


def whiten(rows: FloatArray, floor: float) -> Affine:
    """Return the map of rows ``[n, size]`` to uncorrelated values of standard deviation 1, however correlated they are.

    Columns are brought to one scale first, so that the covariance is shrunk in no unit in particular. ``floor`` is a
    variance added to every direction: those that vary less are not trusted to be that steady.
    """
    scaled = standardise(rows, floor)
    variances, directions = np.linalg.eigh(shrunk_covariance(scaled(rows)))
    weights = (directions / np.sqrt(np.maximum(variances, 0.0) + floor)).T * scaled.weights
    return Affine(weights=weights, centre=scaled.centre)
