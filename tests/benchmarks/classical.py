"""Set covering and the p-center: the planner, spopt with CBC, and HiGHS on the plain model.

``python tests/benchmarks/classical.py [--seconds 60]``. Each engine gets the same matrix and the
same time, building included; a value that is not proven is marked with its bound. Values are
compared before a table is printed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from harness import figure, print_table, quiet, version
from instances_covering import rural
from numpy.typing import NDArray

from planner._errors import SolveError
from planner.coverage._center import p_center
from planner.coverage._milp import Rows, maximise
from planner.coverage._setcover import set_covering

_COVERING = ((1_000, 100, 10.0), (3_000, 300, 10.0), (3_000, 1_000, 10.0), (30_000, 300, 10.0))
_CENTER = ((100, 20, 5), (300, 60, 5), (3_000, 300, 10), (30_000, 300, 10))
_SPOPT_LARGEST = {"LSCP": 3_000_000, "p-center": 20_000}  # pairs; beyond, it builds for minutes
_HEADER = ("points × sites", "engine", "version", "s", "peer / planner", "value", "does")
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Answer:
    """What an engine gave: seconds, a value, and whether it is proven; or why there is none."""

    seconds: float
    value: float = np.nan
    bound: float = np.nan
    note: str = ""

    @property
    def proven(self) -> bool:
        """Whether value and bound meet."""
        return abs(self.value - self.bound) <= _TOLERANCE * max(abs(self.value), 1.0)

    def __str__(self) -> str:
        """Say it in a table's cell."""
        if self.note:
            return self.note
        shown = figure(self.value, 6)
        return shown if self.proven else f"{shown} (bound {figure(self.bound, 4)})"


Solver = Callable[[NDArray[np.float64], float, float], tuple[float, float]]


def report(*, seconds: float) -> None:
    """Print the tables."""
    for points, sites, minutes in _COVERING:
        cost = rural(points, sites).minutes()
        cost = cost[(cost <= minutes).any(axis=1)]
        title = f"Set covering within {minutes:g} minutes, fewest sites"
        _table(title, cost, minutes, engines=_SET_COVERING, model="LSCP", seconds=seconds)
    for points, sites, number in _CENTER:
        cost = rural(points, sites).minutes()
        title = f"p-center, {number} sites, minutes"
        _table(title, cost, number, engines=_P_CENTER, model="p-center", seconds=seconds)


def _table(
    title: str,
    cost: NDArray[np.float64],
    asked: float,
    *,
    engines: dict[tuple[str, str, str], Solver],
    model: str,
    seconds: float,
) -> None:
    answers = {}
    for engine, solve in engines.items():
        if engine[0] == "spopt" and version("spopt") == "not installed":
            answers[engine] = Answer(np.nan, note="-")
        elif engine[0] == "spopt" and cost.size > _SPOPT_LARGEST[model]:
            answers[engine] = Answer(np.nan, note="not tried: too large to build")
        else:
            answers[engine] = _answer(solve, cost, asked, seconds)
    proven = [answer.value for answer in answers.values() if not answer.note and answer.proven]
    for one, other in pairwise(proven):
        if abs(one - other) > _TOLERANCE * max(one, 1.0):
            raise SystemExit(f"{title}: proven optima differ: {proven}")
    ours = next(iter(answers.values())).seconds
    size = f"{cost.shape[0]:,} × {cost.shape[1]:,}"
    rows = [
        (size, name, version(package), figure(answer.seconds), figure(answer.seconds / ours),
         answer, does)
        for (name, package, does), answer in answers.items()
    ]  # fmt: skip
    print_table(title, _HEADER, rows, words=2)


def _answer(solve: Solver, cost: NDArray[np.float64], asked: float, seconds: float) -> Answer:
    began = time.perf_counter()
    try:
        with quiet():
            value, bound = solve(cost, asked, seconds)
    except (SolveError, RuntimeError) as error:
        return Answer(time.perf_counter() - began, note=f"none: {error}"[:40])
    return Answer(time.perf_counter() - began, value, bound)


def _covering_planner(
    cost: NDArray[np.float64], minutes: float, seconds: float
) -> tuple[float, float]:
    found = set_covering(cost <= minutes, time_limit_s=seconds)
    return found.value, found.bound


def _covering_spopt(
    cost: NDArray[np.float64], minutes: float, seconds: float
) -> tuple[float, float]:
    import pulp
    from spopt.locate import LSCP

    model = LSCP.from_cost_matrix(cost, minutes)
    model.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=seconds), results=False)
    return _of_pulp(model)


def _covering_highs(
    cost: NDArray[np.float64], minutes: float, seconds: float
) -> tuple[float, float]:
    points, sites = cost.shape
    rows = Rows(
        sp.csr_array((cost <= minutes).astype(float)), np.ones(points), np.full(points, np.inf)
    )
    every = np.ones(sites)
    found = maximise(-every, [rows], integer=every > 0, upper=every, time_limit_s=seconds)
    return -found.value, np.ceil(-found.bound - _TOLERANCE)


def _center_planner(
    cost: NDArray[np.float64], number: float, seconds: float
) -> tuple[float, float]:
    found = p_center(cost, sites=int(number), time_limit_s=seconds)
    return found.value, found.bound


def _center_spopt(cost: NDArray[np.float64], number: float, seconds: float) -> tuple[float, float]:
    import pulp
    from spopt.locate import PCenter

    model = PCenter.from_cost_matrix(cost, int(number))
    model.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=seconds), results=False)
    return _of_pulp(model)


def _of_pulp(model: object) -> tuple[float, float]:
    """Return what PuLP's model reached; its bound is unknown when time ran out."""
    import pulp

    problem = model.problem
    value = float(pulp.value(problem.objective))
    return value, value if problem.sol_status == pulp.LpSolutionOptimal else np.nan


_SET_COVERING: dict[tuple[str, str, str], Solver] = {
    ("planner", "planner", "reduces, bounds, then HiGHS"): _covering_planner,
    ("spopt", "spopt", "LSCP with CBC, as it comes"): _covering_spopt,
    ("HiGHS", "highspy", "the plain sparse model"): _covering_highs,
}
_P_CENTER: dict[tuple[str, str, str], Solver] = {
    ("planner", "planner", "bisection over coverings of few points"): _center_planner,
    ("spopt", "spopt", "PCenter with CBC, as it comes"): _center_spopt,
}


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each engine to solve")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    report(seconds=chosen.seconds)


if __name__ == "__main__":
    main()
