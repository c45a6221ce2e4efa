"""Isochrones: the same minutes as coverage, cut inside roads, nested, valid."""

import itertools

import geopandas as gpd
import numpy as np
import pytest
import shapely
from roadmaps import RoadMap, draw
from scipy.spatial import KDTree

from planner import isochrones, territory, travel
from planner._errors import InputError
from planner.network import read_osm

CUTOFFS = (5.0, 8.0, 10.0, 12.0)
CELL_M = 35.0
WALK_A_CELL_MIN = CELL_M / (travel.WALK_KPH / 0.06)


@pytest.fixture(scope="module")
def home():
    return territory.read("liechtenstein")


@pytest.fixture(scope="module")
def liechtenstein(home):
    return read_osm(home.roads_path)


@pytest.fixture(scope="module")
def sites(home):
    return home.premises.iloc[::8].iloc[:15]


@pytest.fixture(scope="module")
def areas(liechtenstein, sites):
    """Return the polygons of fifteen real sites, by look."""
    return {
        look: isochrones.polygons(liechtenstein, sites, minutes=CUTOFFS, look=look)
        for look in ("surface", "streets")
    }


def plane(roads, geometry):
    """Return geometries in metres."""
    return shapely.transform(np.asarray(geometry), lambda xy: xy * np.array(roads.plane_scale))


def misplaced(roads, areas, points, found):
    """Return, of each pair on the wrong side of a border, how far off it is.

    Columns: metres from the border, minutes from the cutoff, whether covered.
    """
    spots = plane(roads, points.to_crs(4326).geometry)
    dense, rows = found.to_dense(), []
    order = {site: j for j, site in enumerate(found.destinations)}
    for site, minutes, area in zip(areas["site"], areas["minutes"], areas.geometry, strict=True):
        shape = plane(roads, [area])[0]
        shapely.prepare(shape)
        column = dense[:, order[site]]
        covered = column <= minutes + travel.BOUNDARY_MIN
        wrong = np.flatnonzero(covered != shapely.intersects(shape, spots))
        far_m = shapely.distance(shape.boundary, spots[wrong])
        off_min = np.abs(np.minimum(column[wrong], 1e6) - minutes)
        rows.append(np.column_stack((far_m, off_min, covered[wrong])))
    return np.concatenate(rows)


LONG_ROAD = draw(
    """
    A--------------------------------------------------------B
    |
    C
    """,
    {"AB": "tertiary", "AC": "residential"},
    metres=150.0,
)


# --- cut inside edges -------------------------------------------------------------------------


@pytest.mark.parametrize("look", ["surface", "streets"])
def test_T2_a_road_longer_than_the_cutoff_is_cut_inside(tmp_path, look):
    roads = LONG_ROAD.read(tmp_path)
    (minutes,) = travel.times(
        roads, LONG_ROAD.places("B"), LONG_ROAD.places("A"), cutoff_min=60
    ).minutes.data
    assert minutes == pytest.approx(57 * 150 / 600, abs=0.01), "14 minutes and more"
    shape = isochrones.polygons(roads, LONG_ROAD.places("A"), minutes=(10,), look=look).geometry[0]
    assert not shape.is_empty
    cut_m = 6000  # ten minutes at 10 m a second
    east_m = (shape.bounds[2] - LONG_ROAD.node["A"][0]) * roads.plane_scale[0]
    assert east_m < cut_m + 75
    # The tip is a wedge, as wide as what is left to walk: a field of cells ends it where that is
    # no wider than a cell.
    tip_m = {"surface": WALK_A_CELL_MIN * 600, "streets": 20}[look]
    assert east_m > cut_m - tip_m
    inside = LONG_ROAD.places("A+5700,0", "A+3000,0", "A", "C").geometry
    outside = LONG_ROAD.places("A+6100,0", "B", "B+-500,0").geometry
    assert shapely.contains_xy(shape, inside.x, inside.y).all()
    assert not shapely.contains_xy(shape, outside.x, outside.y).any()


