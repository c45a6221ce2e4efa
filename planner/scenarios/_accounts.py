"""What a plan costs and whom, the trips it avoids or adds, what may fail: tables for readers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from planner import _format, assumptions, indicators, ledger, mobility, risk, routes
from planner.maps._words import TIERS as TIER_WORDS
from planner.scenarios._case import Case
from planner.scenarios._table import StudyTable, yes

_CENTS = 100
_PAYERS = {
    "commune": "communes", "epci": "EPCI", "employers": "employeurs", "state": "État",
    "users": "usagers",
}  # fmt: skip
_RESULTS = {"gross": "brut", "central": "central", "prudent": "prudent"}
_OUTCOMES = {
    "users": "usagers",
    "balance_eur": "solde annuel (€ HT)",
    "kg_co2e": "kg CO2e évités par an",
    "sites_underused": "sites sous-utilisés",
}
_STANCES: Mapping[ledger.Stance, str] = {"balance": "l’équilibre", "salary": "un salaire"}
_SHOWN = 12  # assumptions of the tornado


@dataclass(frozen=True, eq=False)
class Accounts:
    """Money, trips and risk of a plan.

    Attributes
    ----------
    ledger
        Every line, see :func:`planner.ledger.entries`.
    tables
        By the name of the file that holds each.
    figures
        Headline figures by name.
    """

    ledger: pd.DataFrame
    tables: dict[str, StudyTable]
    figures: dict[str, float]


def accounts(case: Case, tier: pd.Series, *, year: Mapping[str, int]) -> Accounts:
    """Return money, trips and risk of a plan.

    Parameters
    ----------
    case
        People, places, minutes.
    tier
        The plan.
    year
        In which each site opens; where it is not known, the first in which it can be had.

    Returns
    -------
    Accounts
        With tables whose columns are named for readers.
    """
    scenario = case.scenario
    sites, groups = _sites(case, tier, year)
    figures = scenario.figures
    levels = {
        level: assumptions.values(scenario.changes, level=level)
        for level in ("low", "value", "high")
    }
    lines = ledger.entries(
        sites, figures=figures, years=scenario.years, grants=scenario.grants,
        vacancy_months=scenario.vacancy_months,
    )  # fmt: skip
    trips = mobility.avoided(groups, levels=levels)
    central = sites.assign(users=sites["users_central"])
    odds = risk.simulate(central, levels=levels, seed=0, even=True)
    order = ledger.running_order(sites, figures=figures)
    tables = {
        "budget": _budget(lines),
        "budget-communes": _communes(case, lines),
        "exploitation": _running(case, sites, order, figures),
        "mobilite": _trips(trips),
        "risque": _risk(odds),
        "risque-sites": _sites_risk(case, odds),
        "risque-hypotheses": _tornado(central, levels),
    }
    told = {
        "balance_eur": float(order["balance"].sum()) / _CENTS,
        "km_avoided": round(float(trips.results["km"]["central"]), 1),
        **{
            f"kg_co2e_avoided_{name}": round(float(value), 1)
            for name, value in trips.results["kg_co2e"].items()
        },
        "p_deficit": odds.p_deficit,
        "p_underuse": odds.p_underuse,
    }
    return Accounts(lines, tables, told)


def _sites(
    case: Case, tier: pd.Series, year: Mapping[str, int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the open sites as the ledger reads them, and users by demand point with their way."""
    places = case.places.loc[tier.index]
    opens = {**case.available_year, **year}
    nearest, site = indicators.nearest_site(case.minutes, tier)
    share = case.rules.decay.share(nearest)
    there = site >= 0
    name = np.full(len(site), "", object)
    name[there] = case.minutes.destinations.to_numpy()[site[there]]
    work_km = case.people["commune"].map({} if case.work.km is None else case.work.km)
    groups = pd.DataFrame(
        {
            "users": np.where(there, case.people["users"].to_numpy(float) * share, 0.0),
            "central": np.where(there, case.people["users_central"].to_numpy(float) * share, 0.0),
            "site_km": _site_km(case, site),
            "work_km": work_km.astype(float),
            "site": name,
        },
        index=case.people.index,
    )
    by_site = groups[there].groupby("site")
    users = by_site[["users", "central"]].sum().reindex(tier.index).fillna(0.0)
    site_km, to_work_km = (
        _mean_km(groups[there], name).reindex(tier.index) for name in ("site_km", "work_km")
    )
    sites = pd.DataFrame(
        {
            "tier": tier,
            "commune": places["commune"],
            "kind": places["kind"],
            "status": places["status"],
            "seats": [int(places.loc[name, f"seats_{one}"]) for name, one in tier.items()],
            "users": users["users"],
            "users_central": users["central"],
            "state": places["state"],
            "area_m2": places["area_m2"],
            "site_km": site_km.fillna(0.0),
            "work_km": to_work_km,
            "opening_year": [int(opens.get(str(name), 1)) for name in tier.index],
            **{
                name: [case.scenario.costs[one][name] for one in tier]
                for name in ("invest_eur", "running_eur")
            },
        },
        index=tier.index,
    )
    return sites, groups[["users", "site_km", "work_km"]]


