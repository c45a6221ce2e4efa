import shutil
import sqlite3
import struct
import tomllib
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

import planner
from planner import Scenario, candidates, run, territory
from planner._errors import InputError, PlannerError
from planner.territory import _read, _write
from planner.territory._model import LAYERS, content_digest
from planner.territory._residents import largest_remainder

DATA = Path(__file__).parent.parent / "data"
TITLES = {"liechtenstein": "Liechtenstein", "saone-beaujolais": "Saône-Beaujolais"}
SHIPPED_GDAL = (3, 12, 4)
"""GDAL that wrote the shipped GeoPackages; SQLite's version is in the files themselves."""


def inputs_of(folder):
    """Return what `build` needs to make a territory again from its own folder."""
    files = {path.stem: path for path in (folder / "inputs").glob("*.csv")}
    roads = folder / "roads.osm.pbf"
    return files | ({"pbf": roads} if roads.exists() else {})


def built(name, out, **changes):
    options = inputs_of(DATA / name) | {"title": TITLES[name]} | changes
    return territory.build(out, **options)


def files_of(folder):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def inside(folder):
    return sorted(path.name for path in folder.iterdir())


def sqlite_version(path):
    return struct.unpack(">I", path.read_bytes()[96:100])[0]


@pytest.fixture(scope="module", params=TITLES)
def rebuilt(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built") / request.param
    return DATA / request.param, folder, built(request.param, folder)


@pytest.fixture
def small(tmp_path):
    """Return a territory's folder to damage."""
    folder = tmp_path / "small"
    shutil.copytree(DATA / "saone-beaujolais", folder)
    return folder


@pytest.fixture
def altered(small):
    """Return a function that rewrites one layer of a territory after changing its frame."""

    def alter(layer, change, **options):
        path = small / "territory.gpkg"
        frames = {name: pyogrio.read_dataframe(path, layer=name) for name in LAYERS}
        frames[layer] = change(frames[layer])
        path.unlink()
        for name, frame in frames.items():
            extra = options if name == layer else {}
            pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", **extra)
        return small

    return alter


def refused(folder, *parts):
    with pytest.raises(InputError) as caught:
        territory.read(folder)
    for part in parts:
        assert part in str(caught.value)
    return str(caught.value)


# What ships


def test_a_rebuild_gives_the_shipped_files(rebuilt):
    shipped, folder, _ = rebuilt
    theirs, ours = files_of(shipped), files_of(folder)
    assert theirs.keys() == ours.keys()
    gpkg = folder / "territory.gpkg"
    same_gdal = pyogrio.__gdal_version__ == SHIPPED_GDAL
    if not same_gdal or sqlite_version(gpkg) != sqlite_version(shipped / "territory.gpkg"):
        theirs.pop("territory.gpkg")  # other versions lay pages differently: see the next test
    for name, content in theirs.items():
        assert content == ours[name], name


def test_a_rebuild_gives_the_shipped_contents_whatever_the_version_of_gdal(rebuilt):
    shipped, _, ours = rebuilt
    theirs = territory.read(shipped)
    for layer in LAYERS:
        assert content_digest(getattr(theirs, layer)) == content_digest(getattr(ours, layer))
    assert theirs.digest == ours.digest


def test_two_builds_give_the_same_bytes(rebuilt, tmp_path):
    _, folder, first = rebuilt
    built(first.name, tmp_path / first.name)
    assert files_of(folder) == files_of(tmp_path / first.name)


@pytest.mark.parametrize("name", TITLES)
def test_shuffled_rows_give_the_same_territory(name, tmp_path):
    shuffled = {}
    for stem, path in inputs_of(DATA / name).items():
        if path.suffix == ".csv" and stem != "sources":
            header, *rows = path.read_text(encoding="utf-8").splitlines()
            rows = list(np.random.default_rng(7).permutation(rows))
            shuffled[stem] = tmp_path / f"{stem}.csv"
            shuffled[stem].write_text("\n".join([header, *rows]), encoding="utf-8")
    first = built(name, tmp_path / "first" / name)
    second = built(name, tmp_path / "second" / name, **shuffled)
    one, two = (tmp_path / side / name / "territory.gpkg" for side in ("first", "second"))
    assert one.read_bytes() == two.read_bytes()
    pd.testing.assert_frame_equal(
        first.sources.drop(columns="sha256"), second.sources.drop(columns="sha256")
    )


def test_residents_sum_to_the_population_of_each_commune(rebuilt):
    *_, place = rebuilt
    sums = place.residents.groupby("commune")["residents"].sum()
    np.testing.assert_allclose(sums, place.communes["population"], atol=1e-6)
    assert (place.residents["residents"] > 0).all()


def test_residents_are_in_their_commune(rebuilt):
    *_, place = rebuilt
    contours = place.communes.geometry.reindex(place.residents["commune"])
    assert shapely.intersects(contours.to_numpy(), place.residents.geometry.to_numpy()).all()


def test_liechtenstein():
    place = territory.read("liechtenstein")
    assert place.title == "Liechtenstein"
    assert place.crs == "EPSG:32632"
    assert len(place.communes) == 11
    assert place.communes["population"].sum() == 36_838
    assert place.communes.area.sum() / 1e6 == pytest.approx(160.4, abs=0.1)
    assert (place.residents["residents"] % 1 == 0).all()
    assert place.attribution == ("© les contributeurs OpenStreetMap (ODbL)",)
    assert place.roads_path == DATA / "liechtenstein" / "roads.osm.pbf"
    assert {"bakery", "townhall", "activity_zone", "post_office"} <= set(place.premises["kind"])


def test_saone_beaujolais():
    place = territory.read("saone-beaujolais")
    assert place.crs == "EPSG:2154"
    assert len(place.communes) == 35
    assert place.communes["population"].sum() == 45_642
    assert place.communes.area.sum() / 1e6 == pytest.approx(546, abs=1)  # cells, against 538 km²
    assert place.roads_path is None
    assert place.flows is place.jobs is place.occupations is None
    assert "Insee, Filosofi 2019 (Licence Ouverte 2.0)" in place.attribution
    coworkings = place.premises[place.premises["kind"] == "coworking"]
    assert set(coworkings["status"]) == {"existing"}
    note = place.sources.set_index("name")["note"]
    assert "carreaux Insee habités de 1 km" in note["layer-communes"]
    assert "facteur de 0,55 à 1,52" in note["layer-residents"]


ROOMS = "id;name;kind;commune;lon;lat;status;source;area_m2;state;accessible;available_year\n"


def test_S14_what_is_known_of_rooms_goes_from_the_table_to_sites_costs_and_years(tmp_path):
    path = tmp_path / "premises.csv"
    path.write_text(
        f"{ROOMS}salle;Salle;library;69018;4,575;46,157;projet;mairie;100,5;lourd;oui;3\n"
        "cave;Cave;bakery;69018;4,575;46,157;projet;mairie;;;non;\n",
        encoding="utf-8",
    )
    place = built("saone-beaujolais", tmp_path / "rooms", premises=path)
    row = place.premises.loc["salle", ["area_m2", "state", "accessible", "available_year"]]
    assert row.tolist() == [100.5, "heavy", "yes", 3]
    assert place.premises.loc["h-69018", ["state", "accessible"]].tolist() == ["", ""]
    assert np.isnan(place.premises.loc["cave", "area_m2"])
    sites = candidates.sites(place)
    assert sites["accessible"][["salle", "cave", "h-69018"]].tolist() == [True, False, True]
    assert sites.loc["salle", "invest_eur_structuring"] == round(100.5 * 3000 + 15 * 1200)
    assert sites.loc["h-69018", "invest_eur_structuring"] == 15 * 12 * 550 + 15 * 1200
    plan = run(place, Scenario(forced=("salle",), structuring_sites=1, mini_sites_max=0))
    assert plan.sites.loc["salle", "tier"] == "structuring"
    assert "cave" not in plan.sites.index
    works = plan.ledger[(plan.ledger["site"] == "salle") & (plan.ledger["account"] == "fit-out")]
    assert works[["year", "cents"]].to_numpy().tolist() == [[3, 30_150_000]]


def test_S14_facts_of_a_room_that_openstreetmap_has_too_are_kept(tmp_path):
    shop = territory.read("liechtenstein").premises.query("kind == 'bakery'").iloc[[0]]
    at = shop.to_crs(4326).geometry.iloc[0]
    path = tmp_path / "premises.csv"
    commune = shop["commune"].iloc[0]
    path.write_text(
        f"{ROOMS}a;A;bakery;{commune};{at.x};{at.y};projet;visite;40;;non;\n", encoding="utf-8"
    )
    place = built("liechtenstein", tmp_path / "rooms", premises=path)
    assert "a" not in place.premises.index
    assert place.premises.loc[shop.index[0], ["area_m2", "accessible"]].tolist() == [40, "no"]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("0;;;", "row 2, column “area_m2”: 0 is outside 1"),
        ("grand;;;", "row 2, column “area_m2”: “grand” is not a number"),
        (";lour;;", "premises a, column “state”: “lour” is not known. Did you mean lourd"),
        (";;peut-être;", "premises a, column “accessible”: “peut-être” is not known"),
        (";;;2,5", "row 2, column “available_year”: “2,5” is not a whole number"),
        (";;;0", "row 2, column “available_year”: 0 is outside 1 to 50"),
    ],
)
def test_S14_I7_facts_of_a_room_that_are_none_are_refused_by_row(tmp_path, cells, said):
    path = tmp_path / "premises.csv"
    path.write_text(f"{ROOMS}a;A;library;69018;4,575;46,157;;;{cells}\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        built("saone-beaujolais", tmp_path / "faulty", premises=path)


def test_S14_facts_changed_in_qgis_are_checked(altered):
    for column, value in (("state", "ruine"), ("accessible", "maybe"), ("area_m2", -5.0),
                          ("available_year", 1.5)):  # fmt: skip
        folder = altered("premises", lambda f, c=column, v=value: f.assign(**{c: v}))
        refused(folder, f"layer premises, column {column}: not ")
        altered("premises", lambda f, c=column: f.drop(columns=c))


def test_occupations_are_kept_with_the_territory_and_faults_refused_by_row(tmp_path):
    path = tmp_path / "occupations.csv"
    head = "code;cadres;intermediate;clerks;workers;craft;farmers\n"
    path.write_text(f"{head}69018;120,5;200;180;90;40;10\n", encoding="utf-8")
    place = built("saone-beaujolais", tmp_path / "with", occupations=path)
    assert place.occupations.loc["69018", ["cadres", "farmers"]].tolist() == [120.5, 10]
    row = place.sources.set_index("name").loc["occupations"]
    assert (row["file"], row["what"]) == (
        "inputs/occupations.csv",
        "Actifs occupés par métier et commune de résidence",
    )
    path.write_text(f"{head}69018;120;-1;180;90;40;10\n9018;1;1;1;1;1;1\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2, column “intermediate”: -1 is outside") as caught:
        built("saone-beaujolais", tmp_path / "faulty", occupations=path)
    assert "row 3, column “code”: 9018 has four digits" in str(caught.value)


def test_one_host_to_confirm_at_the_centre_of_each_commune(rebuilt):
    *_, place = rebuilt
    hosts = place.premises[place.premises["kind"] == "host_to_confirm"]
    assert list(hosts.index) == [f"h-{code}" for code in sorted(place.communes.index)]
    assert list(hosts["commune"]) == list(place.communes.index)
    assert set(hosts["status"]) == {"to_confirm"}
    centres = gpd.points_from_xy(*place.communes[["centre_lon", "centre_lat"]].to_numpy().T)
    metres = gpd.GeoSeries(centres, crs="EPSG:4326").to_crs(place.crs)
    assert (metres.distance(hosts.geometry, align=False) < 0.02).all()


def test_frames_keep_their_promises(rebuilt):
    *_, place = rebuilt
    for layer, shape in LAYERS.items():
        frame = getattr(place, layer)
        assert frame.crs == place.crs
        assert frame.index.name == shape.key
        assert frame.index.is_unique
        assert frame.index.is_monotonic_increasing
        assert list(frame.columns) == [*shape.columns, "geometry"]
        assert all(isinstance(i, str) for i in frame.index)
        xy = shapely.get_coordinates(frame.geometry.to_numpy())
        np.testing.assert_allclose(xy, xy.round(2), atol=1e-9)
    assert place.communes["population"].dtype == "int64"
    assert place.residents["residents"].dtype == "float64"
    assert set(place.premises["commune"]) <= set(place.communes.index)
    assert place.premises["name"].notna().all()


def test_qgis_opens_the_geopackage(rebuilt):
    _, folder, place = rebuilt
    path = folder / "territory.gpkg"
    types = {"communes": "MultiPolygon", "residents": "Point", "premises": "Point"}
    assert {str(n): str(t) for n, t in pyogrio.list_layers(path)} == types
    for layer in LAYERS:
        info = pyogrio.read_info(path, layer=layer)
        assert info["crs"] == f"EPSG:{place.crs.to_epsg()}"
        assert info["geometry_type"] == types[layer]
        assert info["features"] == len(getattr(place, layer))
        assert info["capabilities"]["fast_spatial_filter"]  # the spatial index is there
    with sqlite3.connect(path) as base:
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        dates = {date for (date,) in base.execute("SELECT last_change FROM gpkg_contents")}
    base.close()
    assert dates == {"2000-01-01T00:00:00.000Z"}
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_the_register_names_every_input_with_its_digest(rebuilt):
    _, folder, place = rebuilt
    rows = place.sources.set_index("name")
    assert rows.index.is_unique
    inputs = rows[rows["sha256"] != ""]
    assert (inputs[["file", "what", "source", "date"]] != "").all(axis=None)
    stored = {name for name in files_of(folder) if not name.startswith("territory.")}
    assert set(inputs["file"]) == stored - {"inputs/sources.csv"}
    assert set(rows["status"]) == {"sourced", "derived", "assumption"}


# Names and folders


def test_names_are_sorted_and_readable():
    assert territory.names() == ("liechtenstein", "saone-beaujolais")


@pytest.mark.parametrize("name", ["liechtenstien", "Liechtenstein ", "lichtenstein"])
def test_an_unknown_name_suggests_the_nearest(name):
    with pytest.raises(InputError, match=r"Did you mean liechtenstein\?.*saone-beaujolais"):
        territory.read(name)


def test_an_unknown_name_far_from_all_lists_them():
    with pytest.raises(InputError, match="Known territories: liechtenstein, saone-beaujolais"):
        territory.read("zzz")


def test_a_folder_that_is_no_territory(tmp_path):
    refused(tmp_path, "holds no territory.toml")


def test_a_folder_can_be_given_as_text_or_path(small):
    assert territory.read(str(small)).digest == territory.read(small).digest


def test_a_shipped_name_wins_over_a_folder_here(small, monkeypatch):
    small.rename(small.with_name("liechtenstein"))
    monkeypatch.chdir(small.parent)
    assert len(territory.read("liechtenstein").communes) == 11
    assert len(territory.read("./liechtenstein").communes) == 35


def test_data_of_an_installed_wheel_is_found_first(tmp_path, monkeypatch):
    shutil.copytree(DATA / "saone-beaujolais", tmp_path / "planner" / "data" / "mine")
    monkeypatch.setattr(_read.planner, "__file__", str(tmp_path / "planner" / "__init__.py"))
    assert territory.names() == ("mine",)
    assert territory.read("mine").name == "mine"


# Damaged files


def test_G6_a_missing_geopackage_is_named(small):
    (small / "territory.gpkg").unlink()
    refused(small, "territory.gpkg is missing", str(small))


@pytest.mark.parametrize("step", range(16))
def test_G6_a_truncated_geopackage_is_refused(small, step):
    path = small / "territory.gpkg"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * step // 16])
    refused(small, "territory.gpkg: ", "again")


def test_G6_a_geopackage_cut_by_one_byte_is_refused(small):
    path = small / "territory.gpkg"
    path.write_bytes(path.read_bytes()[:-1])
    refused(small, "territory.gpkg: truncated, 253,951 bytes of 253,952")


@pytest.mark.filterwarnings("ignore")  # what GDAL warns of is not the point: what is raised is
@pytest.mark.parametrize("seed", range(60))
def test_G6_flipped_bits_raise_nothing_but_our_errors(small, seed):
    path = small / "territory.gpkg"
    content, chance = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for place in chance.integers(len(content), size=chance.choice([1, 5, 40])):
        content[place] ^= 1 << int(chance.integers(8))
    path.write_bytes(content)
    try:
        territory.read(small)
    except PlannerError as error:
        assert str(small) in str(error)  # noqa: PT017 - a flip in a name is not an error


def test_a_missing_layer_is_named(small):
    path = small / "territory.gpkg"
    communes = pyogrio.read_dataframe(path, layer="communes")
    path.unlink()
    pyogrio.write_dataframe(communes, path, layer="communes", driver="GPKG")
    refused(small, "layer residents is missing (found: communes)", "layer premises is missing")


# The test writes such a layer itself, and pyogrio warns of it as it should.
@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_G1_a_layer_without_crs_is_refused(altered):
    folder = altered("residents", lambda frame: frame.set_crs(None, allow_override=True))
    refused(folder, "territory.gpkg, layer residents: no CRS, and it is never guessed")


@pytest.mark.parametrize("crs", ['crs = ""', "", 'crs = "EPSG:4326"', 'crs = "Lambert"', "crs = 3"])
def test_G1_territory_toml_without_a_metric_crs_is_refused(small, crs):
    edit(small, 'crs = "EPSG:2154"', crs)
    refused(small, "territory.toml", 'crs = "EPSG:2154"')


def test_G3_a_layer_in_another_crs_is_brought_to_the_metric_one(altered):
    folder = altered("residents", lambda frame: frame.to_crs("EPSG:4326"))
    ours, theirs = territory.read(folder), territory.read("saone-beaujolais")
    assert ours.residents.crs == "EPSG:2154"
    assert (ours.residents.distance(theirs.residents) < 0.01).all()


def test_G2_metres_labelled_degrees_and_swapped_axes_are_refused(altered):
    def swap(frame):
        return frame.set_geometry(frame.geometry.map(lambda p: shapely.Point(p.y, p.x)))

    refused(altered("residents", swap), "layer residents", "Are x and y swapped?")


def test_G2_lambert_labelled_wgs84_is_refused(altered):
    wrong = altered("premises", lambda frame: frame.set_crs("EPSG:4326", allow_override=True))
    refused(wrong, "layer premises, column geometry: not finite coordinates")


def test_G3_layers_in_different_crs_give_the_same_plan(altered):
    altered("communes", lambda frame: frame.to_crs("EPSG:4326"))
    altered("residents", lambda frame: frame.to_crs("EPSG:3035"))
    folder = altered("premises", lambda frame: frame.to_crs("EPSG:32631"))
    ours = planner.run(territory.read(folder))
    theirs = planner.run(territory.read("saone-beaujolais"))
    assert ours.sites.index.tolist() == theirs.sites.index.tolist()
    assert ours.indicators == pytest.approx(theirs.indicators, rel=1e-6)


with np.errstate(invalid="ignore"):
    NAN_CORNER = shapely.Polygon([(0, 0), (9, 0), (np.nan, 5), (9, 9)])
GEOMETRIES = {
    "bow-tie": ("communes", shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "crosses itself"),
    "no commune": ("communes", None, "null or empty"),
    "empty commune": ("communes", shapely.Polygon(), "null or empty"),
    "a line for a commune": ("communes", shapely.LineString([(0, 0), (1, 1)]), "not a polygon"),
    "a collection": (
        "communes",
        shapely.GeometryCollection([shapely.box(0, 0, 1, 1)]),
        "not a polygon",
    ),
    "no resident": ("residents", None, "null or empty"),
    "empty resident": ("residents", shapely.Point(), "null or empty"),
    "a corner that is NaN": (
        "communes",
        NAN_CORNER,
        "not finite",
    ),
    "NaN": ("residents", shapely.Point(np.nan, 6_560_000), "null or empty|not finite"),
    "infinite": ("premises", shapely.Point(np.inf, np.inf), "not finite"),
    "several points": ("premises", shapely.MultiPoint([(0, 0), (1, 1)]), "not a point"),
}


@pytest.mark.parametrize("case", GEOMETRIES)
def test_G4_a_geometry_that_is_no_place_is_refused_by_id(altered, case):
    layer, shape, said = GEOMETRIES[case]

    def spoil(frame):
        return frame.set_geometry([shape, *frame.geometry[1:]], crs=frame.crs)

    first = pyogrio.read_dataframe(DATA / "saone-beaujolais" / "territory.gpkg", layer=layer)
    first = first[LAYERS[layer].key][0]
    with pytest.raises(InputError, match=rf"layer {layer}, column geometry: ({said})[^\n]*{first}"):
        territory.read(altered(layer, spoil, geometry_type="Unknown"))


def test_G4_heights_are_dropped(altered):
    folder = altered("residents", lambda f: f.set_geometry(f.geometry.force_3d(450.0)))
    assert territory.read(folder).residents.equals(territory.read("saone-beaujolais").residents)


def test_G5_residents_outside_are_listed(altered):
    def move(frame):
        frame.loc[0, "geometry"] = shapely.Point(700_000, 6_200_000)
        frame.loc[1, "commune"] = "69123"
        return frame

    ids = pyogrio.read_dataframe(DATA / "saone-beaujolais" / "territory.gpkg", layer="residents")
    far, other = ids["id"][:2]
    folder = altered("residents", move)
    refused(folder, f"more than 20 km outside the communes. Are x and y swapped?: {far}.")
    refused(folder, "in commune 69123, which is not in layer communes", other)


CHANGES = {
    "missing column": ("premises", lambda f: f.drop(columns="kind"), "columns missing: kind"),
    "numeric id": ("communes", lambda f: f.assign(code=f["code"].astype(int)), "zeros are lost"),
    "duplicate id": (
        *("residents", lambda f: pd.concat([f, f.head(1)])),
        "id used more than once: CRS3035",
    ),
    "missing id": (
        "premises",
        lambda f: f.assign(id=f["id"].where(f.index > 0)),
        "rows have no id",
    ),
    "negative": ("residents", lambda f: f.assign(residents=-1.0), "column residents: not a valid"),
    "NaN": (
        *("residents", lambda f: f.assign(residents=f["residents"].where(f.index > 0))),
        "column residents: not a valid number",
    ),
    "infinite": (
        "residents",
        lambda f: f.assign(residents=np.inf),
        "column residents: not a valid",
    ),
    "half person": (
        "communes",
        lambda f: f.assign(population=1.5),
        "column population: not a valid",
    ),
    "unknown commune": (
        *("residents", lambda f: f.assign(commune=f["commune"].replace("69018", "69999"))),
        "15 rows, 2103 residents in commune 69999, which is not in layer communes",
    ),
    "unknown status": ("premises", lambda f: f.assign(status="maybe"), "not one of candidate"),
    "no name": ("communes", lambda f: f.assign(name=""), "column name: empty"),
    "null geometry": (
        *("premises", lambda f: f.set_geometry(f.geometry.where(f.index > 0))),
        "column geometry: null or empty. Draw it, or delete it: cw-belleville",
    ),
    "empty layer": ("premises", lambda f: f.head(0), "layer premises: no row"),
    "wrong type": ("residents", lambda f: f.set_geometry(f.buffer(1)), "not a point"),
    "bow-tie": (
        "communes",
        lambda f: f.set_geometry(
            [shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), *f.geometry[1:]], crs=f.crs
        ),
        "crosses itself",
    ),
    "centre elsewhere": (
        "communes",
        lambda f: f.assign(centre_lon=46.1, centre_lat=4.7),
        "swapped",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_fault_of_a_layer_is_said_with_its_rows(altered, change):
    layer, edit_frame, said = CHANGES[change]
    refused(altered(layer, edit_frame), said, layer)


def test_all_faults_are_said_at_once(altered):
    def spoil(frame):
        frame.loc[0, "residents"] = -4
        frame.loc[1, "commune"] = "00000"
        frame.loc[2, "id"] = frame.loc[3, "id"]
        return frame

    folder = altered("residents", spoil)
    (folder / "inputs" / "premises.csv").unlink()
    refused(folder, "4 faults", "inputs/premises.csv is missing", "00000", "more than once")


def test_an_input_that_changed_is_refused(small):
    (small / "inputs" / "communes.csv").write_bytes(b"code\n")
    refused(small, "inputs/communes.csv is not the file that was registered")


@pytest.mark.parametrize("file", ["../../etc/passwd", "/etc/passwd"])
def test_a_register_cannot_point_outside_the_folder(small, file):
    edit(small, 'file = "inputs/communes.csv"', f'file = "{file}"')
    refused(small, "is outside the folder")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("format = 1", "format = 9", "format must be 1"),
        ('title = "Saône-Beaujolais"', "title = 1", "title is missing"),
        ("attribution = [", 'attribution = [1, "', "not readable as TOML"),
        ('status = "derived"', 'status = "guessed"', "“guessed” is not one of"),
        ('name = "residents"', 'name = "communes"', "name used more than once: communes"),
        ('licence = ""', "", "rows lack licence"),
        ('date = "2026"', "date = 2026", "tables of texts"),
    ],
)
def test_a_register_that_was_edited_wrongly(small, old, new, said):
    edit(small, old, new)
    refused(small, said)


