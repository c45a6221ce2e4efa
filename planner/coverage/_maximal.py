r"""Maximal covering: the sites within reach of most people, whole or by degrees.

Sets: demand points :math:`i` of weight :math:`w_i`; candidate sites :math:`j`;
:math:`0 \le g_{ij} \le 1` is how well :math:`j` covers :math:`i`, 1 or 0 where cover is all or
nothing. :math:`S` is the set of open sites.

.. math::

    \max_{|S| \le p} \; \sum_i w_i \max_{j \in S} g_{ij}

With capacities :math:`k_j`, a point may be shared among sites, :math:`x_{ij}` being the share:

.. math::

    \max \sum_{ij} w_i g_{ij} x_{ij}, \quad \sum_j x_{ij} \le 1, \quad 0 \le x_{ij} \le y_j, \quad
    \sum_i w_i x_{ij} \le k_j y_j, \quad \sum_j y_j \le p, \quad y_j \in \{0, 1\}.

References
----------
Berman, O., Krass, D. (2002). The generalized maximal covering location problem. Computers &
Operations Research 29.

Church, R., ReVelle, C. (1974). The maximal covering location problem. Papers of the Regional
Science Association 32.

Cordeau, J.-F., Furini, F., Ljubić, I. (2019). Benders decomposition for very large scale partial
set covering and maximal covering location problems. European Journal of Operational Research 275.

Current, J., Storbeck, J. (1988). Capacitated covering models. Environment and Planning B 15.
"""

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from planner._errors import InputError
from planner._tables import listed
from planner.coverage._branch import MOST, Instance, Search, searched
from planner.coverage._milp import Result, Rows, maximise
from planner.coverage._reduce import Units, merge_equal_rows, ordered, whole_units
from planner.coverage._smaller import arranged
from planner.coverage._solution import (
    Floats,
    Integers,
    Mask,
    Positions,
    Solution,
    check_effort,
    checked_positions,
    checked_sites,
    checked_weights,
)

_DIMENSIONS = 2
_LAYERS = 16  # so many degrees of cover are nested layers of all-or-nothing cover
_LEAST_TOTAL = 1e6  # that half a unit of gap may mean nothing


def maximal_covering(
    cover: object,
    weights: object,
    *,
    sites: int,
    required: Positions = (),
    excluded: Positions = (),
    capacities: object = None,
    gap: float = 0.0,
    time_limit_s: float = 60.0,
) -> Solution:
    """Return the sites that cover most weight.

    Parameters
    ----------
    cover
        Demand points × candidates, dense or sparse: how well each covers each, from 0 to 1.
    weights
        One number a demand point; None stands for ones.
    sites
        At most so many open.
    required, excluded
        Columns that must and that must not open.
    capacities
        Weight that each site can serve, infinite where anything; a point may then be shared among
        sites. None: no limit.
    gap
        Share of the value that may be missing.
    time_limit_s
        Seconds, after which the best plan so far is returned, with its bound.

    Returns
    -------
    Solution
        Its value is the weight covered; no choice of sites covers more than its bound.

    Raises
    ------
    InputError
        When an argument is not what it must be.
    Infeasible
        When more sites are required than may open.

    Notes
    -----
    Points that the same sites cover are merged, sites that cover less than another are dropped, and
    the rest is searched with Lagrangian bounds in exact arithmetic. Weights that are not whole
    millionths are rounded to a part in 10¹² of their sum; the bound allows for it.

    Examples
    --------
    >>> cover = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]])
    >>> plan = maximal_covering(cover, [5, 4, 3, 2], sites=2)
    >>> plan.selected.tolist(), plan.value, plan.proven
    ([0, 1], 12.0, True)
    """
    begin = time.perf_counter()
    grades = _checked_grades(cover)
    must, never = checked_positions(required, excluded, grades.shape[1])
    check_effort(gap, time_limit_s)
    case = _Case(
        grades,
        checked_weights(weights, grades.shape[0]),
        checked_sites(sites, must),
        must,
        never,
        gap,
        begin + time_limit_s,
    )
    if capacities is not None:
        room = _checked_capacities(capacities, grades.shape[1])
        return replace(_capacitated(case, room), seconds=time.perf_counter() - begin)
    instance, units, total = _instance(case)
    search = searched(instance, must, never, offset=total, gap=gap, deadline=case.deadline)
    return replace(_solution(case, search, units, total), seconds=time.perf_counter() - begin)


