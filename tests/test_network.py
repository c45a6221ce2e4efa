"""From OpenStreetMap files to a network, on road maps drawn as text and on damaged files."""

import bz2
import gzip
from dataclasses import fields, replace

import numpy as np
import pytest
from roadmaps import DEGREE_M, draw, flat

from planner import territory
from planner._errors import InputError
from planner.network import read_osm
from planner.network._snap import snap

CLOSED = -1


@pytest.fixture(scope="module")
def liechtenstein():
    return read_osm(territory.read("liechtenstein").roads_path)


def arrays(roads):
    """Return what a network is, for comparison."""
    values = {field.name: getattr(roads, field.name) for field in fields(roads)}
    return {
        name: np.nan_to_num(value, nan=-1).tolist() if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }


# --- ways become segments ---------------------------------------------------------------------


def test_a_way_is_cut_where_ways_meet_and_nowhere_else(tmp_path):
    roads = draw(
        """
        A----B----C----D
                  |
                  E
        """,
        {"ABCD": "residential", "CE": "residential"},
    )
    network = roads.read(tmp_path)
    assert roads.segments(network) == {"AC": (1000, 1000), "CD": (500, 500), "CE": (200, 200)}
    assert sorted(roads.letters(network)) == ["A", "C", "D", "E"]
    assert sorted(network.length_m.round().tolist()) == [200, 500, 1000]


def test_two_ways_end_to_end_are_two_segments(tmp_path):
    roads = draw("A----B----C", {"AB": "residential", "BC": "tertiary"})
    assert roads.segments(roads.read(tmp_path)) == {"AB": (500, 500), "BC": (500, 500)}


def test_oneways_there_and_back(tmp_path):
    roads = draw(
        """
        A----B----C
        |         |
        D----E----F
        """,
        {
            "ABC": {"highway": "residential", "oneway": "yes"},
            "DEF": {"highway": "residential", "oneway": "-1"},
            "AD": "residential",
            "CF": {"highway": "residential", "oneway": "reversible"},
        },
    )
    network = roads.read(tmp_path)
    found = {frozenset(name): times for name, times in roads.segments(network).items()}
    assert found.keys() == {frozenset("AC"), frozenset("DF"), frozenset("AD")}
    assert drives(roads, network) == {"A>C", "F>D", "A>D", "D>A"}
    assert network.assumed["oneway=reversible: left out, its direction changes"] == 1


def drives(roads, network):
    """Return the pairs of nodes that one segment joins, in the direction of driving."""
    letters, out = roads.letters(network), network.out
    tails = np.repeat(np.arange(network.node_id.size), np.diff(out.pointer))
    found = {f"{letters[a]}>{letters[b]}" for a, b in zip(tails, out.node, strict=True)}
    into = network.into
    heads = np.repeat(np.arange(network.node_id.size), np.diff(into.pointer))
    assert found == {f"{letters[a]}>{letters[b]}" for b, a in zip(heads, into.node, strict=True)}
    return found


def test_a_roundabout_goes_round_one_way(tmp_path):
    roads = draw(
        """
        W--A--B--E
           |  |
           D--C
           |
           S
        """,
        [
            ("ADCBA", {"highway": "tertiary", "junction": "roundabout"}),
            *((letters, "tertiary") for letters in ("WA", "BE", "DS")),
        ],
    )
    network = roads.read(tmp_path)
    assert drives(roads, network) == {
        *("A>D", "D>B", "B>A"),
        *("W>A", "A>W", "B>E", "E>B", "D>S", "S>D"),
    }
    assert set(network.component) == {0}


def test_motorways_are_oneway_unless_they_say_not(tmp_path):
    roads = draw(
        """
        A----B----C----D
        """,
        {
            "AB": "motorway",
            "BC": {"highway": "motorway_link"},
            "CD": {"highway": "motorway", "oneway": "no"},
        },
    )
    network = roads.read(tmp_path)
    assert drives(roads, network) == {"A>B", "B>C", "C>D", "D>C"}
    assert not network.roadside.any()


