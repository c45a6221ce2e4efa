"""Generated instances of covering and p-median problems, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import shortest_path
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

_SIDE_KM = 25.0
_KMH, _DETOUR = 25.0, 1.35  # narrow roads, hills
_VILLAGES, _HAMLETS = 60, 240
_CHUNK = 20_000


@dataclass(frozen=True)
class Rural:
    """Demand points and candidate sites of a rural territory, and how to go between them."""

    points: Floats
    residents: NDArray[np.int64]
    sites: Floats
    seed: int

    def minutes(self) -> Floats:
        """Return minutes from every point to every site, with the noise of real roads."""
        draw = np.random.default_rng(self.seed + 1)
        out = np.empty((len(self.points), len(self.sites)))
        slow = draw.uniform(0.85, 1.2, len(self.sites))  # sites off the main roads
        for first in range(0, len(out), _CHUNK):
            here = self.points[first : first + _CHUNK]
            km = np.hypot(*(here[:, None, :] - self.sites[None]).transpose(2, 0, 1))
            noise = np.exp(draw.normal(0, 0.04, km.shape))
            out[first : first + _CHUNK] = km * _DETOUR * 60 / _KMH * slow * noise + 1.0
        return out

    def cover(self, *, minutes: float) -> sp.csr_array:
        """Return which points lie within so many minutes of which sites."""
        return sp.csr_array(self.minutes() <= minutes)


def rural(points: int, sites: int, *, seed: int = 0, side_km: float = _SIDE_KM) -> Rural:
    """Return villages with heavy-tailed populations, hamlets around them, candidates near both."""
    draw = np.random.default_rng(seed)
    villages = draw.uniform(0, side_km, (_VILLAGES, 2))
    people = np.minimum(draw.pareto(1.1, _VILLAGES) + 1, 60)
    hamlets = draw.uniform(0, side_km, (_HAMLETS, 2))
    centres = np.vstack([villages, hamlets])
    share = np.concatenate([people, np.full(_HAMLETS, 0.5)])
    home = draw.choice(len(centres), points, p=share / share.sum())
    where = centres[home] + draw.normal(0, 0.75, (points, 2))
    residents = 1 + draw.poisson(1.3, points)  # a demand point is a dwelling
    near = draw.choice(len(centres), sites, p=np.sqrt(share) / np.sqrt(share).sum())
    at = centres[near] + draw.normal(0, 1, (sites, 2))
    return Rural(where.clip(0, side_km), residents.astype(np.int64), at.clip(0, side_km), seed)
