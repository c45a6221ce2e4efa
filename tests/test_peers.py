"""The classical models beside those of spopt: the same optimum on the same instances."""

import numpy as np
import pulp
import pytest
from spopt import locate

from planner.coverage._center import p_center
from planner.coverage._maximal import maximal_covering
from planner.coverage._median import p_median
from planner.coverage._setcover import set_covering

# spopt 0.7 builds its models as PuLP did before 3.3, which warns of what 4.0 will remove
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}:DeprecationWarning")
    for message in ("Constructing LpVariable", "PULP_CBC_CMD is deprecated")
]
SEEDS = range(30)
RADIUS_KM = 30.0


class Instance:
    """Villages and premises on a map of 100 km by 100 km, kilometres between them, residents."""

    def __init__(self, seed, *, points=(8, 45), sites=(4, 18)):
        random = np.random.default_rng(seed)
        self.points, self.candidates = (int(random.integers(*size)) for size in (points, sites))
        here = 100 * random.random((self.points, 2))
        there = 100 * random.random((self.candidates, 2))
        self.km = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1)).round(1)
        self.residents = random.integers(1, 2_000, self.points)
        self.sites = int(random.integers(1, max(self.candidates // 2, 2)))
        must = random.permutation(self.candidates)[: random.integers(0, 2)]
        self.required = np.sort(must[: self.sites])

    def reachable(self):
        """Leave out the points that nothing covers: spopt has no plan with them."""
        near = (self.km <= RADIUS_KM).any(axis=1)
        self.km, self.residents = self.km[near], self.residents[near]
        return self

    @property
    def covered(self):
        return self.km <= RADIUS_KM

    @property
    def predefined(self):
        """Return the required sites as spopt takes them."""
        return np.isin(np.arange(self.candidates), self.required).astype(int)


def solved(model):
    """Return what spopt's model reached and the sites it opens."""
    model.solve(pulp.PULP_CBC_CMD(msg=False))
    return pulp.value(model.problem.objective), opened(model)


def opened(model):
    return np.flatnonzero([variable.value() > 1 / 2 for variable in model.fac_vars])


@pytest.mark.parametrize("seed", SEEDS)
def test_lscp_opens_as_few_sites(seed):
    case = Instance(seed).reachable()
    value, _ = solved(
        locate.LSCP.from_cost_matrix(case.km, RADIUS_KM, predefined_facilities_arr=case.predefined)
    )
    ours = set_covering(case.covered, required=case.required)
    assert ours.proven
    assert ours.value == ours.bound == pytest.approx(value)


@pytest.mark.parametrize("seed", SEEDS)
def test_lscpb_covers_as_many_points_twice_with_as_few_sites(seed):
    case = Instance(seed).reachable()
    theirs = locate.LSCPB.from_cost_matrix(
        case.km,
        RADIUS_KM,
        pulp.PULP_CBC_CMD(msg=False),
        predefined_facilities_arr=case.predefined,
    )
    theirs.solve()
    ours = set_covering(case.covered, required=case.required, backup=True)
    assert ours.proven
    assert ours.value == ours.bound == pytest.approx(theirs.lscp_obj_value)
    twice = case.covered[:, opened(theirs)].sum(axis=1) > 1
    assert ours.backup == ours.backup_bound == twice.sum()
    # spopt's own count takes in the points that only one candidate covers, as nothing ties them
    once = case.covered.sum(axis=1) == 1
    assert pulp.value(theirs.problem.objective) == pytest.approx(twice.sum() + once.sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_mclp_covers_as_many_residents(seed):
    case = Instance(seed)
    value, sites = solved(
        locate.MCLP.from_cost_matrix(
            case.km,
            case.residents,
            RADIUS_KM,
            case.sites,
            predefined_facilities_arr=case.predefined,
        )
    )
    ours = maximal_covering(case.covered, case.residents, sites=case.sites, required=case.required)
    assert ours.proven
    assert ours.value == ours.bound == pytest.approx(value)
    assert ours.value == case.residents[case.covered[:, sites].any(axis=1)].sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_p_median_is_as_near_on_the_whole(seed):
    case = Instance(seed)
    value, _ = solved(
        locate.PMedian.from_cost_matrix(
            case.km, case.residents, case.sites, predefined_facilities_arr=case.predefined
        )
    )
    ours = p_median(case.km, case.residents, sites=case.sites, required=case.required)
    assert ours.proven
    assert ours.value == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
def test_p_center_is_as_near_at_the_farthest(seed):
    case = Instance(seed, points=(8, 30), sites=(4, 12))
    value, _ = solved(
        locate.PCenter.from_cost_matrix(
            case.km, case.sites, predefined_facilities_arr=case.predefined
        )
    )
    ours = p_center(case.km, sites=case.sites, required=case.required)
    assert ours.proven
    assert ours.value == ours.bound == pytest.approx(value)
