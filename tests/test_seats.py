from dataclasses import dataclass, replace
from itertools import product

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import Instance, instances
from scipy.optimize import linprog

from planner import coverage
from planner._errors import Infeasible, InputError
from planner.candidates import TIERS
from planner.certificate import Claim, certify
from planner.coverage._layers import gain_rows
from planner.coverage._seats import Seats, seat_rows
from planner.rules import Rules

UNIT = 1e-4
GAINS = (0.0, 0.0, 1.0, 3.0, 40.0, 41.0, 700.0, 60_000.0)
ROOM = (0.0, 1.0, 40.0, 45.0, 700.0, 5_000.0, np.inf)
SEATED = (0.0, 0.0001, 0.3, 1.0, 5.5, 40.0, 1e6)


def repeatable(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


def best_worth(gains, seats, opened):
    """Return the most users, in units, by a linear program that knows no more than the question."""
    points, options = gains.shape
    if not options:
        return 0.0
    cost = -gains.ravel() / max(gains.max(initial=1.0), 1.0)
    once = np.kron(np.eye(points), np.ones(options))
    limited = np.flatnonzero(np.isfinite(seats))
    load = np.zeros((limited.size, points, options))
    for row, option in enumerate(limited):
        load[row, :, option] = gains[:, option] / max(seats[option], 1.0)
    room = (seats[limited] > 0) * opened[limited]
    found = linprog(
        cost,
        A_ub=np.vstack([once, load.reshape(limited.size, cost.size)]),
        b_ub=np.append(np.ones(points), room),
        bounds=np.column_stack([np.zeros(cost.size), np.tile(opened, points)]),
    )
    return -found.fun * max(gains.max(initial=1.0), 1.0)


def layer_of(gains, seats, homes=None) -> Seats:
    homes = np.zeros(len(gains), np.int32) if homes is None else homes
    return seat_rows(gain_rows(sp.csr_array(gains), homes, unit=UNIT), seats)


@st.composite
def layers(draw):
    size = draw(st.integers(1, 7)), draw(st.integers(1, 6))
    gains = draw(hnp.arrays(float, size, elements=st.sampled_from(GAINS)))
    seats = draw(hnp.arrays(float, size[1], elements=st.sampled_from(ROOM)))
    homes = draw(hnp.arrays(np.int32, size[0], elements=st.integers(0, 2)))
    return gains, seats, homes


def every(options):
    return np.array(list(product((0.0, 1.0), repeat=options)))


def near(a, b):
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b)) + 1.01


# The layer


@repeatable(30)
@given(layers())
def test_whole_openings_are_worth_what_the_linear_program_says(drawn):
    gains, seats, homes = drawn
    layer = layer_of(*drawn)
    for opened in every(seats.size):
        worth = layer.values(opened)
        assert worth.size == homes.max() + 1
        total = worth.sum() / UNIT
        assert abs(total - round(total)) < 1e-6
        assert near(total, best_worth(gains, seats, opened))


