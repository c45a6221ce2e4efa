import itertools
import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from planner._errors import Infeasible, InputError
from planner.coverage._maximal import maximal_covering
from planner.coverage._reduce import whole_units

GRADES = {"whole": [0.0, 1.0], "steps": [0.0, 0.3, 0.5, 1.0], "any": None}


def repeatable(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


@st.composite
def cases(draw, kinds=tuple(GRADES), most_sites=7):
    """Return a cover, weights, a number of sites, and sites that must and must not open."""
    size = draw(st.tuples(st.integers(0, 9), st.integers(0, most_sites)))
    grades = GRADES[draw(st.sampled_from(kinds))]
    elements = (
        st.integers(0, 40).map(lambda k: k / 40) if grades is None else st.sampled_from(grades)
    )
    cover = draw(hnp.arrays(float, size, elements=elements))
    per = draw(st.sampled_from([1, 4, 100, 3, math.pi]))
    weights = draw(hnp.arrays(float, size[0], elements=st.integers(0, 12).map(lambda k: k / per)))
    order = draw(st.permutations(range(size[1])))
    must = order[: draw(st.integers(0, min(2, size[1])))]
    never = order[len(must) :][: draw(st.integers(0, 2))]
    return cover, weights, draw(st.integers(len(must), size[1] + 1)), must, never


def plans(columns, sites, must=(), never=()):
    """Yield every choice of as many sites as may open."""
    free = [j for j in range(columns) if j not in never]
    for plan in itertools.combinations(free, min(sites, len(free))):
        if set(must) <= set(plan):
            yield list(plan)


def worth(cover, weights, plan):
    return float((weights * cover[:, plan].max(axis=1, initial=0.0)).sum())


def served(cover, weights, capacities, plan):
    """Return what a plan serves within its capacities, by shares of points."""
    from scipy.optimize import linprog

    if not plan or not len(weights):
        return 0.0
    each = np.kron(np.eye(len(weights)), np.ones(len(plan)))
    at = np.kron(np.ones(len(weights)), np.eye(len(plan)))
    room = np.minimum(capacities[plan], weights.sum())
    gain = -cover[:, plan].ravel()
    return -linprog(gain, np.vstack([each, at]), np.concatenate([weights, room])).fun


@repeatable(300)
@given(cases(), st.booleans())
def test_the_optimum_is_that_of_looking_at_every_plan(case, sparse):
    cover, weights, sites, must, never = case
    given_as = sp.csr_array(cover) if sparse else cover
    found = maximal_covering(given_as, weights, sites=sites, required=must, excluded=never)
    best = max(worth(cover, weights, plan) for plan in plans(cover.shape[1], sites, must, never))
    assert found.proven
    assert found.value == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert found.bound >= best - 1e-9
    assert worth(cover, weights, found.selected) == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert set(must) <= set(found.selected.tolist())
    assert not set(never) & set(found.selected.tolist())
    assert found.selected.size <= sites
    assert (np.diff(found.selected) > 0).all()


@repeatable(60)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_the_points_changes_nothing(case, random):
    cover, weights, sites, must, never = case
    order = list(range(len(weights)))
    random.shuffle(order)
    one, other = (
        maximal_covering(c, w, sites=sites, required=must, excluded=never)
        for c, w in ((cover, weights), (cover[order], weights[order]))
    )
    assert one.selected.tolist() == other.selected.tolist()
    assert one.value == pytest.approx(other.value)


@repeatable(60)
@given(cases())
def test_one_site_more_never_covers_less(case):
    cover, weights, sites, must, never = case
    few, more = (
        maximal_covering(cover, weights, sites=k, required=must, excluded=never).value
        for k in (sites, sites + 1)
    )
    assert more >= few - 1e-9


@repeatable(25)
@given(cases(most_sites=4), st.data())
def test_with_capacities_points_are_shared(case, data):
    cover, weights, sites, must, never = case
    room = data.draw(
        hnp.arrays(float, cover.shape[1], elements=st.sampled_from([0.0, 1.0, 2.5, np.inf]))
    )
    found = maximal_covering(
        cover, weights, sites=sites, required=must, excluded=never, capacities=room
    )
    best = max(
        served(cover, weights, room, plan) for plan in plans(cover.shape[1], sites, must, never)
    )
    assert found.proven
    assert found.value == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert found.bound >= best - 1e-6
    assert set(must) <= set(found.selected.tolist())


def hard(points=400, sites=60, seed=3):
    """Return an instance near saturation, which takes a search to prove."""
    draw = np.random.default_rng(seed)
    away = draw.random((points, 1, 2)) - draw.random((1, sites, 2))
    return np.hypot(*away.transpose(2, 0, 1)) < 0.17, draw.integers(1, 9, points).astype(float)


def test_out_of_time_the_best_so_far_comes_with_a_bound_that_holds():
    cover, weights = hard()
    best = maximal_covering(cover, weights, sites=12)
    assert best.proven
    hurried = maximal_covering(cover, weights, sites=12, time_limit_s=0.0)
    assert not hurried.proven
    assert hurried.value <= best.value <= hurried.bound
    assert hurried.value == worth(cover, weights, hurried.selected)


@pytest.mark.parametrize("gap", [0.002, 0.05])
def test_a_gap_is_kept(gap):
    cover, weights = hard()
    best = maximal_covering(cover, weights, sites=12).value
    near = maximal_covering(cover, weights, sites=12, gap=gap)
    assert near.proven
    assert near.value <= best <= near.bound
    assert near.gap <= gap


def test_the_search_agrees_with_highs_near_saturation():
    cover, weights = hard()
    free = maximal_covering(cover, weights, sites=12)
    unlimited = np.full(cover.shape[1], np.inf)
    assert free.value == pytest.approx(
        maximal_covering(cover, weights, sites=12, capacities=unlimited).value
    )


def test_an_interrupt_returns_the_best_so_far(monkeypatch):
    from planner.coverage import _branch

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_branch.Search, "_children", interrupted)
    cover, weights = hard()
    found = maximal_covering(cover, weights, sites=12)
    assert not found.proven
    assert found.value <= 1840.0 <= found.bound or found.bound > found.value > 0


