import itertools
import os
import subprocess
import sys
from dataclasses import replace

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from instances import APART, CODES, MINUTES, NOISE, NONE, Instance, free, instances
from scipy.stats import poisson

from planner import coverage
from planner._errors import Infeasible, InputError, SolveError, TimeLimit
from planner.candidates import TIERS
from planner.coverage import _highs, _stages
from planner.coverage._layers import cover_rows, gain_rows
from planner.coverage._master import Master
from planner.coverage._space import cliques, least_covered
from planner.rules import OBJECTIVES, Decay, Rules, users_seated

SERVICE = ["mesh", "structuring", "sites", "ids"]


def repeatable(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


def instance(minutes, residents, *, tiers=("mini",), status="candidate", rules=None, **more):
    """Return an instance of sites of the same tiers; the name of a tier limits its number."""
    minutes = np.array(minutes, float)
    sites = minutes.shape[1]
    most = NONE | {tier: more.pop(tier) for tier in TIERS if tier in more}
    return Instance(
        minutes=minutes,
        residents=np.array(residents, float),
        allowed=np.tile([tier in tiers for tier in TIERS], (sites, 1)),
        status=(status,) * sites if isinstance(status, str) else tuple(status),
        rules=Rules(**({"at_most": most} | (rules or {}))),
        **more,
    )


def refused(case, *parts, error=InputError, **options):
    with pytest.raises(error) as caught:
        case.solve(**options)
    for part in parts:
        assert part in str(caught.value)


def is_honest(case, solution):
    """Check what is always true: the plan is allowed, worth what it says, none beyond a bound."""
    plan, plans = case.plan_of(solution.tier), case.plans()
    assert (plans == plan).all(axis=1).any()
    assert [stage.name for stage in solution.stages] == list(case.stages)
    worth, values = case.worth(plans), case.values(solution)
    assert case.worth(plan)[0].tolist() == values
    for number, stage in enumerate(solution.stages):
        sign = -1 if stage.smaller else 1
        rivals = worth[(worth[:, :number] >= values[:number]).all(axis=1), number]
        assert rivals.max() <= sign * stage.bound / case.units(stage.name) + 0.51
        assert sign * stage.bound >= sign * stage.value
        assert stage.proven == (stage.gap == 0)
        assert 0 <= stage.gap <= 1
    assert solution.proven == all(stage.proven for stage in solution.stages)
    assert solution.tier.index.is_monotonic_increasing


def is_best(case, solution):
    is_honest(case, solution)
    assert case.values(solution) == case.best()
    assert solution.proven
    assert not solution.interrupted


def distinct(case):
    """Say whether no two plans have smallest shares that differ by less than is looked at."""
    shares = np.unique(case.fairness(case.plans()))
    return (
        case.objective != "fairness"
        or not ((np.diff(shares) > 1e-12) & (np.diff(shares) < 3e-6)).any()
    )


# The optimum


@repeatable(200)
@given(instances())
def test_S1_the_optimum_is_that_of_looking_at_every_plan_and_none_is_refused_that_exists(case):
    if case.best() is None:
        with pytest.raises((Infeasible, InputError)):
            case.solve()
        return
    assume(distinct(case))
    is_best(case, case.solve())


@repeatable(30)
@given(instances(most_sites=6, statuses=("candidate", "forced", "forced", "existing")))
def test_S5_what_no_plan_can_meet_is_refused_and_nothing_else_is(case):
    if case.best() is None:
        with pytest.raises((Infeasible, InputError)) as caught:
            case.solve()
        assert len(str(caught.value)) > len("no plan satisfies all the rules of the scenario.")
    else:
        assert case.solve().proven


def lopsided(seed):
    """Return an instance with hundredths of a resident beside hundreds of thousands."""
    draw = np.random.default_rng(seed)
    points, sites = int(draw.integers(10, 60)), int(draw.integers(6, 13))
    few = draw.integers(1, 5, points) / 100
    many = draw.integers(1, 9, points) * 10.0 ** draw.integers(1, 6, points)
    allowed = np.zeros((sites, 3), bool)
    allowed[np.arange(sites), draw.integers(0, 2, sites)] = True
    number = int(draw.integers(1, 6))
    near = draw.random((points, sites)) < draw.choice([0.1, 0.3, 0.5])
    residents = np.where(draw.random(points) < 1 / 2, few, many)
    return Instance(
        minutes=np.where(
            near, draw.choice([3.0, 8.0], near.shape), draw.choice([15.0, 30.0], near.shape)
        ),
        residents=residents,
        allowed=allowed,
        status=("candidate",) * sites,
        rules=Rules(
            at_most=NONE | {"structuring": number // 2, "mini": number - number // 2},
            backup_weight=float(draw.choice([0, 0, 0.5])),
            mesh_share_min=float(draw.choice([0, 0, 0.3])),
            commune_share_min=float(draw.choice([0, 0, 0.05])),
        ),
        users=np.round(residents / 100, 4) if draw.random() < 1 / 2 else None,
        homes=tuple(draw.choice(CODES, points)),
        objective=str(draw.choice(["service", "service", "minutes", "cost"])),
    )


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_large_numbers_do_not_let_a_later_stage_take_back_what_an_earlier_one_gave(start):
    for seed in range(start, start + 20):
        case = lopsided(seed)
        if case.best() is None:
            refused(case, "residents", error=Infeasible)
        else:
            is_best(case, case.solve(time_limit_s=20))


@repeatable(10)
@given(instances(most_sites=8, objectives=("service",)))
def test_S1_a_site_a_minute_or_a_euro_more_never_lowers_the_mesh(case):
    case = free(case)
    mesh = case.solve().stages[0].value
    assert grown(case).solve().stages[0].value >= mesh
    for rules in looser(case.rules):
        assert case.ruled(**rules).solve().stages[0].value >= mesh


@repeatable(10)
@given(instances(most_sites=8, objectives=("service",)))
def test_S1_a_site_a_minute_or_a_euro_more_never_lowers_the_users(case):
    some = np.arange(1.0, len(case.residents) + 1) if case.users is None else case.users
    case = replace(free(case), residents=np.zeros(len(some)), users=some)  # users come first then
    users = {stage.name: stage.value for stage in case.solve().stages}["users"]
    decay = case.rules.decay
    slower = replace(decay, half_min=decay.half_min + 3, until_min=30.0)
    for other in (
        grown(case),
        case.ruled(decay=slower),
        *(case.ruled(**rules) for rules in looser(case.rules)),
    ):
        assert {stage.name: stage.value for stage in other.solve().stages}["users"] >= users


def looser(rules):
    """Yield rules that forbid less."""
    yield {"at_most": {tier: rules.at_most[tier] + 1 for tier in TIERS}}
    yield {"mesh_min": 15.0}
    yield {"spacing_min": {tier: least / 2 for tier, least in rules.spacing_min.items()}}
    yield {"gate": False}
    for name in (
        "invest_max_eur", "running_max_eur", "commune_invest_max_eur", "commune_sites_max",
    ):  # fmt: skip
        if getattr(rules, name) is not None:
            yield {name: getattr(rules, name) + 1}


def grown(case):
    """Return the instance with one site more, free of charge and at everyone's door."""

    def one_more(table, row):
        return None if table is None else np.vstack([table, row])

    between = case.between
    if between is not None:
        between = np.pad(between, ((0, 1), (0, 1)), constant_values=np.inf)
    return replace(
        case,
        minutes=np.column_stack([case.minutes, np.zeros(len(case.residents))]),
        allowed=one_more(case.allowed, [False, True, False]),
        status=(*case.status, "candidate"),
        communes=None if case.communes is None else (*case.communes, "99999"),
        accessible=None if case.accessible is None else np.append(case.accessible, True),
        invest=one_more(case.invest, np.zeros(3)),
        running=one_more(case.running, np.zeros(3)),
        between=between,
    )


@repeatable(25)
@given(instances(), st.integers(0, 99))
def test_S8_the_order_of_rows_and_columns_does_not_change_the_plan(case, seed):
    case = free(case)
    one, two = case.solve(), replace(case, seed=seed).solve()
    pd.testing.assert_series_equal(one.tier, two.tier)
    assert one.stages == two.stages


_SCRIPT = """
import numpy as np
from test_coverage import hard
case = hard(points=60, sites=15)
found = case.solve()
print(found.tier.to_csv(), found.stages, sep="\\n")
for name, hints in found.hints.items():
    print(name, sorted(hints.rules.items()), [v.tobytes().hex() for v in hints.points.values()])
"""


def test_S8_the_plan_is_the_same_bytes_in_every_process():
    told = set()
    for seed in ("1", "4242"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        told.add(subprocess.run(
            [sys.executable, "-W", "error", "-c", _SCRIPT], env=env, check=True,
            capture_output=True, timeout=120,
        ).stdout)  # fmt: skip
    assert len(told) == 1
    assert b"s0" in told.pop()


@repeatable(25)
@given(instances(most_sites=8, objectives=("service", "cost", "worst", "fairness")))
def test_points_at_one_place_count_as_one_point_with_all_their_people(case):
    case = free(replace(case, users=None))
    split = np.round(case.residents / 2, 2)
    twice = replace(
        case,
        minutes=np.vstack([case.minutes, case.minutes]),
        residents=np.concatenate([split, np.round(case.residents - split, 2)]),
        homes=case.homes and case.homes * 2,
    )
    assume(distinct(case))
    assert twice.solve().stages == case.solve().stages


def test_points_at_one_place_are_one_row_of_the_model():
    case = instance([[3, 30], [3, 30], [3, 30], [30, 30]], [1, 2, 3, 4], mini=1)
    assert case.solve().reduced["mesh"] == (3, 1)


# Edges


@pytest.mark.parametrize(
    ("minutes", "inside"), [(10.0, True), (10.0 + NOISE, True), (10.0 + 1e-4, False)]
)
def test_S7_exactly_ten_minutes_is_within_ten_minutes(minutes, inside):
    case = instance([[minutes]], [7.0], mini=1)
    assert case.values(case.solve())[0] == (700 if inside else 0)


@pytest.mark.parametrize(
    ("minutes", "inside"), [(20.0, True), (20.0 + NOISE, True), (20.0 + 1e-4, False)]
)
def test_S7_exactly_twenty_minutes_is_within_twenty_minutes(minutes, inside):
    case = instance([[minutes]], [7.0], tiers=["structuring"], structuring=1)
    assert case.values(case.solve())[1] == (700 if inside else 0)


@pytest.mark.parametrize(
    ("minutes", "share"),
    [(5.0, 1.0), (5.0 + NOISE, 1.0), (5.0 + 1e-4, 0.7), (10.0 + NOISE, 0.7), (15.0, 0.3),
     (20.0 + NOISE, 0.1), (20.0 + 1e-4, 0.0)],
)  # fmt: skip
def test_S7_a_step_of_use_ends_where_it_says(minutes, share):
    rules = {"decay": Decay(kind="stepwise"), "at_most": NONE | {"mini": 1}}
    case = instance([[minutes]], [0.0], rules=rules, users=np.array([50.0]))
    assert dict(zip(case.stages, case.values(case.solve()), strict=True))["users"] == round(
        50 * share * 1e4
    )


@pytest.mark.parametrize("kind", ["logistic", "exponential", "stepwise", "binary"])
def test_S7_nobody_comes_from_beyond_the_last_minute(kind):
    share = Decay(kind=kind, until_min=12.0).share(np.array([12.0, 12.0 + NOISE, 12.0 + 1e-4]))
    assert share[0] > 0
    assert share[1] > 0
    assert share[2] == 0


@pytest.mark.parametrize(
    ("minutes", "both"), [(5.0, True), (5.0 - NOISE, True), (5.0 - 1e-4, False)]
)
@pytest.mark.parametrize("back", [np.inf, 5.0])
def test_S7_sites_exactly_as_far_apart_as_asked_may_both_open(minutes, back, both):
    between = np.array([[0.0, minutes], [back, 0.0]])
    rules = {"spacing_min": {"mini": 5.0}, "at_most": NONE | {"mini": 2}}
    far = [[3, 30], [30, 3]]
    for apart in (between, between.T):
        assert len(instance(far, [5, 6], rules=rules, between=apart).solve().tier) == 1 + both


def test_spacing_binds_sites_of_one_tier_and_leaves_existing_ones_as_they_are():
    near = np.zeros((3, 3))
    rules = {"spacing_min": {"mini": 5.0}, "at_most": NONE | {"mini": 2, "corpoworking": 2}}
    case = instance(30 - 27 * np.eye(3), [5, 6, 7], rules=rules, between=near,
                    status=["existing", "existing", "candidate"])  # fmt: skip
    assert list(case.solve().tier.index) == ["s00", "s01"]
    either = replace(case, allowed=np.array([[0, 1, 0], [0, 1, 0], [0, 1, 1]], bool))
    assert either.solve().tier["s02"] == "corpoworking"


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize(
    "case",
    [
        instance(np.zeros((2, 0)), [3.0, 4.0], mini=5),
        instance(np.zeros((0, 0)), [], mini=5),
        instance(np.zeros((0, 3)), [], mini=5),
        instance(np.zeros((3, 3)), [0, 0, 0], mini=5),
        instance(np.zeros((2, 2)), [3, 4], tiers=TIERS),
        instance(np.full((2, 2), np.inf), [3, 4], mini=5),
        instance(np.zeros((2, 0)), [3.0, 4.0], mini=5, users=np.ones(2), homes=("a", "b")),
        instance(np.zeros((2, 2)), [3, 4], mini=5, accessible=np.zeros(2, bool)),
    ],
    ids=["no site", "nothing", "no point", "nobody", "none allowed", "out of reach",
         "no site for users", "none accessible"],
)  # fmt: skip
def test_S6_where_there_is_nothing_to_choose_the_plan_is_empty(case, objective):
    case = replace(case, objective=objective)
    solution = case.solve()
    assert solution.tier.empty
    is_best(case, solution)


def test_S6_existing_sites_alone_are_a_plan():
    case = instance([[9, 3]], [5], status="existing")
    solution = case.solve()
    assert solution.tier.to_dict() == {"s00": "mini", "s01": "mini"}
    is_best(case, solution)


def test_an_existing_site_stays_open_and_counts_in_no_tier():
    case = instance([[9, 3]], [5], status=["existing", "candidate"])
    solution = case.solve()
    assert solution.tier.to_dict() == {"s00": "mini"}
    assert case.values(solution)[:2] == [500, 0]


@pytest.mark.parametrize("elsewhere", ["", "38000", None])
def test_an_existing_site_outside_the_territory_serves_but_never_counts(elsewhere):
    rules = {
        "at_most": NONE | {"mini": 1}, "commune_sites_max": 1, "invest_max_eur": 10,
        "running_max_eur": 10, "commune_invest_max_eur": 10, "commune_share_min": 1.0,
    }  # fmt: skip
    case = instance(
        [[3, 30, 30], [30, 3, 30], [30, 30, 3]], [5, 6, 7], rules=rules, homes=("a", "a", "a"),
        status=["existing", "existing", "candidate"], communes=(elsewhere, elsewhere, "a"),
        invest=np.full((3, 3), 10.0), running=np.full((3, 3), 10.0),
    )  # fmt: skip
    solution = case.solve()
    assert len(solution.tier) == 3
    values = dict(zip(case.stages, case.values(solution), strict=True))
    assert values["mesh"] == 1800
    assert values["cost"] == -10 * (1 + 5)


def test_only_structuring_sites_serve_the_structuring_layer():
    case = instance([[12, 1]], [5], tiers=TIERS, mini=1)
    assert case.values(case.solve())[1] == 0
    other = case.ruled(at_most=NONE | {"structuring": 1})
    assert other.values(other.solve())[1] == 500


def test_fewest_sites_then_lowest_ids():
    solution = instance(np.ones((2, 4)), [5, 6], mini=3).solve()
    assert solution.tier.to_dict() == {"s00": "mini"}


def test_the_cheapest_of_the_plans_that_serve_as_well():
    invest = np.array([[0, 9.0, 0], [0, 5.0, 0], [0, 5.0, 0]])
    running = np.array([[0, 0.0, 0], [0, 1.0, 0], [0, 0.0, 0]])
    case = instance(np.ones((2, 3)), [5, 6], mini=3, invest=invest, running=running)
    assert case.solve().tier.to_dict() == {"s02": "mini"}


def test_a_second_site_counts_for_its_share_of_the_first():
    far = [[3, 3, 30], [3, 3, 30], [30, 30, 3]]
    people = [60, 60, 100]
    for weight, chosen in ((0.0, ["s00", "s02"]), (0.5, ["s00", "s02"]), (1.0, ["s00", "s01"])):
        case = instance(far, people, rules={"backup_weight": weight, "at_most": NONE | {"mini": 2}})
        assert list(case.solve().tier.index) == chosen


def test_the_gate_rules_out_what_is_not_accessible_but_not_what_exists():
    case = instance(
        [[3, 3, 30], [30, 30, 3]], [5, 6], mini=2, accessible=np.array([False, True, False]),
        status=["candidate", "candidate", "existing"],
    )  # fmt: skip
    assert list(case.solve().tier.index) == ["s01", "s02"]
    assert list(case.ruled(gate=False).solve().tier.index) == ["s00", "s02"]


def test_the_worst_minutes_are_those_of_the_travel_times_end_where_not_all_can_be_reached():
    case = instance([[3, 50], [50, np.inf], [np.inf, 4]], [5, 6, 7], mini=1, objective="worst")
    solution = case.solve()
    assert (solution.stages[0].value, solution.proven) == (60.0, True)
    is_best(case, solution)
    two = case.ruled(at_most=NONE | {"mini": 2})
    assert two.solve().stages[0].value == 50.0


def test_a_share_is_rounded_up_to_the_next_hundredth_of_a_resident():
    assert least_covered(100.0, 0.333) == pytest.approx(33.3)
    assert least_covered(0.03, 0.5) == pytest.approx(0.02)
    assert least_covered(0.1 + 0.2, 1.0) == pytest.approx(0.3)


# Refusals


def test_S5_more_sites_than_candidates_says_how_many_there_are():
    rules = {"at_least": NONE | {"mini": 3}, "at_most": NONE | {"mini": 3}}
    refused(instance([[1, 2]], [5], rules=rules), "3 mini sites asked, 2 candidates")


def test_S5_tiers_that_share_their_candidates_are_named_together():
    number = NONE | {"structuring": 2, "mini": 1}
    case = instance([[1, 2]], [5], tiers=TIERS[:2], rules={"at_least": number, "at_most": number})
    refused(case, "3 structuring and mini sites asked, 2 candidates")


def test_S5_forced_sites_that_clash_are_named():
    case = instance([[1, 2]], [5], tiers=["structuring"], status="forced", structuring=1, mini=9)
    refused(case, "s00, s01 can only be structuring, at most 1 allowed", error=Infeasible)


def test_S5_a_fixed_site_without_a_tier_is_named():
    refused(instance([[1, 2]], [5], tiers=[], status=["candidate", "existing"]), "no tier: s01")


def test_a_least_number_above_the_most_is_refused():
    rules = {"at_least": NONE | {"mini": 2}, "at_most": NONE | {"mini": 1}}
    refused(instance([[1, 2]], [5], rules=rules), "mini: at least 2 but at most 1")


@pytest.mark.parametrize("people", [np.nan, np.inf, -1.0, 1e308])
@pytest.mark.parametrize("column", ["residents", "users"])
def test_S6_people_that_are_no_number_of_people_are_refused(column, people):
    case = instance([[1], [2]], [5, 5], mini=1, users=np.ones(2))
    refused(replace(case, **{column: np.array([5, people])}), column, "0 or more")


@pytest.mark.parametrize("name", ["mesh_min", "structuring_min"])
def test_travel_times_shorter_than_a_cutoff_are_refused(name):
    refused(instance([[1]], [5], mini=1).ruled(**{name: 61.0}), name, "end at 60.0 min")


@pytest.mark.parametrize("euros", [-1.0, 0.5, np.nan, np.inf, 1e13])
def test_euros_that_are_no_whole_euros_are_refused(euros):
    table = np.array([[0.0, euros, 0.0]])
    for name in ("invest", "running"):
        refused(instance([[1]], [5], mini=1, **{name: table}), f"{name}_eur_mini", "whole euros")


def test_rules_whose_columns_are_missing_are_refused_all_at_once():
    limits = {"commune_share_min": 0.1, "commune_sites_max": 1, "invest_max_eur": 1,
              "running_max_eur": 1, "spacing_min": {"mini": 5.0}}  # fmt: skip
    refused(
        instance([[1]], [5], rules=limits),
        "the demand points have no column commune", "limits by commune need a column commune",
        "invest_eur_<tier>", "running_eur_<tier>", "minutes between candidates are missing",
    )  # fmt: skip


def test_spacing_beyond_the_minutes_between_candidates_is_refused():
    rules = {"spacing_min": {"mini": 61.0}}
    refused(instance([[1]], [5], rules=rules, between=np.zeros((1, 1))), "spacing_min", "end at 60")


def test_candidates_without_minutes_between_them_are_named():
    case = instance([[1, 2]], [5], rules={"spacing_min": {"mini": 5.0}}, between=np.zeros((2, 2)))
    short = replace(case, minutes=case.minutes[:, :1], allowed=case.allowed[:1],
                    status=case.status[:1], between=np.zeros((1, 1))).minutes_between  # fmt: skip
    refused(case, "minutes between candidates: none for s01", between=short)


def test_tables_that_are_not_those_of_the_travel_times_are_refused():
    times, people, frame = instance([[1, 2], [3, 4]], [5, 6], mini=1).tables
    with pytest.raises(InputError, match="residents: the index"):
        coverage.solve(times, people[::-1], frame, rules=Rules())
    with pytest.raises(InputError, match="candidates: the index"):
        coverage.solve(times, people, frame[:1], rules=Rules())


def test_an_id_that_is_there_twice_is_named():
    times, people, frame = instance([[1, 2], [3, 4]], [5, 6], tiers=[], status="forced").tables
    frame.index = pd.Index(["s00", "s00"])
    times = replace(times, destinations=frame.index)
    with pytest.raises(InputError, match="the same id twice: s00"):
        coverage.solve(times, people, frame, rules=Rules())


def test_an_objective_that_is_none_is_refused():
    refused(instance([[1]], [5], mini=1, objective="glory"), "objective 'glory'", "service")


@pytest.mark.parametrize(
    "rules",
    [
        {"backup_weight": 1.5}, {"commune_share_min": -0.1}, {"mesh_share_min": float("nan")},
        {"mesh_min": -1.0}, {"invest_max_eur": -1}, {"spacing_min": {"maxi": 5.0}},
        {"spacing_min": {"mini": float("nan")}}, {"cost_years": -1}, {"mesh_min": float("nan")},
        {"structuring_min": float("inf")}, {"commune_sites_max": -1}, {"cost_years": 2.5},
        {"cost_years": float("nan")}, {"at_most": {"mini": 1.5}}, {"at_least": {"maxi": 1}},
        {"at_most": {"mini": float("inf")}}, {"at_least": {"mini": -1}},
    ],
)  # fmt: skip
def test_rules_that_are_no_rules_are_refused(rules):
    with pytest.raises(InputError, match=next(iter(rules))):
        Rules(**rules)


def test_a_tier_that_is_not_named_opens_no_site():
    assert Rules(at_most={"mini": 2}).at_most == NONE | {"mini": 2}
    case = instance([[3, 30], [30, 3]], [5, 6], tiers=TIERS, rules={"at_most": {"mini": 2}})
    assert set(case.solve().tier) == {"mini"}


@pytest.mark.parametrize("accessible", [[True, None], [True, np.nan], ["yes", "no"]])
def test_a_gate_that_is_not_known_of_a_site_is_refused(accessible):
    case = instance([[3, 3]], [5], mini=1, accessible=np.array(accessible, object))
    refused(case, "accessible must be true or false")


@pytest.mark.parametrize(
    "decay",
    [
        {"half_min": 0.0}, {"slope_min": -1.0}, {"until_min": float("nan")},
        {"steps": ((5.0, 0.5), (10.0, 0.7))}, {"steps": ((5.0, 0.5), (5.0, 0.3))},
        {"steps": ((5.0, 1.1),)},
    ],
)  # fmt: skip
def test_decay_that_rises_or_is_none_is_refused(decay):
    with pytest.raises(InputError, match="decay"):
        Decay(**decay)


# Time, a user who stops it, and a solver that fails


def hard(points=400, sites=60):
    draw = np.random.default_rng(5)
    minutes = draw.choice(MINUTES, (points, sites), p=[0.01] * 6 + [0.94 / 6] * 6)
    return instance(
        minutes, draw.integers(1, 99, points), tiers=TIERS, structuring=4, mini=12, corpoworking=2,
        users=draw.integers(1, 99, points) / 100,
    )  # fmt: skip


def test_S4_little_time_gives_a_plan_with_an_honest_gap_or_says_that_time_ran_out():
    case = hard()
    try:
        solution = case.solve(time_limit_s=1e-9)
    except TimeLimit:
        return  # what it says has its own test
    assert not solution.proven
    assert case.values(solution) == case.worth(case.plan_of(solution.tier))[0].tolist()
    for stage in solution.stages:
        assert (stage.bound <= stage.value) if stage.smaller else (stage.bound >= stage.value)
        assert stage.proven == (stage.gap == 0)


def after(calls, then):
    """Return a counter that calls something once it has been called so often."""
    count = itertools.count()

    def step():
        if next(count) >= calls:
            return then()
        return None

    return step


@repeatable(60)
@given(instances(), st.integers(0, 40))
def test_S4_wherever_time_ends_the_plan_is_allowed_and_no_plan_is_beyond_the_bounds(case, calls):
    assume(case.best() is not None and distinct(case))
    late = after(calls, lambda: -1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Master, "left", lambda _: late() or 9.0)
        patch.setattr(_stages.Question, "left", lambda _: late() or 9.0)
        try:
            solution = case.solve()
        except TimeLimit:
            return
    is_honest(case, solution)


@repeatable(60)
@given(instances(), st.integers(0, 12))
def test_a_user_who_stops_the_search_gets_the_best_plan_so_far(case, calls):
    assume(case.best() is not None and distinct(case))
    learn = Master.learn

    def stop():
        raise KeyboardInterrupt

    tick = after(calls, stop)

    def stopped(*args):
        tick()
        return learn(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Master, "learn", stopped)
        try:
            solution = case.solve()
        except KeyboardInterrupt:
            return  # before a first plan: there is nothing to give
    is_honest(case, solution)
    assert solution.proven or solution.interrupted


def test_a_user_who_stops_the_second_stage_keeps_the_first(monkeypatch):
    case = hard(points=60, sites=12)
    maximise, calls = _stages.maximise, itertools.count()

    def stopped(*args, **options):
        if next(calls):
            raise KeyboardInterrupt
        return maximise(*args, **options)

    monkeypatch.setattr(_stages, "maximise", stopped)
    solution = case.solve()
    assert solution.interrupted
    assert solution.stages[0].proven
    assert not any(stage.proven for stage in solution.stages[1:] if stage.value)
    assert next(calls) == 2  # and nothing more was asked


@repeatable(30)
@given(instances(), st.sampled_from((0.01, 0.1, 0.5)))
def test_S4_a_gap_that_is_allowed_is_kept_and_said(case, gap):
    assume(case.best() is not None and distinct(case))
    solution = case.solve(gap=gap)
    is_honest(case, solution)
    assert all(stage.gap <= gap + 1e-9 for stage in solution.stages)


@repeatable(30)
@given(instances(), st.data())
def test_a_plan_to_start_from_is_never_lost_and_never_changes_the_answer(case, data):
    plans = case.plans()
    assume(len(plans) and distinct(case))
    every = [*plans[:3], np.full(len(case.status), -1), np.argmax(case.allowed, axis=1)]
    start = case.tier_of(data.draw(st.sampled_from([list(map(int, plan)) for plan in every])))
    is_best(case, case.solve(start=[start]))


def test_S4_with_no_time_at_all_a_plan_to_start_from_is_the_plan(monkeypatch):
    case = instance(30 - 27 * np.eye(4), [5, 6, 7, 8], mini=2)
    unfinished = _highs.Answer(None, np.inf, infeasible=False, finished=False)
    answer = (unfinished, np.zeros(0), np.zeros(0))
    monkeypatch.setattr(_highs.Program, "relaxed", lambda _, **__: answer)
    refused(case, "time ran out", "time_limit_s", error=TimeLimit)
    start = pd.Series({"s01": "mini"})
    illegal = pd.Series({"s01": "mini", "s02": "mini", "s03": "mini"})
    solution = case.solve(start=[illegal, start])
    assert solution.tier.to_dict() == {"s01": "mini"}
    is_honest(case, solution)


def failing(monkeypatch, stage, error):
    """Make the search fail at one stage."""
    calls, maximise = itertools.count(), _stages.maximise

    def solver(*args, **options):
        if next(calls) == stage:
            raise error
        return maximise(*args, **options)

    monkeypatch.setattr(_stages, "maximise", solver)


@pytest.mark.parametrize("stage", [1, 2, 3])
@pytest.mark.parametrize("error", [TimeLimit("late"), Infeasible("no"), SolveError("HiGHS")])
def test_S4_a_later_stage_that_fails_keeps_the_plan_in_hand(monkeypatch, stage, error):
    case = instance(30 - 27 * np.eye(4), [5, 6, 7, 8], tiers=TIERS, structuring=1, mini=1)
    best = case.best()
    failing(monkeypatch, stage, error)
    solution = case.solve()
    assert not solution.proven
    assert case.values(solution)[:stage] == best[:stage]
    assert np.isfinite(solution.stages[stage].bound)
    is_honest(case, solution)


def test_S4_a_first_stage_that_fails_is_an_error(monkeypatch):
    failing(monkeypatch, 0, TimeLimit("late"))
    refused(instance([[1]], [5], mini=1), "late", error=TimeLimit)


@pytest.mark.parametrize("share", ["mesh_share_min", "commune_share_min"])
def test_what_nobody_could_cover_is_seen_at_once_and_not_by_trying_every_plan(share):
    case = hard(points=60, sites=40)
    minutes = case.minutes.copy()
    minutes[:2] = np.inf  # the only points of their commune
    homes = ("far",) * 2 + ("near",) * 58
    other = replace(case, minutes=minutes, homes=homes).ruled(**{share: 1.0})
    refused(other, share, error=Infeasible, time_limit_s=5.0)


def test_a_share_that_takes_all_who_can_be_reached_leaves_the_others_rules_as_they_are():
    case = hard(points=60, sites=40)
    minutes, people = case.minutes.copy(), np.ones(60)
    minutes[:6] = np.inf
    minutes[6:, 0] = 3.0
    homes = ("far",) * 6 + ("near",) * 54
    asked = {"mesh_share_min": 0.9, "commune_share_min": 1.0}
    other = replace(case, minutes=minutes, residents=people, homes=homes).ruled(**asked)
    refused(other, "far", error=Infeasible, time_limit_s=5.0)
    assert other.ruled(commune_share_min=0.0).solve().stages[0].value == 54.0


# Programs


def program(gain, rows, lower, upper):
    limits = np.array(lower, float), np.array(upper, float)
    gain = np.array(gain, float)
    return _highs.Program(gain, sp.csr_array(rows), limits, (0 * gain, 1 + 0 * gain))


def test_a_program_without_columns_is_solved_or_infeasible():
    assert program([], np.zeros((1, 0)), [0], [1]).relaxed(seconds=1.0)[0].finished
    assert program([], np.zeros((1, 0)), [1], [1]).relaxed(seconds=1.0)[0].infeasible
    assert program([], np.zeros((1, 0)), [-2], [-1]).relaxed(seconds=1.0)[0].infeasible


@pytest.mark.parametrize("seed", range(30))
def test_no_choice_is_beyond_the_bound_nor_refused_however_far_apart_the_numbers_are(seed):
    draw = np.random.default_rng(seed)
    gain, rows = (10.0 ** draw.integers(-2, 7, size) for size in (7, (5, 7)))
    upper = rows.sum(axis=1) * draw.random(5)
    every = np.array(list(itertools.product((0.0, 1.0), repeat=7)))
    allowed = every[(every @ rows.T <= upper).all(axis=1)]
    one = program(gain, rows, np.full(5, -np.inf), upper)
    answer, dual, reduced = one.relaxed(seconds=1.0)
    assert answer.finished
    best = allowed[np.argmax(allowed @ gain)]
    assert answer.bound >= best @ gain
    np.testing.assert_allclose(reduced, gain - rows.T @ dual, atol=1e-9 * gain.max())
    one.confine(best, best)
    fixed = one.relaxed(seconds=1.0)[0]
    assert not fixed.infeasible
    assert fixed.bound == pytest.approx(best @ gain, rel=1e-12)


def test_rows_and_limits_that_come_later_bind():
    one = program([1.0, 1.0], np.ones((1, 2)), [0], [2])
    assert one.relaxed(seconds=1.0)[0].bound == 2.0
    one.add([(np.array([1.0, 2.0]), -np.inf, 1.0)])
    assert one.relaxed(seconds=1.0)[0].bound == 1.0
    one.confine(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert one.relaxed(seconds=1.0)[0].infeasible


# Layers: planes bound them, and touch them


@st.composite
def covers(draw, second=False):
    size = draw(st.tuples(st.integers(0, 7), st.integers(1, 6)))
    within = sp.csr_array(draw(hnp.arrays(bool, size)))
    weights = draw(hnp.arrays(np.int64, size[0], elements=st.integers(0, 9)))
    blocks = draw(hnp.arrays(np.int32, size[0], elements=st.integers(0, 2)))
    share = draw(st.sampled_from((0.25, 0.5, 1.0))) if second else 0.0
    return cover_rows(within, weights, blocks, unit=0.5, second=share), (within, weights, blocks)


@st.composite
def gradual(draw):
    size = draw(st.tuples(st.integers(0, 7), st.integers(1, 6)))
    gains = draw(hnp.arrays(float, size, elements=st.sampled_from((0.0, 1.0, 2.0, 7.0))))
    blocks = draw(hnp.arrays(np.int32, size[0], elements=st.integers(0, 2)))
    return gain_rows(sp.csr_array(gains), blocks, unit=0.5), (gains, blocks)


def choices(layer):
    return np.array(list(itertools.product((0.0, 1.0), repeat=layer.options)))


def envelope(gains, opened, second=0.0):
    """Return what a row is worth at openings, fractional or not: the best first, one in all."""
    worth, room = 0.0, 1.0
    for option in np.argsort(-gains, kind="stable"):
        share = min(opened[option], room)
        worth, room = worth + gains[option] * share, room - share
    more = min(max(opened[gains > 0].sum() - 1, 0.0), 1.0)
    return worth + second * gains.max(initial=0.0) * more


def check_planes(layer, gains, blocks):
    """Compare a layer with the envelope of each of its points, and its planes with its worths."""
    every = choices(layer)
    grid = [*every, *(np.round(np.random.default_rng(7).random((6, layer.options)) * 4) / 4)]
    worths = np.array([layer.values(opened) for opened in every])
    for opened in grid:
        expected = np.zeros(layer.most.size)
        for gain, block in zip(gains, blocks, strict=True):
            expected[block] += envelope(gain, opened, layer.second) * layer.unit
        found = layer.planes(opened)
        np.testing.assert_allclose(found.value, expected, atol=1e-9)
        np.testing.assert_allclose(layer.values(opened), expected, atol=1e-9)
        np.testing.assert_allclose(found.intercept + found.slope @ opened, expected, atol=1e-9)
        assert (every @ found.slope.T + found.intercept >= worths - 1e-9).all()
    np.testing.assert_allclose(layer.most, layer.values(np.ones(layer.options)), atol=1e-9)


@repeatable(40)
@given(covers())
def test_planes_of_coverage_bound_every_choice_and_touch_it_where_they_were_asked(case):
    layer, (within, weights, blocks) = case
    check_planes(layer, within.toarray() * weights[:, None].astype(float), blocks)


@repeatable(40)
@given(covers(second=True))
def test_planes_of_a_second_site_bound_every_choice_and_touch_it(case):
    layer, (within, weights, blocks) = case
    gains = within.toarray() * weights[:, None].astype(float)
    every = choices(layer)
    for opened in every:
        number = within.toarray() @ opened
        worth = weights * ((number > 0) + layer.second * (number > 1))
        total = np.bincount(blocks, worth, layer.most.size) * layer.unit
        np.testing.assert_allclose(layer.values(opened), total)
    single = layer.options == 1  # one option is never two, whatever `most` allows
    if not single and (np.diff(layer.pointer) > 1).all():
        check_planes(layer, gains, blocks)
    for asked in every:
        found = layer.planes(asked)
        values = np.array([layer.values(opened) for opened in every])
        assert (every @ found.slope.T + found.intercept >= values - 1e-9).all()
        np.testing.assert_allclose(found.intercept + found.slope @ asked, found.value)
    assert (layer.most >= layer.values(np.ones(layer.options)) - 1e-9).all()


@repeatable(40)
@given(gradual())
def test_planes_of_gradual_coverage_bound_every_choice_and_touch_it(case):
    layer, (gains, blocks) = case
    check_planes(layer, gains, blocks)


@repeatable(40)
@given(st.one_of(covers(), gradual()))
def test_what_is_needed_is_met_by_the_choices_that_are_worth_the_most_and_no_others(case):
    layer, _ = case
    needed, point = layer.needed()
    for opened in choices(layer):
        assert (needed @ opened >= 1).all() == (layer.values(opened).sum() == layer.most.sum())
    assert len(point) == len(needed)
    assert (point >= 0).all()


@repeatable(40)
@given(covers())
def test_merged_rows_are_distinct_and_stand_for_every_point_that_counts(case):
    layer, (within, weights, blocks) = case
    dense = within.toarray()
    counts = (weights > 0) & dense.any(axis=1)
    assert ((layer.source >= 0) == counts).all()
    rows = [
        (int(layer.block[row]), tuple(layer.option[layer.pointer[row] : layer.pointer[row + 1]]))
        for row in range(layer.block.size)
    ]
    assert len(set(rows)) == len(rows)
    for point in np.flatnonzero(counts):
        expected = (int(blocks[point]), tuple(np.flatnonzero(dense[point])))
        assert rows[layer.source[point]] == expected


# Space


@repeatable(60)
@given(st.integers(0, 9).flatmap(lambda size: hnp.arrays(bool, (size, size))))
def test_cliques_cover_every_edge_and_hold_no_two_that_are_apart(table):
    near = np.triu(table, 1)
    near |= near.T
    covered = np.zeros_like(near)
    for clique in cliques(near.copy()):
        inside = near[np.ix_(clique, clique)]
        assert len(clique) > 1
        assert (inside | np.eye(len(clique), dtype=bool)).all()
        covered[np.ix_(clique, clique)] = True
    np.fill_diagonal(covered, val=False)
    assert (covered == near).all()


@pytest.mark.parametrize("seats", [0, 1, 3, 12, 40])
@pytest.mark.parametrize("served", [0.5, 0.95, 0.99])
def test_seats_suffice_on_the_peak_as_often_as_was_asked(seats, served):
    users = users_seated(seats, days_a_week=1.5, peak_factor=1.25, served_share=served)
    presence = users * 1.5 * 1.25 / 5
    assert poisson.cdf(seats, presence) == pytest.approx(served, abs=1e-9)


def test_minutes_apart_are_drawn_on_both_sides_of_the_boundary():
    assert {5.0 - 2e-6, 5.0 - NOISE, 5.0} <= set(APART)
