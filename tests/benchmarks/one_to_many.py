"""The nodes within 10 and 30 minutes of 200 sources: the planner and its peers, on one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers import Osrm, ValhallaMatrix
from engines import ENGINES, Engine, Kernel, missing
from harness import Reach, agreement, best_seconds, figure, print_table, quiet, version

if TYPE_CHECKING:
    from graphs import Graph

SOURCES = 200
_HEADER = ("engine", "version", "ms a source", "peer / planner", "sources", "answers", "does")


def report(graph: Graph, *, minutes: float) -> None:
    """Print the table of one graph and one cutoff."""
    sources, cutoff_ds = graph.sources(SOURCES), round(600 * minutes)
    engines: dict[str, Engine] = {}
    absent = []
    for kind in (*ENGINES, Osrm, ValhallaMatrix):
        if missing(kind):
            absent.append((kind.name, "not installed", "-", "-", "-", "-", kind.does))
        elif graph.nodes > kind.largest or (kind.reads_file and graph.path is None):
            words = "not tried here: preparing takes minutes, or a file is needed"
            absent.append((kind.name, version(kind.distribution), "-", "-", "-", "-", words))
        else:
            with quiet():
                engines[kind.name] = kind(graph, sources, cutoff_ds)
    verdicts = _verdicts(engines)
    with quiet():
        taken = best_seconds({name: engine.search for name, engine in engines.items()})
    each = {name: taken[name] / engine.nodes.size for name, engine in engines.items()}
    rows = [
        (
            name,
            version(engine.distribution),
            figure(1000 * each[name]),
            figure(each[name] / each[Kernel.name]),
            engine.nodes.size,
            verdicts[name],
            engine.does,
        )
        for name, engine in engines.items()
    ]
    print_table(
        f"One to many within {minutes:g} min: {graph.name}, {graph.nodes:,} nodes, "
        f"{graph.tail.size:,} edges",
        _HEADER,
        rows + absent,
    )


def _verdicts(engines: dict[str, Engine]) -> dict[str, str]:
    """Compare every engine's answer with the planner's, before anything is timed."""
    ours: list[Reach] = []
    verdicts: dict[str, str] = {}
    for name, engine in engines.items():
        with quiet():
            theirs = engine.reached(engine.search())
        if not theirs:
            verdicts[name] = "not compared"
            continue
        ours = ours or theirs
        count = sum(node.size for node, _ in theirs) / max(len(theirs), 1)
        verdict = agreement(ours[: len(theirs)], theirs, tolerance_ds=engine.tolerance_ds)
        verdicts[name] = f"{count:,.0f} nodes" if name == Kernel.name else str(verdict)
    return verdicts
