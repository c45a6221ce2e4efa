"""All minutes between 500 and 5,000 places: the planner and its peers, on one graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from drivers import Osrm
from engines import (
    Engine,
    Igraph,
    Kernel,
    Networkx,
    Pandana,
    Points,
    Pyroutingkit,
    RoutingkitCch,
    Scipy,
    missing,
)
from harness import best_seconds, figure, print_table, quiet, version

if TYPE_CHECKING:
    from graphs import Graph
    from numpy.typing import NDArray

SOURCES, TARGETS, MINUTES = 500, 5_000, 60.0
_EQUAL_DS = {"OSRM table (CH)": 10.0, "planner, travel.times": 2.0}


class _Matrix(Engine):
    """What every engine below is asked for: minutes from some nodes to others.

    Nodes repeat where the graph has fewer than asked for; places may share a node.
    """

    sources = SOURCES

    def matrix(self, answer: Any) -> NDArray[np.float64]:
        """Return tenths of a second, inf beyond the cutoff."""
        ds = np.array([[np.inf if v is None else v for v in row] for row in answer], float)
        return np.where(ds > self.cutoff_ds, np.inf, ds)


class KernelMatrix(_Matrix, Kernel):
    """The planner between places on the roads."""

    does = "sparse matrix; all cores"

    def matrix(self, answer: Any) -> NDArray[np.float64]:
        """Make it dense."""
        dense = np.full(answer.shape, np.inf)
        pairs = answer.tocoo()
        dense[pairs.coords] = pairs.data
        return dense


class PointsMatrix(KernelMatrix, Points):
    """The planner between points."""

    does = "the same from points: snaps them to roads"

    def matrix(self, answer: Any) -> NDArray[np.float64]:
        """Make it dense, minutes as tenths of a second."""
        return super().matrix(answer) * 600


class NetworkxMatrix(_Matrix, Networkx):
    """NetworkX, targets looked up in its dictionaries."""

    sources = 20

    def search(self) -> list[list[float]]:
        """Search and look the targets up."""
        rows, targets = super().search(), self.targets.tolist()
        return [[row.get(node, np.inf) for node in targets] for row in rows]


class ScipyMatrix(_Matrix, Scipy):
    """SciPy, columns taken."""

    does = "dense output; 1 core"

    def search(self) -> NDArray[np.float64]:
        """Search and take the columns of the targets."""
        found = self.dijkstra(self.edges, indices=self.nodes, limit=self.cutoff_ds)
        return found[:, self.targets]


class IgraphMatrix(_Matrix, Igraph):
    """igraph, each target once."""

    def search(self) -> NDArray[np.float64]:
        """Search from all sources."""
        once, back = np.unique(self.targets, return_inverse=True)
        rows = self.igraph.distances(
            self.nodes.tolist(), once.tolist(), weights=self.weights, algorithm="dijkstra"
        )
        return np.asarray(rows)[:, back]


class PandanaMatrix(_Matrix, Pandana):
    """pandana, pair by pair."""

    name = "pandana shortest_path_lengths"
    does = "contracts first (not timed); a query a pair; all cores"
    sources = 50

    def search(self) -> NDArray[np.float64]:
        """Ask for every pair."""
        pairs = np.repeat(self.nodes, self.targets.size), np.tile(self.targets, self.nodes.size)
        return np.reshape(self.network.shortest_path_lengths(*pairs), (self.nodes.size, -1))


class RoutingkitMatrix(_Matrix, RoutingkitCch):
    """routingkit-cch with the targets pinned, each once."""

    def matrix(self, answer: Any) -> NDArray[np.float64]:
        """Give repeated targets their columns."""
        return super().matrix(answer)[:, self.back]


class PyroutingkitMatrix(_Matrix, Pyroutingkit):
    """pyroutingkit, many to many."""


class OsrmMatrix(_Matrix, Osrm):
    """OSRM's table."""

    def matrix(self, answer: Any) -> NDArray[np.float64]:
        """Read seconds."""
        seconds = [[np.inf if v is None else v for v in row] for row in answer["durations"]]
        ds = 10 * np.array(seconds, float)
        return np.where(ds > self.cutoff_ds, np.inf, ds)


_ENGINES: tuple[type[_Matrix], ...] = (
    KernelMatrix,
    PointsMatrix,
    NetworkxMatrix,
    ScipyMatrix,
    IgraphMatrix,
    PandanaMatrix,
    RoutingkitMatrix,
    PyroutingkitMatrix,
    OsrmMatrix,
)


def report(graph: Graph) -> None:
    """Print the table of one graph."""
    draw = np.random.default_rng(20260103)
    inside = np.flatnonzero(graph.roads.component == 0)
    sources = draw.choice(inside, SOURCES, replace=inside.size < SOURCES)
    targets = draw.choice(inside, TARGETS, replace=inside.size < TARGETS)
    engines = {}
    for kind in _ENGINES:
        if not missing(kind) and graph.nodes <= kind.largest:
            with quiet():
                engines[kind.name] = kind(graph, sources, round(600 * MINUTES), targets)
    with quiet():
        dense = {name: engine.matrix(engine.search()) for name, engine in engines.items()}
        taken = best_seconds({name: engine.search for name, engine in engines.items()})
    each = {name: taken[name] / engine.nodes.size for name, engine in engines.items()}
    rows = [
        (
            name,
            version(engine.distribution),
            figure(each[name] * SOURCES),
            figure(each[name] / each[Kernel.name]),
            engine.nodes.size,
            _verdict(dense[Kernel.name], dense[name], _EQUAL_DS.get(name, 0.01)),
            engine.does,
        )
        for name, engine in engines.items()
    ]
    rows += [(kind.name, "not installed", *"-" * 5) for kind in _ENGINES if missing(kind)]
    header = ("engine", "version", "s", "peer / planner", "sources", "answers", "does")
    print_table(
        f"{SOURCES} x {TARGETS:,} minutes within {MINUTES:g} min: {graph.name}", header, rows
    )


def _verdict(ours: NDArray[np.float64], theirs: NDArray[np.float64], tolerance_ds: float) -> str:
    ours = ours[: len(theirs)]
    same = (np.isinf(ours) & np.isinf(theirs)) | (np.abs(ours - theirs) <= tolerance_ds)
    return "equal" if same.all() else f"{100 * same.mean():.2f} % equal"
