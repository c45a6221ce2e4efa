"""The p-median beside spopt: random graphs as in OR-Library, and rural instances.

``python tests/benchmarks/median.py [--limit SECONDS] [--only pmed rural peers]``
"""

from __future__ import annotations

import argparse
import time

import instances_covering
import numpy as np
from harness import figure, print_table, quiet

from planner.coverage._median import p_median

NODES = tuple(range(100, 1_000, 100))
RURAL = ((1_000, 300, 10), (3_000, 300, 10), (30_000, 300, 10))


def graphs(*, limit: float) -> None:
    """Print what this package does on 40 random graphs."""
    rows, seconds = [], []
    for nodes in NODES:
        for sites in sorted({5, 10, nodes // 10, nodes // 5, nodes // 3}):
            cost = instances_covering.graph_distances(nodes, seed=nodes + sites)
            found = p_median(cost, None, sites=sites, time_limit_s=limit)
            seconds.append(found.seconds)
            rows.append((f"{nodes}, {sites}", figure(found.seconds), f"{100 * found.gap:.3f}"))
    rows.append(("median", figure(float(np.median(seconds))), ""))
    rows.append(("longest", figure(max(seconds)), ""))
    print_table("p-median, random graphs", ("nodes, p", "seconds", "gap %"), rows)


def rural(*, limit: float) -> None:
    """Print what this package does on rural instances, minutes in tenths."""
    rows = []
    for points, columns, sites in RURAL:
        made = instances_covering.rural(points, columns)
        cost = made.minutes().round(1)
        found = p_median(cost, made.residents, sites=sites, time_limit_s=limit)
        name = f"{points:,} x {columns}, {sites}"
        rows.append((name, figure(found.seconds), f"{100 * found.gap:.3f}"))
    print_table("p-median, rural", ("points x sites, p", "seconds", "gap %"), rows)


def peers(*, limit: float) -> None:
    """Print seconds of spopt, with CBC, and of this package; the optimum must be the same."""
    import pulp
    from spopt.locate import PMedian

    made = instances_covering.rural(1_000, 300)
    cost, weights = made.minutes().round(1), made.residents.astype(float)
    begin = time.perf_counter()
    found = p_median(cost, weights, sites=10, time_limit_s=limit)
    middle = time.perf_counter()
    with quiet():
        model = PMedian.from_cost_matrix(cost, weights, p_facilities=10)
        model = model.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=limit))
    end = time.perf_counter()
    value = float(model.problem.objective.value())
    same = "equal" if abs(value - found.value) < 1e-6 * value else f"{value} of {found.value}"
    row = ("1,000 x 300, 10", figure(middle - begin), figure(end - middle), same)
    print_table("p-median, spopt", ("points x sites, p", "planner s", "spopt s", ""), [row])


def main() -> None:
    """Read the command line and run what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--only", nargs="+", default=["pmed", "rural", "peers"])
    chosen = parser.parse_args()
    p_median(np.ones((1, 1)), None, sites=1)
    if "pmed" in chosen.only:
        graphs(limit=chosen.limit)
    if "rural" in chosen.only:
        rural(limit=chosen.limit)
    if "peers" in chosen.only:
        peers(limit=4 * chosen.limit)


if __name__ == "__main__":
    main()
