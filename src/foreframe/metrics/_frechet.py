"""The Frechet distance of two sets of feature vectors.

Letters: V vectors, D features, R rows that have the same products as V.
"""

from __future__ import annotations

import numpy as np

from ._metric import Array

_SIZES, _REPEATS = 8, 4


def frechet_distance(one: Array, other: Array) -> float:
    """Return the squared Frechet distance of the Gaussians that fit two sets: [V, D] and [V', D].

    `|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))`, with sample covariances. The last trace is the sum
    of the singular values of the product of both factors of the covariances, so that no root of a
    matrix is needed.

    References: Dowson & Landau 1982, The Frechet distance between multivariate normal
        distributions; Heusel et al. 2017, GANs trained by a two time-scale update rule.
    """
    a, b = _factor(one), _factor(other)
    shift = float(np.square(one.mean(0) - other.mean(0)).sum())
    product = float(np.linalg.svd(a @ b.T, compute_uv=False).sum())
    return shift + float(np.square(a).sum() + np.square(b).sum()) - 2 * product


def _factor(vectors: Array) -> Array:
    """[V, D] -> [R, D], whose `F.T @ F` is the sample covariance; R is the smaller of V and D."""
    centred = (vectors - vectors.mean(0)) / np.sqrt(max(len(vectors) - 1, 1))
    if len(vectors) <= vectors.shape[1]:
        return np.asarray(centred)
    return np.asarray(np.linalg.qr(centred, mode="r"))


def frechet_of_infinitely_many(one: Array, other: Array, seed: int = 0) -> float:
    """Return the Frechet distance that infinitely many vectors would have: [V, D] and [V, D].

    The bias of the distance falls with 1 / V: it is measured on subsets of half to all of the
    vectors, and a line in 1 / V is followed to 0. Where V is below some 2 D the bias is no straight
    line yet, and a part of it stays.

    References: Chong & Forsyth 2020, Effectively unbiased FID and Inception Score and where to
        find them.
    """
    rng, count = np.random.default_rng(seed), min(len(one), len(other))
    sizes = np.unique(np.linspace(max(count // 2, 2), count, _SIZES).astype(int))
    if len(sizes) < 2:
        return frechet_distance(one, other)
    values = [
        np.mean(
            [frechet_distance(_some(rng, one, n), _some(rng, other, n)) for _ in range(_REPEATS)]
        )
        for n in sizes
    ]
    return float(np.polyfit(1 / sizes, values, 1)[1])


def _some(rng: np.random.Generator, vectors: Array, count: int) -> Array:
    return vectors[rng.permutation(len(vectors))[:count]]
