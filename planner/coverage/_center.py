r"""The p-center: sites such that the farthest demand point is as near as can be.

Sets: demand points :math:`i`, candidate sites :math:`j`, cost :math:`d_{ij}` of reaching
:math:`j` from :math:`i`. :math:`y_j = 1` when :math:`j` opens.

.. math::

    \min r \quad \text{s.t.} \quad \sum_{j: d_{ij} \le r} y_j \ge 1 \quad \forall i, \quad
    \sum_j y_j \le p, \quad y \in \{0, 1\}.

The optimum is one of the costs, and whether a radius is possible is a set covering problem; the
radius is found by bisection (Minieka 1970). Each covering is asked of a few points only: when these
cannot be covered, all cannot; when the sites that cover them leave others out, some of these
join (Chen and Chen 2009). Quick bounds narrow the range before the solver is called.

References
----------
Chen, D., Chen, R. (2009). New relaxation-based algorithms for the optimal solution of the
continuous and discrete p-center problems. Computers & Operations Research 36.

Hakimi, S. L. (1964). Optimum locations of switching centers and the absolute centers and medians
of a graph. Operations Research 12.

Minieka, E. (1970). The m-center problem. SIAM Review 12.
"""

import time
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from planner._errors import Infeasible, TimeLimit
from planner._tables import listed
from planner.coverage._cheapest import Effort, Problem, cheapest
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
)

_NAMED = 10  # rows named in a message
_MOST_JOINING = 20  # points that join the relaxation at once


@dataclass(frozen=True)
class _Case:
    """A checked instance: points in an order of their own, and only the sites that may open."""

    by_point: sp.csr_array
    by_site: sp.csc_array
    required: Integers
    columns: Integers
    sites: int

    def nearest(self, chosen: Integers) -> Floats:
        """Return the least cost of each point to the chosen sites."""
        least = np.full(self.by_site.shape[0], np.inf)
        for site in chosen.tolist():
            here = slice(self.by_site.indptr[site], self.by_site.indptr[site + 1])
            points = self.by_site.indices[here]
            least[points] = np.minimum(least[points], self.by_site.data[here])
        return least


@dataclass
class _Search:
    """What is known so far; it changes as the search goes on.

    Attributes
    ----------
    chosen, radius
        The best sites found and the largest cost to them; infinite before there are any.
    least
        No radius below it is possible.
    asked
        The points that take part in the relaxation.
    gap
        Share of the radius that may be missing.
    counts
        What was done, by name.
    """

    chosen: Integers
    radius: float
    least: float
    asked: Mask
    gap: float
    counts: dict[str, int] = field(default_factory=lambda: {"coverings": 0, "points_asked": 0})

    @property
    def met(self) -> bool:
        """Whether the radius is near enough to what is possible."""
        return self.radius < np.inf and self.radius - self.least <= self.gap * self.radius


