r"""Layers of coverage: concave functions of what opens, known by the planes that bound them.

A layer is worth the sum of its rows, and each row what the best of its open options gives it. The
model never writes the rows down: it learns, where it looks, a plane that bounds the worth of a
block of rows (Benders 1962; Cordeau, Furini, Ljubić 2019 for covering). Planes hold for all
openings, so they are kept from one question to the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from planner.coverage import _cuts

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]
Ints = NDArray[np.int32]


_CHUNK = 1024


@dataclass(frozen=True, eq=False)
class Total:
    """A plane over all blocks of a layer together, where seats are shared by them.

    Attributes
    ----------
    intercept, slope, price
        As in :class:`Planes`.
    seats
        Price of a seat at each option (0-1).
    """

    intercept: float
    slope: Floats
    price: Floats
    seats: Floats


@dataclass(frozen=True, eq=False)
class Planes:
    """What a layer is worth at some openings, and planes that bound it everywhere.

    Attributes
    ----------
    value
        Worth of each block.
    intercept, slope
        Of each block's plane: ``value <= intercept + slope @ opened``, equal where it was asked.
    price
        Of each row, as :mod:`planner.coverage._cuts` says; empty for layers without rows.
    total
        A plane over all blocks together; None where each block stands for itself.
    """

    value: Floats
    intercept: Floats
    slope: Floats
    price: Floats
    total: Total | None = None


class Layer(Protocol):
    """Anything whose worth is a concave function of what opens, block by block."""

    @property
    def unit(self) -> float:
        """Smallest difference between two worths of whole openings."""

    @property
    def most(self) -> Floats:
        """Largest worth of each block."""

    def values(self, opened: Floats) -> Floats:
        """Return the worth of each block."""

    def planes(self, opened: Floats) -> Planes:
        """Return the worth of each block, and planes that touch it there."""


@dataclass(frozen=True, eq=False)
class Rows:
    """A layer of rows, each served by its best open option.

    Attributes
    ----------
    pointer, option, gain
        Compressed rows; in each, whole gains in units, falling, then options rising.
    block
        Block of each row, rising.
    unit
        What one of gain is, in residents, users or minutes.
    options
        Columns of the model.
    source
        For each demand point of the input the row that stands for it; -1 when none reaches it.
    second
        Worth of a second opening as a share of the first; then a row has one gain.
    """

    pointer: Longs
    option: Ints
    gain: Floats
    block: Ints
    unit: float
    options: int
    source: Longs
    blocks: int
    second: float = 0.0

    @property
    def most(self) -> Floats:
        """Largest worth of each block: every row by its best option."""
        top = np.zeros(self.block.size)
        some = np.diff(self.pointer) > 0
        top[some] = self.gain[self.pointer[:-1][some]]
        most = np.bincount(self.block, top, self.blocks) * (1 + self.second) * self.unit
        return most.astype(np.float64)

    def values(self, opened: Floats) -> Floats:
        """Return the worth of each block."""
        value, price = np.zeros(self.blocks), np.empty(self.block.size)
        _cuts.values(
            self.pointer, self.option, self.gain, self.block, self.second, opened, value, price
        )
        return value * self.unit

    def planes(self, opened: Floats) -> Planes:
        """Return the worth of each block, and planes that touch it there."""
        value, price = np.zeros(self.blocks), np.empty(self.block.size)
        rows = (self.pointer, self.option, self.gain, self.block, self.second)
        _cuts.values(*rows, opened, value, price)
        slope, intercept = np.zeros((self.blocks, self.options)), np.zeros(self.blocks)
        _cuts.slopes(*rows, price, slope, intercept)
        return Planes(value * self.unit, intercept * self.unit, slope * self.unit, price)

    def needed(self) -> tuple[Floats, Longs]:
        """Return which options serve each row at its best, rows that others imply left out.

        Together, ``needed @ opened >= 1`` says that the layer is worth the most it can be. With
        them, the demand point that each stands for.
        """
        table = np.zeros((self.block.size, self.options), np.float32)
        row = np.repeat(np.arange(self.block.size), np.diff(self.pointer))
        first = self.gain[self.pointer[:-1]][row] == self.gain
        table[row[first], self.option[first]] = 1.0
        table, source = np.unique(table, axis=0, return_index=True)
        size = table.sum(axis=1)
        kept = np.ones(len(table), np.bool_)
        for start in range(0, len(table), _CHUNK):
            here = slice(start, start + _CHUNK)
            common = table[here] @ table.T
            inside = (common == size[None, :]) & (size[None, :] < size[here, None])
            kept[here] = ~inside.any(axis=1)
        point = np.full(self.block.size, -1, np.int64)
        stands = np.flatnonzero(self.source >= 0)[::-1]
        point[self.source[stands]] = stands  # the first of each row
        return table[kept].astype(np.float64), point[source[kept]]


def cover_rows(
    within: sp.csr_array,
    weights: Longs,
    blocks: Ints,
    *,
    unit: float,
    second: float = 0.0,
) -> Rows:
    """Return a layer of binary coverage: points of one block with equal options are one row.

    Parameters
    ----------
    within
        Demand points × options, stored where covered.
    weights
        Whole units at each point.
    blocks
        Block of each point.
    unit
        What one of weight is.
    second
        Worth of a second cover.

    Returns
    -------
    Rows
        The layer; points that no option covers have no row.
    """
    pointers, options, gains, homes = [np.zeros(1, np.int64)], [], [], []
    source = np.full(weights.size, -1, np.int64)
    rows = 0
    last = 0
    for block in np.unique(blocks):
        here = np.flatnonzero((blocks == block) & (weights > 0))
        merged, total, group = _merged(sp.csr_array(within[here]), weights[here])
        source[here] = np.where(group >= 0, group + rows, -1)
        sizes = np.diff(merged.indptr)
        pointers.append(last + np.cumsum(sizes, dtype=np.int64))
        options.append(merged.indices.astype(np.int32))
        gains.append(np.repeat(total.astype(np.float64), sizes))
        homes.append(np.full(total.size, block, np.int32))
        rows += total.size
        last += int(sizes.sum())
    return Rows(
        pointer=np.concatenate(pointers),
        option=_joined(options, np.int32),
        gain=_joined(gains, np.float64),
        block=_joined(homes, np.int32),
        unit=unit,
        options=within.shape[1],
        source=source,
        blocks=int(blocks.max(initial=-1)) + 1,
        second=second,
    )


def gain_rows(gains: sp.csr_array, blocks: Ints, *, unit: float) -> Rows:
    """Return a layer where each point takes the largest gain among its open options.

    Parameters
    ----------
    gains
        Demand points × options: whole units; pairs that give nothing may be stored or not.
    blocks
        Block of each point.
    unit
        What one of gain is.

    Returns
    -------
    Rows
        The layer; one row a point that gains anything.
    """
    row = np.repeat(np.arange(gains.shape[0]), np.diff(gains.indptr))
    some = gains.data > 0
    row, option, gain = row[some], gains.indices[some], gains.data[some].astype(np.float64)
    order = np.lexsort((option, -gain, row, blocks[row]))
    row, option, gain = row[order], option[order], gain[order]
    first = np.flatnonzero(np.diff(row, prepend=-1))
    source = np.full(gains.shape[0], -1, np.int64)
    source[row[first]] = np.arange(first.size)
    return Rows(
        pointer=np.append(first, row.size).astype(np.int64),
        option=option.astype(np.int32),
        gain=gain,
        block=blocks[row[first]].astype(np.int32),
        unit=unit,
        options=gains.shape[1],
        source=source,
        blocks=int(blocks.max(initial=-1)) + 1,
    )


def _merged(cover: sp.csr_array, weights: Longs) -> tuple[sp.csr_array, Longs, Longs]:
    """Merge equal rows, as they are and not by a hash; drop the empty ones (-1 in the groups)."""
    bits = np.packbits(cover.toarray().astype(np.bool_), axis=1)
    distinct, group = np.unique(bits, axis=0, return_inverse=True)
    group = group.ravel().astype(np.int64)
    total = np.bincount(group, weights, len(distinct)).astype(np.int64)
    dense = np.unpackbits(distinct, axis=1, count=cover.shape[1]).astype(np.bool_)
    if len(distinct) and not distinct[0].any():  # sorted by bits: the empty row comes first
        dense, total, group = dense[1:], total[1:], group - 1
    return sp.csr_array(dense.reshape(len(total), cover.shape[1])), total, group


def blocks_of(names: Sequence[str] | pd.Series) -> tuple[Ints, tuple[str, ...]]:
    """Return a number for each name, by sorted name, and the names."""
    found, number = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return number.ravel().astype(np.int32), tuple(map(str, found))


def _joined(parts: Sequence[NDArray[Any]], dtype: type) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)
