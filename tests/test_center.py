import time
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from planner._errors import Infeasible, InputError, TimeLimit
from planner.coverage import _center, _cheapest
from planner.coverage._center import p_center
from planner.coverage._milp import maximise

COSTS = (0.0, 1.0, 2.0, 2.0, 3.0, 5.0, 8.0, np.inf)


def repeatable(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


@dataclass(frozen=True)
class Case:
    """A p-center instance and its optimum, found by looking at every choice of sites."""

    cost: np.ndarray
    sites: int
    required: tuple[int, ...]
    excluded: tuple[int, ...]

    def solve(self, **options):
        return p_center(
            self.cost,
            **{"sites": self.sites, "required": self.required, "excluded": self.excluded} | options,
        )

    def radius(self, chosen):
        return self.cost[:, list(chosen)].min(axis=1, initial=np.inf).max(initial=0.0)

    def best(self):
        """Return the least radius, with the fewest sites, with the lowest positions."""
        free = set(range(self.cost.shape[1])) - set(self.required) - set(self.excluded)
        choices = [
            {*self.required, *more}
            for number in range(self.sites - len(self.required) + 1)
            for more in combinations(sorted(free), number)
        ]
        ranked = [(self.radius(chosen), len(chosen), sum(chosen)) for chosen in choices]
        return min((rank for rank in ranked if rank[0] < np.inf), default=None)


@st.composite
def cases(draw, *, most_sites=10):
    points, sites = draw(st.integers(0, 12)), draw(st.integers(0, most_sites))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = (points, sites)
    cost = random.choice(COSTS, size) if draw(st.booleans()) else random.random(size)
    order = random.permutation(sites).tolist()
    must, never = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    required = tuple(order[:must])
    number = draw(st.integers(len(required), 4))
    return Case(cost, number, required, tuple(order[must : must + never]))


@repeatable(400)
@given(cases())
def test_the_optimum_is_that_of_looking_at_every_choice(case):
    best = case.best()
    if best is None:
        with pytest.raises(Infeasible, match=r"rows|sites="):
            case.solve()
        return
    solution = case.solve()
    assert solution.proven
    assert solution.bound == solution.value == case.radius(solution.selected)
    assert (solution.value, solution.selected.size, solution.selected.sum()) == best
    assert (np.diff(solution.selected) > 0).all()
    assert set(case.required) <= set(solution.selected.tolist())
    assert not set(case.excluded) & set(solution.selected.tolist())


@repeatable(100)
@given(cases(), st.sampled_from([0.1, 0.5, 0.9]))
def test_with_a_gap_the_value_is_within_it_and_the_bound_holds(case, gap):
    best = case.best()
    assume(best is not None)
    solution = case.solve(gap=gap)
    assert solution.proven
    assert solution.bound <= best[0] <= solution.value == case.radius(solution.selected)
    assert solution.value - solution.bound <= gap * solution.value


@repeatable(150)
@given(cases(), st.integers(0, 99))
def test_the_order_of_the_points_does_not_change_the_choice(case, seed):
    assume(case.best() is not None)
    order = np.random.default_rng(seed).permutation(len(case.cost))
    one = case.solve()
    two = Case(case.cost[order], case.sites, case.required, case.excluded).solve()
    assert one.selected.tolist() == two.selected.tolist()
    assert (one.value, one.bound) == (two.value, two.bound)


@repeatable(60)
@given(cases())
def test_more_sites_or_shorter_ways_never_make_it_farther(case):
    assume(case.best() is not None)
    value = case.solve().value
    assert case.solve(sites=case.sites + 1).value <= value
    shorter = Case(case.cost / 2, case.sites, case.required, case.excluded)
    assert shorter.solve().value <= value


@repeatable(60)
@given(cases())
def test_what_is_stored_counts_in_a_sparse_matrix_zeros_too(case):
    assume(case.best() is not None)
    rows, columns = np.nonzero(np.isfinite(case.cost))
    stored = sp.coo_array((case.cost[rows, columns], (rows, columns)), shape=case.cost.shape)
    chosen = case.solve().selected.tolist()
    for cost in (stored, stored.tocsr(), sp.csc_matrix(stored)):
        other = Case(cost, case.sites, case.required, case.excluded)
        assert other.solve().selected.tolist() == chosen


def plain(points=250, sites=60, seed=4):
    """Return costs on a map large enough that the bounds and the solver are needed."""
    random = np.random.default_rng(seed)
    here, there = random.random((points, 2)), random.random((sites, 2))
    return np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1))


def possible(cost, radius, sites):
    """Say by the solver alone whether the sites can reach all points within a radius."""
    rows = _cheapest.Rows(
        sp.csr_array((cost <= radius).astype(float)),
        np.ones(len(cost)),
        np.full(len(cost), np.inf),
    )
    size = cost.shape[1]
    result = maximise(
        -np.ones(size), [rows], integer=np.ones(size, bool), upper=np.ones(size), time_limit_s=60.0
    )
    return -result.value <= sites


@pytest.mark.parametrize("sites", [1, 5, 15])
@pytest.mark.parametrize("seed", range(3))
def test_the_radius_is_possible_and_the_cost_below_it_is_not(sites, seed):
    cost = plain(seed=seed)
    solution = p_center(cost, sites=sites)
    assert solution.proven
    assert possible(cost, solution.value, sites)
    below = cost[cost < solution.value].max()
    assert (cost > below).all(axis=1).any() or not possible(cost, below, sites)
    assert solution.reduced["points_asked"] < len(cost)


