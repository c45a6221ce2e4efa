r"""The p-median: the p sites from which the way to everyone is shortest in all.

Sets: demand points :math:`i` of weight :math:`w_i`; candidate sites :math:`j`; :math:`c_{ij}` the
cost, time or distance between them. :math:`S` is the set of open sites.

.. math::

    \min_{|S| = p} \; \sum_i w_i \min_{j \in S} c_{ij}

References
----------
Beasley, J. (1985). A note on solving large p-median problems. European Journal of Operational
Research 21.

Christofides, N., Beasley, J. (1982). A tree search algorithm for the p-median problem. European
Journal of Operational Research 10.

Duran-Mateluna, C., Ales, Z., Elloumi, S. (2023). An efficient Benders decomposition for the
p-median problem. European Journal of Operational Research 308.

Hakimi, S. (1964). Optimum locations of switching centers and the absolute centers and medians of a
graph. Operations Research 12.
"""

import math
import time

import numpy as np
import scipy.sparse as sp

from planner._errors import Infeasible, TimeLimit
from planner._tables import listed
from planner.coverage._branch import MOST, Instance, Search, searched
from planner.coverage._reduce import Units, ordered, whole_units
from planner.coverage._smaller import arranged
from planner.coverage._solution import (
    Floats,
    Integers,
    Mask,
    Positions,
    Solution,
    check_effort,
    checked_cost,
    checked_positions,
    checked_sites,
    checked_weights,
)

_NAMED = 10  # rows named in a message


def p_median(
    cost: object,
    weights: object,
    *,
    sites: int,
    required: Positions = (),
    excluded: Positions = (),
    gap: float = 0.0,
    time_limit_s: float = 60.0,
) -> Solution:
    """Return the sites from which the weighted cost to all points is least.

    Parameters
    ----------
    cost
        Demand points × candidates. Dense: infinite where out of reach. Sparse: absent where out of
        reach; what is stored counts, a stored zero being a cost of zero.
    weights
        One number a demand point; None stands for ones. A point without weight asks for nothing.
    sites
        So many open, or all candidates where there are fewer.
    required, excluded
        Columns that must and that must not open.
    gap
        Share of the value by which it may be too high.
    time_limit_s
        Seconds, after which the best plan so far is returned, with its bound.

    Returns
    -------
    Solution
        Its value is the weighted cost; no choice of sites costs less than its bound.

    Raises
    ------
    InputError
        When an argument is not what it must be.
    Infeasible
        When a point reaches no site that may open, or so few sites cannot reach every point.
    TimeLimit
        When time ran out before a plan that reaches every point was found.

    Notes
    -----
    Costs times weights that are not whole millionths are rounded to a tiny part of their sum; the
    bound allows for it.

    Examples
    --------
    >>> cost = np.array([[0, 4, 9], [4, 0, 6], [9, 6, 0], [8, 5, 1]])
    >>> plan = p_median(cost, [3, 1, 1, 2], sites=2)
    >>> plan.selected.tolist(), plan.value, plan.proven
    ([0, 2], 6.0, True)
    """
    begin = time.perf_counter()
    pairs = checked_cost(cost)
    count, columns = pairs.shape
    weight = checked_weights(weights, count)
    must, never = checked_positions(required, excluded, columns)
    limit = checked_sites(sites, must)
    check_effort(gap, time_limit_s)
    asking = np.flatnonzero(weight > 0)
    _check_reach(pairs, asking, never, limit)
    instance, units = _instance(sp.csr_array(pairs[asking]), weight[asking], limit)
    search = searched(instance, must, never, offset=0.0, gap=gap, deadline=begin + time_limit_s)
    selected = _filled(search.chosen, limit, never, columns)
    value, alone = _counted(pairs, weight, selected)
    if alone.any():
        _refuse(search, alone, limit)
    bound = units.value(search.bound) - units.error
    if not units.error:
        value = units.value(search.best)
    return Solution(
        selected,
        value,
        min(bound, value),
        proven=value - bound <= max(gap * value, 2 * units.error),
        seconds=time.perf_counter() - begin,
        reduced={"points": count, **search.counts},
    )


def _check_reach(pairs: sp.csr_array, asking: Integers, never: Integers, sites: int) -> None:
    """Refuse an instance in which a point with weight reaches no site that may open."""
    may = np.ones(pairs.shape[1])
    may[never] = 0.0
    if not sites:
        may[:] = 0.0
    ones = sp.csr_array((np.ones(pairs.nnz), pairs.indices, pairs.indptr), pairs.shape)
    reach = np.asarray(ones @ may)
    lost = asking[reach[asking] == 0]
    if lost.size:
        raise Infeasible(
            f"{lost.size} points reach no site that may open: rows "
            f"{listed(lost.tolist(), longest=_NAMED)}."
        )


def _instance(pairs: sp.csr_array, weight: Floats, sites: int) -> tuple[Instance, Units]:
    """Return the problem in whole numbers; a point that could be left alone costs more than all."""
    count, columns = pairs.shape
    size = np.diff(pairs.indptr)
    row = np.repeat(np.arange(count), size)
    costs = pairs.data * weight[row]
    worst = np.zeros(count)
    np.maximum.at(worst, row, costs)
    partial = size < columns
    total = float(worst.sum()) * (1 + 1e-9)
    alone = int(partial.sum())
    units = whole_units(
        costs, total=total * (alone + 1) + alone, terms=count, most=MOST / (sites + 2)
    )
    cap = np.zeros(count)
    np.maximum.at(cap, row, units.counts)
    cap[partial] = cap.sum() + 1
    entries = sp.csr_array((units.counts, pairs.indices, pairs.indptr), pairs.shape)
    return Instance.of(arranged(*ordered(entries, cap), columns), sites), units


def _filled(chosen: tuple[int, ...], sites: int, never: Integers, columns: int) -> Integers:
    """Return the chosen sites and as many of the first others as may still open."""
    others = np.setdiff1d(np.arange(columns), [*chosen, *never.tolist()])
    return np.sort(np.concatenate([np.array(chosen, np.int64), others[: sites - len(chosen)]]))


def _counted(pairs: sp.csr_array, weight: Floats, selected: Integers) -> tuple[float, Mask]:
    """Return the weighted cost of a plan, and which points with weight it leaves alone."""
    here = sp.csr_array(sp.csc_array(pairs)[:, selected])
    row = np.repeat(np.arange(here.shape[0]), np.diff(here.indptr))
    least = np.full(here.shape[0], np.inf)
    np.minimum.at(least, row, here.data)
    asking = weight > 0
    alone = asking & np.isinf(least)
    return math.fsum(weight[asking & ~alone] * least[asking & ~alone]), alone


def _refuse(search: Search, alone: Mask, sites: int) -> None:
    rows = listed(np.flatnonzero(alone).tolist(), longest=_NAMED)
    if search.open:
        raise TimeLimit(
            f"time ran out before {sites} sites were found that reach every point; the best so far "
            f"leave rows {rows}. Raise time_limit_s."
        )
    raise Infeasible(
        f"{sites} sites cannot reach every point; those that cost least leave rows {rows}."
    )
