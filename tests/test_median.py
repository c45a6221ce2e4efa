import itertools
import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from planner._errors import Infeasible, InputError
from planner.coverage._median import p_median


def repeatable(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


@st.composite
def cases(draw, *, inf):
    """Return costs, weights, a number of sites, and sites that must and must not open."""
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 7)))
    per = draw(st.sampled_from([1, 10, 7, math.pi]))
    numbers = st.integers(0, 30).map(lambda k: k / per)
    elements = st.one_of(numbers, st.just(np.inf)) if inf else numbers
    cost = draw(hnp.arrays(float, size, elements=elements))
    weights = draw(hnp.arrays(float, size[0], elements=st.integers(0, 9).map(lambda k: k / 4)))
    order = draw(st.permutations(range(size[1])))
    must = order[: draw(st.integers(0, min(2, size[1])))]
    never = order[len(must) :][: draw(st.integers(0, 1))]
    return cost, weights, draw(st.integers(max(len(must), 1), size[1])), must, never


def price(cost, weights, plan):
    asking = weights > 0
    return float((weights[asking] * cost[asking][:, plan].min(axis=1, initial=np.inf)).sum())


def cheapest(case):
    cost, weights, sites, must, never = case
    free = [j for j in range(cost.shape[1]) if j not in never]
    return min(
        price(cost, weights, list(plan))
        for plan in itertools.combinations(free, min(sites, len(free)))
        if set(must) <= set(plan)
    )


def stored(cost):
    """Return the finite costs as a sparse matrix, zeros stored."""
    row, column = np.nonzero(np.isfinite(cost))
    return sp.csr_array((cost[row, column], (row, column)), shape=cost.shape)


@repeatable(250)
@given(cases(inf=False), st.booleans())
def test_the_optimum_is_that_of_looking_at_every_plan(case, sparse):
    cost, weights, sites, must, never = case
    best = cheapest(case) if len(never) < cost.shape[1] else np.inf
    found = (
        p_median(
            stored(cost) if sparse else cost, weights, sites=sites, required=must, excluded=never
        )
        if math.isfinite(best)
        else None
    )
    if found is None:
        return
    assert found.proven
    assert found.value == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert found.bound <= best + 1e-9
    assert price(cost, weights, found.selected) == pytest.approx(best, rel=1e-9, abs=1e-9)
    assert set(must) <= set(found.selected.tolist())
    assert not set(never) & set(found.selected.tolist())
    assert found.selected.size == min(sites, cost.shape[1] - len(never))


@repeatable(250)
@given(cases(inf=True))
def test_what_cannot_be_reached_is_refused_and_nothing_else_is(case):
    cost, weights, sites, must, never = case
    if len(never) == cost.shape[1]:
        return
    best = cheapest(case)
    if math.isinf(best):
        with pytest.raises(Infeasible, match="rows"):
            p_median(cost, weights, sites=sites, required=must, excluded=never)
    else:
        found = p_median(cost, weights, sites=sites, required=must, excluded=never)
        assert found.proven
        assert found.value == pytest.approx(best, rel=1e-9, abs=1e-9)


def test_rows_that_reach_no_site_are_named():
    cost = np.array([[1.0, 2.0], [np.inf, np.inf], [np.inf, 3.0]])
    with pytest.raises(Infeasible, match="rows 1"):
        p_median(cost, None, sites=1)
    with pytest.raises(Infeasible, match="rows 1"):
        p_median(cost, [1.0, 1.0, 0.0], sites=2, excluded=[1])
    assert p_median(cost, [1.0, 0.0, 1.0], sites=1).value == 5.0


def test_so_few_sites_that_some_row_is_left_alone_are_refused():
    cost = np.full((3, 3), np.inf)
    np.fill_diagonal(cost, 1.0)
    with pytest.raises(Infeasible, match="2 sites cannot reach every point"):
        p_median(cost, None, sites=2)
    assert p_median(cost, None, sites=3).value == 3.0


def scattered(points=150, seed=1):
    draw = np.random.default_rng(seed)
    where = draw.random((points, 2))
    return np.hypot(*(where[:, None] - where[None]).transpose(2, 0, 1)).round(4) * 100


def test_the_order_of_the_points_changes_nothing():
    cost = scattered(60)
    weights = np.random.default_rng(2).integers(1, 9, 60).astype(float)
    order = np.random.default_rng(3).permutation(60)
    one, other = p_median(cost, weights, sites=5), p_median(cost[order], weights[order], sites=5)
    assert one.selected.tolist() == other.selected.tolist()
    assert one.value == other.value


def test_out_of_time_the_best_so_far_comes_with_a_bound_that_holds():
    cost = scattered()
    best = p_median(cost, None, sites=7)
    assert best.proven
    hurried = p_median(cost, None, sites=7, time_limit_s=0.0)
    assert hurried.bound <= best.value <= hurried.value
    near = p_median(cost, None, sites=7, gap=0.03)
    assert near.proven
    assert near.bound <= best.value <= near.value
    assert near.gap <= 0.03


def test_one_site_more_never_costs_more():
    cost = scattered(40)
    values = [p_median(cost, None, sites=k).value for k in range(1, 8)]
    assert values == sorted(values, reverse=True)


def test_nobody_asks_for_the_first_sites():
    found = p_median(np.zeros((0, 4)), None, sites=2)
    assert (found.selected.tolist(), found.value, found.bound) == ([0, 1], 0.0, 0.0)
    assert found.proven


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cost": [[1.0, np.nan]]}, "cost"),
        ({"cost": [[1.0, -1.0]]}, "cost"),
        ({"weights": [1.0, 2.0]}, "weights"),
        ({"weights": [np.inf]}, "weights"),
        ({"sites": -1}, "sites"),
        ({"excluded": [5]}, "excluded"),
    ],
)
def test_bad_input_is_refused(change, says):
    arguments = {"cost": [[1.0, 0.0]], "weights": [1.0], "sites": 1} | change
    cost, weights = arguments.pop("cost"), arguments.pop("weights")
    with pytest.raises(InputError, match=says):
        p_median(cost, weights, **arguments)
