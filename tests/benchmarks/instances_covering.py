"""Generated instances of covering and p-median problems, the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import shortest_path

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
            noise = np.exp(draw.normal(0, 0.013, km.shape))
            out[first : first + _CHUNK] = km * _DETOUR * 60 / _KMH * slow * noise + 1.0
        return out

    def cover(self, *, minutes: float) -> sp.csr_array:
        """Return which points lie within so many minutes of which sites."""
        return sp.csr_array(self.minutes() <= minutes)


def discs(
    customers: int, *, seed: int = 0, facilities: int = 100
) -> tuple[sp.csr_array, NDArray[np.int64]]:
    """Return cover and demand in the manner of Cordeau, Furini & Ljubić (2019).

    Customers and facilities lie uniformly in a square of 30 by 30; the radius is 5.5 to 6.25.
    """
    draw = np.random.default_rng(seed)
    sites = draw.uniform(0, 30, (facilities, 2))
    radius = draw.choice([5.5, 5.75, 6.0, 6.25])
    indptr, parts = [np.zeros(1, np.int64)], []
    for first in range(0, customers, _CHUNK):
        here = draw.uniform(0, 30, (min(_CHUNK, customers - first), 2))
        away = ((here[:, None, :] - sites[None]) ** 2).sum(axis=2)
        row, column = np.nonzero(away <= radius**2)
        parts.append(column.astype(np.int32))
        indptr.append(indptr[-1][-1] + np.cumsum(np.bincount(row, minlength=len(here))))
    indices = np.concatenate(parts)
    parts.clear()
    pointer = np.concatenate(indptr).astype(np.int32)
    ones = np.ones(indices.size, np.bool_)
    cover = sp.csr_array((ones, indices, pointer), shape=(customers, facilities))
    return cover, draw.integers(1, 101, customers)


def graph_distances(nodes: int, *, seed: int = 0) -> Floats:
    """Return distances between all nodes of a random graph, as in the pmed of OR-Library.

    About nodes² / 50 edges of whole length 1 to 100; a path through all nodes connects them.
    """
    draw = np.random.default_rng(seed)
    path, more = draw.permutation(nodes), nodes * nodes // 50
    start = np.concatenate([path[:-1], draw.integers(0, nodes, more)])
    end = np.concatenate([path[1:], draw.integers(0, nodes, more)])
    length = draw.integers(1, 101, start.size).astype(float)
    edges = np.full((nodes, nodes), np.inf)
    np.minimum.at(edges, (start, end), length)
    np.fill_diagonal(edges, np.inf)
    edges = np.minimum(edges, edges.T)
    edges[np.isinf(edges)] = 0.0  # no edge
    return shortest_path(sp.csr_array(edges), directed=False)


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