@pytest.mark.parametrize("sites", range(6, 15))
def test_islands_share_the_sites_between_them(sites):
    cost = np.full((180, 60), np.inf)
    for island, size in enumerate([1.0, 3.0, 6.0]):
        rows, columns = slice(60 * island, 60 * island + 60), slice(20 * island, 20 * island + 20)
        cost[rows, columns] = size * plain(60, 20, seed=island)
    solution = p_center(cost, sites=sites)
    assert solution.proven
    assert possible(cost, solution.value, sites)
    below = cost[cost < solution.value].max()
    assert (cost > below).all(axis=1).any() or not possible(cost, below, sites)


# Edges


def test_no_demand_point_opens_the_required_sites_only():
    solution = p_center(np.zeros((0, 3)), sites=2, required=[1])
    assert (solution.selected.tolist(), solution.value, solution.bound) == ([1], 0.0, 0.0)
    assert solution.proven
    assert p_center(np.zeros((0, 0)), sites=0).selected.size == 0


def test_a_site_in_every_village_is_no_way_at_all():
    solution = p_center(np.ones((3, 3)) - np.eye(3), sites=5)
    assert (solution.selected.tolist(), solution.value) == ([0, 1, 2], 0.0)


def test_fewest_sites_then_lowest_positions():
    assert p_center(np.ones((4, 5)), sites=3).selected.tolist() == [0]


# Refusals


def refused(*parts, error=InputError, cost=((0, 1), (1, 0)), **options):
    with pytest.raises(error) as caught:
        p_center(cost, **{"sites": 1} | options)
    for part in parts:
        assert part in str(caught.value)


def test_points_out_of_reach_are_named():
    refused("1 demand points", "rows 1.", error=Infeasible, cost=[[1, 2], [np.inf, np.inf]])
    refused("rows 0", error=Infeasible, cost=[[1, np.inf]], excluded=[0])
    refused("2 demand points", "rows 0, 1", error=Infeasible, cost=np.zeros((2, 0)))


@pytest.mark.parametrize("sites", [0, 1])
def test_too_few_sites_to_reach_everyone_are_refused(sites):
    cost = np.where(np.eye(3) == 1, 0, np.inf)
    refused(f"sites={sites}: more are needed", error=Infeasible, cost=cost, sites=sites)


@pytest.mark.parametrize(
    ("cost", "word"),
    [
        ([[np.nan, 1]], "0 or more"),
        ([[-1, 1]], "0 or more"),
        ([[-np.inf, 1]], "0 or more"),
        (sp.csr_array([[np.nan, 1]]), "0 or more"),
        (sp.csr_array([[-2.0, 1]]), "0 or more"),
        ([1, 2], "two dimensions"),
        ([["far", "near"]], "numbers"),
        (sp.bsr_array(np.eye(2)), "csr, csc or coo"),
    ],
)
def test_what_is_no_cost_is_refused(cost, word):
    refused("cost", word, cost=cost)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"sites": -1}, "sites=-1"),
        ({"sites": 1.0}, "sites=1.0"),
        ({"sites": True}, "sites=True"),
        ({"required": [2]}, "required: 2 of 2 columns"),
        ({"required": [0], "excluded": [0]}, "at once: 0"),
        ({"gap": -0.1}, "gap=-0.1"),
        ({"time_limit_s": np.nan}, "time_limit_s=nan"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(options, word):
    refused(word, **options)


def test_more_required_sites_than_may_open_are_refused():
    refused("2 sites are required, but no more than 1", error=Infeasible, required=[0, 1])


# Time, interrupts


def test_no_time_gives_a_choice_and_an_honest_bound():
    cost = plain()
    best, hasty = p_center(cost, sites=6), p_center(cost, sites=6, time_limit_s=0.0)
    assert best.proven
    assert not hasty.proven
    assert hasty.bound <= best.value <= hasty.value
    assert hasty.value == cost[:, hasty.selected].min(axis=1).max()
    assert 0 < hasty.gap < 1


def test_no_time_and_no_choice_says_so():
    with pytest.raises(TimeLimit, match="raise time_limit_s"):
        p_center(plain_with_islands(), sites=9, time_limit_s=0.0)


def plain_with_islands():
    cost = plain(400, 60)
    return np.where((cost < 0.2) | (cost.argmin(axis=1)[:, None] == np.arange(60)), cost, np.inf)


@pytest.mark.parametrize("name", ["_narrow", "_tidy"])
def test_an_interrupt_hands_back_the_best_choice(monkeypatch, name):
    def stop(*_):
        raise KeyboardInterrupt

    cost = plain()
    best = p_center(cost, sites=6)
    monkeypatch.setattr(_center, name, stop)
    stopped = p_center(cost, sites=6)
    assert stopped.bound <= best.value <= stopped.value
    assert stopped.proven == (name == "_tidy")


def test_an_interrupt_in_the_solver_hands_back_the_best_choice(monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    cost = plain()
    best = p_center(cost, sites=6)
    monkeypatch.setattr(_cheapest, "maximise", stop)
    stopped = p_center(cost, sites=6)
    assert stopped.bound <= best.value <= stopped.value


def test_an_interrupt_before_a_first_choice_is_passed_on(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_center, "_narrow", stop)
    with pytest.raises(KeyboardInterrupt):
        p_center(plain_with_islands(), sites=9)


def test_the_time_limit_is_kept_on_a_hard_map():
    began = time.perf_counter()
    solution = p_center(plain(3_000, 500), sites=25, time_limit_s=1.0)
    assert time.perf_counter() - began < 10
    assert 0 < solution.bound <= solution.value


def test_the_same_choice_twice():
    one, two = (p_center(plain(), sites=8) for _ in range(2))
    assert one.selected.tolist() == two.selected.tolist()
    assert one.reduced == two.reduced
