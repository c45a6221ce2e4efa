"""One-to-many searches of the planner and its peers, on one graph.

Every engine is given the same edges, in whole tenths of a second, and answers for the same
sources; `Engine.search` is what is timed, in the engine's own form, and `Engine.reached` turns
that into nodes and times outside the clock.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.sparse as sp
from harness import Reach, version

from planner import travel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from graphs import Graph
    from numpy.typing import NDArray

_UNREACHED = 2**31 - 1


class Engine:
    """One way of finding the nodes within a cutoff of each source.

    Attributes
    ----------
    name, module, distribution
        In the table, to import, and whose version is printed.
    does
        Words: what it does more or less of than the planner.
    sources
        The most sources it is timed on; its time is scaled to all.
    largest
        The most nodes it is tried on: preparing takes minutes beyond.
    tolerance_ds
        Largest difference of times that still counts as equal, tenths of a second.
    reads_file
        Whether it needs the file the graph was read from.
    """

    name: ClassVar[str]
    module: ClassVar[str]
    distribution: ClassVar[str]
    does: ClassVar[str] = ""
    sources: ClassVar[int] = 200
    largest: ClassVar[int] = 10_000_000
    tolerance_ds: ClassVar[float] = 0.01
    reads_file: ClassVar[bool] = False

    def __init__(
        self,
        graph: Graph,
        sources: NDArray[np.int64],
        cutoff_ds: int,
        targets: NDArray[np.int64] | None = None,
    ) -> None:
        self.graph = graph
        self.nodes = sources[: self.sources]
        self.targets = np.arange(graph.nodes) if targets is None else targets
        self.cutoff_ds = cutoff_ds
        self.prepare()

    def prepare(self) -> None:
        """Build the engine's own form of the graph."""

    def search(self) -> Any:
        """Search from every source."""
        raise NotImplementedError

    def reached(self, answer: Any) -> list[Reach]:
        """Return the nodes within the cutoff and their times, source by source."""
        return [self._within(np.asarray(row, float)) for row in answer]

    def _within(self, ds: NDArray[np.float64]) -> Reach:
        node = np.flatnonzero(ds <= self.cutoff_ds + self.tolerance_ds)
        return node, ds[node]


class Kernel(Engine):
    """The planner's search between places that are on the roads already."""

    name = "planner, travel.search_ds"
    module = distribution = "planner"
    does = "sparse matrix, columns sorted; all cores"

    def prepare(self) -> None:
        """Put sources and targets on the roads."""
        self.start = self.graph.on_nodes(self.nodes)
        self.stop = self.graph.on_nodes(self.targets)
        _ = self.graph.roads.out
        travel.search_ds(self.graph.roads, self.start, self.start, to_source=False, cutoff_ds=1)

    def search(self) -> sp.csr_array:
        """Search to all targets, by default every node."""
        return travel.search_ds(
            self.graph.roads, self.start, self.stop, to_source=False, cutoff_ds=self.cutoff_ds
        )

    def reached(self, answer: sp.csr_array) -> list[Reach]:
        """Read the rows."""
        ends = zip(answer.indptr[:-1], answer.indptr[1:], strict=True)
        return [(answer.indices[a:b], answer.data[a:b].astype(float)) for a, b in ends]


class Points(Kernel):
    """The planner from points on the map to points on the map."""

    name = "planner, travel.times"
    does = "the same from points: snaps them to roads, walks included"
    tolerance_ds = 2.0
    largest = 100_000

    def prepare(self) -> None:
        """Make points of the nodes, and the index of segments."""
        super().prepare()
        self.origins = self.graph.points(self.nodes)
        self.destinations = self.graph.points(self.targets)
        _ = self.graph.roads.segment_tree

    def search(self) -> sp.csr_array:
        """Snap and search."""
        minutes = self.cutoff_ds / 600
        return travel.times(
            self.graph.roads, self.origins, self.destinations, cutoff_min=minutes
        ).minutes

    def reached(self, answer: sp.csr_array) -> list[Reach]:
        """Read the rows, minutes as tenths of a second."""
        return [(node, np.rint(minutes * 600)) for node, minutes in super().reached(answer)]


class Networkx(Engine):
    """NetworkX, what most scripts use."""

    name, module, distribution = "networkx lengths (cutoff)", "networkx", "networkx"
    does = "pure Python; dictionaries"
    sources = 50

    def prepare(self) -> None:
        """Build a DiGraph."""
        nx = importlib.import_module(self.module)
        self.lengths = nx.single_source_dijkstra_path_length
        self.digraph = nx.DiGraph()
        self.digraph.add_nodes_from(range(self.graph.nodes))
        edges = (self.graph.tail.tolist(), self.graph.head.tolist(), self.graph.ds.tolist())
        self.digraph.add_weighted_edges_from(zip(*edges, strict=True))

    def search(self) -> list[dict[int, int]]:
        """Search from one source after another."""
        sources = self.nodes.tolist()
        return [self.lengths(self.digraph, node, cutoff=self.cutoff_ds) for node in sources]

    def reached(self, answer: list[dict[int, int]]) -> list[Reach]:
        """Sort the dictionaries."""
        return [_pairs(row.keys(), row.values()) for row in answer]