def test_T2_ten_minutes_hold_the_walk_off_the_road(tmp_path):
    roads = LONG_ROAD.read(tmp_path)
    shape = isochrones.polygons(roads, LONG_ROAD.places("A"), minutes=(10,)).geometry[0]
    # 1000 m down the road 100 s are gone, 500 s of walking are left: 625 m; at 5000 m, 125 m.
    inside = LONG_ROAD.places("A+1000,560", "A+1000,-560", "A+5000,60").geometry
    outside = LONG_ROAD.places("A+1000,690", "A+1000,-690", "A+5000,190").geometry
    assert shapely.contains_xy(shape, inside.x, inside.y).all()
    assert not shapely.contains_xy(shape, outside.x, outside.y).any()
    near = isochrones.polygons(roads, LONG_ROAD.places("A"), minutes=(10,), max_snap_m=300)
    inside, outside = (LONG_ROAD.places(f"A+1000,{m}").geometry for m in (240, 360))
    assert shapely.contains_xy(near.geometry[0], inside.x, inside.y).all()
    assert not shapely.contains_xy(near.geometry[0], outside.x, outside.y).any()


@pytest.mark.parametrize("look", ["surface", "streets"])
def test_T2_a_oneway_reaches_out_on_one_side_only(tmp_path, look):
    roads = draw(
        """
        A--------------------B
        |                    |
        |                    |
        |                    |
        D--------------------C
        """,
        {"ABCDA": {"highway": "tertiary", "oneway": "yes"}},
    )
    network = roads.read(tmp_path)
    area = {
        to_site: isochrones.polygons(
            network, roads.places("A"), minutes=(1,), look=look, to_site=to_site
        ).geometry[0]
        for to_site in (True, False)
    }
    before, after = roads.places("A+0,-300").geometry, roads.places("A+300,0").geometry
    assert shapely.contains_xy(area[True], before.x, before.y).all()
    assert not shapely.contains_xy(area[True], after.x, after.y).any()
    assert shapely.contains_xy(area[False], after.x, after.y).all()
    assert not shapely.contains_xy(area[False], before.x, before.y).any()


def test_T2_what_lies_across_a_river_is_left_out(tmp_path):
    roads = draw(
        """
        A--------------------B
                             |
        C--------------------D
        """,
        {"ABDC": "tertiary"},
        metres=200,
    )
    network = roads.read(tmp_path)
    shape = isochrones.polygons(network, roads.places("A"), minutes=(4,), max_snap_m=150).geometry[
        0
    ]
    (here,), (there,) = roads.places("A+400,20").geometry, roads.places("C+400,-20").geometry
    assert shape.contains(here)
    assert not shape.contains(there)
    assert not shape.contains(roads.places("C").geometry.iloc[0])


# --- the same minutes as coverage -------------------------------------------------------------


def test_T2_every_covered_resident_lies_inside_and_the_reverse(liechtenstein, home, sites, areas):
    found = travel.times(liechtenstein, home.residents, sites, cutoff_min=max(CUTOFFS) + 2)
    wrong = misplaced(liechtenstein, areas["surface"], home.residents, found)
    pairs = len(home.residents) * len(areas["surface"])
    far = wrong[wrong[:, 0] > CELL_M]
    print(f"{pairs} pairs, {len(wrong)} misplaced, {len(far)} by more than a cell")
    assert len(wrong) / pairs < 0.005
    assert len(far) / pairs < 0.0005
    assert (far[:, 1] <= WALK_A_CELL_MIN).all(), "the stated tolerance: a cell, or the walk over it"


def test_T2_points_anywhere_keep_the_tolerance(liechtenstein, sites, areas):
    roads, rng = liechtenstein, np.random.default_rng(7)
    at = rng.integers(0, roads.vertex_lon.size, 10_000)
    lon = roads.vertex_lon[at] + rng.normal(0, 0.004, at.size)
    lat = roads.vertex_lat[at] + rng.normal(0, 0.003, at.size)
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(lon, lat), crs=4326)
    found = travel.times(roads, points, sites, cutoff_min=max(CUTOFFS) + 2)
    wrong = misplaced(roads, areas["surface"], points, found)
    far = wrong[wrong[:, 0] > CELL_M]
    assert len(wrong) / (len(points) * len(areas["surface"])) < 0.01
    assert (far[:, 1] <= WALK_A_CELL_MIN).all()


