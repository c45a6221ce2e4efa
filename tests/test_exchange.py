"""To OSMnx and back, and GraphML as OSMnx writes it: nothing is lost on the way."""

import networkx as nx
import numpy as np
import osmnx as ox
import pytest
import shapely

from planner import InputError, network, territory


@pytest.fixture(scope="module")
def roads():
    return network.read_osm(territory.read("liechtenstein").roads_path)


def arcs(roads):
    """Return every directed edge as (tail, head, ds), by OpenStreetMap ids."""
    out = roads.out
    tail = np.repeat(np.arange(roads.node_id.size), np.diff(out.pointer))
    ids = roads.node_id
    return sorted(zip(ids[tail].tolist(), ids[out.node].tolist(), out.ds.tolist(), strict=True))


def test_there_and_back_keeps_every_time(roads):
    back = network.from_osmnx(roads.to_osmnx())
    assert arcs(back) == arcs(roads)
    assert back.start.size == roads.start.size  # two directions are one segment again
    assert back.length_m.sum() == pytest.approx(roads.length_m.sum())


def test_graph_is_as_osmnx_knows_graphs(roads):
    graph = roads.to_osmnx()
    assert ox.stats.edge_length_total(graph) > 0  # its own tools take it
    edges = ox.convert.graph_to_gdfs(graph, nodes=False)
    assert (edges["travel_time"] > 0).all()
    assert edges.crs.to_epsg() == 4326
    assert set(edges.columns) >= {"length", "travel_time", "geometry", "highway", "oneway", "name"}


def test_networkx_finds_the_same_times_on_the_graph(roads):
    graph = roads.to_osmnx()
    source = int(roads.node_id[np.flatnonzero(roads.component == 0)[0]])
    lengths = nx.single_source_dijkstra_path_length(graph, source, weight="travel_time")
    back = nx.single_source_dijkstra_path_length(
        network.from_osmnx(graph).to_osmnx(), source, weight="travel_time"
    )
    assert back == pytest.approx(lengths)


@pytest.mark.parametrize("version", ["2.x", "1.2"])
def test_graphml_of_osmnx_is_read(roads, tmp_path, version):
    graph = roads.to_osmnx()
    path = tmp_path / "roads.graphml"
    if version == "2.x":
        ox.save_graphml(graph, path)
    else:  # OSMnx 1.2 wrote geometry as WKT and every attribute as text
        for _, _, data in graph.edges(data=True):
            data["geometry"] = data["geometry"].wkt
            data |= {key: str(value) for key, value in data.items()}
        nx.write_graphml(graph, path)
    assert arcs(network.read_graphml(path)) == arcs(roads)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_G6_truncated_graphml_is_refused(roads, tmp_path, share):
    whole = tmp_path / "whole.graphml"
    ox.save_graphml(roads.to_osmnx(), whole)
    data = whole.read_bytes()
    path = tmp_path / "half.graphml"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"half\.graphml"):
        network.read_graphml(path)


def tiny(**edge):
    graph = nx.MultiDiGraph(crs="epsg:4326")
    graph.add_node(1, x=4.60, y=46.10)
    graph.add_node(2, x=4.61, y=46.10)
    graph.add_edge(1, 2, **({"osmid": 7, "highway": "residential", "length": 772.0} | edge))
    graph.add_edge(2, 1, **({"osmid": 7, "highway": "residential", "length": 772.0} | edge))
    return graph


def test_a_graph_without_times_gets_those_of_the_profile():
    roads = network.from_osmnx(tiny(), profile="car_slow")
    assert roads.start.size == 1
    assert roads.forward_ds.tolist() == roads.backward_ds.tolist() == [round(772 / 25 * 36)]


@pytest.mark.parametrize("length", [0.0, -5.0, float("nan"), None])
def test_N6_a_bad_length_is_measured_and_counted(length):
    roads = network.from_osmnx(tiny(length=length))
    assert roads.length_m[0] == pytest.approx(771, rel=0.01)
    assert roads.assumed["length missing or not positive: measured"] == 2


@pytest.mark.parametrize("time", [0.0, -3.0, float("nan"), float("inf")])
def test_N6_a_bad_time_is_not_taken(time):
    roads = network.from_osmnx(tiny(travel_time=time))
    assert roads.forward_ds[0] == network.from_osmnx(tiny()).forward_ds[0]


def test_lists_of_a_simplified_graph_are_read():
    graph = tiny(highway=["tertiary", "residential"], osmid=[7, 8], name=["Rue A", "Rue B"])
    roads = network.from_osmnx(graph)
    assert network.CLASSES[roads.road_class[0]] == "tertiary"
    assert roads.names[roads.name[0]] == "Rue A"


def test_parallel_edges_and_loops_stay_apart():
    graph = tiny()
    bow = shapely.LineString([(4.60, 46.10), (4.605, 46.11), (4.61, 46.10)])
    graph.add_edge(1, 2, osmid=9, highway="residential", length=2500.0, geometry=bow)
    loop = shapely.LineString([(4.61, 46.10), (4.62, 46.10), (4.62, 46.11), (4.61, 46.10)])
    graph.add_edge(2, 2, osmid=10, highway="residential", length=3000.0, geometry=loop)
    roads = network.from_osmnx(graph)
    assert roads.start.size == 3
    assert len(arcs(roads)) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.graph.update(crs="epsg:2154"), "degrees"),
        (lambda g: g.nodes[1].update(x=841000.0), "projected"),
        (lambda g: g.nodes[1].pop("x"), "position|degrees"),
        (lambda g: g.remove_edges_from(list(g.edges)), "no edge"),
    ],
)
def test_a_graph_that_cannot_be_used_is_refused(change, message):
    graph = tiny()
    change(graph)
    with pytest.raises(InputError, match=message):
        network.from_osmnx(graph)


def test_S8_the_order_of_nodes_and_edges_does_not_matter(roads):
    graph = roads.to_osmnx()
    shuffled = nx.MultiDiGraph(**graph.graph)
    rng = np.random.default_rng(5)
    nodes, edges = list(graph.nodes(data=True)), list(graph.edges(data=True))
    shuffled.add_nodes_from(nodes[i] for i in rng.permutation(len(nodes)))
    shuffled.add_edges_from(edges[i] for i in rng.permutation(len(edges)))
    a, b = network.from_osmnx(graph), network.from_osmnx(shuffled)
    assert a.node_id.tolist() == b.node_id.tolist()
    assert arcs(a) == arcs(b)


def test_numbers_beyond_the_earth_are_not_taken():
    roads = network.from_osmnx(tiny(length=1e15, travel_time=1e12, osmid=10**30))
    assert roads.length_m[0] == pytest.approx(771, rel=0.01)
    assert roads.forward_ds[0] == network.from_osmnx(tiny(length=771.0)).forward_ds[0]
    with pytest.raises(InputError, match="edge 1 to 2: geometry unreadable"):
        network.from_osmnx(tiny(geometry="LINESTRING (4 46,"))
    with pytest.raises(InputError, match="no line"):
        network.from_osmnx(tiny(geometry="POINT (4 46)"))
