"""Maximal covering beside HiGHS and spopt: the same optimum first, then the clock.

``python tests/benchmarks/covering.py [--limit SECONDS] [--only rural large peers]``
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import highspy
import instances_covering
import numpy as np
import scipy.sparse as sp
from harness import PEAK_MB, figure, print_table, quiet
from numpy.typing import NDArray

from planner.coverage._maximal import maximal_covering
from planner.coverage._reduce import merge_equal_rows

if TYPE_CHECKING:
    from collections.abc import Callable

Weights = NDArray[np.int64]
RURAL = ((3_000, 300, 10), (3_000, 300, 30), (30_000, 300, 10), (30_000, 300, 30))
LARGE = ((30_000, 1_000, 10), (30_000, 1_000, 30), (300_000, 300, 10), (300_000, 300, 30))
_HEADER = ("points x sites, p", "rows", "covered %", "seconds", "gap %")


def plain(cover: sp.csr_array, weights: Weights, sites: int, limit: float) -> tuple[float, float]:
    """Return value and bound of the model as it is written, by HiGHS."""
    points, columns = cover.shape
    rows = sp.hstack([cover.astype(float), -sp.eye_array(points)])
    most = sp.csr_array(np.concatenate([np.ones(columns), np.zeros(points)])[None])
    matrix = sp.csr_array(sp.vstack([rows, most]))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns + points, points + 1
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = np.concatenate([np.zeros(columns), weights])
    model.col_lower_, model.col_upper_ = np.zeros(columns + points), np.ones(columns + points)
    model.row_lower_ = np.append(np.zeros(points), -np.inf)
    model.row_upper_ = np.append(np.full(points, np.inf), sites)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    whole, part = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
    model.integrality_ = [whole] * columns + [part] * points
    solver = highspy.Highs()
    for name, value in {
        "output_flag": False,
        "threads": 1,
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 0.4,
        "time_limit": limit,
    }.items():
        solver.setOptionValue(name, value)
    solver.passModel(model)
    solver.run()
    info = solver.getInfo()
    return float(info.objective_function_value), float(info.mip_dual_bound)


def aggregated(
    cover: sp.csr_array, weights: Weights, sites: int, limit: float
) -> tuple[float, float]:
    """Return value and bound of the model on merged rows, by HiGHS."""
    return plain(*merge_equal_rows(cover, weights), sites, limit)


def ours(cover: sp.csr_array, weights: Weights, sites: int, limit: float) -> tuple[float, float]:
    """Return value and bound of this package."""
    found = maximal_covering(cover, weights, sites=sites, time_limit_s=limit)
    return found.value, found.bound


def spopt_model(
    cover: sp.csr_array, weights: Weights, sites: int, limit: float
) -> tuple[float, float]:
    """Return value and bound of spopt with CBC; building its model counts."""
    import pulp
    from spopt.locate import MCLP

    model = MCLP.from_cost_matrix(1.0 - cover.toarray(), weights.astype(float), 0.5, sites)
    solver = pulp.PULP_CBC_CMD(msg=False, timeLimit=limit)
    value = float(model.solve(solver).problem.objective.value())
    return value, value if model.problem.status == 1 else np.inf


def timed(work: Callable[..., tuple[float, float]], *case: object) -> tuple[float, float, float]:
    """Return value, bound and seconds of one run."""
    begin = time.perf_counter()
    with quiet():
        value, bound = work(*case)
    return value, bound, time.perf_counter() - begin


def beside(sizes: tuple[tuple[int, int, int], ...], *, seeds: int, limit: float) -> None:
    """Print seconds of HiGHS and of this package on rural instances, in turns."""
    rows = []
    for points, columns, sites in sizes:
        for seed in range(seeds):
            made = instances_covering.rural(points, columns, seed=seed)
            case = (made.cover(minutes=10.0), made.residents, sites, limit)
            answers = [timed(work, *case) for work in (ours, aggregated, plain)]
            best = [value for value, bound, _ in answers if bound - value < 1]
            assert max(best, default=0) - min(best, default=0) < 1 / 2, "different optima"
            cells = [
                figure(seconds) if bound - value < 1 else f"{100 * (bound / value - 1):.2f} % open"
                for value, bound, seconds in answers
            ]
            ratio = min(a[2] for a in answers[1:]) / answers[0][2]
            rows.append((f"{points:,} x {columns:,}, {sites} #{seed}", *cells, figure(ratio, 2)))
    header = ("points x sites, p", "planner s", "merged HiGHS s", "plain HiGHS s", "times")
    print_table("Maximal covering, rural", header, rows)


def alone(sizes: tuple[tuple[int, int, int], ...], *, seeds: int, limit: float) -> None:
    """Print what this package does on rural instances that are too large for the others."""
    rows = []
    for points, columns, sites in sizes:
        for seed in range(seeds):
            made = instances_covering.rural(points, columns, seed=seed)
            cover = made.cover(minutes=10.0)
            found = maximal_covering(cover, made.residents, sites=sites, time_limit_s=limit)
            share = 100 * found.value / made.residents.sum()
            rows.append(
                (
                    f"{points:,} x {columns:,}, {sites} #{seed}",
                    found.reduced["rows"],
                    f"{share:.1f}",
                    figure(found.seconds),
                    f"{100 * found.gap:.3f}",
                )
            )
    print_table("Maximal covering, rural and large", _HEADER, rows)


def discs(customers: int, *, seeds: int, limit: float) -> None:
    """Print what this package does on instances in the manner of Cordeau, Furini & Ljubić."""
    rows = []
    for seed in range(seeds):
        code = (
            f"import sys; sys.path[:0] = {sys.path!r}\n"
            f"import covering; covering.one_disc({customers}, {seed}, {limit})\n{PEAK_MB}"
            "print(round(peak_mb))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        rows.append((f"{customers:,} x 100 #{seed}", *run.stdout.split()))
    header = ("customers x sites", "p", "rows", "seconds", "gap %", "incidence MB", "peak MB")
    print_table("Maximal covering, discs", header, rows)


def one_disc(customers: int, seed: int, limit: float) -> None:
    """Solve one instance in a process of its own, and print its figures."""
    tiny, demand = instances_covering.discs(1_000, seed=seed)
    maximal_covering(tiny, demand, sites=3)  # so that reading the kernels does not count
    cover, demand = instances_covering.discs(customers, seed=seed)
    sites = 10 + seed % 5
    found = maximal_covering(cover, demand, sites=sites, time_limit_s=limit)
    size = (cover.data.nbytes + cover.indices.nbytes + cover.indptr.nbytes) / 2**20
    gap = 100 * found.gap
    print(sites, found.reduced["rows"], figure(found.seconds), f"{gap:.3f}", round(size))


def peers(*, limit: float) -> None:
    """Print seconds of spopt and of this package."""
    rows = []
    for points, columns, sites in RURAL[:3]:
        made = instances_covering.rural(points, columns)
        case = (made.cover(minutes=10.0), made.residents, sites, limit)
        (value, bound, seconds), (other, top, more) = (
            timed(work, *case) for work in (ours, spopt_model)
        )
        same = "equal" if abs(value - other) < 1 / 2 else f"{other:,.0f} of {value:,.0f}"
        rows.append((f"{points:,} x {columns:,}, {sites}", figure(seconds), figure(more), same))
        assert bound < top + 1
    print_table("Maximal covering, spopt", ("points x sites, p", "planner s", "spopt s", ""), rows)


def main() -> None:
    """Read the command line and run what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=["rural", "large", "discs", "peers"])
    chosen = parser.parse_args()
    maximal_covering(np.ones((1, 1)), None, sites=1)
    if "rural" in chosen.only:
        beside(RURAL, seeds=chosen.seeds, limit=chosen.limit)
    if "large" in chosen.only:
        alone(LARGE, seeds=1, limit=chosen.limit)
    if "discs" in chosen.only:
        for customers in (10**6, 10**7):
            discs(customers, seeds=10, limit=chosen.limit)
    if "peers" in chosen.only:
        peers(limit=4 * chosen.limit)


if __name__ == "__main__":
    main()