def _mean_km(groups: pd.DataFrame, name: str) -> pd.Series:
    """Return the mean of the users of each site, over those whose way is known; NaN without any."""
    known = groups[groups[name].notna()]
    way = (known["users"] * known[name]).groupby(known["site"]).sum()
    total = known.groupby("site")["users"].sum()
    return way / total.where(total > 0)


def _site_km(case: Case, site: np.ndarray) -> np.ndarray:
    """Return the way from each demand point to its site: by road, else the crow's times a ratio."""
    there = site >= 0
    points, used = case.people.geometry, np.unique(site[there])
    ends = case.places.reindex(case.minutes.destinations).iloc[used]
    column = np.searchsorted(used, np.where(there, site, used[:1].max(initial=0)))
    km = np.zeros(len(site))
    if not there.any():
        return km
    crow_m = np.hypot(
        points.x.to_numpy() - ends.geometry.x.to_numpy()[column],
        points.y.to_numpy() - ends.geometry.y.to_numpy()[column],
    )
    km = crow_m / 1000 * case.scenario.figures["crow_road_ratio"]
    if case.roads is not None:
        road = routes.road_km(
            case.roads, case.people, ends, cutoff_min=case.minutes.cutoff_min,
            max_snap_m=case.scenario.max_snap_m, walk_kph=case.scenario.walk_kph,
        )[np.arange(len(site)), column]  # fmt: skip
        km = np.where(np.isfinite(road), road, km)
    return np.where(there, km, 0.0)


def _budget(lines: pd.DataFrame) -> StudyTable:
    table = ledger.by_payer(lines)
    rows = pd.DataFrame(
        {
            "année": table.index,
            **{f"{said} (€ HT)": table[payer] / _CENTS for payer, said in _PAYERS.items()},
            "total (€ HT)": table["total"] / _CENTS,
        }
    ).reset_index(drop=True)
    note = "un montant négatif est une recette ; les usagers paient ce que l’EPCI reçoit"
    return StudyTable("Qui paie quoi, par année", rows, note, 0.0)


def _communes(case: Case, lines: pd.DataFrame) -> StudyTable:
    table = ledger.by_commune(lines)
    names = case.territory.communes["name"].reindex(table.index)
    rows = pd.DataFrame(
        {
            "code": table.index,
            "commune": names.fillna("coordination du réseau").to_numpy(),
            "investi par la commune (€ HT)": table["invested"] / _CENTS,
            "subventions (€ HT)": table["granted"] / _CENTS,
            "fonctionnement de ses sites, payé par l’EPCI (€ HT)": table["run"] / _CENTS,
            "recettes de ses sites (€ HT)": table["earned"] / _CENTS,
            "à la charge de l’EPCI (€ HT)": table["lacking"] / _CENTS,
        }
    ).reset_index(drop=True)
    note = f"sur {case.scenario.years} ans ; aucun fonctionnement n’est à la charge d’une commune"
    return StudyTable("Budget par commune", rows, note, 0.0)


def _running(
    case: Case, sites: pd.DataFrame, order: pd.DataFrame, figures: Mapping[str, float]
) -> StudyTable:
    needs = {
        said: ledger.break_even(sites, figures=figures, stance=stance)
        for stance, said in _STANCES.items()
    }
    first = next(iter(needs.values())).reindex(order.index)
    names = case.places["name"].reindex(order.index).where(order.index != "", "réseau")
    costs = order[[name for name in order if name not in ("revenue", "balance")]].sum(axis=1)
    costs = costs.where(order.index != "", costs.sum())
    earned = order["revenue"].where(order.index != "", order["revenue"].sum())
    balance = order["balance"].where(order.index != "", order["balance"].sum())
    rows = pd.DataFrame(
        {
            "identifiant": order.index,
            "nom": names.to_numpy(),
            "niveau": [
                TIER_WORDS[sites.loc[site, "tier"]].one if site else "tous" for site in order.index
            ],
            "usagers attendus": first["users_expected"].to_numpy(),
            "charges (€ HT/an)": costs.to_numpy() / _CENTS,
            "recettes (€ HT/an)": earned.to_numpy() / _CENTS,
            "solde (€ HT/an)": balance.to_numpy() / _CENTS,
            **{
                f"usagers pour {said}": _finite(table["users_needed"].reindex(order.index))
                for said, table in needs.items()
            },
        }
    )
    note = "en rythme de croisière ; « jamais » : les places ou les prix ne le permettent pas"
    return StudyTable("Exploitation et seuils d’équilibre", rows, note, 0.0)


