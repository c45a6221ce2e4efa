import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from planner._errors import Infeasible, InputError, SolveError, TimeLimit
from planner.coverage import _cheapest, _setcover
from planner.coverage._milp import Result, maximise
from planner.coverage._setcover import set_covering
from planner.coverage._solution import Solution, checked_cost, whole_numbers

COSTS = (0.0, 0.25, 1.0, 1.0, 1.0, 2.0, 3.5, 700.0)
WEIGHTS = (0.0, 0.01, 1.0, 2.0, 5.5, 40.0, 9_000.0)
SHARES = (0.0, 0.1, 0.35, 0.5, 0.8, 0.95)
KINDS = ("everyone", "often", "share", "backup")
ROUNDING = 1e-9


def repeatable(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


@dataclass(frozen=True)
class Case:
    """A set covering instance and its optimum, found by looking at every choice of sites."""

    cover: np.ndarray
    costs: np.ndarray
    weights: np.ndarray
    options: dict[str, Any] = field(default_factory=dict)

    def solve(self, **options):
        asked = {"costs": self.costs, "weights": self.weights} | self.options | options
        return set_covering(self.cover, **asked)

    def choices(self):
        sites = self.cover.shape[1]
        every = (np.arange(2**sites)[:, None] >> np.arange(sites)) % 2 == 1
        required, excluded = (list(self.options.get(name, ())) for name in
                              ("required", "excluded"))  # fmt: skip
        every = every[every[:, required].all(axis=1) & ~every[:, excluded].any(axis=1)]
        return every[self.covers(every)]

    def covers(self, choices):
        times = self.cover.astype(int) @ choices.T
        share = self.options.get("share", 1.0)
        if share < 1:
            return self.weights @ (times > 0) >= share * self.weights.sum() - ROUNDING
        return (times >= self.options.get("times", 1)).all(axis=0)

    def twice(self, choices):
        return self.weights @ (self.cover.astype(int) @ choices.T > 1)


@st.composite
def cases(draw, *, most_sites=12, kinds=KINDS):
    points, sites = draw(st.integers(0, 14)), draw(st.integers(0, most_sites))
    density = draw(st.sampled_from([0.15, 0.3, 0.6]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    costs = random.choice(COSTS, sites) if draw(st.booleans()) else np.ones(sites)
    order = random.permutation(sites)
    must, never = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    options = {"required": order[:must], "excluded": order[must : must + never]}
    options |= {
        "everyone": {},
        "often": {"times": draw(st.integers(2, 3))},
        "share": {"share": draw(st.sampled_from(SHARES))},
        "backup": {"backup": True},
    }[draw(st.sampled_from(kinds))]
    cover = random.random((points, sites)) < density
    return Case(cover, costs, random.choice(WEIGHTS, points), options)


def honest(case, solution):
    """Check all that a solution says of itself but that it is the best."""
    mask = np.zeros(case.costs.size, bool)
    mask[solution.selected] = True
    assert (case.choices() == mask).all(axis=1).any()
    assert solution.value == pytest.approx(case.costs[mask].sum(), abs=ROUNDING)
    assert solution.bound <= solution.value
    assert 0 <= solution.gap <= 1
    assert (np.diff(solution.selected) > 0).all()
    assert solution.selected.dtype == np.int64


# The optimum


@repeatable(400)
@given(cases())
def test_the_optimum_is_that_of_looking_at_every_choice(case):
    choices = case.choices()
    if not len(choices):
        with pytest.raises(Infeasible, match="rows"):
            case.solve()
        return
    solution = case.solve()
    honest(case, solution)
    least = (choices @ case.costs).min()
    assert solution.proven
    assert solution.bound == solution.value == pytest.approx(least, abs=ROUNDING)
    if case.options.get("backup"):
        cheapest = choices[choices @ case.costs <= least + ROUNDING]
        assert solution.backup == pytest.approx(case.twice(cheapest).max(), abs=ROUNDING)
        assert solution.backup_bound == solution.backup
    else:
        assert solution.backup is solution.backup_bound is None


@repeatable(100)
@given(cases(), st.sampled_from([0.05, 0.3, 0.9]))
def test_with_a_gap_the_value_is_within_it_and_the_bound_holds(case, gap):
    choices = case.choices()
    assume(len(choices))
    solution = case.solve(gap=gap)
    honest(case, solution)
    assert solution.proven
    assert solution.bound <= (choices @ case.costs).min() + ROUNDING
    assert solution.value - solution.bound <= gap * solution.value + ROUNDING


@repeatable(150)
@given(cases(), st.integers(0, 99))
def test_the_order_of_the_points_does_not_change_the_choice(case, seed):
    assume(len(case.choices()))
    order = np.random.default_rng(seed).permutation(len(case.weights))
    one = case.solve()
    two = Case(case.cover[order], case.costs, case.weights[order], case.options).solve()
    assert one.selected.tolist() == two.selected.tolist()
    assert (one.value, one.bound, one.backup) == (two.value, two.bound, two.backup)


@repeatable(60)
@given(cases(most_sites=9))
def test_a_wider_reach_or_a_new_site_never_costs_more(case):
    assume(len(case.choices()))
    value = case.solve().value
    wider = case.cover | (np.arange(case.cover.size).reshape(case.cover.shape) % 3 == 0)
    assert Case(wider, case.costs, case.weights, case.options).solve().value <= value + ROUNDING
    more = np.column_stack([case.cover, case.cover.any(axis=1)])
    costs = np.append(case.costs, 5.0)
    assert Case(more, costs, case.weights, case.options).solve().value <= value + ROUNDING


@repeatable(60)
@given(cases())
def test_dense_and_sparse_numbers_and_truth_values_are_the_same_instance(case):
    assume(len(case.choices()))
    zeros = sp.csr_array(np.ones_like(case.cover, dtype=int))
    zeros.data = case.cover.astype(int).ravel()[: zeros.nnz]
    same = [case.cover.astype(float), sp.coo_array(case.cover), sp.csc_matrix(case.cover), zeros]
    chosen = case.solve().selected.tolist()
    for cover in same:
        other = Case(cover, case.costs, case.weights, case.options).solve()
        assert other.selected.tolist() == chosen


def villages(points=500, sites=120, *, radius=0.12, seed=3):
    """Return who covers whom on a map large enough that the bounds and the solver are needed."""
    random = np.random.default_rng(seed)
    here, there = random.random((points, 2)), random.random((sites, 2))
    cover = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1)) <= radius
    return cover[cover.sum(axis=1) > 1]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("times", [1, 2])
def test_bounds_and_reduction_give_what_the_solver_alone_gives(seed, times):
    cover = villages(seed=seed)
    points, sites = cover.shape
    costs = np.random.default_rng(seed).integers(1, 9, sites).astype(float)
    rows = _cheapest.Rows(
        sp.csr_array(cover.astype(float)), np.full(points, float(times)), np.full(points, np.inf)
    )
    alone = maximise(
        -costs, [rows], integer=np.ones(sites, bool), upper=np.ones(sites), time_limit_s=60.0
    )
    solution = set_covering(cover, costs=costs, times=times)
    assert solution.proven
    assert solution.value == solution.bound == -alone.value


def test_two_valleys_are_two_components():
    ring = np.roll(np.eye(5), 1, axis=1) + np.eye(5)
    cover = sp.block_diag([ring, ring], format="csr")
    solution = set_covering(cover)
    assert solution.value == 6
    assert solution.reduced["components"] == 2


def test_the_reduction_says_what_it_did():
    cover = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])
    reduced = set_covering(cover).reduced
    assert reduced["merged_rows"] == 1
    assert reduced["essential_columns"] + reduced["dominated_columns"] == 3