def edit(folder, old, new):
    path = folder / "territory.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_digest_changes_with_the_contents(altered):
    before = territory.read("saone-beaujolais").digest
    folder = altered("premises", lambda frame: frame.assign(name="NA"))
    after = territory.read(folder)
    assert set(after.premises["name"]) == {"NA"}
    assert after.digest != before


# Building


def test_build_refuses_a_folder_that_holds_something(tmp_path):
    (tmp_path / "letter.txt").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="something else than a territory"):
            built("saone-beaujolais", tmp_path, overwrite=overwrite)
    with pytest.raises(InputError, match="is a file"):
        built("saone-beaujolais", tmp_path / "letter.txt")
    assert inside(tmp_path) == ["letter.txt"]


def test_build_overwrites_a_territory_only_when_asked_even_from_itself(small):
    with pytest.raises(InputError, match="already holds a territory"):
        built("saone-beaujolais", small)
    (small / "carte.qgz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"also holds carte\.qgz"):
        built("saone-beaujolais", small, overwrite=True)
    (small / "carte.qgz").unlink()
    place = territory.build(small, title="Ici", overwrite=True, **inputs_of(small))
    assert place.title == "Ici"
    assert inside(small.parent) == ["small"]


def test_build_without_the_files_it_takes(tmp_path):
    with pytest.raises(InputError, match="cannot make a territory"):
        territory.build(tmp_path / "x", title="X")
    with pytest.raises(InputError, match="each says who the communes are"):
        built("liechtenstein", tmp_path / "x", communes=tmp_path, residents=tmp_path)
    assert inside(tmp_path) == []


def csv(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_I11_populations_and_boundaries_that_do_not_match_are_listed_on_both_sides(tmp_path):
    lines = ["name,population", "Vaduz (LI),5229", "Schan,5933", "Feldkirch,30000"]
    with pytest.raises(InputError) as caught:
        built("liechtenstein", tmp_path / "x", populations=csv(tmp_path / "p.csv", *lines))
    said = str(caught.value)
    assert f"{tmp_path / 'p.csv'} do not agree.\n" in said
    assert "Schan: no such boundary. Did you mean Schaan?" in said
    assert "Feldkirch: no such boundary. The file holds only a part of it" in said
    assert "no row names: Triesen (r37), Schellenberg (r38), Gamprin (r39)" in said
    assert "Vaduz" not in said
    assert inside(tmp_path) == ["p.csv"]


def test_I11_a_code_of_another_commune_is_refused(tmp_path):
    table = csv(tmp_path / "p.csv", "code,name,population", "r37,Vaduz,5229", "r99,Schaan,1")
    with pytest.raises(InputError, match="r37 is Triesen in the OpenStreetMap file, not Vaduz"):
        built("liechtenstein", tmp_path / "x", populations=table)


def test_a_part_of_the_boundaries_can_be_taken_by_name(tmp_path):
    table = csv(tmp_path / "p.csv", "name,population", "TRIESEN,4913", "Planken,430")
    place = built("liechtenstein", tmp_path / "two", populations=table, sources=None)
    assert place.communes["name"].to_dict() == {"r37": "Triesen", "r46": "Planken"}
    assert set(place.premises["commune"]) == {"r37", "r46"}
    rows = place.sources.set_index("name")
    assert rows.loc["populations", ["status", "note"]].tolist() == [
        "assumption",
        "Source à préciser.",
    ]
    assert rows.loc["roads", "date"] == "2013-08-03"


def test_the_same_commune_twice_is_refused(tmp_path):
    table = csv(tmp_path / "p.csv", "code,name,population", "r48,Vaduz,1", ",vaduz,2")
    with pytest.raises(InputError, match="two rows are the boundary r48"):
        built("liechtenstein", tmp_path / "x", populations=table)


def test_I11_cells_of_a_commune_that_is_not_there_are_refused_with_their_residents(tmp_path):
    text = (DATA / "saone-beaujolais" / "inputs" / "communes.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("69161")]
    lines.append("69999,X,1,,,4.5,46.1,")
    with pytest.raises(InputError) as caught:
        built("saone-beaujolais", tmp_path / "x", communes=csv(tmp_path / "c.csv", *lines))
    assert "cells name the commune 69161 (15 cells, 487 residents)" in str(caught.value)
    assert "69999 X: no inhabited cell" in str(caught.value)


def test_G5_a_premises_far_from_its_commune_is_refused(tmp_path):
    rows = ["a,Loin,cafe,69018,4.9,46.3,,x", "b,Ailleurs,cafe,69500,4.59,46.15,,x"]
    table = csv(tmp_path / "p.csv", "id,name,kind,commune,lon,lat,status,source", *rows)
    with pytest.raises(InputError, match=r"a: 2\d\.\d km from its commune Beaujeu") as caught:
        built("saone-beaujolais", tmp_path / "x", premises=table)
    assert "b: its commune 69500 is not in the territory" in str(caught.value)


def test_a_commune_without_housing_has_its_people_at_its_centre(tmp_path, monkeypatch):
    monkeypatch.setattr("planner.sources.osm.HOUSE_MIN_M2", 1e9)
    place = built("liechtenstein", tmp_path / "bare")
    assert list(place.residents.index) == [f"c-{code}" for code in place.communes.index]
    assert place.residents["residents"].sum() == 36_838
    note = place.sources.set_index("name").loc["layer-residents", "note"]
    assert "Sans logement localisé, population placée au centre : Triesen" in note


@pytest.mark.parametrize("step", [0, 3, 9, 15])
def test_G6_a_truncated_pbf_leaves_nothing(tmp_path, step):
    whole = (DATA / "liechtenstein" / "roads.osm.pbf").read_bytes()
    path = tmp_path / "cut.osm.pbf"
    path.write_bytes(whole[: len(whole) * step // 16])
    with pytest.raises(InputError, match=r"cut\.osm\.pbf"):
        built("liechtenstein", tmp_path / "out", pbf=path)
    assert inside(tmp_path) == ["cut.osm.pbf"]


@pytest.mark.parametrize("stage", ["write_gpkg", "write_toml"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_O6_a_build_that_fails_while_writing_leaves_what_was_there(
    small, monkeypatch, stage, error
):
    def fail(path, *_, **__):
        path.write_bytes(b"half")
        raise error

    before = files_of(small)
    monkeypatch.setattr(_write, stage, fail)
    expected = InputError if isinstance(error, OSError) else KeyboardInterrupt
    for out, overwrite in ((small, True), (small.with_name("new"), False)):
        with pytest.raises(expected):
            built("saone-beaujolais", out, overwrite=overwrite)
    assert inside(small.parent) == ["small"]
    assert files_of(small) == before


def test_a_swap_that_fails_puts_the_old_folder_back(small, monkeypatch):
    rename = Path.rename

    def fail(path, target):
        if not path.name.endswith("-old") and Path(target) == small:
            raise PermissionError("in use")
        return rename(path, target)

    before = files_of(small)
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(InputError, match="Nothing was changed"):
        built("saone-beaujolais", small, overwrite=True)
    assert files_of(small) == before
    assert inside(small.parent) == ["small"]


@pytest.mark.parametrize("seed", range(20))
def test_largest_remainder_shares_exactly_and_within_one(seed):
    chance = np.random.default_rng(seed)
    weights, total = chance.random(int(chance.integers(1, 50))), int(chance.integers(0, 1000))
    parts = largest_remainder(weights, total)
    assert parts.sum() == total
    assert (np.abs(parts - weights / weights.sum() * total) < 1).all()


@pytest.mark.parametrize("text", ['a "b" \\ é', "x\ty\nz", "\x7f\x00\u2028", "'''", "{{7*7}}"])
def test_any_text_survives_the_toml(text):
    assert tomllib.loads(f"t = {_write.quoted(text)}") == {"t": text}


def test_networks_kept_beside_a_territory_do_not_stop_it_being_built_again(tmp_path):
    inputs = territory.read("saone-beaujolais")
    folder = Path(territory.__file__).parent.parent.parent / "data" / inputs.name / "inputs"
    tables = {name: folder / f"{name}.csv" for name in ("communes", "residents", "premises")}
    territory.build(tmp_path / "home", title="A", **tables)
    (tmp_path / "home" / ".cache").mkdir()
    assert territory.build(tmp_path / "home", title="B", overwrite=True, **tables).title == "B"