def test_one_resident_counts_beside_a_billion():
    cover = np.array([[1, 0, 1], [0, 1, 1], [0, 1, 0], [1, 0, 0]])
    weights = np.array([1e12, 0.01, 0.02, 0.02])
    found = maximal_covering(cover, weights, sites=1)
    assert found.selected.tolist() == [0]
    assert found.value == 1e12 + 0.02
    assert found.bound == found.value


def test_equal_points_are_one_row_and_lesser_sites_are_dropped():
    cover = np.array([[1, 1, 0]] * 5 + [[0, 1, 1]] * 4 + [[0, 1, 0], [0, 0, 0]])
    found = maximal_covering(cover, None, sites=1)
    assert found.selected.tolist() == [1]
    assert found.value == 10.0
    assert found.reduced["points"] == 11
    assert found.reduced["rows"] <= 3
    assert found.reduced["dominated"] == 2


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_cover_or_to_open_is_a_plan(shape):
    found = maximal_covering(np.zeros(shape), np.ones(shape[0]), sites=2)
    assert (found.value, found.bound, found.proven) == (0.0, 0.0, True)


def test_no_site_covers_nobody():
    found = maximal_covering(np.ones((2, 2)), [1.0, 2.0], sites=0)
    assert (found.selected.size, found.value, found.bound) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cover": [[1.0, np.nan]]}, r"cover\[0, 1\] is nan"),
        ({"cover": [[1.0, 1.5]]}, r"cover\[0, 1\] is 1.5"),
        ({"cover": [[-0.5, 1.0]]}, r"cover\[0, 0\] is -0.5"),
        ({"cover": [1.0, 0.0]}, "a matrix"),
        ({"cover": [["a", "b"]]}, "not a matrix of numbers"),
        ({"cover": [[1.0], [1.0, 0.0]]}, "rows of different lengths"),
        ({"weights": [1.0, 2.0]}, "weights"),
        ({"weights": [-1.0]}, "weights"),
        ({"weights": [np.nan]}, "weights"),
        ({"sites": -1}, "sites"),
        ({"sites": 1.5}, "sites"),
        ({"required": [2]}, "required"),
        ({"required": [0], "excluded": [0]}, "at once"),
        ({"gap": 1.0}, "gap"),
        ({"time_limit_s": -1.0}, "time_limit_s"),
        ({"capacities": [1.0]}, "capacities"),
        ({"capacities": [1.0, -1.0]}, "capacities"),
        ({"capacities": ["a", "b"]}, "capacities"),
    ],
)
def test_bad_input_is_refused(change, says):
    arguments = {"cover": [[1.0, 0.0]], "weights": [1.0], "sites": 1} | change
    cover, weights = arguments.pop("cover"), arguments.pop("weights")
    with pytest.raises(InputError, match=says):
        maximal_covering(cover, weights, **arguments)


def test_more_required_sites_than_may_open_are_refused():
    with pytest.raises(Infeasible, match="required"):
        maximal_covering(np.ones((1, 3)), None, sites=1, required=[0, 1])


@repeatable(200)
@given(hnp.arrays(float, st.integers(1, 8), elements=st.floats(0, 1e9)))
def test_whole_units_are_never_further_off_than_they_say(values):
    units = whole_units(values, total=math.fsum(values), terms=values.size, most=2.0**40)
    assert (units.counts == np.rint(units.counts)).all()
    assert units.value(math.fsum(units.counts)) == pytest.approx(
        math.fsum(values), rel=1e-11, abs=units.error
    )
