"""Fréchet distance between two sets of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ['Moments', 'frechet_distance']


@dataclass(frozen=True)
class Moments:
    """Mean and covariance of a set of features, in double precision.

    Attributes:
        mean: Shape (C, ).
        cov: Shape (C, C), normalised by N - 1.
    """

    mean: np.ndarray
    cov: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Moments:
        """Moments of features of shape (N, C); N must be at least 2."""
        features = np.asarray(features, dtype=np.float64)
        if features.ndim != 2 or len(features) < 2:
            raise ValueError('features must have shape (N, C) with N >= 2, '
                             f'got {features.shape}')
        return cls(features.mean(0), np.cov(features, rowvar=False))


def _square_root(cov: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(cov)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def frechet_distance(one: Moments, other: Moments) -> float:
    """Squared Fréchet distance between the Gaussians with these moments.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))`` (Heusel et al. 2017,
    arXiv:1706.08500, equation 6). The trace of the root is taken from the
    symmetric ``C1^(1/2) C2 C1^(1/2)``, which has the same eigenvalues as
    ``C1 C2``: it stays real for singular covariances, for instance those of
    a generator that has collapsed.
    """
    root = _square_root(one.cov)
    eigenvalues = np.linalg.eigvalsh(root @ other.cov @ root)
    cross = np.sqrt(eigenvalues.clip(min=0)).sum()
    gap = one.mean - other.mean
    distance = gap @ gap + np.trace(one.cov) + np.trace(other.cov) - 2 * cross
    # Rounding can leave a tiny negative number between equal moments.
    return max(float(distance), 0.)