@repeatable(40)
@given(layers(), st.data())
def test_planes_bound_every_plan_and_touch_the_one_they_are_asked_at(drawn, data):
    gains, seats, _ = drawn
    layer, plans = layer_of(*drawn), every(seats.size)
    worth = np.array([best_worth(gains, seats, opened) for opened in plans]) * UNIT
    by_block = np.array([layer.values(opened) for opened in plans])
    asked = data.draw(hnp.arrays(float, seats.size, elements=st.sampled_from((0, 0.005, 0.3, 1.0))))
    for opened in (*plans[:: max(1, len(plans) // 8)], asked):
        found = layer.planes(opened)
        says = found.total.intercept + plans @ found.total.slope
        assert (says >= worth - 1e-6 * np.maximum(1, worth) - UNIT / 10).all()
        apart = found.intercept + plans @ found.slope.T
        assert (apart.sum(axis=1) >= by_block.sum(axis=1) - 1e-6).all()
        assert ((found.total.seats >= 0) & (found.total.seats <= 1)).all()
        assert (found.total.price >= 0).all()
        here = (plans == opened).all(axis=1)
        assert np.allclose(says[here], worth[here], rtol=1e-6, atol=UNIT / 10)


@repeatable(35)
@given(layers())
def test_an_assignment_is_feasible_and_worth_what_is_claimed(drawn):
    gains, seats, _ = drawn
    layer = layer_of(*drawn)
    for opened in every(seats.size):
        shares = layer.assignment(opened).toarray()
        assert shares.shape == gains.shape
        assert (shares >= 0).all()
        assert (shares.sum(axis=1) <= 1 + 1e-12).all()
        assert not shares[:, opened == 0].any()
        load = (gains * shares).sum(axis=0)
        assert (load <= seats * (1 + 1e-12)).all()
        assert load.sum() >= layer.values(opened).sum() / UNIT - 0.011


@repeatable(40)
@given(layers(), st.sampled_from((1.0, 1.5, 7.0, np.inf)))
def test_more_seats_never_lower_users(drawn, factor):
    gains, seats, homes = drawn
    more = np.where(np.isfinite(seats), (seats + 1) * factor, np.inf)
    fewer, larger = layer_of(*drawn), layer_of(gains, more, homes)
    for opened in every(seats.size):
        assert larger.values(opened).sum() >= fewer.values(opened).sum() - 0.01 * UNIT


@repeatable(40)
@given(layers())
def test_seats_for_all_are_the_layer_without(drawn):
    gains, seats, homes = drawn
    plain = gain_rows(sp.csr_array(gains), homes, unit=UNIT)
    for plenty in (np.full(seats.size, np.inf), np.maximum(gains.sum(axis=0), 1.0)):
        layer = seat_rows(plain, plenty)
        for opened in every(seats.size):
            assert np.allclose(layer.values(opened), plain.values(opened), atol=1e-9)
            assert not layer.planes(opened).total.seats.any()


def test_no_seat_serves_nobody():
    layer = layer_of(np.array([[5.0, 4.0], [3.0, 0.0]]), np.zeros(2))
    assert layer.values(np.ones(2)).tolist() == [0.0]
    assert layer.assignment(np.ones(2)).nnz == 0
    total = layer.planes(np.ones(2)).total
    assert total.intercept + total.slope.sum() == pytest.approx(0.0, abs=1e-9)


def test_a_point_is_split_where_seats_end():
    layer = layer_of(np.array([[100.0, 50.0]]), np.array([40.0, np.inf]))
    shares = layer.assignment(np.ones(2)).toarray()
    assert shares[0] == pytest.approx([0.4, 0.6])
    assert layer.values(np.ones(2)).sum() == pytest.approx(70 * UNIT)


def test_a_crowd_of_points_is_seated_exactly():
    order = np.random.default_rng(5)
    far = order.uniform(0, 1, (400, 12))
    gains = np.rint(order.integers(1, 900, 400)[:, None] * np.exp2(-4 * far)) * (far < 0.7)
    seats = np.where(np.arange(12) % 5 == 0, np.inf, 4_000.0)
    layer = layer_of(gains, seats)
    for opened in (np.ones(12), np.tile([1.0, 1.0, 0.0], 4), np.tile([0.0, 1.0, 1.0], 4)):
        best = best_worth(gains, seats, opened)
        assert layer.values(opened).sum() / UNIT == pytest.approx(best, abs=1.01)
        total = layer.planes(opened).total
        assert total.intercept + total.slope @ opened == pytest.approx(best * UNIT, rel=1e-7)


# The model


@dataclass(frozen=True, kw_only=True)
class Seated(Instance):
    """An instance whose sites have seats, sites × tiers; a tier whose first is -1 has no column."""

    seated: np.ndarray

    @property
    def tables(self):
        minutes, people, frame = super().tables
        for rank, tier in enumerate(TIERS):
            if self._limited[rank]:
                column = pd.Series(self.seated[:, rank], index=self.sites)
                frame[f"users_seated_{tier}"] = column.reindex(frame.index)
        return minutes, people, frame

    @property
    def _limited(self):
        return (self.seated >= 0).all(axis=0)

    def _users(self, plans):
        count = np.rint(self.users / UNIT)
        share = self.rules.decay.share(np.where(np.isfinite(self.minutes), self.minutes, 1e9))
        gains = np.rint(count[:, None] * share)
        room = np.where(self._limited, np.floor(self.seated / UNIT + 1e-6), np.inf)
        found = []
        for plan in plans:
            seats = np.array([room[site, rank] for site, rank in enumerate(plan)])
            found.append(np.floor(best_worth(gains, seats, (plan >= 0).astype(float)) + 0.01))
        return np.array(found)


@st.composite
def seated(draw):
    drawn = draw(instances(most_sites=4, objectives=("service", "minutes", "fairness")))
    size = drawn.allowed.shape
    table = draw(hnp.arrays(float, size, elements=st.sampled_from(SEATED)))
    if draw(st.booleans()):
        table[:, draw(st.integers(1, 2))] = -1.0
    users = draw(
        hnp.arrays(float, len(drawn.residents), elements=st.sampled_from((0.02, 1.0, 7.5)))
    )
    same = {name: getattr(drawn, name) for name in Instance.__dataclass_fields__}
    return Seated(**same | {"users": users, "seated": table}).ruled(seats=True)


def solved(case):
    try:
        return case.solve()
    except (Infeasible, InputError):
        return None


def first(case, values):
    return values[: case.stages.index("users") + 1]


@repeatable(60)
@given(seated())
def test_the_optimum_is_that_of_looking_at_every_plan(case):
    found, best = solved(case), None
    if found is None:
        return
    best, said = first(case, case.best()), first(case, case.values(found))
    own = first(case, case.worth(case.plan_of(found.tier))[0].tolist())
    assert said[:-1] == best[:-1] == own[:-1]
    assert near(said[-1], best[-1])
    assert near(said[-1], own[-1])
    assert found.proven


@repeatable(35)
@given(seated(), st.integers(0, 3))
def test_the_order_of_the_tables_does_not_matter_and_the_certificate_agrees(case, seed):
    found = solved(case)
    if found is None:
        return
    other = replace(case, seed=seed)
    again = other.solve()
    assert again.tier.equals(found.tier)
    assert [s.value for s in again.stages] == [s.value for s in found.stages]
    minutes, demand, candidates = other.tables
    claims = [Claim(s.name, s.value, s.bound, s.smaller) for s in again.stages]
    certify(
        again.tier, minutes, demand, candidates, rules=other.rules, claims=claims,
        proven=again.proven, between=other.minutes_between, hints=again.hints,
        assignment=again.assignment,
    )  # fmt: skip


@repeatable(25)
@given(seated())
def test_seats_for_all_give_the_plan_without(case):
    case = replace(case, seated=np.full(case.allowed.shape, 1e6))
    found = solved(case)
    if found is None:
        return
    plain = case.ruled(seats=False).solve()
    assert found.tier.equals(plain.tier)
    assert [s.value for s in found.stages] == [s.value for s in plain.stages]
    assert plain.assignment is None


def test_an_existing_site_has_seats_too():
    case = Seated(
        minutes=np.array([[0.0, 8.0], [0.0, 8.0]]),
        residents=np.array([10.0, 10.0]),
        users=np.array([4.0, 4.0]),
        allowed=np.array([[0, 1, 0], [0, 1, 0]], bool),
        status=("existing", "candidate"),
        rules=Rules(at_most=dict.fromkeys(TIERS, 1), seats=True),
        seated=np.full((2, 3), 3.0),
    )
    found = case.solve()
    users = {stage.name: stage.value for stage in found.stages}["users"]
    assert list(found.tier.index) == ["s00", "s01"]
    assert users == pytest.approx(6.0)
    assert found.assignment.shape == (2, 2)
    assert found.hints["users"].seats


@pytest.mark.parametrize("seated", [None, np.nan, -1.0])
def test_seats_that_bind_must_be_known_of_every_site(seated):
    times, people, frame = instance_of_one().tables
    frame = frame.drop(columns="users_seated_mini")
    if seated is not None:
        frame["users_seated_mini"] = seated
    rules = Rules(at_most={"mini": 1}, seats=True)
    with pytest.raises(InputError, match="users_seated_mini"):
        coverage.solve(times, people, frame, rules=rules)
    coverage.solve(times, people, frame, rules=replace(rules, seats=False))


def instance_of_one():
    return Seated(
        minutes=np.array([[8.0]]), residents=np.array([10.0]), users=np.array([4.0]),
        allowed=np.array([[0, 1, 0]], bool), status=("candidate",),
        rules=Rules(at_most={"mini": 1}, seats=True), seated=np.full((1, 3), 3.0),
    )  # fmt: skip