# Edges


@pytest.mark.parametrize("options", [{}, {"times": 2}, {"share": 0.5}, {"backup": True}])
def test_no_demand_point_opens_the_required_sites_only(options):
    solution = set_covering(np.zeros((0, 4)), required=[2], **options)
    assert solution.selected.tolist() == [2]
    assert (solution.value, solution.bound, solution.proven) == (1.0, 1.0, True)
    assert set_covering(np.zeros((0, 0)), **options).selected.size == 0


@pytest.mark.parametrize("options", [{"share": 0.0}, {"share": 0.7, "weights": [0, 0, 0]}])
def test_nothing_to_cover_opens_nothing_even_without_candidates(options):
    for sites in (0, 3):
        solution = set_covering(np.zeros((3, sites)), **options)
        assert solution.selected.size == 0
        assert solution.proven


def test_points_of_no_weight_are_covered_like_the_others():
    assert set_covering(np.eye(2), weights=[0, 1]).selected.tolist() == [0, 1]


def test_a_share_that_floats_cannot_hold_is_met_exactly():
    solution = set_covering(np.eye(100), share=0.07)
    assert solution.value == 7


def test_costs_that_are_whole_in_no_unit_are_still_compared():
    costs = np.array([np.pi, np.e, np.sqrt(2), 1.7])
    solution = set_covering([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]], costs=costs)
    assert solution.selected.tolist() == [1, 2]
    assert solution.value == pytest.approx(np.e + np.sqrt(2))
    assert solution.proven


