"""One growing linear program in HiGHS: rows are added, limits moved, it is solved again."""

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp

from planner._errors import SolveError
from planner.coverage._layers import Floats

TOLERANCE = 1e-9  # HiGHS's own, 1e-6, gives hundreds of residents away in a later stage

_STATUS = highspy.HighsModelStatus
_NO_POINT = (_STATUS.kInfeasible, _STATUS.kUnboundedOrInfeasible)
_ASTRAY = (_STATUS.kUnknown, _STATUS.kNotset, _STATUS.kSolveError)
_SCALES = (0, -10, -20)  # powers of two for limits, where HiGHS loses its way among large ones
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


class _Quiet(highspy.Highs):  # type: ignore[misc] # highspy has no types
    """HiGHS, which otherwise prints its name as soon as it is made."""

    def enableCallbacks(self) -> None:  # noqa: N802 - the name it has in highspy
        """Silence it first."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


def quiet() -> highspy.Highs:
    """Return a HiGHS that prints nothing."""
    solver = _Quiet()
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
        }.items():
            solver.setOptionValue(option, value)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = gain.size, rows.shape[0]
        model.sense_ = highspy.ObjSense.kMaximize
        model.col_cost_ = gain
        model.offset_ = offset
        model.col_lower_, model.col_upper_ = columns
        model.row_lower_, model.row_upper_ = limits
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = rows.indptr.astype(np.int32)
        model.a_matrix_.index_ = rows.indices.astype(np.int32)
        model.a_matrix_.value_ = rows.data.astype(np.float64)
        solver.passModel(model)
        self._solver = solver
        self._width = gain.size

    @property
    def rows(self) -> int:
        """How many rows there are by now."""
        return int(self._solver.getNumRow())

    def add(self, rows: Sequence[tuple[Floats, float, float]]) -> None:
        """Add rows: coefficients, lower, upper."""
        if not rows:
            return
        matrix = sp.csr_array(np.array([row for row, _, _ in rows]))
        self._solver.addRows(
            len(rows),
            np.array([low for _, low, _ in rows]),
            np.array([high for *_, high in rows]),
            matrix.nnz,
            matrix.indptr[:-1].astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float64),
        )

    def confine(self, low: Floats, high: Floats) -> None:
        """Set the limits of the first columns."""
        columns = np.arange(low.size, dtype=np.int32)
        self._solver.changeColsBounds(low.size, columns, low, high)

    def relaxed(self, *, seconds: float) -> tuple[Answer, Floats, Floats]:
        """Solve it as a linear program; return also the duals of rows and of columns."""
        self._run(seconds)
        for scale in _SCALES:
            if self._solver.getModelStatus() not in _ASTRAY:
                break
            self._solver.setOptionValue("user_bound_scale", scale)
            self._solver.clearSolver()  # what it had learnt led astray: from the beginning
            self._run(seconds)
        answer = self._answer()
        found = self._solver.getSolution()
        duals = np.array(found.row_dual), np.array(found.col_dual)
        self._solver.setOptionValue("user_bound_scale", 0)
        return answer, *duals

    def _run(self, seconds: float) -> None:
        solver = self._solver
        solver.setOptionValue("time_limit", solver.getRunTime() + max(seconds, 0.01))
        solver.run()

    def _answer(self) -> Answer:
        solver = self._solver
        status, info = solver.getModelStatus(), solver.getInfo()
        if status == _STATUS.kModelEmpty:  # no column: every row is 0
            model = solver.getLp()
            kept = max([0.0, *model.row_lower_]) <= 0 <= min([0.0, *model.row_upper_])
            x = np.zeros(0) if kept else None
            bound = model.offset_ if kept else -np.inf
            return Answer(x, bound, infeasible=not kept, finished=True)
        if status in _NO_POINT:
            return Answer(None, -np.inf, infeasible=True, finished=True)
        if status not in (_STATUS.kOptimal, _STATUS.kUnknown, *_STOPPED):
            raise SolveError(f"HiGHS stopped with: {solver.modelStatusToString(status)}.")
        optimal = status == _STATUS.kOptimal  # though its point may miss a row by a little
        feasible = highspy.SolutionStatus.kSolutionStatusFeasible
        some = optimal or info.primal_solution_status == feasible
        return Answer(
            x=np.array(solver.getSolution().col_value) if some else None,
            bound=float(info.objective_function_value) if optimal else np.inf,
            infeasible=False,
            finished=optimal,
        )
