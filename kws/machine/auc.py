# SPDX-License-Identifier: Apache-2.0
"""How well scores tell unusual from normal, as task 2 of the DCASE challenge defines it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kws.errors import EvaluationError

PARTIAL = 0.1
"""p: the partial area is over false positive rates up to this."""


def auc(normal: npt.ArrayLike, unusual: npt.ArrayLike) -> float:
    """Share of pairs in which the unusual one has the higher score; ties count half.

    Parameters
    ----------
    normal, unusual : scores, ``[n]`` each

    Raises
    ------
    EvaluationError
        If one of them is empty.

    References
    ----------
    Y. Koizumi et al., "Description and Discussion on DCASE2020 Challenge Task2" (2020), equations 4 and 5.
    """
    low, high = np.sort(np.asarray(normal, np.float64)), np.asarray(unusual, np.float64)
    if low.size == 0 or high.size == 0:
        raise EvaluationError(
            f"AUC of {low.size} normal and {high.size} unusual recordings is not defined; give both kinds"
        )
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.mean() / (2 * low.size))


def partial_auc(normal: npt.ArrayLike, unusual: npt.ArrayLike, p: float = PARTIAL) -> float:
    """AUC over the ``floor(p * n)`` normal recordings with the highest scores: what counts where alarms must be rare.

    The value is that of the definition, 0..1. What scikit-learn prints as ``roc_auc_score(..., max_fpr=p)``, and the
    challenge's own tables with it, is drawn to 0.5 for chance (McClish): `standardised`.
    """
    scores = np.sort(np.asarray(normal, np.float64))
    count = math.floor(p * scores.size + 1e-9)
    if count < 1:
        raise EvaluationError(
            f"partial AUC of {scores.size} normal recordings at p = {p:g} is not defined; expected at least "
            f"{math.ceil(1.0 / p)}"
        )
    return auc(scores[-count:], unusual)


def standardised(partial: float, p: float = PARTIAL) -> float:
    """Return a partial AUC as McClish standardises it: 0.5 for chance, 1 at best."""
    chance = p / 2.0
    return 0.5 * (1.0 + (partial - chance) / (1.0 - chance))
