r"""One growing linear program in HiGHS: rows are added, limits moved, it is solved again.

Hundreds of thousands of people stand beside hundredths of one. So columns, rows and the objective
are brought near 1 by powers of two, which rounds nothing, and the bound is not the word of the
solver but weak duality at its multipliers :math:`y` (Neumaier, Shcherbina 2004):

.. math::

    c^\top x \le \sum_i \max(y_i l_i, y_i u_i) + \sum_j \max(d_j \ell_j, d_j h_j),
    \quad d = c - A^\top y,

true for any :math:`y`, however roughly the program was solved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from planner._errors import SolveError
from planner.coverage._layers import Floats, Longs

TOLERANCE = 1e-9  # HiGHS's own, 1e-6, gives hundreds of residents away in a later stage

_STATUS = highspy.HighsModelStatus
_NO_POINT = (_STATUS.kInfeasible, _STATUS.kUnboundedOrInfeasible)
_ASTRAY = (_STATUS.kUnknown, _STATUS.kNotset, _STATUS.kSolveError)
_SMALLEST = 1e-12  # of a coefficient: HiGHS's own, 1e-9, would forget people
_STOPPED = (
    _STATUS.kTimeLimit,
    _STATUS.kInterrupt,
    _STATUS.kObjectiveBound,
    _STATUS.kObjectiveTarget,
    _STATUS.kIterationLimit,
    _STATUS.kSolutionLimit,
)


@dataclass(frozen=True)
class Answer:
    """What HiGHS found.

    Attributes
    ----------
    x
        The best point; None when there is none yet.
    bound
        What no point can exceed; inf when nothing is known.
    infeasible
        Whether there is no point at all.
    finished
        Whether the search ran to its end.
    """

    x: Floats | None
    bound: float
    infeasible: bool
    finished: bool


class _Quiet(highspy.Highs):
    """HiGHS, which otherwise prints its name as soon as it is made."""

    def enableCallbacks(self) -> None:  # noqa: N802 - the name it has in highspy
        """Silence it first."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call] # highspy has no types


def quiet() -> highspy.Highs:
    """Return a HiGHS that prints nothing."""
    solver = _Quiet()  # type: ignore[no-untyped-call] # highspy has no types
    solver.setOptionValue("output_flag", False)
    return solver


