from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from planner import assumptions
from planner._errors import InputError
from planner.scores import (
    COMMUNITY,
    ROOM,
    community,
    given,
    premises,
    ranking,
    read_judgements,
    scaled,
    stability,
)

SITES = pd.DataFrame(
    {"residents": [900.0, 300.0, 600.0], "community": [0.0, 4.0, 2.0], "premises": [1.0, 1.0, 1.0]},
    index=["a", "b", "c"],
)
NAMES = ["community", "premises", "residents"]
HEAD = "groupe;critere;contre;importance\n"


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "atelier.csv"
        path.write_text(HEAD + text, encoding="utf-8")
        return read_judgements(path)

    return read_text


def judgements(group, weight):
    return "".join(
        f"{group};{a};{b};{str(weight[a] / weight[b]).replace('.', ',')}\n"
        for a, b in combinations(sorted(weight), 2)
    )


def test_judgements_that_agree_give_the_weights_they_came_from(read):
    weight = {"residents": 0.6, "community": 0.3, "premises": 0.1}
    found = read(judgements("élus", weight) + judgements("usagers", dict.fromkeys(NAMES, 1 / 3)))
    assert found.weights.loc["élus"].to_dict() == pytest.approx(weight, abs=1e-6)
    assert found.weights.loc["usagers"].tolist() == pytest.approx([1 / 3] * 3)
    assert found.consistency.tolist() == pytest.approx([0, 0], abs=1e-6)
    assert found.doubtful == ()


def test_judgements_that_go_round_in_a_circle_are_doubtful(read):
    found = read("élus;a;b;9\nélus;b;c;9\nélus;c;a;9\n")
    assert found.weights.loc["élus"].tolist() == pytest.approx([1 / 3] * 3)
    largest = 1 + 9 + 1 / 9
    assert found.consistency["élus"] == pytest.approx((largest - 3) / 2 / 0.58)
    assert found.doubtful == ("élus",)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("élus;a;b;3\nélus;b;c;2\n", "élus does not compare a and c"),
        ("élus;a;b;3\nélus;b;a;2\n", "row 3: élus compares b and a twice"),
        ("élus;a;a;3\nélus;a;b;2\n", "row 2: a is compared with itself"),
        ("élus;a;b;10\n", "importance"),
        ("élus;a;b;0\n", "importance"),
        ("élus;a;b;plus\n", "importance"),
    ],
)
def test_judgements_that_are_none_are_refused(read, rows, said):
    with pytest.raises(InputError, match=said):
        read(rows)


def test_a_ranking_by_hand_keeps_the_groups_apart():
    weights = given(
        {
            "élus": {"residents": 3, "community": 1, "premises": 0},
            "usagers": {"residents": 0, "community": 1, "premises": 0},
        }
    )
    found = ranking(SITES, weights)
    assert found["score_élus"].to_dict() == {"a": 0.75, "c": 0.5, "b": 0.25}
    assert found["score_usagers"].to_dict() == {"a": 0.0, "c": 0.5, "b": 1.0}
    assert found["score"].to_dict() == {"a": 0.375, "c": 0.5, "b": 0.625}
    assert found["rank"].to_dict() == {"b": 1, "c": 2, "a": 3}
    assert (found.loc["a", "rank_best"], found.loc["a", "rank_worst"]) == (1, 3)


def test_what_all_sites_have_alike_separates_none_of_them():
    assert scaled(SITES)["premises"].tolist() == [1, 1, 1]
    found = ranking(SITES, given({"élus": {"premises": 1}}))
    assert list(found.index) == ["a", "b", "c"]


def test_a_site_that_is_best_in_all_is_kept_in_every_draw():
    best = SITES.assign(residents=[900, 300, 600], community=[4, 0, 2])
    weights = given({"élus": {"residents": 1, "community": 1}})
    found = stability(best, weights, places=1)
    assert found.loc["a"].tolist() == [1.0, 1, 1]
    assert found.loc["b", "kept"] == 0


def test_stability_is_the_share_of_draws_that_keep_a_site():
    weights = given({"élus": {"residents": 1, "community": 1}})
    found = stability(SITES, weights, places=1, draws=20_000)
    assert found.loc["a", "kept"] == pytest.approx(0.5, abs=0.02)
    assert found.loc["b", "kept"] == pytest.approx(0.5, abs=0.02)
    assert found.loc["c", "kept"] == 0
    turned = stability(SITES[::-1], weights, places=1, draws=20_000)
    pd.testing.assert_frame_equal(found, turned)


