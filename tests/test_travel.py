"""Minutes on roads: pictures, networkx, brute force, and rules that hold whatever the roads."""

import itertools
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from roadmaps import DEGREE_M, ORIGIN, RoadMap, draw, flat

from planner import territory, travel
from planner._errors import InputError
from planner.network import read_osm
from planner.network._snap import Snapped, snap

CLOSED = -1
ON_NODE_M = 0.02  # nodes are stored to 1 cm
ALWAYS = settings(derandomize=True, deadline=None, max_examples=60)


@pytest.fixture(scope="module")
def home():
    return territory.read("liechtenstein")


@pytest.fixture(scope="module")
def liechtenstein(home):
    return read_osm(home.roads_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("maps")


def tenths(found):
    """Return minutes as whole tenths of a second, -1 where absent."""
    dense = found.to_dense()
    assert not np.isnan(dense).any()
    ds = np.where(np.isfinite(dense), dense, 0) * 600
    assert np.abs(ds - np.rint(ds)).max(initial=0) < 1e-6, "minutes are whole tenths of a second"
    assert ds.min(initial=0) >= 0
    return np.where(np.isfinite(dense), np.rint(ds), -1).astype(int)


def seconds(roads, network, origins, destinations, **options):
    """Return seconds between places by name; None where unreachable."""
    options = {"cutoff_min": 60, "max_snap_m": 300, **options}
    ends = roads.places(*origins.split()), roads.places(*destinations.split())
    found = tenths(travel.times(network, *ends, **options))
    return [[None if ds < 0 else ds / 10 for ds in row] for row in found.tolist()]


# --- pictures, at 10 m a second ---------------------------------------------------------------


def test_parts_of_edges_count_on_both_sides(tmp_path):
    roads = draw(
        """
        A---------B---------C
                  |
                  D
        """,
        {"ABC": "residential", "BD": "residential"},
    )
    network = roads.read(tmp_path)
    found = seconds(network=network, roads=roads, origins="A+300,0 D C", destinations="A B B+400,0")
    assert found == [[30, 70, 110], [120, 20, 60], [200, 100, 60]]
    assert seconds(roads, network, "A+300,0", "A+900,0 A+100,0 A+300,0") == [[60, 20, 0]]


def test_walks_to_and_from_the_road_are_added(tmp_path):
    roads = draw("A---------B", {"AB": "residential"})
    network = roads.read(tmp_path)
    # 4.5 km/h is 1.25 m a second: 100 m are 80 s, 25 m are 20 s.
    assert seconds(roads, network, "A+300,100", "B+0,0 B+0,25 A+300,100") == [[150, 170, 160]]
    assert seconds(roads, network, "A+300,100", "B", walk_kph=9.0) == [[110]]


def test_a_place_on_a_oneway_is_left_and_reached_its_way_round(tmp_path):
    roads = draw(
        """
        A---------B
        |         |
        D---------C
        """,
        {"ABCDA": {"highway": "residential", "oneway": "yes"}},
    )
    network = roads.read(tmp_path)
    round_s = 240
    assert seconds(roads, network, "A+200,0", "A+700,0 B C D A") == [[50, 80, 100, 200, 220]]
    assert seconds(roads, network, "A+700,0", "A+200,0") == [[round_s - 50]]
    assert seconds(roads, network, "A B C D", "A") == [[0], [140], [120], [20]]


def test_a_oneway_held_backwards(tmp_path):
    roads = draw(
        """
        A---------B
        |         |
        D---------C
        """,
        [
            ("AB", {"highway": "residential", "oneway": "-1"}),
            ("BCDA", "residential"),
        ],
    )
    network = roads.read(tmp_path)
    assert seconds(roads, network, "A B", "A B") == [[0, 140], [100, 0]]
    assert seconds(roads, network, "A+200,0", "A+700,0 A+100,0 A B") == [[190, 10, 20, 160]]


def test_a_place_on_the_node_of_a_oneway_takes_any_road_there(tmp_path):
    roads = draw(
        """
        E----A---------B----F
             |         |
             D---------C
        """,
        [
            ("AB", {"highway": "primary", "oneway": "yes"}),
            *((letters, "residential") for letters in ("EA", "BF", "ADCB")),
        ],
    )
    network = roads.read(tmp_path)
    for a, b in itertools.product(("A", "A+0.3,0"), ("E", "D")):
        (there,), (back,) = seconds(roads, network, a, b), seconds(roads, network, b, a)
        assert there[0] == pytest.approx(50 if b == "E" else 10 * 2, abs=0.3)
        assert back[0] == pytest.approx(there[0], abs=0.3)
    assert seconds(roads, network, "B", "A") == [[140]]
    assert seconds(roads, network, "A", "B") == [[100]]


def test_places_on_one_loop_take_the_shorter_way_round(tmp_path):
    roads = draw("A--B\n|  |\nD--C", {"ABCDA": "residential"})
    network = roads.read(tmp_path)
    assert seconds(roads, network, "A+100,0", "D+100,0 A A+200,0") == [[40, 10, 10]]
    assert seconds(roads, network, "D+200,0", "A+200,0 D+0,50") == [[40, 25]]


def test_N8_oneways_ferries_tunnels_parallel_edges_and_loops_together(tmp_path):
    roads = draw(
        """
        A----B----C----D
        |         |    |
        E----F----G    H--I
        """,
        [
            ("AB", {"highway": "residential", "oneway": "yes"}),
            ("BC", {"highway": "residential", "tunnel": "yes"}),
            ("CD", {"route": "ferry"}),
            ("DHI", "residential"),
            ("AEF", "residential"),
            ("FG", "residential"),
            ("GF", {"highway": "residential", "maxspeed": "72"}),
            ("GC", "residential"),
            ("EAE", "residential"),
        ],
    )
    network = roads.read(tmp_path)
    assert seconds(roads, network, "A B C", "A B C G", max_snap_m=1) == [
        [0, 50, 100, 95],
        [165, 0, 50, 70],
        [115, 50, 0, 20],
    ]
    found = travel.times(
        network, roads.places("A", "D", "I"), roads.places("A"), cutoff_min=60, max_snap_m=1
    )
    assert found.unreachable_origins.tolist() == ["D", "I"], "nothing crosses by ferry"


def test_N5_places_far_from_roads_on_islands_and_in_traps_are_listed(tmp_path):
    roads = draw(
        """
        A----B----C         L----M

             T----U
        """,
        [("ABC", "residential"), ("LM", "residential"), ("TU", "residential")],
    )
    network = roads.read(tmp_path)
    names = ("A", "L", "T", "B+0,900", "C+100,0")
    found = travel.times(
        network, roads.places(*names), roads.places(*names), cutoff_min=60, max_snap_m=150
    )
    assert found.unreachable_origins.tolist() == ["L", "T", "B+0,900"]
    assert found.unreachable_destinations.tolist() == ["L", "T", "B+0,900"]
    assert found.minutes.nnz == 4, "never free: no pair of theirs is there"
    assert set(found.to_frame()["origin"]) == {"A", "C+100,0"}


def test_N5_a_one_way_trap_neither_swallows_nor_frees_anyone(tmp_path):
    roads = draw(
        """
        A----B----C----D
             |    |    |
             E----F    G
        """,
        [
            ("ABC", "residential"),
            ("BEFC", "residential"),
            ("CD", {"highway": "residential", "oneway": "yes"}),
            ("DG", "residential"),
        ],
    )
    network = roads.read(tmp_path)
    names = "D+0,-100 D+-20,0 G"
    assert seconds(roads, network, "A", names, max_snap_m=100) == [[None, None, None]]
    assert seconds(roads, network, names, "A", max_snap_m=100) == [[None], [None], [None]]
    near_c = 100 + (500 - 20) / 1.25
    assert seconds(roads, network, "A", "D+-20,0", max_snap_m=1000) == [[near_c]]
    assert seconds(roads, network, "D+-20,0", "A", max_snap_m=1000) == [[near_c]]


def test_N7_a_network_clipped_at_a_border_is_never_faster(tmp_path):
    ways = {"AB": "residential", "BC": "residential", "AD": "residential", "DEFC": "residential"}
    picture = """
        A---------B
        |         |
        |         |
        D----E    |
             |    |
             F----C
        """
    whole = draw(picture, ways)
    clipped = draw(picture, {k: way for k, way in ways.items() if k != "BC"})
    network = whole.read(tmp_path), clipped.read(tmp_path)
    assert seconds(whole, network[0], "B", "C A") == [[50, 100]]
    assert seconds(clipped, network[1], "B", "C A") == [[250, 100]]


def test_N9_unreachable_is_absent_or_infinite_and_never_a_number(tmp_path):
    roads = draw("A----B         C----D", {"AB": "residential", "CD": "service"})
    network = roads.read(tmp_path)
    ends = roads.places("A", "C"), roads.places("B", "D", "A")
    found = travel.times(network, *ends, cutoff_min=60, max_snap_m=100)
    assert found.to_dense().tolist() == [[pytest.approx(5 / 6), np.inf, 0], [np.inf] * 3]
    assert found.to_frame().to_dict("list") == {
        "origin": ["A", "A"],
        "destination": ["B", "A"],
        "minutes": [pytest.approx(5 / 6), 0.0],
    }
    assert found.minutes.nnz == 2, "zero minutes are stored, absence is not"
    assert found.within(0.5).nnz == 1
    assert found.within(10).toarray().tolist() == [[True, False, True], [False] * 3]
    over = travel.times(network, *ends, cutoff_min=0.5, max_snap_m=100)
    assert over.to_dense().tolist() == [[np.inf, np.inf, 0], [np.inf] * 3]


def test_a_cutoff_is_met_to_the_tenth_of_a_second(tmp_path):
    roads = draw("A----------B", {"AB": "residential"})
    network = roads.read(tmp_path)
    names = "A+599,0 A+600,0 A+601,0"
    assert seconds(roads, network, "A", names, cutoff_min=1) == [[59.9, 60.0, None]]


# --- random networks --------------------------------------------------------------------------

CLASSES = ("primary", "tertiary", "residential", "service", "motorway", "motorway_link")
ONEWAYS = ("no", "no", "yes", "-1")
LIMITS = ("", "", "30", "50;70", "90", "walk", "FR:rural", "signals")


@st.composite
def road_maps(draw_from):
    """Return a map of nodes on a jittered grid, joined by ways of every sort.

    Ways jump anywhere, so there are long ones, parallel ones, loops and traps; the last nodes
    are only joined to one another, so there are islands.
    """
    side = draw_from(st.integers(2, 5))
    count = side * side
    jitter = np.random.default_rng(draw_from(st.integers(0, 2**32))).uniform(-60, 60, (count, 2))
    node = {}
    for i, (dx, dy) in enumerate(jitter.tolist()):
        lon = ORIGIN[0] + (200 * (i % side) + dx) / (DEGREE_M * np.cos(np.radians(ORIGIN[1])))
        node[str(i)] = (lon, ORIGIN[1] + (200 * (i // side) + dy) / DEGREE_M)
    names = st.sampled_from(list(node))
    tags = st.builds(
        lambda road, way, kph: (
            {"highway": road, "oneway": way} | ({"maxspeed": kph} if kph else {})
        ),
        *map(st.sampled_from, (CLASSES, ONEWAYS, LIMITS)),
    )
    paths = st.lists(names, min_size=2, max_size=6).filter(lambda path: len(set(path)) > 1)
    ways = draw_from(st.lists(st.tuples(paths.map(tuple), tags), min_size=1, max_size=2 * count))
    return RoadMap(node, {name: int(name) + 1 for name in node}, tuple(ways), {}, "")


def graph(network):
    """Return the network's arrays as networkx knows graphs."""
    made = nx.MultiDiGraph()
    made.add_nodes_from(range(network.node_id.size))
    forward = zip(network.start, network.end, network.forward_ds, strict=True)
    backward = zip(network.end, network.start, network.backward_ds, strict=True)
    for a, b, ds in itertools.chain(forward, backward):
        if ds != CLOSED:
            made.add_edge(int(a), int(b), ds=int(ds))
    return made


def dijkstra(network, *, cutoff_ds=None):
    """Return networkx' times between all nodes, -1 where there is no way."""
    n, made = network.node_id.size, graph(network)
    matrix = np.full((n, n), -1)
    for a in range(n):
        lengths = nx.single_source_dijkstra_path_length(made, a, cutoff=cutoff_ds, weight="ds")
        for b, ds in lengths.items():
            matrix[a, b] = ds
    return matrix


def floyd_warshall(network):
    """Return the times between all nodes by brute force (Floyd 1962, Warshall 1962)."""
    n = network.node_id.size
    time = np.where(np.eye(n, dtype=bool), 0.0, np.inf)
    for a, b, there, back in zip(
        network.start, network.end, network.forward_ds, network.backward_ds, strict=True
    ):
        if there != CLOSED:
            time[a, b] = min(time[a, b], there)
        if back != CLOSED:
            time[b, a] = min(time[b, a], back)
    for k in range(n):
        time = np.minimum(time, time[:, k : k + 1] + time[k])
    return np.where(np.isfinite(time), time, -1).astype(int)


def node_points(network):
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(network.lon, network.lat), crs=4326)


def doors(network):
    """Say which nodes a place may stand on: those at the ends of usable segments."""
    found = np.zeros(network.node_id.size, bool)
    found[network.start[network.usable]] = found[network.end[network.usable]] = True
    return found


def on_nodes(network):
    """Return places on the nodes, each at the end of some segment, wherever that leads."""
    n = network.node_id.size
    segment, fraction = np.zeros(n, np.int32), np.zeros(n)
    for i in range(network.start.size):
        segment[network.end[i]], fraction[network.end[i]] = i, 1.0
        segment[network.start[i]], fraction[network.start[i]] = i, 0.0
    return Snapped(segment, fraction, np.zeros(n), np.zeros(n, np.int32))


def from_nodes(network, *, to_source=False, cutoff_ds=10**9):
    """Return the planner's own times between all nodes, islands and traps included."""
    places = on_nodes(network)
    found = travel.search_ds(network, places, places, to_source=to_source, cutoff_ds=cutoff_ds)
    dense = np.full(found.shape, -1)
    pairs = found.tocoo()
    dense[pairs.coords] = pairs.data
    return dense.T if to_source else dense


@ALWAYS
@given(road_maps(), st.sampled_from((0.05, 0.5, 2.0, 5000.0)))
def test_T1_times_between_nodes_equal_networkx_to_the_tenth(folder, roads, cutoff_min):
    network = read_osm(roads.write(folder / "t1.osm.pbf"))
    expected = dijkstra(network, cutoff_ds=int(cutoff_min * 600))
    door = doors(network)
    expected[~door, :] = expected[:, ~door] = -1
    points = node_points(network)
    found = travel.times(network, points, points, cutoff_min=cutoff_min, max_snap_m=ON_NODE_M)
    assert tenths(found).tolist() == expected.tolist()
    assert found.unreachable_origins.tolist() == np.flatnonzero(~door).tolist()


@ALWAYS
@given(road_maps())
def test_T1_times_equal_dijkstra_on_the_osmnx_graph(folder, roads):
    network = read_osm(roads.write(folder / "osmnx.osm.pbf"))
    made, row = network.to_osmnx(), {node: i for i, node in enumerate(network.node_id.tolist())}
    expected = np.full((len(row), len(row)), -1)
    for node, i in row.items():
        lengths = nx.single_source_dijkstra_path_length(made, node, weight="travel_time")
        for other, length_s in lengths.items():
            expected[i, row[other]] = round(length_s * 10)
    door = doors(network)  # nobody gets on or off at a motorway's node or in a trap
    expected[~door, :] = expected[:, ~door] = -1
    points = node_points(network)
    found = travel.times(network, points, points, cutoff_min=5000, max_snap_m=ON_NODE_M)
    assert tenths(found).tolist() == expected.tolist()


@ALWAYS
@given(road_maps())
def test_T1_N8_the_search_equals_networkx_and_brute_force_on_the_raw_graph(folder, roads):
    network = read_osm(roads.write(folder / "t2.osm.pbf"))
    expected = floyd_warshall(network)
    assert dijkstra(network).tolist() == expected.tolist()
    assert from_nodes(network).tolist() == expected.tolist()
    assert from_nodes(network, to_source=True).tolist() == expected.tolist()
    near = np.where(expected <= 300, expected, -1)
    assert from_nodes(network, cutoff_ds=300).tolist() == near.tolist()


def pieces(network, places, i):
    """Yield the ways past a place: which, node behind, node ahead, whole time, time until it."""
    s, f = places.segment[i], places.fraction[i]
    start, end = int(network.start[s]), int(network.end[s])
    there, back = int(network.forward_ds[s]), int(network.backward_ds[s])
    if there != CLOSED:
        yield "there", start, end, there, round(there * f)
    if back != CLOSED:
        yield "back", end, start, back, round(back * (1 - f))
    for node, away in ((start, f), (end, 1 - f)):
        if away * network.length_m[s] < 0.5:
            yield "on the node", node, node, 0, 0


def straight(network, origins, destinations, pair):
    """Yield the times from a place to one further on along its own segment."""
    i, j = pair
    if origins.segment[i] == destinations.segment[j]:
        first = {which: part for which, *_, part in pieces(network, origins, i)}
        for which, *_, part in pieces(network, destinations, j):
            if which != "on the node" and first[which] <= part:
                yield part - first[which]


def oracle(network, origins, destinations):
    """Return times between places on the roads, on a graph that has them as nodes."""
    made = graph(network)
    here, there = (np.flatnonzero(places.segment >= 0) for places in (origins, destinations))
    walks = origins.walk_ds.astype(int), destinations.walk_ds.astype(int)
    edges = [
        (("from", i), ahead, walks[0][i] + whole - part)
        for i in here
        for _, _, ahead, whole, part in pieces(network, origins, i)
    ]
    edges += [
        (behind, ("to", j), walks[1][j] + part)
        for j in there
        for _, behind, _, _, part in pieces(network, destinations, j)
    ]
    edges += [
        (("from", i), ("to", j), walks[0][i] + walks[1][j] + ds)
        for i, j in itertools.product(here, there)
        for ds in straight(network, origins, destinations, (i, j))
    ]
    made.add_weighted_edges_from(edges, weight="ds")
    matrix = np.full((origins.segment.size, destinations.segment.size), -1)
    for i in here:
        lengths = nx.single_source_dijkstra_path_length(made, ("from", i), weight="ds")
        for j in there:
            matrix[i, j] = lengths.get(("to", j), -1)
    return matrix


def scattered(roads, seed, count):
    """Return points anywhere on a map and a little beyond."""
    rng = np.random.default_rng(seed)
    corners = np.array(list(roads.node.values()))
    low, high = corners.min(axis=0), corners.max(axis=0)
    xy = rng.uniform(low - 0.002, high + 0.002, (count, 2))
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(*xy.T), crs=4326)


@ALWAYS
@given(road_maps(), st.integers(0, 2**16), st.tuples(st.integers(1, 7), st.integers(1, 7)))
def test_T1_times_between_places_anywhere_equal_networkx(folder, roads, seed, count):
    network = read_osm(roads.write(folder / "t3.osm.pbf"))
    ends = scattered(roads, seed, count[0]), scattered(roads, seed + 1, count[1])
    limits = {"max_snap_m": 200.0, "walk_kph": 4.5}
    placed = [snap(network, points, **limits) for points in ends]
    expected = oracle(network, *placed)
    found = tenths(travel.times(network, *ends, cutoff_min=10_000, **limits))
    assert found.tolist() == expected.tolist()


@ALWAYS
@given(road_maps(), st.integers(0, 2**16), st.floats(0.01, 8.0))
def test_T1_a_cutoff_never_changes_what_lies_below_it(folder, roads, seed, cutoff_min):
    network = read_osm(roads.write(folder / "t4.osm.pbf"))
    points = scattered(roads, seed, 12)
    far = tenths(travel.times(network, points, points, cutoff_min=10_000))
    near = tenths(travel.times(network, points, points, cutoff_min=cutoff_min))
    within = np.where(far <= int((cutoff_min + travel.BOUNDARY_MIN) * 600), far, -1)
    assert near.tolist() == within.tolist()


@ALWAYS
@given(road_maps())
def test_T1_turning_every_arrow_transposes_the_times(folder, roads):
    network = read_osm(roads.write(folder / "t5.osm.pbf"))
    turned = replace(network, forward_ds=network.backward_ds, backward_ds=network.forward_ds)
    assert from_nodes(turned).tolist() == from_nodes(network).T.tolist()
    back = RoadMap(
        roads.node, roads.number, tuple((path[::-1], tags) for path, tags in roads.ways), {}, ""
    )
    plain = [each.read(folder, profile=flat()) for each in (roads, back)]
    first, second = map(from_nodes, plain)
    same = [np.argsort(each.node_id) for each in plain]
    rounding = 1 * plain[0].start.size
    there, here = first[np.ix_(same[0], same[0])], second[np.ix_(same[1], same[1])].T
    assert ((there < 0) == (here < 0)).all()
    assert np.abs(there - here).max() <= rounding


@ALWAYS
@given(road_maps(), st.integers(0, 2**16))
def test_T1_numbers_and_order_of_the_file_and_of_the_rows_do_not_matter(folder, roads, seed):
    network = read_osm(roads.write(folder / "t6.osm.pbf"))
    rng = np.random.default_rng(seed)
    number = dict(zip(roads.node, rng.permutation(len(roads.node)).tolist(), strict=True))
    shuffled = [roads.ways[i] for i in rng.permutation(len(roads.ways))]
    other = RoadMap(
        dict(sorted(roads.node.items(), key=lambda item: number[item[0]])),
        {name: i + 7 for name, i in sorted(number.items(), key=lambda item: item[1])},
        tuple(shuffled),
        {},
        "",
    )
    renamed = read_osm(other.write(folder / "t7.osm.pbf"))
    points, order = scattered(roads, seed, 15), rng.permutation(15)
    expected = tenths(travel.times(network, points, points, cutoff_min=99))
    if nothing_ties(roads, network):
        found = tenths(travel.times(renamed, points, points, cutoff_min=99))
        assert found.tolist() == expected.tolist()
    rows = tenths(travel.times(network, points.iloc[order], points, cutoff_min=99))
    assert rows.tolist() == expected[order].tolist()
    columns = tenths(travel.times(network, points, points.iloc[order[:6]], cutoff_min=99))
    assert columns.tolist() == expected[:, order[:6]].tolist()


def nothing_ties(roads, network):
    """Say whether places stand where they do without a tie: one part is the largest, and no two
    ways run over each other."""
    sizes = np.sort(np.bincount(network.component))
    steps = [
        frozenset(step)
        for path, _ in roads.ways
        for step in itertools.pairwise(path)
        if len({*step}) > 1
    ]
    return len(set(steps)) == len(steps) and (sizes.size == 1 or sizes[-1] > sizes[-2])


@ALWAYS
@given(road_maps(), st.data())
def test_T1_cutting_an_edge_in_two_changes_times_by_one_rounding_at_most(folder, roads, data):
    ways = [(path, tags) for path, tags in roads.ways]
    which = data.draw(st.integers(0, len(ways) - 1))
    path, tags = ways[which]
    steps = [i for i in range(len(path) - 1) if path[i] != path[i + 1]]
    at = data.draw(st.sampled_from(steps))
    middle = tuple(np.mean([roads.node[path[at]], roads.node[path[at + 1]]], axis=0).tolist())
    halves = [((*path[: at + 1], "new"), tags), (("new", *path[at + 1 :]), tags)]
    node = roads.node | {"new": middle}
    cut = RoadMap(
        node,
        {name: i for i, name in enumerate(node, start=1)},
        tuple(ways[:which] + halves + ways[which + 1 :]),
        {},
        "",
    )
    plain = RoadMap(roads.node, roads.number, tuple(ways), {}, "")
    first, second = (each.read(folder, profile=flat()) for each in (plain, cut))
    kept = np.isin(second.node_id, first.node_id)
    order = np.argsort(first.node_id), np.argsort(second.node_id[kept])
    before = from_nodes(first)[np.ix_(order[0], order[0])]
    after = from_nodes(second)[np.ix_(kept, kept)][np.ix_(order[1], order[1])]
    assert ((before < 0) == (after < 0)).all()
    # A segment's time is rounded once, its two halves' twice: off by a tenth, and no path drives
    # the same segment twice.
    assert np.abs(before - after).max() <= 1


@ALWAYS
@given(road_maps())
def test_T1_triangle_inequality(folder, roads):
    network = read_osm(roads.write(folder / "t8.osm.pbf"))
    found = from_nodes(network).astype(float)
    found[found < 0] = np.inf
    detour = (found[:, :, None] + found[None, :, :]).min(axis=1)
    assert (found <= detour).all()


@ALWAYS
@given(road_maps(), st.integers(0, 2**16))
def test_N7_fewer_roads_never_make_a_trip_shorter(folder, roads, seed):
    network = read_osm(roads.write(folder / "n7.osm.pbf"))
    kept = np.random.default_rng(seed).random(network.start.size) < 0.7
    clipped = replace(
        network,
        forward_ds=np.where(kept, network.forward_ds, CLOSED).astype(np.int32),
        backward_ds=np.where(kept, network.backward_ds, CLOSED).astype(np.int32),
    )
    whole, part = from_nodes(network).astype(float), from_nodes(clipped).astype(float)
    whole[whole < 0] = part[part < 0] = np.inf
    assert (part >= whole).all()


# --- real roads -------------------------------------------------------------------------------


def test_T1_three_hundred_real_pairs_equal_networkx(liechtenstein):
    roads = liechtenstein
    made, rng = graph(roads), np.random.default_rng(3)
    chosen = rng.choice(np.flatnonzero(doors(roads)), 60, replace=False)
    points = node_points(roads)
    here = snap(roads, points.iloc[chosen], max_snap_m=ON_NODE_M, walk_kph=4.5).segment
    assert ((roads.start[here] == chosen) | (roads.end[here] == chosen)).all()
    sources, targets = chosen[:30], rng.choice(chosen, 10, replace=False)
    found = travel.times(roads, points.iloc[sources], points.iloc[targets], cutoff_min=12.0)
    expected = np.full(found.minutes.shape, -1)
    for i, a in enumerate(sources):
        reached = nx.single_source_dijkstra_path_length(made, int(a), cutoff=7200, weight="ds")
        expected[i] = [reached.get(int(b), -1) for b in targets]
    assert expected.size == 300
    assert 50 < (expected < 0).sum() < 250, "some within the cutoff, some beyond"
    assert tenths(found).tolist() == expected.tolist()


def test_T1_times_there_do_not_depend_on_which_side_is_searched(liechtenstein, home):
    few, many = home.premises.iloc[:20], home.residents.iloc[:40]
    to_few = tenths(travel.times(liechtenstein, many, few, cutoff_min=15))
    one_by_one = [
        tenths(travel.times(liechtenstein, many.iloc[[i]], few, cutoff_min=15))[0].tolist()
        for i in range(len(many))
    ]
    assert to_few.tolist() == one_by_one


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_do_not_change_a_byte(liechtenstein, home, workers):
    ends = home.residents.iloc[:400], home.premises
    once = travel.times(liechtenstein, *ends, cutoff_min=10, workers=1).minutes
    found = travel.times(liechtenstein, *ends, cutoff_min=10, workers=workers).minutes
    for part in ("data", "indices", "indptr"):
        assert getattr(found, part).tobytes() == getattr(once, part).tobytes()
    assert found.has_sorted_indices


def test_two_threads_may_ask_at_once(home):
    roads = read_osm(home.roads_path)  # nothing of it is cached yet
    ends = home.residents.iloc[:300], home.premises

    def ask(cutoff_min):
        return travel.times(roads, *ends, cutoff_min=cutoff_min).minutes.data.tobytes()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, [8, 12] * 4))
    assert found == [ask(8), ask(12)] * 4