@dataclass(frozen=True)
class _Case:
    """A checked instance."""

    grades: sp.csr_array
    weight: Floats
    sites: int
    must: Integers
    never: Integers
    gap: float
    deadline: float

    @property
    def whole(self) -> bool:
        """Whether cover is all or nothing."""
        return self.grades.dtype.kind == "b"


def _checked_grades(cover: Any) -> sp.csr_array:  # noqa: ANN401 - any class of matrix
    """Return the cover in rows: of booleans where it is all or nothing, else of floats."""
    if not sp.issparse(cover):
        try:
            cover = np.asarray(cover)
        except ValueError as error:
            raise InputError("cover: rows of different lengths.") from error
    if cover.ndim != _DIMENSIONS:
        raise InputError("cover: a matrix, demand points × candidates.")
    if cover.dtype.kind not in "biuf" and 0 not in cover.shape:
        raise InputError("cover: not a matrix of numbers.")
    grades = sp.csr_array(cover)
    if grades.dtype.kind == "b":
        return grades
    if not grades.has_canonical_format:
        grades = grades.copy()
        grades.sum_duplicates()
    wrong = np.flatnonzero(~((grades.data >= 0) & (grades.data <= 1)))
    if wrong.size:
        at = wrong[0]
        row = int(np.searchsorted(grades.indptr, at, side="right")) - 1
        raise InputError(
            f"cover[{row}, {grades.indices[at]}] is {grades.data[at]}: from 0, not covered, to 1, "
            f"covered in full. {wrong.size} such in all."
        )
    whole = ((grades.data == 0) | (grades.data == 1)).all()
    return sp.csr_array(grades.astype(np.bool_ if whole else np.float64))


def _instance(case: _Case) -> tuple[Instance, Units, float]:
    """Return the problem of what is left uncovered, the unit of weight, and all there is."""
    if case.whole:
        return _layered(case, [case.grades], case.weight)
    levels = np.unique(case.grades.data[case.grades.data > 0])
    if levels.size > _LAYERS:
        return _graded(case)
    layers = [sp.csr_array(case.grades >= level) for level in levels]
    return _layered(case, layers, np.outer(np.diff(levels, prepend=0.0), case.weight).ravel())


def _units(case: _Case, values: Floats) -> Units:
    most = MOST / (case.sites + 2)
    return whole_units(values, total=float(values.sum()), terms=values.size, most=most)


def _layered(
    case: _Case, layers: list[sp.csr_array], steps: Floats
) -> tuple[Instance, Units, float]:
    """Return the problem whose grades are sums of steps, each covered or not."""
    units = _units(case, steps)
    cover = layers[0] if len(layers) == 1 else sp.csr_array(sp.vstack(layers, format="csr"))
    rows, total = merge_equal_rows(cover, units.counts.astype(np.int64))
    arrays = arranged(
        rows.indptr.astype(np.int32),
        rows.indices.astype(np.int32),
        np.zeros(rows.nnz),
        total.astype(np.float64),
        rows.shape[1],
    )
    return Instance.of(arrays, case.sites), units, float(total.sum())


def _graded(case: _Case) -> tuple[Instance, Units, float]:
    """Return the problem with a cost at every pair: what that site leaves of the point."""
    grades = sp.csr_array(case.grades.copy())
    grades.eliminate_zeros()
    count, columns = grades.shape
    row = np.repeat(np.arange(count), np.diff(grades.indptr))
    gain = grades.data * case.weight[row]
    units = whole_units(
        gain, total=float(case.weight.sum()), terms=count, most=MOST / (case.sites + 2)
    )
    cap = np.zeros(count)
    np.maximum.at(cap, row, units.counts)
    entries = sp.csr_array((cap[row] - units.counts, grades.indices, grades.indptr), grades.shape)
    return Instance.of(arranged(*ordered(entries, cap), columns), case.sites), units, cap.sum()