def test_parallel_edges_are_both_kept(tmp_path):
    roads = draw(
        """
        A--B--C
        |     |
        D-----E
        """,
        {"ABC": "residential", "ADEC": "residential"},
    )
    network = roads.read(tmp_path)
    assert roads.segments(network) == {"AC": (600, 600), "AC'": (1000, 1000)}
    assert network.out.ds.tolist() == network.into.ds.tolist() == [600, 1000, 600, 1000]


def test_the_same_way_twice_is_two_equal_segments(tmp_path):
    roads = draw("A--B", [("AB", "residential"), ("AB", "residential")])
    assert roads.segments(roads.read(tmp_path)) == {"AB": (300, 300), "AB'": (300, 300)}


def test_a_way_closed_on_itself_is_a_loop(tmp_path):
    roads = draw(
        """
        A--B
        |  |
        D--C----E
        """,
        [("ABCDA", "residential"), ("CE", "residential")],
    )
    network = roads.read(tmp_path)
    pairs = sorted("".join(sorted(name.rstrip("'"))) for name in roads.segments(network))
    assert pairs == ["AC", "AC", "CE"], "cut at the crossing and where the way begins"
    alone = draw("A--B\n|  |\nD--C", [("ABCDA", "residential")])
    network = alone.read(tmp_path)
    assert alone.segments(network) == {"AA": (1000, 1000)}
    assert network.usable.all()


def test_a_lollipop_has_a_self_loop(tmp_path):
    roads = draw(
        """
        A----B--C
             |  |
             E--D
        """,
        {"ABCDEB": "residential"},
    )
    network = roads.read(tmp_path)
    assert roads.segments(network) == {"AB": (500, 500), "BB": (1000, 1000)}
    assert drives(roads, network) == {"A>B", "B>A", "B>B"}


def test_dead_ends_are_reached(tmp_path):
    roads = draw("A----B----C\n     |\n     D", {"ABC": "tertiary", "BD": "residential"})
    assert set(roads.read(tmp_path).component) == {0}


def test_repeated_nodes_and_ways_of_one_node_do_no_harm(tmp_path):
    roads = draw("A--B--C", [("AABBBC", "residential"), ("B", "residential"), ("CC", "tertiary")])
    network = roads.read(tmp_path)
    assert roads.segments(network) == {"AB": (300, 300), "BC": (300, 300)}


def test_two_nodes_at_one_place_give_a_segment_of_no_length_and_one_tenth(tmp_path):
    roads = draw("A--B--C", {"AB": "residential", "BC": "residential"})
    spot = dict(roads.node) | {"B": roads.node["A"]}
    network = replace(roads, node=spot).read(tmp_path)
    assert sorted(network.forward_ds.tolist()) == [1, 600]
    assert network.length_m.min() == 0.0
    placed = snap(network, roads.places("A", "A+5,0", "C"), max_snap_m=100, walk_kph=4.5)
    assert np.isfinite(placed.fraction).all()


# --- what is missing or closed ----------------------------------------------------------------


def test_N6_a_way_with_missing_nodes_is_cut_there_and_counted(tmp_path):
    roads = draw(
        "A--B--C--D--E--F--G",
        {"ABCDEFG": "residential"},
        missing="CE",
    )
    network = roads.read(tmp_path)
    assert roads.segments(network) == {"AB": (300, 300), "FG": (300, 300)}
    assert network.assumed["way with missing nodes: cut there"] == 1


def test_N6_a_node_in_an_impossible_place_counts_as_missing(tmp_path):
    path = tmp_path / "map.osm"
    text = draw("A--B--C--D", {"ABCD": "residential"}).write(path).read_text()
    lines = text.split("\n")
    at = next(i for i, line in enumerate(lines) if 'id="3"' in line)
    lines[at] = lines[at].replace('lat="46', 'lat="96')
    path.write_text("\n".join(lines))
    network = read_osm(path, profile=flat())
    assert network.node_id.tolist() == [1, 2]
    assert network.assumed["way with missing nodes: cut there"] == 1