def test_an_interrupt_leaves_no_thread_behind(liechtenstein, home):
    before = set(threading.enumerate())

    def interrupt(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        travel.times(
            liechtenstein, home.residents, home.residents, cutoff_min=30, progress=interrupt
        )
    assert set(threading.enumerate()) == before


def test_progress_counts_the_searches(liechtenstein, home):
    said = []
    travel.times(
        liechtenstein,
        home.residents,
        home.premises,
        cutoff_min=5,
        progress=lambda done, total: said.append((done, total)),
    )
    assert said == sorted(said)
    assert said[-1] == (len(home.premises), len(home.premises))


# --- what people pass in ----------------------------------------------------------------------


def test_no_points_and_one_point(liechtenstein, home):
    none, one, few = home.premises.iloc[:0], home.premises.iloc[:1], home.premises.iloc[:4]
    for origins, destinations in itertools.product((none, one, few), repeat=2):
        found = travel.times(liechtenstein, origins, destinations, cutoff_min=60)
        assert found.minutes.shape == (len(origins), len(destinations))
        assert found.minutes.nnz == len(origins) * len(destinations)
        assert found.to_frame().shape == (found.minutes.nnz, 3)
        assert found.within(10).shape == found.minutes.shape
        guess = travel.estimated_times(origins, destinations, cutoff_min=60)
        assert guess.minutes.shape == found.minutes.shape


def test_ids_that_repeat_and_columns_of_any_kind_are_kept(liechtenstein, home):
    points = home.premises.iloc[[0, 1, 0, 2]]
    found = travel.times(liechtenstein, points, points, cutoff_min=60)
    assert found.origins.tolist() == points.index.tolist()
    assert np.array_equal(found.to_dense()[0], found.to_dense()[2])


@pytest.mark.parametrize("crs", [4326, 2154, 3857, "EPSG:32632"])
def test_points_in_any_crs(liechtenstein, home, crs):
    points = home.premises.iloc[:6]
    expected = tenths(travel.times(liechtenstein, points, points, cutoff_min=30))
    found = tenths(travel.times(liechtenstein, points.to_crs(crs), points, cutoff_min=30))
    assert np.abs(found - expected).max() <= 1, "a tenth, where a rounding tips over"


@pytest.mark.parametrize(
    ("geometry", "crs", "message"),
    [
        ("POINT (9.5 47.1)", None, "points without a CRS"),
        ("POINT (nan nan)", 4326, "nowhere on Earth|not points"),
        ("POINT (nan 47.1)", 4326, "nowhere on Earth|not points"),
        ("POINT (200 95)", 4326, "nowhere on Earth"),
        ("POINT (530000 5220000)", 4326, "nowhere on Earth"),
        ("POINT (1e20 1e20)", 32632, "nowhere on Earth"),
        ("POINT EMPTY", 4326, "1 places are not points"),
        ("LINESTRING (9 47, 10 47)", 4326, "1 places are not points"),
        ("MULTIPOINT ((9.5 47.1))", 4326, "1 places are not points"),
        (None, 4326, "1 places are not points"),
    ],
)
def test_G1_G4_points_without_a_place_are_refused_by_id(liechtenstein, geometry, crs, message):
    shapes = gpd.GeoSeries.from_wkt([geometry], index=["the-one"], crs=crs)
    points = gpd.GeoDataFrame(geometry=shapes)
    good = gpd.GeoDataFrame(geometry=gpd.points_from_xy([9.52], [47.14]), crs=4326)
    ids = "" if crs is None else r".*the-one"
    for ask in (
        lambda: travel.times(liechtenstein, points, good, cutoff_min=10),
        lambda: travel.times(liechtenstein, good, points, cutoff_min=10),
        lambda: travel.estimated_times(points, good, cutoff_min=10),
    ):
        with pytest.raises(InputError, match=f"({message}){ids}"):
            ask()


def test_points_with_a_height_are_points(liechtenstein):
    flat_points = gpd.GeoDataFrame(geometry=gpd.points_from_xy([9.52], [47.14]), crs=4326)
    high = gpd.GeoDataFrame(geometry=gpd.points_from_xy([9.52], [47.14], [450.0]), crs=4326)
    both = [travel.times(liechtenstein, p, flat_points, cutoff_min=9) for p in (flat_points, high)]
    assert both[0].to_dense().tolist() == both[1].to_dense().tolist()


@pytest.mark.parametrize(
    "options",
    [
        {"cutoff_min": 0},
        {"cutoff_min": -1},
        {"cutoff_min": np.nan},
        {"cutoff_min": np.inf},
        {"max_snap_m": -1},
        {"max_snap_m": np.nan},
        {"walk_kph": 0},
        {"walk_kph": -4.5},
        {"walk_kph": 1e-9},
        {"walk_kph": np.nan},
        {"walk_kph": np.inf},
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(liechtenstein, home, options):
    ends = home.premises.iloc[:2], home.premises.iloc[:2]
    with pytest.raises(InputError, match=f"{next(iter(options))}="):
        travel.times(liechtenstein, *ends, **{"cutoff_min": 10, **options})


@pytest.mark.parametrize("cutoff_min", [1e4, 1e9, 1e300])
def test_a_huge_cutoff_costs_no_more_memory_than_the_roads_are_long(
    liechtenstein, home, cutoff_min
):
    ends = home.residents.iloc[:50], home.premises.iloc[:40]
    expected = travel.times(liechtenstein, *ends, cutoff_min=500)
    tracemalloc.start()
    found = travel.times(liechtenstein, *ends, cutoff_min=cutoff_min)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.minutes.nnz == expected.minutes.nnz == 2000
    assert peak < 50e6


def test_a_huge_cutoff_opens_no_closed_road(tmp_path):
    roads = draw(
        "A----B----C", [("AB", "service"), ("BC", {"highway": "service", "oneway": "yes"})]
    )
    network = roads.read(tmp_path)
    assert (from_nodes(network, cutoff_ds=2**40) < 0).sum() == 2, "nobody comes back from C"


def test_a_tiny_cutoff_keeps_what_takes_no_time(tmp_path):
    roads = draw("A----B", {"AB": "service"})
    network = roads.read(tmp_path)
    assert seconds(roads, network, "A B", "A B", cutoff_min=1e-9) == [[0, None], [None, 0]]


# --- estimates --------------------------------------------------------------------------------


def test_estimates_are_the_crows_way_at_47_kph():
    points = gpd.GeoDataFrame(
        index=["a", "b", "c"],
        geometry=gpd.points_from_xy([4.6, 4.6, 4.9], [46.0, 46.1, 46.0]),
        crs=4326,
    )
    found = travel.estimated_times(points, points.to_crs(2154), cutoff_min=20)
    km = 6371.009 * np.radians(0.1)
    dense = found.to_dense()
    assert dense[0, 1] == pytest.approx(60 * km / 47, abs=0.1 / 60)
    assert dense[0, 2] == np.inf
    assert np.array_equal(dense, dense.T)
    assert np.diag(dense).tolist() == [0, 0, 0]
    assert found.minutes.nnz == 5
    assert found.estimated
    assert found.unreachable_origins.empty
    assert found.unreachable_destinations.empty


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.integers(0, 2**16), st.floats(0.1, 60.0))
def test_estimates_within_a_cutoff_are_those_at_most_that_far(seed, cutoff_min):
    rng = np.random.default_rng(seed)
    xy = rng.uniform((4.4, 45.9), (4.8, 46.3), (8, 2))
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*xy.T), crs=4326)
    every = travel.estimated_times(points, points, cutoff_min=1000).to_dense()
    near = travel.estimated_times(points, points, cutoff_min=cutoff_min).to_dense()
    assert np.array_equal(near, np.where(every <= cutoff_min + travel.BOUNDARY_MIN, every, np.inf))


def test_T1_a_queue_that_is_too_short_grows_and_changes_nothing(monkeypatch):
    home = territory.read("liechtenstein")
    roads = read_osm(home.roads_path)
    people, places = home.residents.iloc[::20], home.premises.iloc[::5]
    expected = travel.times(roads, people, places, cutoff_min=15).minutes
    asked: list[int] = []
    honest = travel._Search._scratch

    def short(self, entries):
        asked.append(entries)
        return honest(self, 4 if len(asked) == 1 else entries)

    monkeypatch.setattr(travel._Search, "_scratch", short)
    found = travel.times(roads, people, places, cutoff_min=15, workers=1).minutes
    assert len(asked) > 3  # it did grow
    assert (found != expected).nnz == 0
    assert found.indices.tolist() == expected.indices.tolist()
