"""Time per source as the graph grows around it, at equal reach: it should not change."""

from __future__ import annotations

import numpy as np
from engines import Scipy
from graphs import generated
from harness import best_seconds, figure, print_table

from planner import travel

SIZES = (10_000, 100_000, 1_000_000)
SOURCES, TARGETS, MINUTES = 200, 2_000, 4.0
_MIDDLE_NODES = 2_000  # sources stand in the middle, farther from the border than they can drive


def report(sizes: tuple[int, ...] = SIZES) -> None:
    """Print the table."""
    rows = [_row(size) for size in sizes]
    header = ("nodes", "reached", "planner ms", "ns a reached node", "to all nodes ms", "scipy ms")
    header += ("scipy / planner",)
    print_table(
        f"Time per source within {MINUTES:g} min, {SOURCES} sources, {TARGETS:,} targets in the "
        "middle of growing graphs",
        header,
        rows,
    )
    print("To all nodes, preparing as many targets grows; SciPy writes an output as wide as them.")


def _row(size: int) -> tuple[object, ...]:
    graph = generated(size)
    cutoff_ds = round(600 * MINUTES)
    middle = np.sqrt(_MIDDLE_NODES / size)
    sources = graph.sources(SOURCES, middle=middle)
    targets = graph.sources(min(TARGETS, size // 10), middle=min(1.0, 2.5 * middle))
    start, near = graph.on_nodes(sources), graph.on_nodes(targets)
    every = graph.on_nodes(np.arange(graph.nodes))
    scipy = Scipy(graph, sources, cutoff_ds)

    def ours(stop):
        return lambda: travel.search_ds(
            graph.roads, start, stop, to_source=False, cutoff_ds=cutoff_ds
        )

    reached = ours(every)().nnz / SOURCES
    taken = best_seconds({"near": ours(near), "every": ours(every), "scipy": scipy.search})
    ms = {name: 1000 * seconds / SOURCES for name, seconds in taken.items()}
    return (
        f"{graph.nodes:,}",
        figure(reached, 4),
        figure(ms["near"]),
        figure(1e6 * ms["near"] / reached),
        figure(ms["every"]),
        figure(ms["scipy"]),
        figure(ms["scipy"] / ms["near"]),
    )