def test_T2_smaller_cells_are_closer(liechtenstein, home, sites):
    some = sites.iloc[:4]
    found = travel.times(liechtenstein, home.residents, some, cutoff_min=12)
    shares = []
    for cell_m in (100.0, 25.0):
        shapes = isochrones.polygons(liechtenstein, some, minutes=(8, 10), cell_m=cell_m)
        shares.append(len(misplaced(liechtenstein, shapes, home.residents, found)))
    assert shares[1] < shares[0] / 2


def test_T2_streets_hold_every_reached_point_and_no_far_one(liechtenstein, sites, areas):
    roads, some = liechtenstein, sites.iloc[:5]
    coordinates, index = roads.lines(np.flatnonzero(roads.usable))
    lines = shapely.segmentize(
        plane(roads, shapely.linestrings(coordinates, indices=index)), max_segment_length=10.0
    )
    spots = shapely.get_coordinates(lines)
    points = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(*(spots / np.array(roads.plane_scale)).T), crs=4326
    )
    minutes = travel.times(roads, points, some, cutoff_min=max(CUTOFFS) + 1).to_dense()
    wanderers = spots + np.random.default_rng(2).normal(0, 100, spots.shape)
    for i, (j, cutoff) in itertools.product(range(len(some)), enumerate(CUTOFFS)):
        shape = plane(roads, [areas["streets"].geometry[i * len(CUTOFFS) + j]])[0]
        shapely.prepare(shape)
        reached = minutes[:, i] <= cutoff
        held = shapely.contains_xy(shape, *spots[reached].T)
        assert (~held).sum() <= 0.001 * held.size, "but for points where a bridge crosses a road"
        near_m, _ = KDTree(spots[reached]).query(wanderers)
        inside = shapely.contains_xy(shape, *wanderers.T)
        assert inside[near_m < 50].mean() > 0.999
        assert not inside[near_m > 75].any()


# --- shape ------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", ["surface", "streets"])
def test_T2_polygons_are_valid_and_nested_and_in_order(areas, sites, look):
    frame = areas[look]
    assert frame.crs == "EPSG:4326"
    assert list(frame.columns) == ["site", "minutes", "geometry"]
    assert frame["site"].tolist() == [site for site in sites.index for _ in CUTOFFS]
    assert frame["minutes"].tolist() == list(CUTOFFS) * len(sites)
    assert frame.geometry.is_valid.all()
    assert set(frame.geom_type) == {"MultiPolygon"}
    shapes = frame.geometry.to_numpy().reshape(len(sites), len(CUTOFFS))
    area = shapely.area(shapes)
    assert (np.diff(area, axis=1) >= 0).all()
    for k in range(1, len(CUTOFFS)):
        outside = shapely.area(shapely.difference(shapes[:, k - 1], shapes[:, k]))
        assert outside.max() * 8e9 < 1e-3, "square metres of the smaller outside the larger"


def test_T2_contours_nest_for_minutes_close_to_one_another(liechtenstein, sites):
    minutes = (0.2, 0.5, 9.0, 9.1, 9.2, 10.0)
    frame = isochrones.polygons(liechtenstein, sites, minutes=minutes)
    shapes = frame.geometry.to_numpy().reshape(len(sites), len(minutes))
    assert shapely.is_valid(shapes).all()
    for k in range(1, len(minutes)):
        smaller, larger = shapes[:, k - 1], shapes[:, k]
        assert (shapely.is_empty(smaller) | shapely.covers(larger, smaller)).all()


@pytest.mark.parametrize("look", ["surface", "streets"])
def test_T2_simplified_polygons_are_small_and_still_nested(liechtenstein, sites, look):
    minutes, some = (5, 8, 10), sites.iloc[:5]
    full, none, simple = (
        isochrones.polygons(liechtenstein, some, minutes=minutes, look=look, **options)
        for options in ({}, {"simplify_m": 0}, {"simplify_m": 20})
    )
    assert none.to_wkb().geometry.tolist() == full.to_wkb().geometry.tolist()
    assert simple["site"].tolist() == full["site"].tolist()
    assert simple["minutes"].tolist() == full["minutes"].tolist()
    assert simple.geometry.is_valid.all()
    assert set(simple.geom_type) == {"MultiPolygon"}
    corners = [shapely.get_num_coordinates(frame.geometry) for frame in (full, simple)]
    assert (corners[1] < corners[0] / 2).all()
    area = [shapely.area(frame.geometry.to_numpy()) for frame in (full, simple)]
    assert area[1].sum() == pytest.approx(area[0].sum(), rel=0.03)
    # Ribbons of 120 m lose their round ends, and the smaller ones what the larger ones lost.
    assert area[1] == pytest.approx(area[0], rel={"surface": 0.03, "streets": 0.04}[look])
    shapes = simple.geometry.to_numpy().reshape(len(some), len(minutes))
    assert shapely.area(shapely.difference(shapes[:, :-1], shapes[:, 1:])).max() < 1e-12


