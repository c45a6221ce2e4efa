import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from instances import instances

from planner._errors import Infeasible, InputError
from planner.coverage._away import away
from planner.coverage._goals import Held
from planner.coverage._network import prepare, reach
from planner.coverage._seats import Seats, seat_rows
from planner.coverage._stages import value_of
from planner.coverage._swaps import Ways, mended


def repeatable(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


def prepared(case):
    times, demand, candidates = case.tables
    try:
        return prepare(
            times, demand, candidates, rules=case.rules, between=case.minutes_between,
            objective=case.objective,
        )  # fmt: skip
    except (Infeasible, InputError):
        return None


def plans_of(data, space):
    size = space.options
    drawn = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return np.array(drawn, float)


def allowed(space, plan):
    reached = space.matrix @ plan
    kept = (reached <= space.upper + 1e-6).all() and (reached >= space.lower - 1e-6).all()
    return kept and all(
        space.layers[floor.layer].values(plan)[floor.block] >= floor.value - 1e-6
        for floor in space.floors
    )


@given(case=instances(), data=st.data())
@repeatable(60)
def test_every_swap_is_valued_as_the_plan_after_it(case, data):
    asked = prepared(case)
    assume(asked is not None)
    space, plan = asked.space, plans_of(data, asked.space)
    ways = Ways.of(space, plan, high=np.ones(plan.size))
    for name, layer in space.layers.items():
        found = ways.blocks(name)
        if found is None:
            assert isinstance(layer, Seats) or layer.second > 0
            continue
        for row in range(ways.out.size):
            for column in range(ways.into.size):
                true = layer.values(ways.plan(row, column))
                assert found[row, column] == pytest.approx(true, rel=1e-9, abs=1e-6)
    ruled, spare = ways.ruled(), ways.spare([], {name: ways.blocks(name) for name in space.layers})
    binary = all(ways.blocks(floor.layer) is not None for floor in space.floors)
    for row in range(ways.out.size):
        for column in range(ways.into.size):
            if binary:
                both = bool(ruled[row, column] and spare[row, column] >= 0)
                assert both == allowed(space, ways.plan(row, column))


@given(case=instances(), data=st.data())
@repeatable(60)
def test_a_mended_plan_is_the_best_of_those_allowed_one_swap_away(case, data):
    asked = prepared(case)
    assume(asked is not None)
    space, goal = asked.space, asked.goals[0]
    plan = plans_of(data, space)
    ways = Ways.of(space, plan, high=np.ones(plan.size))
    assume(all(ways.blocks(name) is not None for name in space.layers))
    near = [ways.plan(r, c) for r in range(ways.out.size) for c in range(ways.into.size)]
    worth = [value_of(space, goal, other) for other in near if allowed(space, other)]
    found = mended(space, [goal], [], plan)
    if not worth:
        assert found is None
    else:
        assert allowed(space, found)
        assert value_of(space, goal, found) == pytest.approx(max(worth))


@given(case=instances())
@repeatable(40)
def test_a_walk_away_shares_no_more_and_lets_nothing_fall(case):
    asked = prepared(case)
    assume(asked is not None)
    try:
        best = reach(asked)
    except Infeasible:
        assume(False)
    space = asked.space
    goals = [goal for goal in asked.goals if goal.name not in ("ids", "worst")]
    held = [
        Held(goal, value - 0.3 * abs(value))
        for goal in goals
        for value in [value_of(space, goal, best.opened)]
    ]
    used = best.opened * space.new
    far = away(space, held, best.opened, used=used, deadline=time.perf_counter() + 5)
    assert allowed(space, far)
    assert used @ far <= used @ best.opened
    for one in held:
        assert value_of(space, one.goal, far) >= one.value - one.goal.unit
    again = away(space, held, best.opened, used=used, deadline=time.perf_counter() + 5)
    assert (again == far).all()


@given(case=instances(), data=st.data())
@repeatable(40)
def test_the_ceiling_of_seats_is_never_below_what_they_are_worth(case, data):
    seated = replace(case, rules=replace(case.rules, seats=False))
    asked = prepared(seated)
    assume(asked is not None)
    space = asked.space
    rows = space.layers.get("users")
    assume(rows is not None)
    most = st.sampled_from((0.0, 1.0, 7.0, 500.0, np.inf))
    seats = data.draw(st.lists(most, min_size=space.options, max_size=space.options))
    layer = seat_rows(rows, np.array(seats))
    plan = plans_of(data, space)
    assert layer.ceiling(plan) >= layer.values(plan).sum() - layer.unit