def test_whole_numbers_do_not_depend_on_the_order():
    values = np.random.default_rng(0).random(50) * 1e7
    units, unit = whole_numbers(values)
    back, same = whole_numbers(values[::-1])
    assert unit == same
    assert (units[::-1] == back).all()
    np.testing.assert_allclose(units * unit, values, atol=unit)


def test_the_gap_of_infinite_values_is_said():
    nothing = np.zeros(0, np.int64)
    assert Solution(nothing, np.inf, np.inf, proven=True, seconds=0).gap == 0
    assert Solution(nothing, np.inf, 1.0, proven=False, seconds=0).gap == 1


# Refusals


def refused(*parts, error=InputError, cover=((1, 0), (0, 1)), **options):
    with pytest.raises(error) as caught:
        set_covering(cover, **options)
    for part in parts:
        assert part in str(caught.value)


def test_points_that_nothing_covers_are_named_with_the_share_within_reach():
    cover = np.zeros((40, 3))
    cover[:10] = 1
    refused("30 demand points", "rows 10, 11", "19 and 20 more", "share of 0.25",
            error=Infeasible, cover=cover)  # fmt: skip
    refused("2 times", "rows 1", error=Infeasible, cover=[[1, 1], [1, 0]], times=2)
    refused("rows 0", error=Infeasible, excluded=[0])


