import json

import numpy as np
import pytest
from fixtures_fr import SIREN, SOUTH, TITLE, WEST, as_json, communes, point, square
from servers import Reply, serving

from planner import InputError, NetworkError
from planner.sources import api_geo
from planner.sources._http import Polite
from planner.territory._places import repairs_note

ONE_TRY = Polite(tries=1)


@pytest.fixture
def write(tmp_path):
    def writing(content):
        path = tmp_path / "communes.json"
        path.write_bytes(content if isinstance(content, bytes) else as_json(content))
        return path

    return writing


def test_communes_come_with_their_contour_inhabitants_and_centre(write):
    frame = api_geo.read(write(communes()))
    assert list(frame.index) == ["01900", "01901"]
    assert list(frame["name"]) == ["Bourg-d’Œuf", "Col"]
    assert list(frame["population"]) == [800, 200]
    assert list(frame["point_source"]) == ["mairie", "centre"]
    assert (frame["lon"]["01900"], frame["lat"]["01900"]) == (4.812, 46.216)
    assert frame.crs.to_epsg() == 4326
    bare = api_geo.read(write(communes(mairie=..., centre=None)))
    assert bare["point_source"]["01900"] == "point intérieur"
    assert bare["lon"]["01900"] == pytest.approx(4.815)


def test_I9_half_a_character_becomes_a_mark_and_whole_ones_stay(write):
    content = as_json(communes(nom="Bourg"))
    told = content.replace(b'"Bourg"', rb'"Bourg \ud83d \ud83c\udf3e"')
    assert told != content
    assert set(api_geo.read(write(told))["name"]) == {"Bourg ? \N{EAR OF RICE}", "Col"}


def test_a_geojson_of_contours_reads_the_same(write):
    features = [
        {
            "type": "Feature",
            "properties": {key: value for key, value in one.items() if key != "contour"},
            "geometry": one["contour"],
        }
        for one in communes()
    ]
    plain = api_geo.read(write(communes()))
    assert api_geo.read(write({"type": "FeatureCollection", "features": features})).equals(plain)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"code": 1900}, "code 1900 is not five characters of text"),
        ({"code": "1900"}, "code '1900' is not"),
        ({"code": "01901"}, "01901 appears 2 times"),
        ({"nom": " "}, "no name"),
        ({"population": ...}, "population None is not a whole number"),
        ({"population": -3}, "population -3"),
        ({"population": True}, "population True"),
        ({"population": "800"}, "population '800'"),
        ({"contour": ...}, "no contour"),
        ({"contour": point(4.8, 46.2)}, "no contour"),
        ({"contour": {"type": "Polygon", "coordinates": [[[4.8, float("nan")]]]}}, "no contour"),
        ({"contour": {"type": "Blob"}}, "no contour"),
        ({"contour": square(46.2, 4.8, 46.23, 4.83)}, "latitude are swapped"),
        ({"contour": square(8.4e5, 6.5e6, 8.5e5, 6.6e6)}, "Is it in degrees?"),
    ],
)
def test_I7_G2_a_faulty_commune_is_refused_by_name(write, changes, said):
    with pytest.raises(InputError, match=said):
        api_geo.read(write(communes(**changes)))


KNOT = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0), (0.49, 1.001), (0.5, 1.001), (0.49, 1.0),
        (0.0, 1.0), (0.0, 0.0)]  # fmt: skip


def ring(points):
    """Return a polygon drawn in the box of the first commune, its corners from 0 to 1."""
    return {
        "type": "Polygon",
        "coordinates": [[[WEST + 0.03 * x, SOUTH + 0.03 * y] for x, y in points]],
    }


def test_G4_a_contour_that_crosses_itself_is_mended_within_a_limit_and_counted(write):
    frame = api_geo.read(write(communes(contour=ring(KNOT))))
    assert frame.is_valid.all()
    # The ring turns the wrong way round a triangle of 0.01 x 0.0005 / 2, which then counts twice.
    assert frame["repair_change"]["01900"] == pytest.approx(5e-6, rel=0.01)
    assert np.isnan(frame["repair_change"]["01901"])
    assert frame.geometry["01900"].area == pytest.approx(0.03 * 0.03, rel=1e-5)
    note = repairs_note(frame["repair_change"])
    assert note.startswith(" Contours qui se recoupaient, réparés : 1 (surface changée de 0,01")
    assert repairs_note(frame["repair_change"] * np.nan) == ""


