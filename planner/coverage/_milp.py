"""A mixed-integer program on sparse arrays, given to HiGHS as it is."""

from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from planner._errors import Infeasible, SolveError, TimeLimit
from planner.coverage._highs import quiet

Floats = NDArray[np.float64]
_ABSOLUTE_GAP = 0.4  # objectives are whole numbers: half a unit of gap is none
_TOLERANCE = 1e-9  # HiGHS's own, 1e-6, gives hundreds of residents away in a later stage
_INFEASIBLE = "no plan satisfies all the rules of the scenario."


@dataclass(frozen=True)
class Rows:
    """Constraints ``lower <= matrix @ x <= upper``."""

    matrix: sp.csr_array
    lower: Floats
    upper: Floats


@dataclass(frozen=True)
class Result:
    """What HiGHS found: values of the columns, objective, bound, and whether they meet."""

    x: Floats
    value: float
    bound: float
    proven: bool


def maximise(
    gain: Floats,
    rows: list[Rows],
    *,
    integer: NDArray[np.bool_],
    upper: Floats,
    time_limit_s: float,
) -> Result:
    """Maximise ``gain @ x`` over the rows, ``0 <= x <= upper``, some columns whole numbers.

    Parameters
    ----------
    gain
        Whole numbers, so that a gap below one half proves the optimum.
    rows
        Constraints, all of the same width.
    integer
        Which columns are whole numbers.
    upper
        Largest value of each column.
    time_limit_s
        Seconds.

    Returns
    -------
    Result
        The best point found. The columns are as HiGHS gives them, to its tolerance.

    Raises
    ------
    Infeasible
        When no point satisfies the rows.
    TimeLimit
        When time ran out before a first point.
    """
    if not gain.size:
        return _nothing_to_choose(rows)
    solver = quiet()
    for option, value in {
        "threads": 1,  # global to the process: a second value would break a later solve
        "random_seed": 0,
        "mip_rel_gap": 0.0,
        "mip_abs_gap": _ABSOLUTE_GAP,
        "mip_feasibility_tolerance": _TOLERANCE,
        "primal_feasibility_tolerance": _TOLERANCE,
        "time_limit": float(time_limit_s),
    }.items():
        solver.setOptionValue(option, value)
    solver.passModel(_model(gain, rows, integer, upper))
    solver.run()
    return _result(solver)


def _nothing_to_choose(rows: list[Rows]) -> Result:
    """Return the only point of a program without columns, which HiGHS calls no model."""
    if any((part.lower > 0).any() or (part.upper < 0).any() for part in rows):
        raise Infeasible(_INFEASIBLE)
    return Result(np.zeros(0), value=0.0, bound=0.0, proven=True)


def _model(
    gain: Floats, rows: list[Rows], integer: NDArray[np.bool_], upper: Floats
) -> highspy.HighsLp:
    matrix = sp.csr_array(sp.vstack([part.matrix for part in rows], format="csr"))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = gain.size, matrix.shape[0]
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = gain
    model.col_lower_, model.col_upper_ = np.zeros(gain.size), upper
    model.row_lower_ = np.concatenate([part.lower for part in rows])
    model.row_upper_ = np.concatenate([part.upper for part in rows])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    model.a_matrix_.index_ = matrix.indices.astype(np.int32)
    model.a_matrix_.value_ = matrix.data.astype(np.float64)
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    model.integrality_ = [kinds[int(whole)] for whole in integer]
    return model


def _result(solver: highspy.Highs) -> Result:
    status, info = solver.getModelStatus(), solver.getInfo()
    if status in (
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    ):
        raise Infeasible(_INFEASIBLE)
    if status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kTimeLimit):
        raise SolveError(f"HiGHS stopped with: {solver.modelStatusToString(status)}.")
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise TimeLimit("time ran out before a first plan was found; raise time_limit_s.")
    return Result(
        x=np.array(solver.getSolution().col_value),
        value=float(info.objective_function_value),
        bound=float(info.mip_dual_bound),
        proven=status == highspy.HighsModelStatus.kOptimal,
    )