class Program:
    """Maximise ``gain @ x`` with ``lower <= rows @ x <= upper``, ``low <= x <= high``."""

    def __init__(
        self,
        gain: Floats,
        rows: sp.csr_array,
        limits: tuple[Floats, Floats],
        columns: tuple[Floats, Floats],
        *,
        offset: float = 0.0,
    ) -> None:
        """Pass the program to HiGHS, all columns continuous."""
        solver = quiet()
        for option, value in {
            "threads": 1,  # global to the process: a second value would break a later solve
            "random_seed": 0,
            "primal_feasibility_tolerance": TOLERANCE,
            "dual_feasibility_tolerance": TOLERANCE,
            "small_matrix_value": _SMALLEST,
        }.items():
            solver.setOptionValue(option, value)
        self._low, self._high = (limit.astype(np.float64) for limit in columns)
        self._scale = _power(np.where(np.isfinite(self._high), self._high, 1.0))
        self._low /= self._scale
        self._high /= self._scale
        self._unit = float(_power(np.abs(gain * self._scale).max(initial=0.0)))
        self._gain = gain * self._scale / self._unit
        self._offset = offset
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = gain.size, 0
        model.sense_ = highspy.ObjSense.kMaximize
        model.col_cost_ = self._gain
        model.col_lower_, model.col_upper_ = self._low, self._high
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.zeros(1, np.int32)
        solver.passModel(model)
        self._solver = solver
        self._row, self._column = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._value = np.zeros(0)
        self._lower, self._upper, self._factor = np.zeros(0), np.zeros(0), np.zeros(0)
        self._push(np.diff(rows.indptr), rows.indices.astype(np.int64), rows.data, limits)

    @property
    def rows(self) -> int:
        """How many rows there are by now."""
        return self._lower.size

    def add(self, rows: Sequence[tuple[Floats, float, float]]) -> None:
        """Add rows: coefficients, lower, upper."""
        if not rows:
            return
        table = np.array([row for row, _, _ in rows])
        row, column = np.nonzero(table)
        limits = np.array([low for _, low, _ in rows]), np.array([high for *_, high in rows])
        self._push(np.bincount(row, minlength=len(rows)), column, table[row, column], limits)

    def _push(
        self, count: Longs, column: Longs, value: Floats, limits: tuple[Floats, Floats]
    ) -> None:
        """Add rows by how many coefficients each has, brought near 1."""
        value = value * self._scale[column]
        row = np.repeat(np.arange(count.size), count)
        most = np.zeros(count.size)
        np.maximum.at(most, row, np.abs(value))
        factor = 1 / _power(most)
        value *= factor[row]
        lower, upper = (limit * factor for limit in limits)
        start = (np.cumsum(count) - count).astype(np.int32)
        self._solver.addRows(
            count.size, lower, upper, value.size, start, column.astype(np.int32), value
        )
        self._row = np.append(self._row, row + self.rows)
        self._column, self._value = np.append(self._column, column), np.append(self._value, value)
        self._lower, self._upper = np.append(self._lower, lower), np.append(self._upper, upper)
        self._factor = np.append(self._factor, factor)

    def confine(self, low: Floats, high: Floats) -> None:
        """Set the limits of the first columns."""
        columns = np.arange(low.size, dtype=np.int32)
        self._low[: low.size] = low / self._scale[: low.size]
        self._high[: low.size] = high / self._scale[: low.size]
        self._solver.changeColsBounds(
            low.size, columns, self._low[: low.size], self._high[: low.size]
        )

    def relaxed(self, *, seconds: float) -> tuple[Answer, Floats, Floats]:
        """Solve it as a linear program; return also the duals of rows and of columns."""
        self._run(seconds)
        if self._solver.getModelStatus() in _ASTRAY:
            self._solver.clearSolver()  # what it had learnt led astray: from the beginning
            self._run(seconds)
        bound, dual, reduced = self._dual()
        answer = self._answer(bound)
        return answer, dual * self._factor * self._unit, reduced / self._scale * self._unit

    def _run(self, seconds: float) -> None:
        solver = self._solver
        solver.setOptionValue("time_limit", solver.getRunTime() + max(seconds, 0.01))
        solver.run()

    def _dual(self) -> tuple[float, Floats, Floats]:
        """Return the bound that the multipliers bear out, and these."""
        dual = np.array(self._solver.getSolution().row_dual, dtype=np.float64)
        if dual.size != self.rows:
            dual = np.zeros(self.rows)
        dual[~np.isfinite(dual)] = 0.0
        dual = np.where(np.isinf(self._upper), np.minimum(dual, 0.0), dual)
        dual = np.where(np.isinf(self._lower), np.maximum(dual, 0.0), dual)
        taken = np.bincount(self._column, self._value * dual[self._row], self._gain.size)
        reduced = self._gain - taken
        bound = _most(dual, self._lower, self._upper) + _most(reduced, self._low, self._high)
        return bound * self._unit + self._offset, dual, reduced

    def _answer(self, bound: float) -> Answer:
        solver = self._solver
        status, info = solver.getModelStatus(), solver.getInfo()
        if status == _STATUS.kModelEmpty:  # no column: every row is 0
            kept = max([0.0, *self._lower]) <= 0 <= min([0.0, *self._upper])
            x = np.zeros(0) if kept else None
            return Answer(x, self._offset if kept else -np.inf, infeasible=not kept, finished=True)
        if status in _NO_POINT:
            return Answer(None, -np.inf, infeasible=True, finished=True)
        if status not in (_STATUS.kOptimal, _STATUS.kUnknown, *_STOPPED):
            raise SolveError(f"HiGHS stopped with: {solver.modelStatusToString(status)}.")
        # A point that misses a row by a little is as good to learn from, and the bound is ours.
        finished = status in (_STATUS.kOptimal, _STATUS.kUnknown)
        feasible = highspy.SolutionStatus.kSolutionStatusFeasible
        x = np.array(solver.getSolution().col_value)
        some = finished or info.primal_solution_status == feasible
        some = some and x.size == self._gain.size and bool(np.isfinite(x).all())
        return Answer(x * self._scale if some else None, bound, infeasible=False, finished=finished)


def _power(values: Floats | float) -> Floats:
    """Return the power of two nearest to each value; 1 for what is 0."""
    some = np.asarray(values, np.float64)
    return np.asarray(np.exp2(np.rint(np.log2(np.where(some > 0, some, 1.0)))))


def _most(price: Floats, low: Floats, high: Floats) -> float:
    """Return the most that a sum of prices times values between two limits can be."""
    limit = np.where(price > 0, high, np.where(price < 0, low, 0.0))
    return float(np.sum(limit * price))
