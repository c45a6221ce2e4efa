r"""The cheapest columns that cover every row often enough, in whole numbers.

.. math::

    \min \sum_j c_j y_j \quad \text{s.t.} \quad \sum_j a_{ij} y_j \ge b_i, \quad
    y \in \{0, 1\}.

Exact reduction first (essential columns, implied rows, dominated columns, until nothing changes);
then each connected component alone: a Lagrangian bound with greedy covers beside it, columns
priced out by their reduced cost, and HiGHS on what is left.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from planner._errors import Infeasible, SolveError
from planner.coverage._milp import Rows, maximise
from planner.coverage._solution import Floats, Integers, Mask

_STEPS, _PATIENCE, _SHORTEST_STEP = 400, 12, 5e-3
_GREEDY_EVERY = 10
_SLACK = 1e-6  # of a unit of cost, for sums of floats
_RELATIVE_SLACK = 1e-10
_SOLVER_GAP = 0.4  # absolute, in `maximise`
_COUNTS = ("implied_rows", "dominated_columns", "essential_columns", "priced_columns")


@dataclass
class Effort:
    """How long, and how near to the optimum.

    Attributes
    ----------
    deadline
        Of `time.perf_counter`; an interrupt brings it forward to now.
    gap
        Share of the value that may be missing.
    """

    deadline: float
    gap: float = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.perf_counter()

    def stop(self) -> None:
        """Take no more time: what is found is handed back."""
        self.deadline = -np.inf

    def scale(self, size: float) -> float:
        """Return by how much to shrink whole objectives so that `maximise` stops at the gap."""
        return min(1.0, _SOLVER_GAP / max(self.gap * size, _SOLVER_GAP))

    def met(self, value: float, bound: float) -> bool:
        """Say whether the value is near enough to the bound."""
        return value - bound <= self.gap * value


@dataclass(frozen=True)
class Problem:
    """Rows to cover by columns; what is already decided.

    Attributes
    ----------
    cover
        Rows × columns, ones.
    need
        How often to cover each row, 1 or more.
    cost
        Whole cost of each column.
    columns
        Position of each column in the problem as it was given.
    opened
        Positions of the columns decided to be open; their cost is not part of this problem.
    counts
        What the reduction did, by name.
    """

    cover: sp.csr_array
    need: Integers
    cost: Integers
    columns: Integers
    opened: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))

    @property
    def possible(self) -> bool:
        """Whether every row has the columns it needs."""
        return bool((np.diff(self.cover.indptr) >= self.need).all())

    def keep(self, columns: Mask) -> "Problem":
        """Return the problem with some of its columns only."""
        return replace(
            self,
            cover=self.cover[:, columns],
            cost=self.cost[columns],
            columns=self.columns[columns],
        )

    def open(self, columns: Mask) -> "Problem":
        """Return what is left once some columns are open."""
        need = self.need - self.cover @ columns.astype(np.int64)
        rest = replace(
            self,
            cover=self.cover[need > 0],
            need=need[need > 0],
            opened=np.concatenate((self.opened, self.columns[columns])),
        )
        return rest.keep(~columns)

    def counted(self, name: str, number: int) -> "Problem":
        """Return the same problem with a count raised."""
        return replace(self, counts=self.counts | {name: self.counts[name] + number})


@dataclass
class Cover:
    """The best cover found and what no cover can better; both change as the search goes on.

    Attributes
    ----------
    chosen
        Positions of the open columns.
    value, bound
        Its cost, and what no cover can be below.
    relaxed, reduced_cost
        The best bound of the Lagrangian before it is rounded, and the reduced costs beside it.
    """

    chosen: Integers
    value: int
    bound: int
    relaxed: float = -np.inf
    reduced_cost: Floats = field(default_factory=lambda: np.zeros(0))


def cheapest(
    problem: Problem, effort: Effort, *, enough: int | None = None, solver: bool = True
) -> tuple[Cover, dict[str, int]]:
    """Find the cheapest cover.

    Parameters
    ----------
    problem
        Each row must have the columns it needs.
    effort
        When time runs out, or at an interrupt, the best cover so far is returned.
    enough
        If not None, all that is asked is whether a cover of this value exists.
    solver
        Whether HiGHS may be called.

    Returns
    -------
    tuple[Cover, dict[str, int]]
        What is chosen, with what was already open in the problem; value and bound without the
        cost of the latter. And what the reduction did.
    """
    smaller = reduced(problem)
    new = smaller.opened[problem.opened.size :]
    base = int(problem.cost[np.searchsorted(problem.columns, new)].sum())
    parts = list(_components(smaller))
    covers = [_first(part) for part in parts]
    counts = smaller.counts | {"components": len(parts)}
    for improve in (_price, _solve) if solver else (_price,):
        for part, cover in zip(parts, covers, strict=True):
            if effort.left_s <= 0 or _decided(*_totals(covers, base), effort, enough):
                break
            others = _totals(covers, base)[1] - cover.bound
            most = None if enough is None else enough - others
            try:
                counts["priced_columns"] += improve(part, cover, effort, most)
            except KeyboardInterrupt:
                effort.stop()
    value, bound = _totals(covers, base)
    chosen = np.concatenate([smaller.opened, *(cover.chosen for cover in covers)])
    return Cover(chosen, value, bound), counts


def _totals(covers: list[Cover], base: int) -> tuple[int, int]:
    return base + sum(cover.value for cover in covers), base + sum(cover.bound for cover in covers)


def _decided(value: int, bound: int, effort: Effort, enough: int | None) -> bool:
    if enough is not None and (value <= enough or bound > enough):
        return True
    return effort.met(value, bound)


# Reduction


def reduced(problem: Problem) -> Problem:
    """Make a problem smaller without changing its optimum, until nothing changes.

    A column is essential when a row cannot do without it. A row is implied when it holds all
    columns of another that needs as much. A column is dominated when another covers all its rows,
    each needed once, and costs no more; of equals the first stays.

    Parameters
    ----------
    problem
        Each row must have the columns it needs.

    Returns
    -------
    Problem
        What is left.
    """
    size = None
    while size != problem.cover.shape:
        size = problem.cover.shape
        problem = without_dominated(_without_implied(_without_essential(problem)))
    return problem


def _without_essential(problem: Problem) -> Problem:
    tight = np.diff(problem.cover.indptr) == problem.need
    essential = np.zeros(problem.cost.size, np.bool_)
    essential[problem.cover[tight].indices] = True
    if not essential.any():
        return problem
    rest = problem.open(essential).counted("essential_columns", int(essential.sum()))
    return rest if rest.need.size == 0 else _without_essential(rest)


def _without_implied(problem: Problem) -> Problem:
    sizes = np.diff(problem.cover.indptr)
    kept = np.ones(sizes.size, np.bool_)
    for row, others in _supersets(problem.cover, np.lexsort((-problem.need, sizes)), kept):
        kept[others[problem.need[others] <= problem.need[row]]] = False
        kept[row] = True
    rest = replace(problem, cover=problem.cover[kept], need=problem.need[kept])
    return rest.counted("implied_rows", int((~kept).sum()))


def without_dominated(problem: Problem) -> Problem:
    """Drop the columns that cover nothing, or that another one can stand for.

    Parameters
    ----------
    problem
        Any; the weaker problem of covering a part of the rows keeps its optimum, too.

    Returns
    -------
    Problem
        The same rows, with fewer columns.
    """
    by_column = sp.csr_array(problem.cover.T)
    sizes = np.diff(by_column.indptr)
    often = by_column @ (problem.need > 1).astype(np.int64) > 0
    kept = sizes > 0
    order = np.lexsort((-problem.columns, sizes))
    for column, others in _supersets(by_column, order[~often[order]], kept):
        better = kept[others] & (problem.cost[others] <= problem.cost[column])
        kept[column] = not (better & (others != column)).any()
    return problem.keep(kept).counted("dominated_columns", int((~kept).sum()))


def _supersets(sets: sp.csr_array, order: Integers, kept: Mask) -> Iterator[tuple[int, Integers]]:
    """Yield each row that is still kept when its turn comes, and the rows that hold all of it."""
    members = np.packbits(sets.T.toarray().astype(np.bool_), axis=1)
    for row in order.tolist():
        if kept[row]:
            own = sets.indices[sets.indptr[row] : sets.indptr[row + 1]]
            common = np.bitwise_and.reduce(members[own], axis=0)
            yield row, np.flatnonzero(np.unpackbits(common, count=sets.shape[0]))


def _components(problem: Problem) -> Iterator[Problem]:
    """Yield the parts of a problem that share no column, in the order of their first columns."""
    rows, columns = problem.cover.shape
    owner = np.repeat(np.arange(rows), np.diff(problem.cover.indptr))
    size = (rows + columns, rows + columns)
    graph = sp.csr_array((np.ones(owner.size), (owner, rows + problem.cover.indices)), shape=size)
    labels = connected_components(graph, directed=False)[1] if rows else np.zeros(0, np.int64)
    of_column, first = np.unique(labels[rows:], return_index=True)
    nothing = np.zeros(0, np.int64)
    for label in of_column[np.argsort(first)] if columns else ():
        row, column = labels[:rows] == label, labels[rows:] == label
        yield replace(
            problem,
            cover=problem.cover[row][:, column],
            need=problem.need[row],
            cost=problem.cost[column],
            columns=problem.columns[column],
            opened=nothing,
        )


# One component


def _first(part: Problem) -> Cover:
    """Return a greedy cover, and the bound of sharing every cost among the rows it covers."""
    chosen = _greedy(part, part.cost.astype(np.float64))
    bound = whole(float(part.need @ _shares(part)))
    value = int(part.cost[chosen].sum())
    return Cover(part.columns[chosen], value, min(bound, value))


def _shares(part: Problem) -> Floats:
    """Return for each row the least share of the cost of one of its columns."""
    share = part.cost / np.maximum(np.bincount(part.cover.indices, minlength=part.cost.size), 1)
    if not part.need.size:
        return np.zeros(0)
    least: Floats = np.minimum.reduceat(share[part.cover.indices], part.cover.indptr[:-1])
    return least


def whole(bound: float) -> int:
    """Return the least whole number not below a bound that carries the error of its sum.

    Parameters
    ----------
    bound
        A lower bound of a whole number.

    Returns
    -------
    int
        The bound that it proves.
    """
    return int(np.ceil(bound - _SLACK - _RELATIVE_SLACK * abs(bound)))


def _greedy(part: Problem, price: Floats) -> Mask:
    """Cover all rows by the columns of the lowest price a row, then close what is not needed."""
    by_column = sp.csr_array(part.cover.T)
    chosen = price < 0
    missing = part.need - part.cover @ chosen.astype(np.int64)
    while (missing > 0).any():
        gain = by_column @ (missing > 0).astype(np.int64)
        gain[chosen] = 0
        ratio = np.full(price.size, np.inf)
        np.divide(price, gain, out=ratio, where=gain > 0)
        best = int(ratio.argmin())
        chosen[best] = True
        missing[by_column.indices[by_column.indptr[best] : by_column.indptr[best + 1]]] -= 1
    open_ = np.flatnonzero(chosen)
    for column in open_[np.lexsort((-open_, -price[open_], -part.cost[open_]))].tolist():
        rows = by_column.indices[by_column.indptr[column] : by_column.indptr[column + 1]]
        if (missing[rows] < 0).all():
            chosen[column] = False
            missing[rows] += 1
    return chosen


def _price(part: Problem, cover: Cover, effort: Effort, most: int | None) -> int:
    """Raise the bound by subgradient steps on the prices of the rows; try greedy covers.

    It is enough to know whether a cover of a value of `most` exists, if not None.

    Held, Wolfe and Crowder (1974); the step is halved when the bound no longer rises.
    """
    by_row = sp.csr_array(part.cover.astype(np.float64))
    by_column = sp.csr_array(by_row.T)
    row_price, length, since = _shares(part), 1.0, 0
    cost = part.cost.astype(np.float64)
    for step in range(_STEPS):
        reduced_cost = cost - by_column @ row_price
        bound = float(part.need @ row_price + np.minimum(reduced_cost, 0.0).sum())
        since += 1
        if bound > cover.relaxed + _SLACK:
            cover.relaxed, cover.reduced_cost, since = bound, reduced_cost, 0
            cover.bound = min(max(cover.bound, whole(bound)), cover.value)
        if step % _GREEDY_EVERY == 0:
            _try(part, cover, _greedy(part, reduced_cost))
        if since > _PATIENCE:
            length, since = length / 2, 0
        slope = part.need - by_row @ (reduced_cost < 0)
        closed = _decided(cover.value, cover.bound, effort, most) or not slope.any()
        if closed or length < _SHORTEST_STEP or effort.left_s <= 0:
            break
        aim = max(cover.value - bound, 1.0)
        row_price = np.maximum(row_price + length * aim / (slope @ slope) * slope, 0.0)
    return 0


def _try(part: Problem, cover: Cover, chosen: Mask) -> None:
    """Take a cover if it covers and is cheaper."""
    value = int(part.cost[chosen].sum())
    if value < cover.value and (part.cover @ chosen.astype(np.int64) >= part.need).all():
        cover.chosen, cover.value = part.columns[chosen], value
        cover.bound = min(cover.bound, value)


def _solve(part: Problem, cover: Cover, effort: Effort, _: int | None) -> int:
    """Find by HiGHS a cheaper cover or that there is none; return the columns priced out.

    Only the columns that a cheaper cover can be made of take part: those whose reduced cost does
    not lift the bound to the value in hand.
    """
    if effort.met(cover.value, cover.bound):
        return 0
    room = cover.value - 1 - cover.relaxed + _SLACK + _RELATIVE_SLACK * cover.value
    out, inside = cover.reduced_cost > room, -cover.reduced_cost > room
    rest = part.open(inside).keep(~out[~inside])
    if rest.possible:
        _solve_rest(part, reduced(rest), cover, effort)
    else:
        cover.bound = cover.value
    return int(out.sum() + inside.sum())


def _solve_rest(part: Problem, rest: Problem, cover: Cover, effort: Effort) -> None:
    """Give HiGHS what is left of a component; believe its cover once it is counted anew."""
    chosen = np.isin(part.columns, rest.opened)
    base = int(part.cost[chosen].sum())
    scale = effort.scale(cover.bound)
    rows = Rows(
        sp.csr_array(rest.cover.astype(np.float64)),
        rest.need.astype(np.float64),
        np.full(rest.need.size, np.inf),
    )
    try:
        result = maximise(
            -scale * rest.cost.astype(np.float64),
            [rows],
            integer=np.ones(rest.cost.size, np.bool_),
            upper=np.ones(rest.cost.size),
            time_limit_s=max(effort.left_s, 0.0),
        )
    except Infeasible:
        cover.bound = cover.value
        return
    except SolveError:
        return  # no cover in time: the greedy one and the Lagrangian bound stand
    chosen |= np.isin(part.columns, rest.columns[result.x > 1 / 2])
    least = base + whole(max(-result.bound / scale, 0.0))
    if result.proven and scale == 1:
        least = max(least, int(part.cost[chosen].sum()))
    _try(part, cover, chosen)
    cover.bound = max(cover.bound, min(least, cover.value))