def _finite(needed: pd.Series) -> list[object]:
    return [float(value) if np.isfinite(value) else "jamais" for value in needed]


def _trips(trips: mobility.Mobility) -> StudyTable:
    table = trips.results
    rows = pd.DataFrame(
        {
            "résultat": [_RESULTS[str(name)] for name in table.index],
            "km évités par an": table["km"].round().astype(int),
            "kg CO2e évités par an": table["kg_co2e"].round().astype(int),
            "€ économisés par les ménages par an": table["eur"].round().astype(int),
        }
    ).reset_index(drop=True)
    note = (
        "brut : chaque jour remplace un trajet au bureau ; négatif : le réseau ajoute des trajets"
        + _way_to_work(trips)
    )
    return StudyTable("Déplacements et CO2", rows, note, 0.0)


def _way_to_work(trips: mobility.Mobility) -> str:
    if trips.users_assumed > 0:
        assumed, users = (f"{n:.1f}".replace(".", ",") for n in (trips.users_assumed, trips.users))
        return f" ; trajet vers le travail supposé médian pour {assumed} usagers sur {users}"
    return " ; trajets vers le travail selon les flux de chaque commune" if trips.users else ""


def _risk(odds: risk.Risk) -> StudyTable:
    table = odds.network
    rows = pd.DataFrame(
        {
            "résultat": [_OUTCOMES[str(name)] for name in table.index],
            "5 %": table["q05"].round(1),
            "médiane": table["q50"].round(1),
            "95 %": table["q95"].round(1),
        }
    ).reset_index(drop=True)
    note = (
        f"{_format.number(odds.draws)} tirages, autant au-dessous de chaque hypothèse qu’au-dessus "
        f"; déficit du réseau : {_format.percent(odds.p_deficit, decimals=0)} ; moins d’usagers "
        f"qu’il n’en faut en tout : {_format.percent(odds.p_underuse, decimals=0)}"
    )
    return StudyTable("Ce qui peut faire échouer", rows, note, 0.0)


def _sites_risk(case: Case, odds: risk.Risk) -> StudyTable:
    table = odds.sites
    rows = pd.DataFrame(
        {
            "identifiant": table.index,
            "nom": case.places["name"].reindex(table.index).to_numpy(),
            "habitués nécessaires": table["regulars_min"],
            "risque de sous-utilisation (%)": (100 * table["p_underuse"]).round(1),
            "risque de déficit (%)": (100 * table["p_deficit"]).round(1),
            **{
                f"usagers, {said}": table[f"users_{key}"].round(1)
                for key, said in (("q05", "5 %"), ("q50", "médiane"), ("q95", "95 %"))
            },
            "à surveiller": yes(list(table["p_underuse"] > 0.5)),  # noqa: PLR2004 - likelier than not
        }
    ).reset_index(drop=True)
    often = int((table["p_underuse"] > 0.5).sum())  # noqa: PLR2004 - likelier than not
    return StudyTable(
        "Risque par site", rows, f"{often} sites plus souvent sous-utilisés que non", 0.0
    )


def _tornado(sites: pd.DataFrame, levels: Mapping[str, Mapping[str, float]]) -> StudyTable:
    table = risk.tornado(sites, levels=levels, outcome="balance_eur").head(_SHOWN)
    rows = pd.DataFrame(
        {
            "hypothèse": [assumptions.DEFAULTS[str(key)].label for key in table.index],
            "clé": table.index,
            "solde si basse (€ HT/an)": table["at_low"].round().astype(int),
            "solde si haute (€ HT/an)": table["at_high"].round().astype(int),
            "écart (€ HT/an)": table["span"].round().astype(int),
        }
    ).reset_index(drop=True)
    return StudyTable("Hypothèses qui comptent le plus", rows, "solde annuel du réseau", 0.0)
