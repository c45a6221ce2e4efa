"""Small array tools of road geometry: great-circle metres, Hilbert order, compressed rows."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int32]
Longs: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

FAR = np.int32(2**31 - 1)  # a time longer than any
EARTH_M = 6_371_009.0  # mean radius, the one OSMnx uses, so that lengths agree
_HILBERT_BITS = 16


def great_circle_m(lon1: Floats, lat1: Floats, lon2: Floats, lat2: Floats) -> Floats:
    """Return great-circle distances in metres between points in degrees (haversine).

    Examples
    --------
    >>> float(great_circle_m(*(np.array([v]) for v in (4.0, 46.0, 4.0, 47.0)))[0].round())
    111195.0
    """
    phi1, phi2 = np.radians(lat1), np.radians(lat2)
    half_chord = (
        np.sin((phi2 - phi1) / 2) ** 2
        + np.cos(phi1) * np.cos(phi2) * np.sin(np.radians(lon2 - lon1) / 2) ** 2
    )
    return np.asarray(2 * EARTH_M * np.arcsin(np.sqrt(np.clip(half_chord, 0.0, 1.0))))


def hilbert_order(lon: Floats, lat: Floats, tie: Longs) -> Longs:
    """Return the order of points along a Hilbert curve over their bounds, ties broken by `tie`.

    Neighbours on the ground become neighbours in memory, which is worth a factor of 3-4 to a
    graph search. The curve is Hilbert's (1891), walked bit by bit on whole arrays.
    """
    if lon.size == 0:
        return np.zeros(0, np.int64)
    side = np.int64(1) << _HILBERT_BITS
    span = max(np.ptp(lon), np.ptp(lat), 1e-12)
    x = ((lon - lon.min()) / span * (side - 1)).astype(np.int64)
    y = ((lat - lat.min()) / span * (side - 1)).astype(np.int64)
    position = np.zeros(lon.size, np.int64)
    bit = side >> 1
    while bit:
        right, upper = (x & bit) > 0, (y & bit) > 0
        position += bit * bit * ((3 * right) ^ upper)
        flip = ~upper & right
        x, y = np.where(flip, side - 1 - x, x), np.where(flip, side - 1 - y, y)
        x, y = np.where(upper, x, y), np.where(upper, y, x)
        bit >>= 1
    return np.lexsort((tie, position)).astype(np.int64)


def row_pointers(rows: Ints, count: int) -> Ints:
    """Return where each of `count` rows starts, and the last ends, in sorted row numbers."""
    return np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=count)))).astype(np.int32)


def gather_ranges(first: Longs, last: Longs) -> Longs:
    """Return `first[0]..last[0]-1, first[1]..last[1]-1, …` as one array of positions.

    Examples
    --------
    >>> gather_ranges(np.array([3, 10]), np.array([6, 12])).tolist()
    [3, 4, 5, 10, 11]
    """
    lengths = last - first
    shifts = np.repeat(first - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return np.asarray(shifts + np.arange(int(lengths.sum())), np.int64)