@examples(
    values=st.lists(st.tuples(*[st.floats(0, 1e6)] * 3), min_size=1, max_size=6),
    weight=st.tuples(*[st.integers(0, 9)] * 3).filter(any),
    site=st.integers(0, 5),
    more=st.floats(0, 1e6),
)
@settings(derandomize=True, deadline=None, database=None, max_examples=100)
def test_scores_are_shares_and_the_best_in_all_is_first(values, weight, site, more):
    table = pd.DataFrame(values, columns=NAMES, index=[f"s{n}" for n in range(len(values))])
    top = f"s{site % len(values)}"
    table.loc[top] = table.max() + more
    weights = given({"g": dict(zip(NAMES, weight, strict=True))})
    found = ranking(table, weights)
    assert found["score"].between(-1e-9, 1 + 1e-9).all()
    assert found["score"].max() == pytest.approx(found.loc[top, "score"])
    assert sorted(found["rank"]) == list(range(1, len(table) + 1))


def test_S16_the_community_by_hand():
    counts = pd.DataFrame(
        {"cooperatives": [2, 6], "associations": [50, 0], "places": [1, 3], "shops": [20, 5]},
        index=["a", "b"],
    )
    found = community(counts, figures=assumptions.values())
    a = 0.4 * 2 / 4 + 0.2 * 50 / 100 + 0.25 * 1 / 4 + 0.15 * 20 / 40
    b = 0.4 * 6 / 8 + 0.2 * 0 + 0.25 * 3 / 6 + 0.15 * 5 / 25
    assert found["score"].tolist() == pytest.approx([a, b])
    assert found[list(COMMUNITY)].equals(counts)
    fewer = community(counts[["places", "shops"]], figures=assumptions.values())
    assert fewer.loc["a", "score"] == pytest.approx((0.25 / 4 + 0.15 / 2) / 0.4)


@examples(
    counts=st.lists(st.integers(0, 1000), min_size=4, max_size=4),
    part=st.sampled_from(sorted(COMMUNITY)),
    more=st.integers(1, 100),
)
@settings(derandomize=True, deadline=None, database=None, max_examples=100)
def test_S16_more_around_is_a_better_community_and_scores_are_shares(counts, part, more):
    table = pd.DataFrame([counts, counts], columns=list(COMMUNITY), index=["a", "b"])
    table.loc["b", part] += more
    found = community(table, figures=assumptions.values())["score"]
    assert 0 <= found["a"] < found["b"] < 1


def test_S16_a_community_that_is_none_is_refused():
    figures = assumptions.values()
    for bad in ({"wifi": [1]}, {"shops": [-1]}, {"shops": [np.nan]}, {}):
        with pytest.raises(InputError, match="community"):
            community(pd.DataFrame(bad), figures=figures)
    with pytest.raises(InputError, match="above 0"):
        community(
            pd.DataFrame({"shops": [1]}), figures=assumptions.values({"community_shops_half": 0})
        )


def test_S14_the_room_by_hand():
    places = pd.DataFrame(
        {
            "kind": ["townhall", "bakery", "townhall", "activity_zone"], "status": "candidate",
            "structuring": [True, False, True, False], "corpoworking": [False, False, False, True],
            "seats_structuring": 15, "seats_mini": 3, "seats_corpoworking": 20,
            "accessible": [True, True, False, True], "state": ["medium", "", "light", "heavy"],
            "area_m2": [90, np.nan, 500, 500], "available_year": [2, np.nan, 1, 9],
        },
        index=list("abcd"),
    )  # fmt: skip
    found = premises(places, figures=assumptions.values(), years=5)
    medium = (3000 - 1500) / (3000 - 550)
    assert found.loc["a", list(ROOM)].tolist() == pytest.approx([1, medium, 90 / 180, 0.8])
    a = 0.3 * 1 + 0.25 * medium + 0.25 * 0.5 + 0.2 * 0.8
    assert found["score"].tolist() == pytest.approx([a, 0, 0, 0.25])
    assert found.loc["b", ["state", "area", "year"]].isna().all()
    assert found["accessible"].tolist() == [True, True, False, True]
    with pytest.raises(InputError, match="heavy works cost more"):
        premises(places, figures=assumptions.values({"heavy_fit_out_eur_m2": 1}), years=5)
    with pytest.raises(InputError, match="weight above 0"):
        premises(places, figures=assumptions.values({"premises_public_weight": 0}), years=5)


def test_what_cannot_be_weighed_is_refused():
    with pytest.raises(InputError, match="wifi is weighed"):
        ranking(SITES, given({"élus": {"wifi": 1}}))
    for bad in ({}, {"élus": {"residents": 0}}, {"élus": {"residents": -1, "community": 2}},
                {"élus": {"residents": float("nan")}}):  # fmt: skip
        with pytest.raises(InputError, match="weights"):
            given(bad)
    with pytest.raises(InputError, match="every site needs a number"):
        scaled(SITES.assign(residents=[1, np.nan, 2]))
    with pytest.raises(InputError, match="stability"):
        stability(SITES, given({"élus": {"residents": 1}}), places=0)