def p_center(
    cost: object,
    *,
    sites: int,
    required: Positions = (),
    excluded: Positions = (),
    gap: float = 0.0,
    time_limit_s: float = 60.0,
) -> Solution:
    """Choose sites such that the largest cost of a demand point to its nearest site is smallest.

    Parameters
    ----------
    cost
        Demand points × candidate sites, minutes for example, 0 or more. Dense: infinite where out
        of reach. Sparse: absent where out of reach; a stored zero is a cost of zero. For a
        weighted center, multiply the rows by the weights first.
    sites
        At most so many open, the required ones among them.
    required, excluded
        Column positions that must, and that must not, open.
    gap
        Share of the value that may be above the least possible.
    time_limit_s
        Seconds; after them, or at an interrupt, the best choice found so far is returned.

    Returns
    -------
    Solution
        The value is the largest cost, the bound a cost that no choice can be below. A proven
        choice has the fewest sites of its value, and of these the lowest sum of positions, as far
        as time allowed. It does not depend on the order of the points.

    Raises
    ------
    InputError
        When an argument is not what it must be.
    Infeasible
        When some points are out of reach of all candidates, which are named, or so few sites
        cannot reach all points.
    TimeLimit
        When time ran out before sites that reach all points were found.

    Examples
    --------
    >>> minutes = np.array([[0, 8, 20], [8, 0, 9], [20, 9, 0.0]])
    >>> solution = p_center(minutes, sites=1)
    >>> solution.selected.tolist(), solution.value, solution.bound
    ([1], 9.0, 9.0)
    """
    began = time.perf_counter()
    check_effort(gap, time_limit_s)
    case = _case(cost, sites, required, excluded)
    effort = Effort(began + time_limit_s)
    search = _start(case, gap)
    try:
        _narrow(case, search, effort)
        if search.met:
            _tidy(case, search, effort)
    except KeyboardInterrupt:
        if search.radius == np.inf:
            raise
    if search.radius == np.inf:
        raise TimeLimit("time ran out before a choice that reaches all points; raise time_limit_s.")
    search.counts["points_asked"] = int(search.asked.sum())
    return Solution(
        selected=np.sort(case.columns[search.chosen]),
        value=search.radius,
        bound=search.least,
        proven=search.met,
        seconds=time.perf_counter() - began,
        reduced=search.counts,
    )


def _case(cost: object, sites: int, required: Positions, excluded: Positions) -> _Case:
    pairs = checked_cost(cost)
    must, never = checked_positions(required, excluded, pairs.shape[1])
    sites = checked_sites(sites, must)
    columns = np.setdiff1d(np.arange(pairs.shape[1]), never)
    pairs = sp.csr_array(pairs[:, columns])
    reach = np.diff(pairs.indptr)
    if not reach.all():
        lost = np.flatnonzero(reach == 0).tolist()
        raise Infeasible(
            f"{len(lost)} demand points are out of reach of every candidate that may open: rows "
            f"{listed(lost, longest=_NAMED)}. Add candidates, or leave these points out."
        )
    pairs = sp.csr_array(pairs[_order(pairs)])
    return _Case(pairs, sp.csc_array(pairs), np.searchsorted(columns, must), columns, sites)


def _order(pairs: sp.csr_array) -> Integers:
    """Return an order of the points that does not depend on the order they came in.

    They are sorted by three random sums of their costs: only points that are the same tie.
    """
    draw = np.random.default_rng(0).standard_normal((pairs.shape[1], 3))
    ones = sp.csr_array((np.ones_like(pairs.data), pairs.indices, pairs.indptr), pairs.shape)
    keys = np.column_stack((pairs @ draw, ones @ draw[:, :1]))
    order: Integers = np.lexsort(keys.T)
    return order


def _least_of_rows(pairs: sp.csr_array) -> Floats:
    if not pairs.shape[0]:
        return np.zeros(0)
    least: Floats = np.minimum.reduceat(pairs.data, pairs.indptr[:-1])
    return least


def _start(case: _Case, gap: float) -> _Search:
    """Open sites one by one, each the nearest of the point that is then farthest."""
    points = case.by_point.shape[0]
    asked, chosen = np.zeros(points, np.bool_), case.required.tolist()
    distance = case.nearest(case.required)
    least = float(_least_of_rows(case.by_point).max(initial=0.0))
    while points and len(chosen) < case.sites and distance.max() > least:
        far = int(distance.argmax())
        asked[far] = True
        here = slice(case.by_point.indptr[far], case.by_point.indptr[far + 1])
        site = int(case.by_point.indices[here][case.by_point.data[here].argmin()])
        chosen.append(site)
        distance = np.minimum(distance, case.nearest(np.array([site])))
    if points:
        asked[distance.argmax()] = True
    radius = float(distance.max(initial=0.0))
    return _Search(np.array(chosen, np.int64), radius, least, asked, gap)