class Scipy(Engine):
    """SciPy's Dijkstra with a limit."""

    name, module, distribution = "scipy dijkstra (limit)", "scipy.sparse.csgraph", "scipy"
    does = "dense output, sources x nodes; on the planner's order of nodes; 1 core"

    def prepare(self) -> None:
        """Build a CSR matrix."""
        n = self.graph.nodes
        parts = (self.graph.ds.astype(float), self.graph.head, self.graph.pointer)
        self.edges = sp.csr_array(parts, shape=(n, n))
        self.dijkstra = importlib.import_module(self.module).dijkstra
        self.step = max(1, 20_000_000 // n)  # 160 MB of output at a time
        self.sought = self.nodes

    def search(self) -> list[NDArray[np.float64]]:
        """Search from as many sources at a time as memory allows; keep the first answers."""
        kept = None
        for first in range(0, self.sought.size, self.step):
            some = self.sought[first : first + self.step]
            found = self.dijkstra(self.edges, indices=some, limit=self.cutoff_ds)
            kept = found if kept is None else kept
        return list(kept)


class ScipyShuffled(Scipy):
    """The same on the ids as they come."""

    name = "scipy dijkstra (limit), ids as they come"
    does = "as above, nodes in a random order"

    def prepare(self) -> None:
        """Number the nodes at random."""
        super().prepare()
        self.rank = np.random.default_rng(1).permutation(self.graph.nodes)
        coo = self.edges.tocoo()
        ends = (self.rank[coo.coords[0]], self.rank[coo.coords[1]])
        self.edges = sp.csr_array((coo.data, ends), shape=coo.shape)
        self.sought = self.rank[self.nodes]

    def reached(self, answer: Iterable[NDArray[np.float64]]) -> list[Reach]:
        """Number the nodes back."""
        return [self._within(row[self.rank]) for row in answer]


class Igraph(Engine):
    """igraph."""

    name, module, distribution = "igraph distances", "igraph", "igraph"
    does = "no cutoff: searches the whole graph; dense lists"
    sources = 50

    def prepare(self) -> None:
        """Build a graph."""
        edges = np.column_stack((self.graph.tail, self.graph.head))
        igraph = importlib.import_module(self.module)
        self.igraph = igraph.Graph(n=self.graph.nodes, edges=edges, directed=True)
        self.weights = self.graph.ds.astype(float).tolist()
        self.nodes = self.nodes[: max(2, min(50, 10_000_000 // self.graph.nodes))]

    def search(self) -> list[list[float]]:
        """Search from all sources."""
        sources = self.nodes.tolist()
        return self.igraph.distances(source=sources, weights=self.weights, algorithm="dijkstra")


class Networkit(Engine):
    """NetworKit."""

    name, module, distribution = "networkit SPSP", "networkit", "networkit"
    does = "no cutoff: searches the whole graph; all cores; dense lists"

    def prepare(self) -> None:
        """Build a graph."""
        self.networkit = importlib.import_module(self.module)
        parts = (self.graph.ds.astype(float), (self.graph.tail, self.graph.head))
        self.networkit_graph = self.networkit.GraphFromCoo(
            parts, n=self.graph.nodes, weighted=True, directed=True
        )
        self.nodes = self.nodes[: max(2, min(200, 10_000_000 // self.graph.nodes))]

    def search(self) -> list[list[float]]:
        """Search from all sources."""
        run = self.networkit.distance.SPSP(self.networkit_graph, self.nodes.tolist())
        run.run()
        return run.getDistances()


class Rustworkx(Engine):
    """rustworkx."""

    name, module, distribution = "rustworkx lengths", "rustworkx", "rustworkx"
    does = "no cutoff: searches the whole graph; a Python call an edge"
    sources = 50

    def prepare(self) -> None:
        """Build a graph."""
        rustworkx = importlib.import_module(self.module)
        self.digraph = rustworkx.PyDiGraph(multigraph=False)
        self.digraph.add_nodes_from(range(self.graph.nodes))
        edges = (self.graph.tail.tolist(), self.graph.head.tolist(), self.graph.ds.tolist())
        self.digraph.add_edges_from(list(zip(*edges, strict=True)))
        self.lengths = rustworkx.digraph_dijkstra_shortest_path_lengths
        self.nodes = self.nodes[: max(2, min(50, 10_000_000 // self.graph.nodes))]

    def search(self) -> list[Any]:
        """Search from one source after another."""
        return [self.lengths(self.digraph, node, float) for node in self.nodes.tolist()]

    def reached(self, answer: list[Any]) -> list[Reach]:
        """Sort the mappings; the source itself is not in them."""
        found = []
        for node, row in zip(self.nodes, answer, strict=True):
            nodes, ds = _pairs([node, *row.keys()], [0.0, *row.values()])
            kept = ds <= self.cutoff_ds
            found.append((nodes[kept], ds[kept]))
        return found


class Pandana(Engine):
    """pandana."""

    name, module, distribution = "pandana nodes_in_range", "pandana", "pandana"
    does = "contracts the graph first (not timed); a data frame"
    largest = 200_000

    def prepare(self) -> None:
        """Build a network."""
        pandana = importlib.import_module(self.module)
        pd = importlib.import_module("pandas")
        roads = self.graph.roads
        tail, head = (
            pd.Series(ends.astype(np.int64)) for ends in (self.graph.tail, self.graph.head)
        )
        weights = pd.DataFrame({"ds": self.graph.ds.astype(float)})
        at = (pd.Series(roads.lon), pd.Series(roads.lat))
        self.network = pandana.Network(*at, tail, head, weights, twoway=False, **self.more())

    def more(self) -> dict[str, Any]:
        """Return further arguments of the constructor."""
        return {}

    def search(self) -> Any:
        """Search from all sources."""
        return self.network.nodes_in_range(self.nodes, self.cutoff_ds)

    def reached(self, answer: Any) -> list[Reach]:
        """Split the data frame."""
        rows = dict(list(answer.groupby("source")))
        return [_pairs(rows[node]["destination"], rows[node]["ds"]) for node in self.nodes]


class Pandarm(Pandana):
    """pandarm, pandana's successor."""

    name, module, distribution = "pandarm nodes_in_range", "pandarm", "pandarm"

    def more(self) -> dict[str, Any]:
        """Say that the positions are degrees."""
        return {"crs": 4326}


class RoutingkitCch(Engine):
    """RoutingKit's customisable contraction hierarchy, Rust binding."""

    name, module, distribution = "routingkit-cch one-to-many", "routingkit_cch", "routingkit-cch"
    does = "no cutoff; orders and customises first (not timed); dense lists"
    largest = 200_000

    def prepare(self) -> None:
        """Order, customise, pin all nodes as targets."""
        rk, roads = importlib.import_module(self.module), self.graph.roads
        tail, head = self.graph.tail.tolist(), self.graph.head.tolist()
        at = (roads.lat.astype(np.float32).tolist(), roads.lon.astype(np.float32).tolist())
        order = rk.compute_order_inertial(self.graph.nodes, tail, head, *at)
        self.cch = rk.CCH(order, tail, head, False)
        self.metric = rk.CCHMetric(self.cch, self.graph.ds.tolist())
        once, self.back = np.unique(self.targets, return_inverse=True)
        self.query = rk.CCHOneToMany(self.metric, once.tolist())

    def search(self) -> list[list[int | None]]:
        """Search from one source after another."""
        return [self.query.distances_from(node) for node in self.nodes.tolist()]


class Pyroutingkit(Engine):
    """RoutingKit's customisable contraction hierarchy, C++ binding."""

    name, module, distribution = "pyroutingkit many-to-many", "pyroutingkit", "pyroutingkit"
    does = "no cutoff; orders and customises first (not timed); dense array"
    largest = 200_000

    def prepare(self) -> None:
        """Order and customise."""
        rk, roads = importlib.import_module(self.module), self.graph.roads
        ends = (self.graph.tail.astype(np.uint32), self.graph.head.astype(np.uint32))
        at = (roads.lat.astype(np.float32), roads.lon.astype(np.float32))
        self.topology = rk.CCHTopology()
        self.topology.build(*ends, *at, self.graph.nodes)
        self.metric = rk.CCHMetric(self.topology)
        self.metric.customize(self.graph.ds.astype(np.uint32))

    def search(self) -> NDArray[np.uint32]:
        """Ask for one matrix."""
        ends = self.nodes.astype(np.uint32), self.targets.astype(np.uint32)
        return self.metric.distances_many_to_many(*ends)


ENGINES: tuple[type[Engine], ...] = (
    Kernel,
    Points,
    Networkx,
    Scipy,
    ScipyShuffled,
    Igraph,
    Networkit,
    Rustworkx,
    Pandana,
    Pandarm,
    RoutingkitCch,
    Pyroutingkit,
)


def missing(engine: type[Engine]) -> bool:
    """Return whether the engine is not installed."""
    return version(engine.distribution) == "not installed"


def _pairs(nodes: Iterable[int], ds: Iterable[float]) -> Reach:
    node, time = np.fromiter(nodes, np.int64), np.fromiter(ds, np.float64)
    order = np.argsort(node, kind="stable")
    return node[order], time[order]
