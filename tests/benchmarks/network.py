"""The whole model of an EPCI: ours, and the same stages written row by row for HiGHS."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import highspy
import numpy as np
import scipy.sparse as sp
from epci import Epci, all_rules, epci
from harness import figure, print_table

from planner import certificate, coverage
from planner.coverage._network import Case, prepare

if TYPE_CHECKING:
    from planner.rules import Rules

SEEDS = (0, 1, 2)
PEER_S = 20.0
SEATED_S = 15.0


def report(*, seeds: tuple[int, ...] = SEEDS, peer_s: float = PEER_S) -> None:
    """Print the table of the whole model, then those of the studies."""
    plans = [_plan(seed, minis, peer_s) for seed in seeds for minis in (12, 8)]
    header = (
        "EPCI",
        "minis",
        "planner s",
        "proven",
        "certificate s",
        "own gap %",
        "HiGHS, users stage",
    )
    title = "3,000 points × 317 candidates, every rule on, five stages to the proof"
    print_table(title, header, plans)
    seated = [_seated(seed, half) for seed in seeds for half in (False, True)]
    header = ("EPCI", "seats", "s", "users", "gap %")
    print_table(f"The same with seats that bind, at most {SEATED_S:.0f} s", header, seated)
    print_table(
        "Beside the plan, seed 0, 12 minis", ("study", "s", "what"), list(_studies(epci(seed=0)))
    )


def _plan(seed: int, minis: int, peer_s: float) -> tuple[object, ...]:
    case, rules = epci(seed=seed), all_rules(minis=minis)
    tables = (case.minutes, case.demand, case.candidates)
    found = coverage.solve(*tables, rules=rules, between=case.between, time_limit_s=120)
    began = time.perf_counter()
    proof = certificate.certify(
        found.tier, *tables, rules=rules, between=case.between, hints=found.hints,
        claims=_claims(found), proven=found.proven,
    )  # fmt: skip
    taken = time.perf_counter() - began
    own = max(proof.own_gap[name] for name in ("mesh", "structuring", "users"))
    theirs = _highs(case, rules, found, peer_s)
    proven = f"{sum(stage.proven for stage in found.stages)} of {len(found.stages)}"
    return (
        seed, minis, figure(found.seconds), proven, figure(taken), figure(100 * own), theirs,
    )  # fmt: skip


def _seated(seed: int, half: bool) -> tuple[object, ...]:
    case, rules = epci(seed=seed), all_rules(seats=True)
    candidates = case.candidates.copy()
    if half:
        columns = [name for name in candidates if name.startswith("users_seated_")]
        candidates[columns] /= 2
    found = coverage.solve(
        case.minutes, case.demand, candidates, rules=rules, between=case.between,
        time_limit_s=SEATED_S,
    )  # fmt: skip
    users = next(stage for stage in found.stages if stage.name == "users")
    size = "half" if half else "all"
    return seed, size, figure(found.seconds), f"{users.value:.2f}", figure(100 * users.gap)


def _claims(found: coverage.NetworkSolution) -> list[certificate.Claim]:
    return [
        certificate.Claim(stage.name, stage.value, stage.bound, smaller=stage.smaller)
        for stage in found.stages
    ]


def _highs(case: Epci, rules: Rules, found: coverage.NetworkSolution, seconds: float) -> str:
    """Return what HiGHS says of the users stage, the earlier stages given to it solved."""
    asked = prepare(case.minutes, case.demand, case.candidates, rules=rules, between=case.between)
    model, integer = _rows(asked, found)
    solver = highspy.Highs()
    for option, value in (("output_flag", False), ("threads", 1), ("time_limit", seconds)):
        solver.setOptionValue(option, value)
    began = time.perf_counter()
    model.integrality_ = [
        highspy.HighsVarType.kInteger if one else highspy.HighsVarType.kContinuous
        for one in integer
    ]
    solver.passModel(model)
    solver.run()
    taken = time.perf_counter() - began
    info = solver.getInfo()
    users = next(stage.value for stage in found.stages if stage.name == "users")
    value = info.objective_function_value
    if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
        same = abs(value - users) < 0.01
        return f"{figure(taken)} s, {'same optimum' if same else f'OTHER: {value:.4f}'}"
    return (
        "no plan" if not np.isfinite(value) else f"gap {100 * info.mip_gap:.2f} % at {taken:.0f} s"
    )


def _rows(case: Case, found: coverage.NetworkSolution) -> tuple[highspy.HighsLp, np.ndarray]:
    """Return the users stage with every layer written out: a column and a row for each step."""
    space = case.space
    values = {stage.name: stage.value for stage in found.stages}
    width, parts, low, high = space.options, [], [], []
    gains = np.zeros(width)
    columns: dict[str, tuple[int, np.ndarray, np.ndarray]] = {}
    for name in ("mesh", "structuring", "users"):
        layer = space.layers[name]
        row = np.repeat(np.arange(layer.block.size), np.diff(layer.pointer))
        after = np.append(layer.gain[1:], 0.0)
        last = np.append(row[1:] != row[:-1], True)
        step = np.where(last, layer.gain, layer.gain - after)
        some = np.flatnonzero(step > 0)  # z: one a distinct gain of a row
        first = layer.pointer[row[some]]
        size = some - first + 1
        at = np.concatenate([np.arange(a, a + n) for a, n in zip(first, size, strict=True)])
        cover = sp.csr_array(
            (np.ones(at.size), layer.option[at], np.append(0, np.cumsum(size))),
            shape=(some.size, space.options),
        )
        columns[name] = (width, step[some] * layer.unit, layer.block[row[some]])
        parts.append((cover, width))
        width += some.size
    blocks = []
    for cover, start in parts:
        size = cover.shape[0]
        pads = (
            sp.csr_array((size, start - space.options)),
            sp.csr_array((size, width - start - size)),
        )
        blocks.append(sp.hstack((cover, pads[0], -sp.eye_array(size), pads[1]), format="csr"))
        low.append(np.zeros(size))
        high.append(np.full(size, np.inf))
    rules = sp.hstack((space.matrix, sp.csr_array((space.matrix.shape[0], width - space.options))))
    extra = []
    for name in ("mesh", "structuring"):
        start, weight, _ = columns[name]
        line = np.zeros(width)
        line[start : start + weight.size] = weight
        extra.append((line, values[name] - 0.005))
    start, weight, block = columns["mesh"]
    for floor in space.floors:
        line = np.zeros(width)
        line[start : start + weight.size] = np.where(block == floor.block, weight, 0.0)
        extra.append((line, floor.value - 0.005))
    gains = np.zeros(width)
    start, weight, _ = columns["users"]
    gains[start : start + weight.size] = weight
    matrix = sp.csr_array(
        sp.vstack(
            (rules, *blocks, sp.csr_array(np.array([line for line, _ in extra]))), format="csr"
        )
    )
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = width, matrix.shape[0]
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = gains
    model.col_lower_, model.col_upper_ = np.zeros(width), np.ones(width)
    model.row_lower_ = np.concatenate([space.lower, *low, [least for _, least in extra]])
    model.row_upper_ = np.concatenate([space.upper, *high, np.full(len(extra), np.inf)])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    model.a_matrix_.index_ = matrix.indices.astype(np.int32)
    model.a_matrix_.value_ = matrix.data
    return model, np.arange(width) < space.options


def _studies(case: Epci) -> list[tuple[object, ...]]:
    rules = all_rules()
    tables = (case.minutes, case.demand, case.candidates)
    options = {"rules": rules, "between": case.between}
    plan = coverage.solve(*tables, **options)
    rows: list[tuple[object, ...]] = []
    front = coverage.pareto(*tables, **options, points=20, time_limit_s=60)
    table = front.table
    said = f"{len(table)} points, {table['proven'].sum()} proven"
    rows.append(("pareto, 20 budgets", figure(front.seconds), said))
    others = coverage.alternatives(*tables, **options, plans=10, time_limit_s=28, start=[plan.tier])
    said = f"{len(others.tiers) - 1} plans, {sum(others.proven)} proven most different"
    rows.append(("alternatives, 10 asked", figure(others.seconds), said))
    pace = coverage.Pace(
        commune_invest_max_eur=300_000, hours_max=1_300,
        opening_hours={"structuring": 800, "mini": 40, "corpoworking": 800},
    )  # fmt: skip
    years = coverage.phases(*tables, rules=rules, tier=plan.tier, pace=pace)
    said = f"gap {100 * years.stages[0].gap:.2f} %"
    rows.append(("phasing, five years", figure(years.seconds), said))
    why = coverage.reasons(*tables, **options, tier=plan.tier, time_limit_s=60)
    chosen, left = why.chosen["exact"], why.rejected["exact"]
    said = f"{chosen.sum()} of {chosen.size} chosen exact, {left.sum()} of {left.size} left out"
    rows.append(("reasons", figure(why.seconds), said))
    return rows