def test_a_bollard_cuts_and_a_gate_does_not(tmp_path):
    picture = "A--B--C--D--E"
    ways = {"ABCDE": "residential"}
    gate = draw(picture, ways, tags={"C": {"barrier": "gate"}})
    assert gate.segments(gate.read(tmp_path)) == {"AE": (1200, 1200)}
    bollard = draw(picture, ways, tags={"C": {"barrier": "bollard"}})
    network = bollard.read(tmp_path)
    assert bollard.segments(network) == {"A#": (600, 600), "#E": (600, 600)}
    assert drives(bollard, network) == {"A>#", "#>A", "E>#", "#>E"}
    assert (network.node_id < 0).sum() == 2, "a node on either side"
    assert network.component.max() == 1
    assert network.assumed["barrier closed to the mode: road cut there"] == 1
    walked = bollard.read(tmp_path, profile=flat("foot"))
    assert bollard.segments(walked) == {"AE": (1200, 1200)}


def test_a_bollard_where_ways_meet_or_end_cuts_them_all(tmp_path):
    roads = draw(
        "A--B--C\n   |\n   D",
        {"AB": "residential", "BC": "residential", "BD": "residential"},
        tags={"B": {"barrier": "bollard"}, "D": {"barrier": "block"}},
    )
    network = roads.read(tmp_path)
    assert network.start.size == 3
    assert network.node_id.size == 6
    assert len(set(network.component.tolist())) == 3


def test_ferries_are_left_out_and_counted(tmp_path):
    roads = draw(
        "A--B----C--D",
        {"AB": "tertiary", "BC": {"route": "ferry", "motorcar": "yes"}, "CD": "tertiary"},
    )
    network = roads.read(tmp_path)
    assert roads.segments(network) == {"AB": (300, 300), "CD": (300, 300)}
    assert network.component.tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    assert network.assumed["ferry: left out, its waiting time is unknown"] == 1
    table = network.assumptions().set_index("rule")["ways"]
    assert table["ferry: left out, its waiting time is unknown"] == 1


def test_an_island_is_kept_and_tagged(tmp_path):
    roads = draw("A--B--C     D--E", {"AB": "tertiary", "BC": "tertiary", "DE": "tertiary"})
    network = roads.read(tmp_path)
    part = dict(zip(roads.letters(network), network.component.tolist(), strict=True))
    assert part == {"A": 0, "B": 0, "C": 0, "D": 1, "E": 1}
    assert network.usable.sum() == 2


def test_of_two_equal_islands_the_first_in_the_order_is_the_largest(tmp_path):
    roads = draw("A--B     D--E", {"AB": "tertiary", "DE": "tertiary"})
    parts = {tuple(roads.read(tmp_path).component.tolist()) for _ in range(3)}
    assert parts == {(0, 0, 1, 1)}


# --- times ------------------------------------------------------------------------------------


def test_signals_and_junctions_cost_at_the_head_of_a_segment(tmp_path):
    roads = draw(
        """
        A----B----C----D
                  |
                  E
        """,
        {"ABCD": "residential", "CE": "residential"},
        tags={"B": {"highway": "traffic_signals"}, "D": {"highway": "traffic_signals"}},
    )
    network = roads.read(tmp_path, profile=flat(junction_s=1.0, signal_s=5.0))
    name = {frozenset(k): (k, v) for k, v in roads.segments(network).items()}
    assert toward(name[frozenset("AC")], "C") == 1000 + 50 + 10, "a signal inside, a junction"
    assert toward(name[frozenset("AC")], "A") == 1000 + 50
    assert toward(name[frozenset("CD")], "D") == 500 + 50
    assert toward(name[frozenset("CD")], "C") == 500 + 10
    assert toward(name[frozenset("CE")], "E") == 200


def toward(segment, letter):
    name, (there, back) = segment
    return there if name[1] == letter else back


