from dataclasses import replace

import geopandas as gpd
import pytest

from planner import candidates, territory
from planner._errors import InputError
from planner.candidates import TIERS

BIG, SMALL = "69135", "69002"  # communes above and below the threshold of a bourg


@pytest.fixture(scope="module")
def home():
    return territory.read("saone-beaujolais")


@pytest.fixture
def of(home):
    """Return a function that gives the candidates of premises: id → (kind, commune, status)."""

    def sites(premises, **options):
        rows = {
            key: {"name": key, "kind": kind, "commune": commune, "status": status, "source": ""}
            for key, (kind, commune, status) in premises.items()
        }
        frame = gpd.GeoDataFrame.from_dict(rows, orient="index")
        frame = frame.set_geometry(gpd.points_from_xy([0] * len(rows), [0] * len(rows)))
        place = replace(home, premises=frame.set_crs(home.crs))
        return candidates.sites(place, **{"bourg_min_population": 1900} | options)

    return sites


def tiers(frame, site):
    return {tier for tier in TIERS if frame.loc[site, tier]}


@pytest.mark.parametrize(
    ("kind", "commune", "may_be"),
    [
        ("townhall", BIG, {"structuring", "mini"}),
        ("library", BIG, {"structuring", "mini"}),
        ("france_services", BIG, {"structuring", "mini"}),
        ("host_to_confirm", BIG, {"structuring", "mini"}),
        ("townhall", SMALL, {"mini"}),
        ("host_to_confirm", SMALL, {"mini"}),
        ("bakery", BIG, {"mini"}),
        ("bakery", SMALL, {"mini"}),
        ("activity_zone", SMALL, {"corpoworking"}),
        ("florist", BIG, None),
        ("coworking", BIG, {"structuring", "mini"}),
        ("coworking", SMALL, {"mini"}),
    ],
)
def test_what_each_kind_may_be(of, kind, commune, may_be):
    sites = of({"a": (kind, commune, "candidate")})
    assert (tiers(sites, "a") if len(sites) else None) == may_be


def test_a_public_facility_is_a_mini_cowork_only_where_no_shop_is_left(of):
    sites = of({"hall": ("townhall", BIG, "candidate"), "shop": ("bakery", BIG, "candidate")})
    assert tiers(sites, "hall") == {"structuring"}
    assert tiers(sites, "shop") == {"mini"}


def test_an_existing_coworking_stays_open_even_when_forced(of):
    premises = {"cw": ("coworking", SMALL, "existing")}
    assert of(premises).loc["cw", "status"] == "existing"
    assert of(premises, forced=["cw"]).loc["cw", "status"] == "existing"
    assert of(premises, forbidden=["cw"]).empty


def test_existing_holds_for_a_coworking_only(of):
    assert of({"a": ("bakery", SMALL, "existing")}).loc["a", "status"] == "candidate"


def test_forced_and_forbidden(of):
    premises = dict.fromkeys("abc", ("bakery", SMALL, "candidate"))
    sites = of(premises, forced=["b", "b"], forbidden=["c"])
    assert sites["status"].to_dict() == {"a": "candidate", "b": "forced"}


def test_the_threshold_of_a_bourg_is_within(home, of):
    people = int(home.communes.loc[BIG, "population"])
    hall = {"a": ("townhall", BIG, "candidate")}
    assert of(hall, bourg_min_population=people).loc["a", "structuring"]
    assert not of(hall, bourg_min_population=people + 1).loc["a", "structuring"]


def test_seats_are_those_asked(of):
    seats = dict(zip(TIERS, (9, 2, 30), strict=True))
    sites = of({"a": ("bakery", SMALL, "candidate")}, seats=seats)
    assert sites.loc["a", [f"seats_{tier}" for tier in TIERS]].tolist() == [9, 2, 30]


def test_shipped_candidates_are_sorted_and_useful(home):
    sites = candidates.sites(home)
    assert sites.index.is_monotonic_increasing
    assert sites.index.is_unique
    assert sites[list(TIERS)].any(axis=1).all()
    assert sites.crs == home.crs
    assert set(sites["status"]) == {"candidate", "existing"}


def test_no_premises_are_no_candidates(home):
    assert candidates.sites(replace(home, premises=home.premises.iloc[:0])).empty


ODD = ["", " ", "h-69002\n", "=1+1", "<script>", "{{7*7}}", "é" * 300, "../x", "\u202e", "[red]"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("option", ["forced", "forbidden"])
def test_ids_with_odd_characters_are_unknown_and_named(home, odd, option):
    with pytest.raises(InputError) as caught:
        candidates.sites(home, **{option: [odd]})
    assert f"unknown premises {odd}" in str(caught.value)


def test_all_that_is_wrong_with_the_ids_is_said_at_once(home):
    with pytest.raises(InputError) as caught:
        candidates.sites(home, forced=["x", "h-69002"], forbidden=["y", "h-69002"])
    assert "unknown premises x, y" in str(caught.value)
    assert "both forced and forbidden: h-69002" in str(caught.value)


def test_a_forced_place_that_can_host_nothing_is_named_with_its_kind(of):
    premises = {"a": ("florist", BIG, "candidate"), "b": ("bakery", BIG, "candidate")}
    with pytest.raises(InputError, match=r"can host no tier: a\. Their kind is florist"):
        of(premises, forced=["a", "b"])


def test_where_the_only_shop_is_forbidden_the_fallbacks_are_candidates(of):
    premises = {
        "shop": ("bakery", SMALL, "candidate"),
        "hall": ("townhall", SMALL, "candidate"),
    }
    assert list(of(premises).index) == ["shop"]
    assert list(of(premises, forbidden=["shop"]).index) == ["hall"]
    assert set(of(premises, forced=["hall"]).index) == {"hall", "shop"}