def test_a_share_out_of_reach_names_the_largest_share_and_that_share_succeeds():
    cover = np.eye(3)
    options = {"weights": [1, 1, 1], "excluded": [1]}
    refused("share of 0.666666", "rows 1", error=Infeasible, cover=cover, share=0.9, **options)
    assert set_covering(cover, share=0.666666, **options).selected.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("cover", "word"),
    [
        ([[0.5, 1]], "only True and False"),
        ([[np.nan, 1]], "only True and False"),
        ([[-1, 1]], "only True and False"),
        ([[12.0, 31.0]], "cutoff"),
        ([1, 0], "two dimensions"),
        (np.zeros((2, 2, 2)), "two dimensions"),
        ([["yes", "no"]], "numbers"),
        ([[1], [1, 2]], "different lengths"),
        (sp.dia_array(np.eye(2)), "csr, csc or coo"),
        (sp.coo_array(np.ones(3)), "two dimensions"),
        (sp.csr_array(np.eye(2) * 1j), "numbers"),
        (sp.coo_array(([1, 1], ([0, 0], [1, 1])), shape=(2, 2)), "stored twice"),
    ],
)
def test_what_is_no_cover_is_refused(cover, word):
    refused("cover", word, cover=cover)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"costs": [1, -1]}, "costs: finite numbers, 0 or more; not those at 1"),
        ({"costs": [np.nan, 1]}, "not those at 0"),
        ({"costs": [1, 2, 3]}, "costs: (3,) given, 2 needed"),
        ({"weights": [1, np.inf], "share": 0.5}, "weights"),
        ({"weights": [[1, 1]]}, "weights"),
        ({"weights": ["a", "b"]}, "weights: not an array of numbers"),
        ({"required": [2]}, "required: 2 of 2 columns"),
        ({"excluded": [-1]}, "excluded: -1"),
        ({"required": [True, False]}, "np.flatnonzero"),
        ({"required": [0.5]}, "column positions"),
        ({"required": [[0]]}, "column positions"),
        ({"required": [0, 1], "excluded": [1]}, "required and excluded at once: 1"),
        ({"times": 0}, "times=0"),
        ({"times": 1.5}, "times=1.5"),
        ({"times": True}, "times=True"),
        ({"share": 1.2}, "share=1.2"),
        ({"share": np.nan}, "share=nan"),
        ({"share": 0.5, "backup": True}, "only one"),
        ({"times": 2, "share": 0.5}, "only one"),
        ({"gap": 1.0}, "gap=1.0"),
        ({"gap": np.nan}, "gap=nan"),
        ({"time_limit_s": -1.0}, "time_limit_s=-1.0"),
        ({"time_limit_s": np.nan}, "time_limit_s=nan"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(options, word):
    refused(word, **options)


def test_what_is_given_is_not_touched():
    cover = sp.csr_array(np.array([[1, 1, 0], [0, 1, 1]]))
    cover.data[0] = 0
    kept = cover.copy()
    set_covering(cover, excluded=[0])
    for name in ("data", "indices", "indptr"):
        assert (getattr(cover, name) == getattr(kept, name)).all()


# Time, interrupts, and a solver that fails


@pytest.mark.parametrize("options", [{}, {"times": 2}, {"share": 0.9}, {"backup": True}])
def test_no_time_gives_a_choice_and_an_honest_bound(options):
    cover = villages()
    best = set_covering(cover, **options)
    hasty = set_covering(cover, time_limit_s=0.0, **options)
    assert best.proven
    assert not hasty.proven
    assert hasty.bound <= best.value <= hasty.value
    if options.get("backup"):
        assert hasty.backup <= hasty.backup_bound


@pytest.mark.parametrize("options", [{}, {"times": 2}, {"share": 0.9}, {"backup": True}])
@pytest.mark.parametrize("error", [TimeLimit("late"), SolveError("HiGHS"), KeyboardInterrupt()])
def test_a_solver_that_fails_or_is_interrupted_leaves_the_greedy_choice(
    monkeypatch, options, error
):
    cover = villages()
    best = set_covering(cover, **options)

    def solver(*_, **__):
        raise error

    monkeypatch.setattr(_cheapest, "maximise", solver)
    monkeypatch.setattr(_setcover, "maximise", solver)
    found = set_covering(cover, **options)
    assert found.bound <= best.value <= found.value
    assert found.proven == (found.bound == found.value and found.backup == found.backup_bound)
    again = set_covering(cover, **options)
    assert again.selected.tolist() == found.selected.tolist()


@pytest.mark.parametrize("options", [{}, {"share": 0.9}, {"backup": True}])
def test_a_choice_of_the_solver_that_does_not_cover_is_not_believed(monkeypatch, options):
    cover = villages()

    def solver(gain, *_, **__):
        return Result(np.zeros_like(gain), 0.0, np.inf, proven=False)

    monkeypatch.setattr(_cheapest, "maximise", solver)
    monkeypatch.setattr(_setcover, "maximise", solver)
    solution = set_covering(cover, **options)
    chosen = cover[:, solution.selected].any(axis=1)
    assert chosen.mean() >= options.get("share", 1.0)
    assert np.isfinite(solution.bound)


def test_an_interrupt_before_a_first_choice_is_passed_on(monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_setcover, "merge_equal_rows", stop)
    with pytest.raises(KeyboardInterrupt):
        set_covering(np.eye(2))


def test_the_time_limit_is_kept_on_a_hard_map():
    began = time.perf_counter()
    solution = set_covering(villages(3_000, 700, radius=0.1), time_limit_s=1.0)
    assert time.perf_counter() - began < 10
    assert 0 < solution.bound <= solution.value


def test_the_same_choice_twice():
    cover = villages(seed=9)
    one, two = (set_covering(cover) for _ in range(2))
    assert one.selected.tolist() == two.selected.tolist()
    assert one.reduced == two.reduced


def test_costs_of_pairs_keep_their_zeros_and_lose_their_infinities():
    dense = checked_cost(np.array([[0, np.inf], [3, 0]]))
    stored = checked_cost(sp.coo_array(([0, 3, 0, np.inf], ([0, 1, 1, 0], [0, 0, 1, 1]))))
    for cost in (dense, stored):
        assert cost.nnz == 3
        assert cost.indices.tolist() == [0, 0, 1]
        assert cost.data.tolist() == [0, 3, 0]