def test_the_stem_of_a_t_pays_for_its_turn_and_the_bar_does_not(tmp_path):
    roads = draw(
        """
        A----B----C
             |
             D
        """,
        {"ABC": "residential", "BD": "residential"},
    )
    network = roads.read(tmp_path, profile=flat(turn_s=6.0))
    found = {frozenset(name): times for name, times in roads.segments(network).items()}
    assert found[frozenset("AB")] == found[frozenset("BC")] == (500, 500)
    assert found[frozenset("BD")] == (230, 230), "90°: half of the sharpest turn"


def test_limits_count_in_their_direction(tmp_path):
    tags = {"highway": "tertiary", "maxspeed:forward": "72", "maxspeed:backward": "18"}
    roads = draw("A----B", {"AB": tags})
    network = roads.read(tmp_path)
    letters = roads.letters(network)
    there = 0 if letters[network.start[0]] == "A" else 1
    times = (int(network.forward_ds[0]), int(network.backward_ds[0]))
    assert (times[there], times[1 - there]) == (250, 1000)


def test_other_profiles_reuse_the_tags(tmp_path):
    roads = draw("A----B--C", {"AB": "tertiary", "BC": {"highway": "service", "oneway": "yes"}})
    fast = roads.read(tmp_path, profile="car_fast")
    again = roads.read(tmp_path, profile="car").with_profile("car_fast")
    assert arrays(again) == arrays(fast)
    assert again.digest == fast.digest != roads.read(tmp_path).digest
    with pytest.raises(InputError, match="read the file again with profile='foot'"):
        fast.with_profile("foot")
    with pytest.raises(InputError, match="no speed profile 'horse'; choose one of car"):
        fast.with_profile("horse")


def test_the_digest_is_of_the_network_not_of_what_was_asked_of_it(tmp_path):
    roads = draw("A----B--C", {"AB": "tertiary", "BC": "service"})
    fresh, used = roads.read(tmp_path), roads.read(tmp_path)
    assert (used.usable.all(), used.component.max(), used.out.node.size) == (True, 0, 4)
    assert used.digest == fresh.digest


def test_a_network_is_a_value_that_nobody_can_change(liechtenstein):
    with pytest.raises(ValueError, match="read-only"):
        liechtenstein.forward_ds[0] = 1
    assert "2487 nodes, 2926 segments" in repr(liechtenstein)


def test_lengths_are_great_circles_and_speeds_stay_under_the_fastest(liechtenstein):
    roads = liechtenstein
    for ds in (roads.forward_ds, roads.backward_ds):
        driven = ds != CLOSED
        assert (ds[driven] > 0).all()
        kph = 36.0 * roads.length_m[driven] / ds[driven]
        assert kph[roads.length_m[driven] > 100].max() <= roads.profile.fastest_kph * 1.01
    straight = np.hypot(
        (roads.lon[roads.end] - roads.lon[roads.start])
        * DEGREE_M
        * np.cos(np.radians(roads.lat[roads.start])),
        (roads.lat[roads.end] - roads.lat[roads.start]) * DEGREE_M,
    )
    assert (straight <= roads.length_m * 1.001 + 0.01).all()


def test_segments_lines_and_nodes_agree(liechtenstein):
    roads = liechtenstein
    first, last = roads.vertex[:-1], roads.vertex[1:] - 1
    assert (last > first).all()
    assert np.array_equal(roads.vertex_lon[first], roads.lon[roads.start])
    assert np.array_equal(roads.vertex_lat[last], roads.lat[roads.end])
    coordinates, index = roads.lines()
    assert len(coordinates) == roads.vertex[-1] == index.size
    assert np.array_equal(np.bincount(index), np.diff(roads.vertex))


# --- files ------------------------------------------------------------------------------------