@pytest.mark.parametrize("look", ["surface", "streets"])
@pytest.mark.parametrize("simplify_m", [1.0, 100.0, 1e4])
def test_T2_any_tolerance_leaves_valid_nested_polygons(liechtenstein, sites, look, simplify_m):
    minutes = (0.2, 5, 9.9, 10)
    frame = isochrones.polygons(
        liechtenstein, sites, minutes=minutes, look=look, simplify_m=simplify_m
    )
    assert frame.geometry.is_valid.all()
    assert set(frame.geom_type) == {"MultiPolygon"}
    shapes = frame.geometry.to_numpy().reshape(len(sites), len(minutes))
    assert shapely.area(shapely.difference(shapes[:, :-1], shapes[:, 1:])).max() < 1e-12


@pytest.mark.parametrize("look", ["surface", "streets"])
def test_a_site_that_cannot_be_reached_has_an_empty_area(tmp_path, look):
    roads = draw("A----B----C      L----M", {"ABC": "tertiary", "LM": "tertiary"})
    network = roads.read(tmp_path)
    names = ("A", "L", "A+0,5000")
    frame = isochrones.polygons(
        network, roads.places(*names), minutes=(5, 10), look=look, max_snap_m=200
    )
    assert frame.geometry.is_empty.tolist() == [False, False, True, True, True, True]
    assert set(frame.geom_type) == {"MultiPolygon"}
    assert frame["site"].tolist() == ["A", "A", "L", "L", "A+0,5000", "A+0,5000"]
    simple = isochrones.polygons(
        network, roads.places(*names), minutes=(5, 10), look=look, max_snap_m=200, simplify_m=20
    )
    assert simple.geometry.is_empty.tolist() == frame.geometry.is_empty.tolist()
    assert set(simple.geom_type) == {"MultiPolygon"}


@pytest.mark.parametrize("look", ["surface", "streets"])
def test_a_site_too_far_from_its_road_for_a_small_cutoff(tmp_path, look):
    roads = draw("A----B----C", {"ABC": "tertiary"})
    network = roads.read(tmp_path)
    frame = isochrones.polygons(network, roads.places("A+500,700"), minutes=(9, 9.5, 10), look=look)
    empty = frame.geometry.is_empty.tolist()
    assert empty[0], "700 m are 9.3 minutes on foot"
    assert not empty[2]
    assert empty == sorted(empty, reverse=True)


@pytest.mark.parametrize("look", ["surface", "streets"])
def test_roads_without_a_door_and_frames_without_a_site(tmp_path, liechtenstein, sites, look):
    motorway = draw("A----B", [("AB", "motorway"), ("BA", "motorway")])
    network = motorway.read(tmp_path)
    frame = isochrones.polygons(network, motorway.places("A"), look=look)
    assert frame.geometry.is_empty.all()
    nobody = isochrones.polygons(liechtenstein, sites.iloc[:0], look=look)
    assert list(nobody.columns) == ["site", "minutes", "geometry"]
    assert nobody.crs == "EPSG:4326"
    assert nobody.empty


@pytest.mark.parametrize("look", ["surface", "streets"])
def test_the_same_bytes_twice_and_whatever_the_company(liechtenstein, sites, areas, look):
    again = isochrones.polygons(liechtenstein, sites.iloc[3:5], minutes=CUTOFFS, look=look)
    rows = areas[look].iloc[3 * len(CUTOFFS) : 5 * len(CUTOFFS)]
    assert again.to_wkb().geometry.tolist() == rows.to_wkb().geometry.tolist()


