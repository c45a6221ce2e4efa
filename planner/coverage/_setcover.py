r"""Set covering: the fewest or the cheapest sites that cover everyone, or enough of everyone.

Sets: demand points :math:`i` of weight :math:`w_i`; candidate sites :math:`j` of cost
:math:`c_j`; :math:`a_{ij} = 1` when :math:`j` covers :math:`i`. :math:`y_j = 1` when :math:`j`
opens; all models minimise :math:`\sum_j c_j y_j`.

.. math::

    \text{everyone, } t \text{ times:} \quad & \sum_j a_{ij} y_j \ge t \quad \forall i \\
    \text{a share } \alpha \text{ of the weight:} \quad & z_i \le \sum_j a_{ij} y_j, \quad
    0 \le z_i \le 1, \quad \sum_i w_i z_i \ge \alpha \sum_i w_i \\
    \text{backup, among the optima:} \quad & \max \sum_i w_i u_i, \quad
    \sum_j a_{ij} y_j \ge 1 + u_i, \quad 0 \le u_i \le 1.

References
----------
Daskin, M., Owen, S. (1999). Two new location covering problems: the partial P-center problem and
the partial set covering problem. Geographical Analysis 31.

Hogan, K., ReVelle, C. (1986). Concepts and applications of backup coverage. Management Science 32.

Toregas, C., Swain, R., ReVelle, C., Bergman, L. (1971). The location of emergency service
facilities. Operations Research 19.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from planner._errors import Infeasible, InputError, SolveError
from planner._tables import listed
from planner.coverage._cheapest import Effort, Problem, cheapest, whole, without_dominated
from planner.coverage._milp import Result, Rows, maximise
from planner.coverage._reduce import merge_equal_rows
from planner.coverage._solution import (
    Floats,
    Integers,
    Mask,
    Positions,
    Solution,
    check_effort,
    checked_cover,
    checked_positions,
    checked_weights,
    whole_numbers,
)

_NAMED = 10  # rows named in a message
_ROUNDING = 1e-12  # of a share: 0.07 of 100 people are 7
_SLACK = 1e-6


@dataclass(frozen=True)
class _Case:
    """A checked instance: costs and weights in whole units, and what must and must not open."""

    cover: sp.csr_array
    cost: Integers
    prices: Floats
    unit: float
    weight: Integers
    weight_unit: float
    required: Integers
    allowed: Mask

    def chosen(self, positions: Integers) -> Mask:
        mask = np.zeros(self.cost.size, np.bool_)
        mask[positions] = True
        return mask

    def times(self, chosen: Mask) -> Integers:
        """Return how often each point is covered."""
        count: Integers = self.cover @ chosen.astype(np.int64)
        return count


def set_covering(
    cover: object,
    *,
    costs: object = None,
    required: Positions = (),
    excluded: Positions = (),
    times: int = 1,
    weights: object = None,
    share: float = 1.0,
    backup: bool = False,
    gap: float = 0.0,
    time_limit_s: float = 60.0,
) -> Solution:
    """Choose the fewest or the cheapest sites that cover every demand point, or enough of them.

    Parameters
    ----------
    cover
        Demand points × candidate sites, dense or sparse: True or 1 where the site covers the
        point, as ``minutes <= 10``.
    costs
        Of each candidate, 0 or more; None to count sites. Costs that are not whole in millionths
        are counted to a two-billionth of their sum, and so are weights.
    required, excluded
        Column positions that must, and that must not, open.
    times
        How many sites must cover each point.
    weights
        Of each point, 0 or more, for `share` and `backup`; None to count points.
    share
        Least part of the total weight to cover; with 1, every point is, whatever its weight.
    backup
        Among the choices of the least cost, take one that covers the most weight twice.
    gap
        Share of the cost that may be above the least possible.
    time_limit_s
        Seconds; after them, or at an interrupt, the best choice found so far is returned.

    Returns
    -------
    Solution
        The value is the cost of the selected sites, or their number. It does not depend on the
        order of the points.

    Raises
    ------
    InputError
        When an argument is not what it must be, or two of `times`, `share` and `backup` are asked
        at once.
    Infeasible
        When the allowed candidates cover too little: names the rows, and the largest share within
        reach.

    Examples
    --------
    Three villages, and premises in the middle one that serve all of them.

    >>> within = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1]], bool)
    >>> solution = set_covering(within)
    >>> solution.selected.tolist(), solution.value, solution.proven
    ([1], 1.0, True)
    >>> set_covering(within, excluded=[1], share=0.6).selected.tolist()
    [0, 2]
    """
    began = time.perf_counter()
    check_effort(gap, time_limit_s)
    _check_kind(times, share, backup=backup)
    case = _case(cover, costs=costs, weights=weights, required=required, excluded=excluded)
    effort = Effort(began + time_limit_s, gap)
    if share < 1:
        solution = _partial(case, share, effort)
    else:
        _check_reach(case, times)
        solution = _full(case, times, effort)
    if backup:
        solution = _with_backup(case, solution, effort)
    return replace(solution, seconds=time.perf_counter() - began)


def _check_kind(times: int, share: float, *, backup: bool) -> None:
    if isinstance(times, bool) or not isinstance(times, int | np.integer) or times < 1:
        raise InputError(f"times={times!r}: a whole number, 1 or more.")
    if not 0 <= share <= 1:
        raise InputError(f"share={share!r}: a number from 0 to 1.")
    if (times > 1) + (share < 1) + backup > 1:
        raise InputError("only one of times above 1, share below 1 and backup at once.")


def _case(
    cover: object,
    *,
    costs: object,
    weights: object,
    required: Positions,
    excluded: Positions,
) -> _Case:
    pairs = checked_cover(cover)
    points, sites = pairs.shape
    must, never = checked_positions(required, excluded, sites)
    prices = checked_weights(costs, sites, name="costs")
    cost, unit = whole_numbers(prices)
    weight, weight_unit = whole_numbers(checked_weights(weights, points))
    allowed = np.ones(sites, np.bool_)
    allowed[never] = False
    return _Case(pairs, cost, prices, unit, weight, weight_unit, must, allowed)


def _check_reach(case: _Case, times: int) -> None:
    """Refuse what the allowed candidates cannot do; say which rows and what share they can."""
    reach = case.times(case.allowed)
    short = np.flatnonzero(reach < times).tolist()
    if not short:
        return
    often = "" if times == 1 else f" {times} times"
    possible = _share_of(case.weight, reach >= times)
    raise Infeasible(
        f"{len(short)} demand points are not covered{often} by any choice of sites: rows "
        f"{listed(short, longest=_NAMED)}. At most a share of {possible:.6g} is: ask for less "
        "(share), for fewer times, add candidates or cover farther."
    )


def _share_of(weight: Integers, covered: Mask) -> float:
    """Return a share rounded down to a millionth, so that asking for it succeeds."""
    total = int(weight.sum())
    return math.floor(1e6 * int(weight[covered].sum()) / total) / 1e6 if total else 1.0


# Everyone


def _full(case: _Case, times: int, effort: Effort) -> Solution:
    """Cover every point as often as asked."""
    rows, _ = merge_equal_rows(case.cover, case.weight)
    merged = case.cover.shape[0] - rows.shape[0]
    problem = Problem(
        sp.csr_array(rows.astype(np.int8)),
        need=np.full(rows.shape[0], times),
        cost=case.cost,
        columns=np.arange(case.cost.size),
    )
    is_required = case.chosen(case.required)
    problem = problem.open(is_required).keep(case.allowed[~is_required])
    found, counts = cheapest(problem, effort)
    base = int(case.cost[case.required].sum())
    proven = effort.met(base + found.value, base + found.bound)
    counts = {"merged_rows": merged} | counts
    return _solution(case, found.chosen, base + found.bound, proven=proven, counts=counts)


def _solution(
    case: _Case, chosen: Integers, bound: int, *, proven: bool, counts: Mapping[str, int]
) -> Solution:
    """Count the cost of a choice anew; give the bound in the unit of the costs."""
    value = math.fsum(case.prices[chosen])
    exact = np.array_equal(case.cost * case.unit, case.prices)
    least = bound * case.unit - (0.0 if exact else case.unit * case.cost.size / 2)
    if proven and bound == int(case.cost[chosen].sum()):
        least = value
    least = max(0.0, min(value, least))
    return Solution(np.sort(chosen), value, least, proven, seconds=0.0, reduced=counts)


# A share


def _partial(case: _Case, share: float, effort: Effort) -> Solution:
    """Cover a share of the weight."""
    total = int(case.weight.sum())
    need = math.ceil(share * total * (1 - _ROUNDING))
    reach = case.times(case.allowed) > 0
    if int(case.weight[reach].sum()) < need:
        missed = np.flatnonzero(~reach).tolist()
        raise Infeasible(
            f"share={share:g} is out of reach: the allowed candidates cover a share of "
            f"{_share_of(case.weight, reach):.6g}. Not covered: {len(missed)} demand points, rows "
            f"{listed(missed, longest=_NAMED)}."
        )
    is_required = case.chosen(case.required)
    open_ = case.times(is_required) > 0
    need = max(need - int(case.weight[open_].sum()), 0)
    columns = np.flatnonzero(case.allowed & ~is_required)
    left = sp.csr_array(case.cover[~open_][:, columns])
    rows, weight = merge_equal_rows(left, case.weight[~open_])
    problem = without_dominated(
        Problem(
            sp.csr_array(rows.astype(np.int8)), np.ones_like(weight), case.cost[columns], columns
        )
    )
    picked, bound = _cheapest_part(problem, weight, need, effort)
    base = int(case.cost[case.required].sum())
    value = base + int(problem.cost[picked].sum())
    return _solution(
        case,
        np.concatenate((case.required, problem.columns[picked])),
        base + bound,
        proven=effort.met(value, base + bound),
        counts={
            "merged_rows": case.cover.shape[0] - weight.size,
            "dominated_columns": problem.counts["dominated_columns"],
        },
    )


def _cheapest_part(
    problem: Problem, weight: Integers, need: int, effort: Effort
) -> tuple[Mask, int]:
    """Return columns that cover rows of enough weight, and the least cost this can have."""
    best = _greedy_part(problem, weight, need)
    value = int(problem.cost[best].sum())
    bound = min(value, _filling_bound(problem, weight, need))
    if effort.met(value, bound) or effort.left_s <= 0:
        return best, bound
    sites = problem.cost.size
    scale = effort.scale(bound)
    links = sp.hstack((problem.cover, -sp.eye_array(weight.size)), format="csr")
    enough = sp.csr_array(np.concatenate((np.zeros(sites), weight))[None])
    no_limit = np.full(weight.size, np.inf)
    rows = [
        Rows(sp.csr_array(links), np.zeros(weight.size), no_limit),
        Rows(enough, np.array([need - 1 / 2]), no_limit[:1]),
    ]
    cost = np.concatenate((problem.cost, np.zeros(weight.size)))
    result = _attempt(-scale * cost.astype(np.float64), rows, sites, effort)
    if result is None:
        return best, bound
    found = result.x[:sites] > 1 / 2
    cheaper = int(problem.cost[found].sum())
    if cheaper < value and int(weight[problem.cover @ found.astype(np.int64) > 0].sum()) >= need:
        best, value = found, cheaper
    least = whole(max(-result.bound / scale, 0.0))
    return best, min(value, max(bound, least, value if result.proven and scale == 1 else 0))


def _greedy_part(problem: Problem, weight: Integers, need: int) -> Mask:
    """Add the column of the least cost for what it adds; then close what is not needed."""
    by_column = sp.csr_array(problem.cover.T.astype(np.int64))
    chosen = np.zeros(problem.cost.size, np.bool_)
    while need > int(weight[problem.cover @ chosen.astype(np.int64) > 0].sum()):
        free = problem.cover @ chosen.astype(np.int64) == 0
        missing = need - int(weight[~free].sum())
        gain = np.minimum(by_column @ (weight * free), missing)
        ratio = np.full(chosen.size, np.inf)
        np.divide(problem.cost, gain, out=ratio, where=gain > 0)
        chosen[ratio.argmin()] = True
    for column in np.flatnonzero(chosen)[np.argsort(-problem.cost[chosen], kind="stable")]:
        chosen[column] = False
        if int(weight[problem.cover @ chosen.astype(np.int64) > 0].sum()) < need:
            chosen[column] = True
    return chosen


def _filling_bound(problem: Problem, weight: Integers, need: int) -> int:
    """Return what it costs at least if no two columns cover the same row."""
    most = sp.csr_array(problem.cover.T.astype(np.int64)) @ weight
    order = np.argsort(problem.cost / np.maximum(most, _SLACK), kind="stable")
    filled = np.minimum(np.cumsum(most[order]), need)
    added = np.diff(filled, prepend=0)
    return whole(float((problem.cost[order] * added / np.maximum(most[order], 1)).sum()))


def _attempt(gain: Floats, rows: list[Rows], sites: int, effort: Effort) -> Result | None:
    """Return what HiGHS finds in the time left, the first columns being whole; None if nothing."""
    try:
        return maximise(
            gain,
            rows,
            integer=np.arange(gain.size) < sites,
            upper=np.ones(gain.size),
            time_limit_s=effort.left_s,
        )
    except SolveError:
        return None
    except KeyboardInterrupt:
        effort.stop()
        return None


# Backup


def _with_backup(case: _Case, solution: Solution, effort: Effort) -> Solution:
    """Take of the choices that cost no more one that covers the most weight twice."""
    chosen = case.chosen(solution.selected)
    value = _backup(case, chosen)
    bound = int(case.weight[case.times(case.allowed) > 1].sum())
    if bound > value and effort.left_s > 0:
        budget = int(case.cost[chosen].sum())
        scale = effort.scale(value)
        result = _attempt(*_backup_model(case, budget, scale), case.cost.size, effort)
        if result is not None:
            bound = math.floor(min(bound, result.bound / scale + _SLACK))
            found = result.x[: case.cost.size] > 1 / 2
            if _serves(case, found, budget) and _backup(case, found) > value:
                chosen, value = found, _backup(case, found)
            if result.proven and scale == 1:
                bound = value
    bound = max(bound, value)
    price = math.fsum(case.prices[chosen])
    return replace(
        solution,
        selected=np.flatnonzero(chosen),
        value=price,
        bound=price if solution.bound == solution.value else min(solution.bound, price),
        proven=solution.proven and bound - value <= effort.gap * bound,
        backup=value * case.weight_unit,
        backup_bound=bound * case.weight_unit,
    )


def _backup(case: _Case, chosen: Mask) -> int:
    return int(case.weight[case.times(chosen) > 1].sum())


def _serves(case: _Case, chosen: Mask, budget: int) -> bool:
    everyone = (case.times(chosen) > 0).all()
    return bool(everyone and chosen[case.required].all() and int(case.cost[chosen].sum()) <= budget)


def _backup_model(case: _Case, budget: int, scale: float) -> tuple[Floats, list[Rows]]:
    """Return the gain and the rows of covering twice within a budget."""
    columns = case.cover.copy()
    columns.data = case.allowed[columns.indices].astype(np.int8)
    columns.eliminate_zeros()
    cover, weight = merge_equal_rows(columns, case.weight)
    sites, width = case.cost.size, case.cost.size + weight.size
    twice = sp.hstack((cover.astype(np.float64), -sp.eye_array(weight.size)), format="csr")
    price = sp.csr_array(np.concatenate((case.cost, np.zeros(weight.size)))[None])
    open_ = sp.csr_array(
        (np.ones(case.required.size), (np.arange(case.required.size), case.required)),
        shape=(case.required.size, width),
    )
    no_limit = np.full(width, np.inf)
    rows = [
        Rows(sp.csr_array(twice), np.ones(weight.size), no_limit[: weight.size]),
        Rows(price, np.zeros(1), np.array([budget + 1 / 2])),
        Rows(open_, np.ones(case.required.size), no_limit[: case.required.size]),
    ]
    return scale * np.concatenate((np.zeros(sites), weight.astype(np.float64))), rows