def _narrow(case: _Case, search: _Search, effort: Effort) -> None:
    """Bisect the costs between the bound and the radius, first without the solver."""
    if search.radius == np.inf:
        top = float(case.by_point.data.max(initial=0.0))
        if _possible(case, search, top, effort) is False:
            raise Infeasible(
                f"sites={case.sites}: more are needed to reach all points at any cost."
            )
    costs = case.by_point.data
    levels = np.unique(costs[(costs >= search.least) & (costs <= search.radius)])
    for solver in (False, True):
        low = int(np.searchsorted(levels, search.least))
        while effort.left_s > 0 and not search.met:
            high = int(np.searchsorted(levels, search.radius))
            if low >= high:
                break
            middle = (low + high) // 2
            possible = _possible(case, search, float(levels[middle]), effort, solver=solver)
            if possible is False:
                search.least = float(levels[middle + 1])
            if not possible:
                low = middle + 1


def _possible(
    case: _Case, search: _Search, radius: float, effort: Effort, *, solver: bool = True
) -> bool | None:
    """Say whether the sites can reach all points within a radius; None when it stays open."""
    free = case.sites - case.required.size
    while True:
        problem = _covering(case, search, radius, np.ones(case.columns.size, np.int64))
        found, _ = cheapest(problem, effort, enough=free, solver=solver)
        if found.bound > free:
            return False
        if found.value > free:
            return None
        chosen = _filled(case, found.chosen, radius)
        distance = case.nearest(chosen)
        if (farthest := float(distance.max(initial=0.0))) < search.radius:
            search.chosen, search.radius = chosen, farthest
        if farthest <= radius:
            return True
        if effort.left_s <= 0:
            return None
        _join(case, search, distance, radius)


def _covering(case: _Case, search: _Search, radius: float, prices: Integers) -> Problem:
    """Return the problem of reaching the points asked within a radius."""
    search.counts["coverings"] += 1
    pairs = case.by_point[search.asked]
    rows = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
    near = pairs.data <= radius
    ones = np.ones(int(near.sum()), np.int8)
    cover = sp.csr_array((ones, (rows[near], pairs.indices[near])), shape=pairs.shape)
    need = np.ones(pairs.shape[0], np.int64)
    is_required = np.zeros(prices.size, np.bool_)
    is_required[case.required] = True
    return Problem(cover, need, prices, np.arange(prices.size)).open(is_required)


def _filled(case: _Case, chosen: Integers, radius: float) -> Integers:
    """Open the sites that are left where each reaches most of the points out of reach."""
    distance = case.nearest(chosen)
    while chosen.size < case.sites and (distance > radius).any():
        pairs = case.by_point[distance > radius]
        reached = np.bincount(pairs.indices[pairs.data <= radius], minlength=case.columns.size)
        chosen = np.append(chosen, reached.argmax())
        distance = np.minimum(distance, case.nearest(chosen[-1:]))
    return chosen


def _join(case: _Case, search: _Search, distance: Floats, radius: float) -> None:
    """Let far points out of reach join the relaxation, no two of which one site could serve."""
    distance = np.where(distance > radius, distance, 0.0)
    for _ in range(_MOST_JOINING):
        far = int(distance.argmax())
        if distance[far] == 0:
            return
        search.asked[far] = True
        here = slice(case.by_point.indptr[far], case.by_point.indptr[far + 1])
        near = case.by_point.indices[here][case.by_point.data[here] <= radius]
        distance[case.nearest(near.astype(np.int64)) <= radius] = 0.0


def _tidy(case: _Case, search: _Search, effort: Effort) -> None:
    """Take the fewest sites that keep the radius, and of these the lowest sum of positions."""
    most = max(case.columns.size, 1) * max(search.chosen.size, 1)
    prices = most + case.columns
    while effort.left_s > 0:
        problem = _covering(case, search, search.radius, prices)
        found, _ = cheapest(problem, effort)
        distance = case.nearest(found.chosen)
        if (distance <= search.radius).all():
            if prices[found.chosen].sum() < prices[search.chosen].sum():
                search.chosen, search.radius = found.chosen, float(distance.max(initial=0.0))
            return
        _join(case, search, distance, search.radius)
