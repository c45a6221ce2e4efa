"""What is asked beside the plan, as tables: front, alternatives, reasons, robustness, years."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from planner import coverage
from planner.coverage import Pace, State
from planner.maps._words import GOALS
from planner.maps._words import TIERS as TIER_WORDS
from planner.scenarios._case import Case, longest_min
from planner.scenarios._ranking import ranked
from planner.scenarios._table import StudyTable, yes

_DEMANDS = {"basse": "low", "centrale": "central", "haute": "high"}
_ASKED_AT_ONCE = 60  # candidates left out for whom reasons are looked for; the most used ones


def studies(
    case: Case, tier: pd.Series, *, report: Callable[[int, int], None]
) -> dict[str, StudyTable]:
    """Work out the studies that a scenario asks for.

    Parameters
    ----------
    case
        People, places, minutes and rules.
    tier
        The plan.
    report
        Called with the studies done and their total.

    Returns
    -------
    dict[str, StudyTable]
        By the name of the file that holds it.
    """
    makers = {
        "pareto": _pareto,
        "alternatives": _alternatives,
        "reasons": _reasons,
        "robustness": _robustness,
        "phases": _phases,
        "scores": ranked,
    }
    asked = [name for name in makers if name in case.scenario.studies]
    found: dict[str, StudyTable] = {}
    for number, name in enumerate(asked):
        report(number, len(asked))
        found |= makers[name](case, tier)
    return found


def _inputs(case: Case) -> tuple[tuple[object, ...], dict[str, object]]:
    tables: tuple[object, ...] = (case.asked, case.asking, case.places)
    options: dict[str, object] = {
        "rules": case.rules,
        "between": case.between,
        "time_limit_s": case.scenario.time_limit_s,
    }
    return tables, options


def _pareto(case: Case, tier: pd.Series) -> dict[str, StudyTable]:
    del tier  # the front is the same whatever the plan
    tables, options = _inputs(case)
    front = coverage.pareto(*tables, **options, points=case.scenario.pareto_points)  # type: ignore[arg-type] # one bundle for all studies
    table = front.table
    total = float(case.people["residents"].sum())
    rows = pd.DataFrame(
        {
            f"coût sur {case.scenario.cost_years} ans (€ HT)": table["cost_eur"].astype(int),
            "habitants couverts": table["residents"].round().astype(int),
            "part (%)": (100 * table["residents"] / total).round(2),
            "au plus (%)": (100 * table["most_residents"] / total).round(2),
            "sites": table["sites"],
            "prouvé": yes(table["proven"]),
            "coude": yes(table["knee"]),
            "identifiants": [", ".join(point.tier.index) for point in front.points],
        }
    )
    note = f"{int(table['proven'].sum())} points prouvés sur {len(table)}"
    title = "Couverture contre coût (front de Pareto)"
    return {"pareto": StudyTable(title, rows, note, front.seconds)}


def _alternatives(case: Case, tier: pd.Series) -> dict[str, StudyTable]:
    tables, options = _inputs(case)
    scenario = case.scenario
    found = coverage.alternatives(
        *tables,  # type: ignore[arg-type] # one bundle for all studies
        **options,  # type: ignore[arg-type] # one bundle for all studies
        objective=scenario.objective,
        plans=scenario.alternatives,
        within=scenario.alternatives_within,
        start=[tier],
    )
    plans = pd.DataFrame(
        {
            "plan": ["optimum", *(f"variante {n}" for n in range(1, len(found.tiers)))],
            **{GOALS.get(str(name), str(name)): found.goals[name].round(2) for name in found.goals},
            "sites différents de l’optimum": found.different,
            "le plus différent possible": yes([True, *found.proven]),
            "identifiants": [", ".join(one.index) for one in found.tiers],
        }
    )
    names = case.places["name"]
    sites = pd.DataFrame(
        {
            "identifiant": found.sites.index,
            "nom": names.reindex(found.sites.index).to_numpy(),
            "plans qui l’ouvrent": found.sites["plans"].to_numpy(),
            "sûr": yes(found.sites["sure"]),
        }
    ).sort_values(["plans qui l’ouvrent", "identifiant"], ascending=[False, True])
    share = f"{100 * scenario.alternatives_within:g} %"
    note = (
        f"{len(found.tiers) - 1} variantes à moins de {share} de l’optimum sur chaque objectif ; "
        f"{int(found.sites['sure'].sum())} sites dans toutes"
    )
    return {
        "alternatives": StudyTable("Variantes", plans, note, found.seconds),
        "alternatives-sites": StudyTable("Sites des variantes", sites, note, 0.0),
    }


def _reasons(case: Case, tier: pd.Series) -> dict[str, StudyTable]:
    tables, options = _inputs(case)
    found = coverage.reasons(
        *tables, **options, objective=case.scenario.objective, tier=tier, sites=_asked(case, tier)  # type: ignore[arg-type] # one bundle for all studies
    )  # fmt: skip
    names = case.places["name"]

    def written(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
        rows = {"identifiant": frame.index, "nom": names.reindex(frame.index).to_numpy()}
        if "tier" in frame:
            rows["niveau"] = [TIER_WORDS[one].one for one in frame["tier"]]
        for name, said in columns.items():
            values = frame[name]
            rows[said] = yes(values) if values.dtype == bool else values.to_numpy()
        return pd.DataFrame(rows)

    lost = {
        "lost_residents": "habitants perdus",
        "lost_structuring": "habitants perdus (structurant)",
        "lost_users": "usagers perdus",
    }
    ends = {"possible": "possible", "exact": "prouvé"}
    chosen = written(
        found.chosen,
        {"only_residents": "habitants desservis par lui seul",
         "only_users": "usagers dus à lui seul"}
        | lost | {"replacement": "remplacé par", "leaving": "avec lui partent"} | ends,
    )  # fmt: skip
    rejected = written(
        found.rejected, lost | {"replacement": "ouvrent", "leaving": "laissent la place"} | ends
    )
    return {
        "raisons": StudyTable(
            "Pourquoi ces sites", chosen,
            f"{int(found.chosen['exact'].sum())} pertes prouvées sur {len(chosen)}", found.seconds,
        ),
        "ecartes": StudyTable(
            "Ce que coûterait d’imposer un lieu écarté", rejected,
            f"{int(found.rejected['exact'].sum())} pertes prouvées sur {len(rejected)}", 0.0,
        ),
    }  # fmt: skip


def _asked(case: Case, tier: pd.Series) -> Sequence[str]:
    """Return the candidates left out that most people live near."""
    near = case.minutes.within(case.scenario.mesh_min).astype(float)
    people = pd.Series(case.people["residents"].to_numpy() @ near, index=case.places.index)
    left = people.drop(tier.index).sort_index()
    return list(left.sort_values(ascending=False, kind="stable").index[:_ASKED_AT_ONCE])


def _robustness(case: Case, tier: pd.Series) -> dict[str, StudyTable]:
    tables, options = _inputs(case)
    found = coverage.robustness(*tables, **options, states=_states(case), tier=tier)  # type: ignore[arg-type] # one bundle for all studies
    words = {"plan": "ce plan", "minimax": "regret minimal", "host_loss": "perte d’un hôte"}
    rows = pd.DataFrame(
        {
            "plan": [words.get(name, f"meilleur si {name}") for name in found.regret.index],
            **{f"regret, {s} (%)": (100 * found.regret[s]).round(2) for s in found.regret},
            "plus grand regret (%)": (100 * found.largest["regret"]).round(2),
            "habitants couverts": found.largest["residents"].round().astype(int),
            "habitants perdus si le pire site ferme": found.largest["lost_residents"]
            .round().astype(int),
            "ce site": found.largest["worst_site"],
            "identifiants": [", ".join(found.tiers[name].index) for name in found.regret.index],
        }
    )  # fmt: skip
    rows = rows.reset_index(drop=True)
    said = ("non prouvé", "prouvé")
    note = (
        f"plan au regret minimal {said[found.proven['minimax']]} ; plan contre la perte d’un hôte "
        f"{said[found.proven['host_loss']]}"
    )
    return {"robustesse": StudyTable("Robustesse", rows, note, found.seconds)}


def _states(case: Case) -> dict[str, State]:
    """Return slow, default and fast times, each with low, central and high demand."""
    minutes = {"temps par défaut": case.asked}
    for name, (roads, kph) in zip(
        ("temps longs", "temps courts"), case.shared.speeds(case.scenario), strict=False
    ):
        found = case.shared.times(
            roads, case.scenario, case.people, case.places,
            cutoff_min=longest_min(case.scenario), crow_kph=kph,
        )  # fmt: skip
        employers = case.times_from_employers(roads, crow_kph=kph)
        minutes[name] = case.with_employers(found, employers)
    now = float(case.people["users"].sum())
    shares = {
        said: float(case.people[f"users_{level}"].sum()) / now if now > 0 else 1.0
        for said, level in _DEMANDS.items()
    }
    return {
        f"{times_said}, demande {said}": State(found, share)
        for times_said, found in sorted(minutes.items())
        for said, share in shares.items()
    }


def _phases(case: Case, tier: pd.Series) -> dict[str, StudyTable]:
    scenario = case.scenario
    pace = Pace(
        years=scenario.years,
        commune_invest_max_eur=scenario.year_invest_max_eur,
        hours_max=scenario.year_hours_max,
        opening_hours=scenario.opening_hours,
        available_year=case.available_year,
        ramp=tuple(scenario.figures[f"ramp_year_{year}"] for year in (1, 2, 3)),
        discount_rate=scenario.discount_rate,
        days_a_week=scenario.user_days_a_week,
    )
    found = coverage.phases(
        case.asked, case.asking, case.places, rules=case.rules, tier=tier, pace=pace,
        time_limit_s=scenario.time_limit_s,
    )  # fmt: skip
    opens = pd.DataFrame(
        {
            "identifiant": found.year.index,
            "nom": case.places["name"].reindex(found.year.index).to_numpy(),
            "niveau": [TIER_WORDS[one].one for one in tier.reindex(found.year.index)],
            "année d’ouverture": found.year.to_numpy(),
        }
    ).sort_values(["année d’ouverture", "identifiant"])
    years = pd.DataFrame(
        {
            "année": found.by_year.index,
            "sites ouverts": found.by_year["sites"].to_numpy(),
            "usagers": found.by_year["users"].to_numpy(),
            "journées d’usagers": found.by_year["user_days"].round().astype(int).to_numpy(),
            "investissement (€ HT)": found.by_year["invest_eur"].astype(int).to_numpy(),
            "heures d’ouverture": found.by_year["hours"].astype(int).to_numpy(),
        }
    )
    sure = "calendrier optimal prouvé" if found.stages[0].proven else "calendrier non prouvé"
    return {
        "phasage": StudyTable("Année d’ouverture de chaque site", opens, sure, found.seconds),
        "phasage-annees": StudyTable("Le réseau par année", years, sure, 0.0),
    }
