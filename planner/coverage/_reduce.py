"""Make a covering instance smaller without changing its optimum."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from numba import types
from numpy.typing import NDArray

from planner.coverage._gains import I8, compiled

_W2 = types.Array(types.uint64, 2, "C")
_READ4, _READ8 = (types.Array(kind, 1, "C", readonly=True) for kind in (types.int32, types.int64))
_GROUPS = types.Tuple((_W2, I8))  # type: ignore[no-untyped-call] # Numba has no types
_WORD = 64
_PLACES = 6
_TINY = 1e-12
_SMALLEST = 1e-300
_SPARE = 1 / 32  # of the room, so that rounded numbers leave some to multipliers
Floats: TypeAlias = NDArray[np.float64]


def _grouped(indptr, indices, weights, words):  # type: ignore[no-untyped-def] # typed by its Numba signature
    """Return the distinct rows as bits, the first column highest, and the weight of each.

    A hash finds the place to look; only equal bits make equal rows.
    """
    one = np.uint64(1)
    room, groups = 1024, 0
    bits = np.empty((room, words), np.uint64)
    total = np.empty(room, np.int64)
    hashes = np.empty(room, np.uint64)
    table = np.full(4 * room, -1, np.int32)
    row = np.empty(words, np.uint64)
    for i in range(weights.size):
        begin, end = indptr[i], indptr[i + 1]
        if begin == end:
            continue
        row[:] = 0
        for e in range(begin, end):
            j = np.uint64(indices[e])
            row[j >> np.uint64(6)] |= one << (np.uint64(63) - (j & np.uint64(63)))
        h = np.uint64(0x9E3779B97F4A7C15)
        for k in range(words):
            h = (h ^ row[k]) * np.uint64(0xD6E8FEB86659FD93)
            h ^= h >> np.uint64(32)
        last = np.uint64(table.size - 1)
        at = h & last
        g = table[at]
        while g >= 0:
            if hashes[g] == h:
                same = True
                for k in range(words):
                    if bits[g, k] != row[k]:
                        same = False
                        break
                if same:
                    break
            at = (at + one) & last
            g = table[at]
        if g >= 0:
            total[g] += weights[i]
            continue
        if groups == room:
            more = np.empty((2 * room, words), np.uint64)
            more[:room] = bits
            bits = more
            total = np.concatenate((total, np.empty(room, np.int64)))
            hashes = np.concatenate((hashes, np.empty(room, np.uint64)))
            room *= 2
            table = np.full(4 * room, -1, np.int32)
            last = np.uint64(table.size - 1)
            for r in range(groups):
                at = hashes[r] & last
                while table[at] >= 0:
                    at = (at + one) & last
                table[at] = r
            at = h & last
            while table[at] >= 0:
                at = (at + one) & last
        table[at] = groups
        bits[groups] = row
        total[groups], hashes[groups] = weights[i], h
        groups += 1
    return bits[:groups].copy(), total[:groups].copy()


_grouped_short = compiled(_GROUPS(_READ4, _READ4, _READ8, types.int64))(_grouped)
_grouped_long = compiled(_GROUPS(_READ8, _READ8, _READ8, types.int64))(_grouped)


def merge_equal_rows(
    cover: sp.csr_array, weights: NDArray[np.int64]
) -> tuple[sp.csr_array, NDArray[np.int64]]:
    """Merge demand points that exactly the same sites cover; drop those that none does.

    Rows are compared as they are, on their packed bits, not on a hash of them.

    Parameters
    ----------
    cover
        Demand points × sites, True where covered.
    weights
        Weight of each demand point.

    Returns
    -------
    tuple[csr_array, NDArray[np.int64]]
        Distinct rows, in the order of their bits, and the weight of each.

    Examples
    --------
    >>> cover = sp.csr_array(np.array([[1, 0], [1, 0], [0, 0], [0, 1]], bool))
    >>> rows, total = merge_equal_rows(cover, np.array([2, 3, 9, 4]))
    >>> rows.toarray().astype(int).tolist(), total.tolist()
    ([[0, 1], [1, 0]], [4, 5])
    """
    if not cover.data.all():
        cover = cover.copy()
        cover.eliminate_zeros()
    sites = cover.shape[1]
    short = cover.indptr.dtype == cover.indices.dtype == np.int32
    kind = np.int32 if short else np.int64
    bits, total = (_grouped_short if short else _grouped_long)(
        np.ascontiguousarray(cover.indptr, kind),
        np.ascontiguousarray(cover.indices, kind),
        np.ascontiguousarray(weights, np.int64),
        -(-sites // _WORD),
    )
    order = np.lexsort(bits.T[::-1]) if bits.size else np.zeros(0, np.int64)
    return _unpacked(bits[order], sites), total[order]


def _unpacked(bits: NDArray[np.uint64], sites: int) -> sp.csr_array:
    """Return rows of bits, the first column highest, as a sparse matrix."""
    octets = bits.astype(">u8").view(np.uint8)
    if not bits.size:
        return sp.csr_array((0, sites), dtype=np.bool_)
    return sp.csr_array(np.unpackbits(octets, axis=1, count=sites).view(np.bool_))


@dataclass(frozen=True)
class Units:
    """Numbers as whole multiples of a unit, so that their sums are exact.

    Attributes
    ----------
    counts
        Whole numbers without a common divisor.
    times, per
        The unit is ``times / per``; for whole numbers and hundredths alike both are whole.
    error
        By how much a sum may differ; 0 where each number is a whole multiple.
    """

    counts: Floats
    times: float
    per: float
    error: float

    def value(self, count: float) -> float:
        """Return a sum of counts as a number."""
        return count * self.times / self.per


def whole_units(values: Floats, *, total: float, terms: int, most: float) -> Units:
    """Return numbers as whole multiples of the largest unit that keeps their sums below `most`.

    Parameters
    ----------
    values
        Finite, 0 or more.
    total
        Largest sum that will be made of them.
    terms
        How many may be in a sum.
    most
        Bound on the sums of the counts.

    Returns
    -------
    Units
        In ones, tenths … millionths where the numbers are whole in one of them, else rounded to a
        power of two.

    Examples
    --------
    >>> units = whole_units(np.array([0.5, 1.25]), total=1.75, terms=2, most=1e9)
    >>> units.counts.tolist(), units.times, units.per, units.error
    ([2.0, 5.0], 25.0, 100.0, 0.0)
    """
    for places in range(_PLACES + 1):
        per = 10.0**places
        if total * per > most:
            break
        scaled = values * per
        counts = np.rint(scaled)
        if (np.abs(scaled - counts) <= _TINY * scaled).all():
            times = float(np.gcd.reduce(counts.astype(np.int64))) or 1.0
            return Units(counts / times, times, per, 0.0)
    step = 2.0 ** np.ceil(np.log2(max(total / (_SPARE * most), _SMALLEST)))
    return Units(np.rint(values / step), float(step), 1.0, float(terms * step))


def ordered(entries: sp.csr_array, cap: Floats) -> tuple[NDArray[np.generic], ...]:
    """Return pointer, columns, values and caps of rows in an order that their content gives.

    Parameters
    ----------
    entries
        Rows of whole numbers; stored zeros count.
    cap
        One whole number a row.

    Returns
    -------
    tuple[NDArray, ...]
        The same for the same rows in any order.

    Examples
    --------
    >>> rows = sp.csr_array(([5.0, 7.0], ([0, 1], [1, 0])), shape=(2, 2))
    >>> [part.tolist() for part in ordered(rows, np.array([9.0, 8.0]))] == [
    ...     part.tolist() for part in ordered(rows[[1, 0]], np.array([8.0, 9.0]))
    ... ]
    True
    """
    rows = sp.csr_array(entries)
    rows.sort_indices()
    factor = np.array([0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xC2B2AE3D27D4EB4F], np.uint64)
    mixed = (rows.data.astype(np.uint64) + factor[2]) * factor[0]
    mixed ^= (rows.indices.astype(np.uint64) + np.uint64(1)) * factor[1]
    mixed = (mixed ^ (mixed >> np.uint64(31))) * factor[2]
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(mixed)))  # whole, modulo 2**64
    key = sums[rows.indptr[1:]] - sums[rows.indptr[:-1]]
    order = np.lexsort((cap, key))
    rows = rows[order]
    return (
        rows.indptr.astype(np.int32),
        rows.indices.astype(np.int32),
        rows.data.astype(np.float64),
        cap[order],
    )