def test_G4_a_contour_that_mending_would_change_too_much_is_refused_with_the_change(write):
    bow_tie = ring([(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)])
    said = r"Bourg-d’Œuf\): its contour crosses itself.*by 100\.0 %, above 1 %"
    with pytest.raises(InputError, match=said):
        api_geo.read(write(communes(contour=bow_tie)))


@pytest.mark.parametrize(
    "contour",
    [
        None,
        {"type": "Polygon", "coordinates": []},
        {"type": "GeometryCollection", "geometries": [square(4.8, 46.2, 4.83, 46.23)]},
        {"type": "Polygon", "coordinates": [[[4.8, 46.2], [float("nan"), 46.2], [4.8, 46.3]]]},
    ],
)
def test_G4_what_is_no_finite_polygon_is_refused_by_name(write, contour):
    with pytest.raises(InputError, match=r"commune 2 \(Bourg-d’Œuf\): no contour"):
        api_geo.read(write(communes(contour=contour)))


def test_G4_heights_are_dropped(write):
    flat = square(4.8, 46.2, 4.83, 46.23)
    high = {"type": "Polygon", "coordinates": [[[*xy, 450.0] for xy in flat["coordinates"][0]]]}
    frame = api_geo.read(write(communes(contour=high)))
    assert not frame.has_z.any()
    assert frame.equals(api_geo.read(write(communes(contour=flat))))


@pytest.mark.parametrize("content", [[], {}, [1], {"type": "FeatureCollection"}, b"[{", b"\xff", 3])
def test_G6_what_is_no_list_of_communes_is_refused(write, content):
    with pytest.raises(InputError, match=r"communes\.json"):
        api_geo.read(write(content))


def test_G6_only_a_clear_error_comes_out_of_a_file_cut_anywhere(write):
    whole = as_json(communes())
    for end in range(0, len(whole) - 1, 97):
        with pytest.raises(InputError, match=r"communes\.json"):
            api_geo.read(write(whole[:end]))


@pytest.mark.parametrize("siren", ["", "20006781", "2000678170", "2OOO67817", "١23456789"])
def test_a_siren_that_is_none_is_refused(siren):
    with pytest.raises(InputError, match="not 9 digits"):
        api_geo.checked_siren(siren)


def test_fetch_keeps_the_two_files_and_asks_the_documented_way(tmp_path):
    with serving() as server:
        base = f"/epcis/{SIREN}"
        server.replies[base] = [Reply(as_json({"nom": TITLE, "code": SIREN}))]
        server.replies[f"{base}/communes"] = [Reply(as_json(communes()))]
        found = api_geo.fetch(SIREN, tmp_path, server=server.address)
        assert api_geo.read_name(found.name.path) == TITLE
        assert len(api_geo.read(found.communes.path)) == 2
        fields = server.asked[1][1]["fields"][0].split(",")
        assert {"contour", "mairie", "centre", "population", "nom", "code"} <= set(fields)
        assert api_geo.fetch(SIREN, tmp_path, server=server.address) == found
        assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(b"[]"), "no commune. Is the SIREN that of an EPCI"),
        (Reply(as_json(communes(contour=...))), "no contour"),
        (Reply(as_json(communes())[:-40]), "cut, or not JSON"),
        (Reply(json.dumps({"code": 404}).encode(), status=404), "HTTP 404"),
        (Reply(status=400), "HTTP 400"),
    ],
)
def test_N2_an_answer_that_is_not_the_communes_is_never_stored(tmp_path, reply, said):
    with serving() as server:
        server.replies[f"/epcis/{SIREN}"] = [Reply(as_json({"nom": TITLE}))]
        server.replies[f"/epcis/{SIREN}/communes"] = [reply]
        with pytest.raises(NetworkError, match=said) as caught:
            api_geo.fetch(SIREN, tmp_path, server=server.address, polite=ONE_TRY)
    assert f"communes-{SIREN}.json, and run again" in str(caught.value)
    assert not (tmp_path / f"communes-{SIREN}.json").exists()


def test_a_name_that_is_none_is_refused(tmp_path):
    path = tmp_path / "epci.json"
    for content in (b"[]", b"{}", b'{"nom": ""}', b'{"nom": 3}'):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not an EPCI"):
            api_geo.read_name(path)