def test_minutes_in_any_order_and_twice(liechtenstein, sites):
    frame = isochrones.polygons(liechtenstein, sites.iloc[:1], minutes=(10, 5, 10))
    assert frame["minutes"].tolist() == [5.0, 10.0]


def test_sites_in_another_crs_and_with_ids_that_repeat(liechtenstein, sites):
    twice = sites.iloc[[0, 0]].to_crs(2154)
    frame = isochrones.polygons(liechtenstein, twice)
    assert frame["site"].tolist() == [sites.index[0]] * 2
    assert frame.geometry[0].equals(frame.geometry[1])


@pytest.mark.parametrize(
    "options",
    [
        {"minutes": ()},
        {"minutes": (0,)},
        {"minutes": (10, -1)},
        {"minutes": (np.nan,)},
        {"minutes": (np.inf,)},
        {"cell_m": 0},
        {"cell_m": -50},
        {"cell_m": np.nan},
        {"cell_m": np.inf},
        {"simplify_m": -1},
        {"simplify_m": np.nan},
        {"simplify_m": np.inf},
        {"look": "blob"},
        {"max_snap_m": -1},
        {"walk_kph": 0},
    ],
)
def test_numbers_that_make_no_sense_are_refused_by_name(liechtenstein, sites, options):
    with pytest.raises(InputError, match=f"{next(iter(options))}="):
        isochrones.polygons(liechtenstein, sites.iloc[:1], **options)


def test_one_node_far_away_by_mistake_costs_no_memory(tmp_path):
    drawn = draw("A----B----C", {"AB": "residential", "BC": "residential"})
    lost = RoadMap(dict(drawn.node) | {"C": (0.0, 0.0)}, drawn.number, drawn.ways, {}, "")
    frame = isochrones.polygons(lost.read(tmp_path), lost.places("A"), minutes=(1,), max_snap_m=100)
    (spot,) = lost.places("A+200,0").geometry
    assert frame.geometry[0].contains(spot), "and no grid over a quarter of the globe was made"


def test_progress_counts_the_sites(liechtenstein, sites):
    said = []
    isochrones.polygons(
        liechtenstein, sites, progress=lambda done, total: said.append((done, total))
    )
    assert said[-1] == (len(sites), len(sites))


# --- estimates --------------------------------------------------------------------------------


def test_T2_estimated_circles_hold_what_estimated_times_cover():
    rng = np.random.default_rng(5)
    sites = gpd.GeoDataFrame(
        index=["a", "b"], geometry=gpd.points_from_xy([4.6, 4.7], [46.1, 46.2]), crs=4326
    )
    xy = rng.uniform((4.3, 45.9), (5.0, 46.4), (20_000, 2))
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*xy.T), crs=4326)
    frame = isochrones.estimated_polygons(sites.to_crs(2154), minutes=(12, 5, 10))
    assert frame["minutes"].tolist() == [5, 10, 12] * 2
    assert frame.geometry.is_valid.all()
    shapes = frame.geometry.to_numpy().reshape(2, 3)
    assert shapely.covers(shapes[:, 1:], shapes[:, :-1]).all()
    minutes = travel.estimated_times(points, sites, cutoff_min=30).to_dense()
    for i, (j, cutoff) in itertools.product(range(2), enumerate((5, 10, 12))):
        inside = shapely.contains_xy(shapes[i, j], xy[:, 0], xy[:, 1])
        wrong = inside != (minutes[:, i] <= cutoff + travel.BOUNDARY_MIN)
        # A circle of 72 corners, drawn in a plane: right to 0.3 % of its radius.
        assert np.abs(minutes[wrong, i] - cutoff).max(initial=0) < 0.003 * cutoff + 0.002


def test_estimated_circles_refuse_what_estimated_times_refuse():
    nowhere = gpd.GeoDataFrame(geometry=gpd.points_from_xy([np.nan], [46.0]), crs=4326)
    with pytest.raises(InputError, match="nowhere on Earth"):
        isochrones.estimated_polygons(nowhere)
    good = gpd.GeoDataFrame(geometry=gpd.points_from_xy([4.6], [46.0]), crs=4326)
    with pytest.raises(InputError, match="minutes="):
        isochrones.estimated_polygons(good, minutes=(-1,))
    assert isochrones.estimated_polygons(good.iloc[:0]).empty
