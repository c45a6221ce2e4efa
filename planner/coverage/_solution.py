"""What every classical model takes and gives: input checked once, and one kind of answer."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from planner._errors import Infeasible, InputError
from planner._tables import listed

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Positions: TypeAlias = Sequence[int] | NDArray[np.integer[Any]]

_LONGEST = 10  # positions named in a message
_MOST_PLACES = 6
_LARGEST_SUM = 2e9  # in units: beyond, one unit is lost in the tolerance of the solver
_TINY = 1e-12
_FORMATS = ("csr", "csc", "coo")


@dataclass(frozen=True)
class Solution:
    """The sites that a classical model opens, and how well the choice is proven.

    Attributes
    ----------
    selected
        Column positions of the open sites, sorted.
    value
        What the selected sites are worth in the terms of the model, counted anew from its input.
    bound
        What no choice of sites can better: not above the value where the model minimises, not
        below where it maximises.
    proven
        Whether the two are as near as was asked.
    seconds
        Time to check, reduce and solve.
    reduced
        What the exact reduction merged, dropped and fixed, by name.
    backup, backup_bound
        With backup covering, the weight covered at least twice by the selected sites, and by the
        best of all choices of the same value; else None.
    """

    selected: Integers
    value: float
    bound: float
    proven: bool
    seconds: float
    reduced: Mapping[str, int] = field(default_factory=dict)
    backup: float | None = None
    backup_bound: float | None = None

    @property
    def gap(self) -> float:
        """Distance of the bound from the value, as a share of the larger of the two.

        Examples
        --------
        >>> Solution(np.array([2]), 8.0, 10.0, proven=False, seconds=0.1).gap
        0.2
        """
        if self.bound == self.value:
            return 0.0  # also where both are infinite
        if not math.isfinite(self.bound - self.value):
            return 1.0
        return abs(self.bound - self.value) / max(abs(self.bound), abs(self.value), _TINY)


def checked_cover(cover: object) -> sp.csr_array:
    """Return which candidate covers which point, as 8-bit ones in sorted rows.

    Parameters
    ----------
    cover
        Demand points × candidates, dense or sparse: True or 1 where covered, else False or 0.

    Returns
    -------
    csr_array
        Its stored entries are the covered pairs, each a one.

    Raises
    ------
    InputError
        When it is no matrix, or holds anything but zeros and ones.

    Examples
    --------
    >>> checked_cover(np.array([[True, False], [True, True]])).indices.tolist()
    [0, 0, 1]
    """
    if sp.issparse(cover):
        matrix = _stored("cover", cover)
    else:
        dense = _array("cover", cover)
        _check_two_dimensions("cover", dense.ndim)
        matrix = sp.csr_array(dense)
    if not ((matrix.data == 0) | (matrix.data == 1)).all():
        raise InputError(
            "cover: only True and False, or 1 and 0. Compare costs with a cutoff first."
        )
    pairs = sp.csr_array(matrix.astype(np.int8))
    pairs.eliminate_zeros()
    return pairs


def checked_cost(cost: object) -> sp.csr_array:
    """Return the pairs that can be reached and what each costs.

    Parameters
    ----------
    cost
        Demand points × candidates. Dense: infinite where out of reach. Sparse: absent where out of
        reach; what is stored counts, a stored zero being a cost of zero.

    Returns
    -------
    csr_array
        Its stored entries, zeros among them, are the pairs within reach, in sorted rows.

    Raises
    ------
    InputError
        When it is no matrix, or a cost is negative or not a number.
    """
    if sp.issparse(cost):
        matrix = _stored("cost", cost)
    else:
        dense = _array("cost", cost)
        _check_two_dimensions("cost", dense.ndim)
        rows, columns = np.nonzero(dense != np.inf)
        matrix = sp.csr_array((dense[rows, columns], (rows, columns)), shape=dense.shape)
    values = matrix.data.astype(np.float64)
    if not (values >= 0).all():
        raise InputError("cost: every cost is a number, 0 or more; infinite is out of reach.")
    reached = values < np.inf
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))[reached]
    pairs = (values[reached], (rows, matrix.indices[reached]))
    return sp.csr_array(pairs, shape=matrix.shape)


def checked_weights(weights: object, size: int, *, name: str = "weights") -> Floats:
    """Return one finite number, 0 or more, for each row or column.

    Parameters
    ----------
    weights
        The numbers; None stands for ones.
    size
        How many there must be.
    name
        What messages call them.

    Returns
    -------
    NDArray[np.float64]
        The numbers.

    Raises
    ------
    InputError
        When there are more or fewer, or one is negative or not finite.
    """
    if weights is None:
        return np.ones(size)
    values = _array(name, weights).astype(np.float64)
    if values.shape != (size,):
        raise InputError(f"{name}: {values.shape} given, {size} needed.")
    wrong = np.flatnonzero(~((values >= 0) & (values < np.inf))).tolist()
    if wrong:
        raise InputError(
            f"{name}: finite numbers, 0 or more; not those at {listed(wrong, longest=_LONGEST)}."
        )
    return values


def checked_positions(
    required: Positions, excluded: Positions, size: int
) -> tuple[Integers, Integers]:
    """Return the columns that must and those that must not be selected, sorted, each once.

    Parameters
    ----------
    required, excluded
        Column positions from 0.
    size
        Number of columns.

    Returns
    -------
    tuple[NDArray[np.int64], NDArray[np.int64]]
        Required and excluded positions.

    Raises
    ------
    InputError
        When one is no column, or is both required and excluded.

    Examples
    --------
    >>> [part.tolist() for part in checked_positions([4, 1, 1], [], 5)]
    [[1, 4], []]
    """
    must, never = (
        _positions(name, positions, size)
        for name, positions in (("required", required), ("excluded", excluded))
    )
    if (both := np.intersect1d(must, never)).size:
        raise InputError(
            f"required and excluded at once: {listed(both.tolist(), longest=_LONGEST)}."
        )
    return must, never


def checked_sites(sites: int, required: Integers) -> int:
    """Return the number of sites that may open.

    Parameters
    ----------
    sites
        At most so many.
    required
        Columns that must be among them.

    Returns
    -------
    int
        The number.

    Raises
    ------
    InputError
        When it is not a whole number, 0 or more.
    Infeasible
        When more sites are required than may open.
    """
    if isinstance(sites, bool) or not isinstance(sites, int | np.integer) or sites < 0:
        raise InputError(f"sites={sites!r}: a whole number, 0 or more.")
    if required.size > sites:
        raise Infeasible(f"{required.size} sites are required, but no more than {sites} may open.")
    return int(sites)


def check_effort(gap: float, time_limit_s: float) -> None:
    """Refuse a gap or a time limit that means nothing.

    Parameters
    ----------
    gap
        Share of the value that may be missing.
    time_limit_s
        Seconds.

    Raises
    ------
    InputError
        When the gap is not within 0 and 1, or the time limit is negative or not a number.
    """
    if not 0 <= gap < 1:
        raise InputError(f"gap={gap!r}: a share from 0 to below 1.")
    if not time_limit_s >= 0:
        raise InputError(f"time_limit_s={time_limit_s!r}: seconds, 0 or more.")


def whole_numbers(values: Floats) -> tuple[Integers, float]:
    """Return the values in whole units, whose sums are exact, and the unit.

    The unit is the largest power of ten, down to a millionth, in which all of them are whole; if
    there is none, a two-billionth of their sum, to which they are rounded.

    Parameters
    ----------
    values
        Finite numbers, 0 or more.

    Returns
    -------
    tuple[NDArray[np.int64], float]
        Whole numbers and their unit. The same in any order of the values.

    Examples
    --------
    >>> units, unit = whole_numbers(np.array([0.25, 3.0]))
    >>> units.tolist(), unit
    ([25, 300], 0.01)
    """
    total = math.fsum(values)
    for places in range(_MOST_PLACES + 1):
        scaled = values * 10.0**places
        units = np.rint(scaled)
        if total * 10.0**places > _LARGEST_SUM:
            break
        if (np.abs(scaled - units) <= _TINY * scaled).all():
            return units.astype(np.int64), 1 / 10**places
    unit = total / _LARGEST_SUM
    return np.rint(values / unit).astype(np.int64), unit


def _array(name: str, values: object) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name}: rows of different lengths.") from error
    if array.size and array.dtype.kind not in "biuf":
        raise InputError(f"{name}: not an array of numbers.")
    return array


def _check_two_dimensions(name: str, dimensions: int) -> None:
    if dimensions != 2:  # noqa: PLR2004 - rows and columns
        raise InputError(f"{name}: a matrix has two dimensions, not {dimensions}.")


def _stored(name: str, values: Any) -> sp.csr_array:  # noqa: ANN401 - any class of sparse matrix
    """Return a sparse matrix in sorted rows, each pair once, without touching what was given."""
    if values.format not in _FORMATS:
        raise InputError(
            f"{name}: a sparse matrix in {values.format} format does not keep its zeros apart; "
            "give csr, csc or coo."
        )
    _check_two_dimensions(name, values.ndim)
    if values.dtype.kind not in "biuf":
        raise InputError(f"{name}: not a matrix of numbers.")
    entries = values.tocoo()
    matrix = sp.csr_array((entries.data, (entries.row, entries.col)), shape=entries.shape)
    if matrix.nnz != entries.nnz:
        raise InputError(f"{name}: a pair is stored twice.")
    matrix.sort_indices()
    return matrix


def _positions(name: str, positions: Positions, size: int) -> Integers:
    values = np.asarray(positions)
    if not values.size:
        return np.zeros(0, np.int64)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise InputError(f"{name}: a list of column positions; np.flatnonzero makes one of a mask.")
    wrong = values[(values < 0) | (values >= size)]
    if wrong.size:
        raise InputError(
            f"{name}: {listed(wrong.tolist(), longest=_LONGEST)} of {size} columns, counted from 0."
        )
    return np.unique(values).astype(np.int64)