TOWN = draw(
    """
    A----B----C
    |    |    |
    D----E----F     G--H
         |
         I
    """,
    {
        "ABC": {"highway": "secondary", "name": "Rue de l’Église", "maxspeed": "70"},
        "DEF": {"highway": "residential", "oneway": "-1"},
        "AD": "unclassified",
        "BEI": {"highway": "tertiary", "surface": "gravel"},
        "CF": "residential",
        "GH": "service",
    },
    tags={"I": {"barrier": "gate"}, "E": {"highway": "traffic_signals"}},
)
SUFFIXES = ("osm.pbf", "pbf", "osm", "osm.gz", "osm.bz2")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_of_file_gives_the_same_network(tmp_path, suffix):
    expected = read_osm(TOWN.write(tmp_path / "a.osm.pbf"))
    found = read_osm(TOWN.write(tmp_path / f"b.{suffix}"))
    assert arrays(found) == arrays(expected)
    assert found.digest == expected.digest
    assert "Rue de l’Église" in found.names


def test_files_packed_by_others_are_read_too(tmp_path):
    plain = TOWN.write(tmp_path / "a.osm")
    (tmp_path / "b.osm.gz").write_bytes(gzip.compress(plain.read_bytes()))
    (tmp_path / "c.osm.bz2").write_bytes(bz2.compress(plain.read_bytes()))
    digests = {read_osm(tmp_path / name).digest for name in ("a.osm", "b.osm.gz", "c.osm.bz2")}
    assert len(digests) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_file_is_refused_or_read_whole(tmp_path, suffix):
    whole = TOWN.write(tmp_path / f"whole.{suffix}").read_bytes()
    path = tmp_path / f"cut.{suffix}"
    for sixteenths in range(1, 16):
        path.write_bytes(whole[: len(whole) * sixteenths // 16])
        with pytest.raises(InputError, match=f"cut.{suffix}: "):
            read_osm(path)


def test_the_shipped_roads_truncated_are_refused(tmp_path):
    whole = territory.read("liechtenstein").roads_path.read_bytes()
    path = tmp_path / "roads.osm.pbf"
    for sixteenths in range(1, 16):
        path.write_bytes(whole[: len(whole) * sixteenths // 16])
        with pytest.raises(InputError, match=r"truncated, or not OpenStreetMap data|no road open"):
            read_osm(path)


NODES = "<node id='1' lon='4.6' lat='46'/><node id='2' lon='4.7' lat='46'/>"
WAY = "<way id='1'><nd ref='1'/><nd ref='2'/><tag k='highway' v='service'/></way>"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("html.osm", b"<html><body>429 Too many requests</body></html>"),
        ("json.osm", b'{"version": 0.6, "elements": []}'),
        ("zip.osm.pbf", b"PK\x03\x04" + bytes(500)),
        ("noise.osm.pbf", bytes(range(256)) * 8),
        ("zeros.osm.gz", b"\x1f\x8b" + bytes(500)),
        ("plain.osm.gz", b"<osm version='0.6'></osm>"),
        ("plain.osm.bz2", b"<osm version='0.6'></osm>"),
        ("xml.osm.pbf", f"<osm version='0.6'>{NODES}{WAY}</osm>".encode()),
        ("nothing.osm", b"<osm version='0.6'></osm>"),
        ("way-first.osm", f"<osm version='0.6'>{WAY}{NODES}</osm>".encode()),
        ("no-nodes.osm", f"<osm version='0.6'>{WAY}</osm>".encode()),
        ("no-ways.osm", f"<osm version='0.6'>{NODES}</osm>".encode()),
        ("nan.osm", b"<osm version='0.6'><node id='1' lon='nan' lat='46'/></osm>"),
        ("id.osm", b"<osm version='0.6'><node id='99999999999999999999' lon='4' lat='46'/></osm>"),
        ("latin.osm", b"<osm version='0.6'><node id='1' lon='4' lat='46' user='\xe9'/></osm>"),
        (
            "bomb.osm",
            b"<!DOCTYPE osm [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><osm version='0.6'>&b;</osm>",
        ),
        ("empty.osm.pbf", b""),
        ("roads.shp", b"not even named like one"),
        ("ROADS.OSM", f"<osm version='0.6'>{NODES}{WAY}</osm>".encode()),
    ],
)
def test_what_is_not_openstreetmap_is_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_osm(tmp_path / name)


def test_text_that_is_not_utf_8_is_refused(tmp_path):
    town = draw("A--B", {"AB": {"highway": "residential", "name": "Chatel"}})
    path = town.write(tmp_path / "town.osm.pbf", options="pbf_compression=none")
    plain = path.read_bytes()
    assert plain.count(b"Chatel") == 1
    assert read_osm(path).names == ("", "Chatel")
    path.write_bytes(plain.replace(b"Chatel", b"Ch\xe9tel"))
    with pytest.raises(InputError, match="not OpenStreetMap data"):
        read_osm(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"OpenStreetMap file not found: .*gone.osm.pbf"):
        read_osm(tmp_path / "gone.osm.pbf")


# --- snapping ---------------------------------------------------------------------------------


def placed(roads, network, *names, max_snap_m=300.0):
    """Snap places and say where: segment by its letters, metres along it, metres walked."""
    found = snap(network, roads.places(*names), max_snap_m=max_snap_m, walk_kph=4.5)
    letters = roads.letters(network)
    said = {}
    for name, segment, fraction, walk in zip(
        names, found.segment, found.fraction, found.walk_m, strict=True
    ):
        if segment < 0:
            assert walk == np.inf
            said[name] = None
        else:
            ends = letters[network.start[segment]] + letters[network.end[segment]]
            along = fraction * network.length_m[segment]
            if ends != "".join(sorted(ends)):
                ends, along = ends[::-1], network.length_m[segment] - along
            said[name] = (ends, round(along), round(walk))
    return said


def test_places_stand_on_edges_not_on_nodes(tmp_path):
    roads = draw("A---------B\n|\n|\n|\nC", {"AB": "residential", "AC": "residential"})
    network = roads.read(tmp_path)
    names = ("A+300,50", "A+950,-20", "B+40,0", "C+-30,200")
    assert placed(roads, network, *names) == {
        "A+300,50": ("AB", 300, 50),
        "A+950,-20": ("AB", 950, 20),
        "B+40,0": ("AB", 1000, 40),
        "C+-30,200": ("AC", 200, 30),
    }


def test_places_beyond_the_limit_are_nowhere(tmp_path):
    roads = draw("A---------B", {"AB": "residential"})
    names = ("A+100,299", "A+100,301", "A+100,2000", "A+100,0")
    found = placed(roads, roads.read(tmp_path), *names)
    assert found["A+100,299"] == ("AB", 100, 299)
    assert found["A+100,301"] is None
    assert found["A+100,2000"] is None
    close = placed(roads, roads.read(tmp_path), "A+0,0", "A+100,1", max_snap_m=0)
    assert close == {"A+0,0": ("AB", 0, 0), "A+100,1": None}


def test_N5_places_are_never_snapped_to_an_island_a_trap_a_tunnel_or_a_motorway(tmp_path):
    roads = draw(
        """
        A----B----C
        |         |
        D         E----F----G----H----J----K

        L----M
        """,
        {
            "ABC": "residential",
            "AD": "residential",
            "CE": "residential",
            "EF": {"highway": "residential", "oneway": "yes"},
            "FG": "residential",
            "LM": "residential",
        }
        | {"GH": {"highway": "residential", "tunnel": "yes"}, "HJ": "motorway", "JK": "motorway"},
    )
    network = roads.read(tmp_path)
    names = ("F+100,0", "G+-10,5", "L+200,10", "H+10,0", "D+0,-60")
    found = placed(roads, network, *names, max_snap_m=150)
    assert found == {
        "F+100,0": None,
        "G+-10,5": None,
        "L+200,10": None,
        "H+10,0": None,
        "D+0,-60": ("AD", 200, 60),
    }
    wider = placed(roads, network, *names, max_snap_m=5000)
    assert {where[0] for where in wider.values()} == {"AD", "CE"}


def test_a_tunnel_in_the_largest_component_carries_traffic_but_no_doors(tmp_path):
    roads = draw(
        "A----B----C",
        {"AB": "tertiary", "BC": {"highway": "tertiary", "tunnel": "yes"}},
    )
    network = roads.read(tmp_path)
    assert set(network.component) == {0}
    found = placed(roads, network, "C+-200,10", max_snap_m=2000)
    assert found == {"C+-200,10": ("AB", 500, 300)}


def test_equally_near_roads_are_chosen_the_same_way_every_time(tmp_path):
    roads = draw("A----B\n|    |\nC----D", [(k, "residential") for k in ("AB", "CD", "AC", "BD")])
    network = roads.read(tmp_path)
    names = ("A+0,0", "A+250,-100", "A+0,0", "A+250,-100", "D+0,0")
    found = snap(network, roads.places(*names), max_snap_m=500, walk_kph=4.5)
    assert found.segment[0] == found.segment[2]
    assert found.segment[1] == found.segment[3]
    letters = roads.letters(network)
    touching = [
        i
        for i in range(network.start.size)
        if "A" in (letters[network.start[i]], letters[network.end[i]])
    ]
    assert found.segment[0] == min(touching)


def test_a_network_of_motorways_has_no_place_for_anyone(tmp_path):
    roads = draw("A----B", [("AB", "motorway"), ("BA", "motorway")])
    network = roads.read(tmp_path)
    assert not network.usable.any()
    assert placed(roads, network, "A+0,0") == {"A+0,0": None}


def test_one_node_far_away_by_mistake_does_not_bend_the_plane(tmp_path):
    roads = draw("A----B----C", {"AB": "residential", "BC": "residential"})
    lost = replace(roads, node=dict(roads.node) | {"C": (0.0, 0.0)})
    network = lost.read(tmp_path)
    assert network.length_m.max() > 5_000_000
    assert network.plane_scale == pytest.approx(
        (DEGREE_M * np.cos(np.radians(46.0)), DEGREE_M), rel=1e-6
    )
    assert placed(lost, network, "A+200,-50")["A+200,-50"] == ("AB", 200, 50)


def test_a_signal_on_a_barrier_does_not_open_it(tmp_path):
    both = {"highway": "traffic_signals", "barrier": "bollard"}
    drawn = draw("A----C----E", {"ACE": "residential"}, tags={"C": both})
    network = drawn.read(tmp_path)
    assert drives(drawn, network) == {"A>#", "#>A", "E>#", "#>E"}


def test_a_node_where_thousands_of_ways_meet_costs_no_more_than_they_do(tmp_path):
    # Pairs of ends grow with the square of their number: a small file once asked for 595 GiB.
    ways = "".join(
        f"<way id='{i}'>" + "<nd ref='1'/><nd ref='2'/>" * 500 + "<tag k='highway' v='road'/></way>"
        for i in range(1, 60)
    )
    path = tmp_path / "hostile.osm"
    nodes = "<node id='1' lat='46' lon='4.6'/><node id='2' lat='46' lon='4.61'/>"
    path.write_text(f"<osm version='0.6'>{nodes}{ways}</osm>")
    network = read_osm(path)
    assert network.start.size == 59 * 999
    assert not network.turn_start.any()


def test_other_speeds_keep_what_only_the_roads_decide(tmp_path):
    network = draw("A----B----C", {"ABC": "residential"}).read(tmp_path)
    tree = network.segment_tree
    assert network.with_profile("car_slow").segment_tree is tree


def test_a_limit_above_fifty_holds_in_a_built_up_zone(tmp_path):
    tags = {"highway": "primary", "maxspeed": "70", "zone:traffic": "FR:urban"}
    drawn = draw("A" + "-" * 99 + "B", {"AB": tags}).read(tmp_path, profile="car_fast")
    assert drawn.length_m[0] / drawn.forward_ds[0] * 36 == pytest.approx(70, rel=0.01)
    tags = {"highway": "primary", "zone:traffic": "FR:urban"}
    implied = draw("A" + "-" * 99 + "B", {"AB": tags}).read(tmp_path, profile="car_fast")
    assert implied.length_m[0] / implied.forward_ds[0] * 36 == pytest.approx(50, rel=0.01)