def _solution(case: _Case, search: Search, units: Units, total: float) -> Solution:
    """Return what the search found in the terms of the user."""
    selected = np.array(search.chosen, np.int64)
    value, bound = (units.value(total - cost) for cost in (search.best, search.bound))
    if units.error:
        best = np.zeros(case.weight.size)
        if selected.size:
            best = sp.csc_array(case.grades)[:, selected].max(axis=1).toarray().ravel()
        value = math.fsum(case.weight * best)
        bound = max(value, bound + units.error)
    return Solution(
        selected,
        value,
        bound,
        proven=bound - value <= max(case.gap * bound, 2 * units.error),
        seconds=0.0,
        reduced={"points": case.weight.size, **search.counts},
    )


def _checked_capacities(capacities: object, columns: int) -> Floats:
    """Return what each site can serve; a capacity may be infinite."""
    try:
        room = np.asarray(capacities, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("capacities: not an array of numbers.") from error
    if room.shape != (columns,):
        raise InputError(f"capacities: {room.shape} given, {(columns,)} needed.")
    wrong = np.flatnonzero(~(room >= 0)).tolist()
    if wrong:
        raise InputError(f"capacities: numbers, 0 or more; not those at {listed(wrong)}.")
    return room


def _capacitated(case: _Case, room: Floats) -> Solution:
    """Return the plan of the model with capacities, by HiGHS, on merged points."""
    points, grades, weight = case.weight.size, case.grades, case.weight
    if case.whole:
        units = _units(case, weight)
        grades, total = merge_equal_rows(grades, units.counts.astype(np.int64))
        weight = np.array([units.value(count) for count in total.tolist()])
    scale = max(1.0, _LEAST_TOTAL / max(weight.sum(), 1.0))
    flow = _Flow(
        sp.csc_array(grades.astype(np.float64)),
        weight * scale,
        np.minimum(room, weight.sum()) * scale,
        case,
    )
    may = np.ones(room.size, np.bool_)
    may[case.never] = False
    found = flow.best(may, max(case.deadline - time.perf_counter(), 0.0))
    selected = np.flatnonzero(found.x[: room.size] > 1 / 2)
    may[:] = False
    may[selected] = True
    value = flow.best(may, math.inf).value
    bound = max(value, found.bound)
    return Solution(
        selected,
        value / scale,
        bound / scale,
        proven=bound - value <= max(case.gap * bound, 1.0),
        seconds=0.0,
        reduced={"points": points, "rows": weight.size},
    )


@dataclass(frozen=True)
class _Flow:
    """The model with capacities: columns are the sites, then the shares of points they serve."""

    grades: sp.csc_array
    weight: Floats
    room: Floats
    case: _Case

    def best(self, may: Mask, seconds: float) -> Result:
        """Maximise what the sites that may open serve."""
        count, sites = self.grades.shape
        flows, point = self.grades.nnz, self.grades.indices
        site, flow = np.repeat(np.arange(sites), np.diff(self.grades.indptr)), np.arange(flows)
        each = sp.csr_array((np.ones(flows), (point, flow)), (count, flows))
        unit = np.where(self.room > 0, self.room, 1.0)
        load = self.weight[point] / unit[site] + (self.room[site] == 0)
        at = sp.csr_array((load, (site, flow)), (sites, flows))
        share = sp.csr_array((-np.ones(flows), (flow, site)), (flows, sites))
        one, most = sp.csr_array(np.ones((1, sites))), np.array([float(self.case.sites)])
        must = np.zeros(sites)
        must[self.case.must] = 1.0
        rows = [
            _at_most(sp.csr_array((count, sites)), each, np.ones(count)),
            _at_most(share, sp.csr_array(sp.eye_array(flows)), np.zeros(flows)),
            _at_most(sp.csr_array(sp.diags_array(-self.room / unit)), at, np.zeros(sites)),
            _at_most(one, sp.csr_array((1, flows)), most),
            _at_most(sp.csr_array(sp.diags_array(-must)), sp.csr_array((sites, flows)), -must),
        ]
        return maximise(
            np.concatenate([np.zeros(sites), self.grades.data * self.weight[point]]),
            rows,
            integer=np.arange(sites + flows) < sites,
            upper=np.concatenate([may.astype(np.float64), np.ones(flows)]),
            time_limit_s=seconds,
        )


def _at_most(sites: sp.csr_array, flows: sp.csr_array, most: Floats) -> Rows:
    matrix = sp.csr_array(sp.hstack([sites, flows], format="csr"))
    return Rows(matrix, np.full(matrix.shape[0], -np.inf), most)
