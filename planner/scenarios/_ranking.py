"""The candidates ranked by what a workshop weighs, and the community each would find."""

import time
from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from planner import _format
from planner._errors import InputError
from planner.scenarios._case import Case
from planner.scenarios._table import StudyTable, yes
from planner.scores import COMMUNITY, CRITERIA, community, given, premises, ranking, stability

_EVERYONE = "à parts égales"
_SHARES = ("communauté", "local")
_STATES = {"light": "léger", "medium": "moyen", "heavy": "lourd"}
_UNKNOWN = "inconnu"
_OF_SIRENE = ("cooperatives", "associations")
_PARTS = {
    "cooperatives": "coopératives à {}",
    "associations": "associations à {}",
    "places": "tiers-lieux, France services, bibliothèques à {}",
    "shops": "cafés et commerces à {}",
}


def criteria(case: Case, around: pd.DataFrame, rooms: pd.DataFrame) -> pd.DataFrame:
    """Return what each candidate site is scored on.

    Parameters
    ----------
    case
        People, places, minutes.
    around
        From :func:`around`.
    rooms
        From :func:`planner.scores.premises`.

    Returns
    -------
    DataFrame
        Index site; columns as :data:`planner.scores.CRITERIA`: people, users, premises, and
        shares for the community and the room; noyau and employeurs only where flows and jobs are
        known.
    """
    near = case.minutes.within(case.scenario.mesh_min).astype(float)
    share = case.minutes.minutes.copy()
    share.data = case.rules.decay.share(share.data)
    commune = case.places["commune"]
    here = case.territory.premises.groupby("commune").size().reindex(commune).fillna(0).to_numpy()
    candidates = case.places.groupby("commune").size().reindex(commune).to_numpy()
    known: dict[str, pd.Series | np.ndarray] = {}
    if case.work.far is not None:
        known["noyau"] = base_community(case)
    if (reach := case.employer_minutes) is not None and case.work.employers is not None:
        come = reach.minutes.copy()
        come.data = case.rules.decay.share(come.data)
        known["employeurs"] = case.work.employers["users"].to_numpy(float) @ come
    return pd.DataFrame(
        {
            "habitants": case.people["residents"].to_numpy(float) @ near,
            "usagers": case.people["users"].to_numpy(float) @ share,
            "services": np.maximum(here - 1, 0),
            "relais": candidates - 1,
            "communauté": around["score"].to_numpy(),
            "local": rooms["score"].to_numpy(),
            **known,
        },
        index=case.places.index,
    )


def around(case: Case) -> pd.DataFrame:
    """Return the community within the living area of each candidate, itself left out.

    Parameters
    ----------
    case
        Places, premises, and establishments where they are known; `structuring_min` minutes are the
        living area.

    Returns
    -------
    DataFrame
        As :func:`planner.scores.community`, without cooperatives and associations where SIRENE
        was not read.
    """
    home = case.territory
    frames = [home.premises[["kind", "geometry"]]]
    if home.establishments is not None:
        frames.append(home.establishments[["kind", "geometry"]])
    every = gpd.GeoDataFrame(pd.concat(frames, keys=range(len(frames))), crs=home.crs)
    every.index = [f"{layer}-{i}" for layer, i in every.index]
    every = every[every["kind"].isin(frozenset().union(*COMMUNITY.values()))].sort_index()
    known = [p for p in COMMUNITY if home.establishments is not None or p not in _OF_SIRENE]
    counts = pd.DataFrame(0, case.places.index, known)
    if len(every):
        cutoff = case.scenario.structuring_min
        reach = case.shared.times(case.roads, case.scenario, case.places, every, cutoff_min=cutoff)
        near = reach.within(cutoff).astype(np.int64)
        for part in known:
            of_it = every["kind"].isin(COMMUNITY[part]).to_numpy(np.int64)
            own = case.places["kind"].isin(COMMUNITY[part]).to_numpy(np.int64)
            counts[part] = np.maximum(near @ of_it - own, 0)
    return community(counts, figures=case.scenario.figures)


def base_community(case: Case) -> pd.Series:
    """Return those who could telework, with a far employer, in the living area of each candidate.

    Parameters
    ----------
    case
        People, places, minutes.

    Returns
    -------
    Series
        People by site, within `structuring_min` of it; NaN where nobody knows who works where.
    """
    near = case.minutes.within(case.scenario.structuring_min).astype(float)
    return pd.Series(case.people["base"].to_numpy(float) @ near, index=case.places.index)


def _check_known(told: Mapping[str, Mapping[str, float]], table: pd.DataFrame) -> None:
    weighed = {name for rows in told.values() for name, weight in rows.items() if weight > 0}
    lost = [name for name in CRITERIA if name in weighed - set(table)]
    if lost:
        raise InputError(
            f"weights: {', '.join(lost)} cannot be scored: the territory has no flows (noyau) or "
            "no jobs (employeurs). Leave it out, or build the territory with --flows and --jobs."
        )


def ranked(case: Case, tier: pd.Series) -> dict[str, StudyTable]:
    """Return the candidates that may be had, by rank, and how sure it is.

    Parameters
    ----------
    case
        People, places, minutes, weights.
    tier
        The plan.
    """
    began = time.perf_counter()
    told = {group: dict(rows) for group, rows in case.scenario.weights}
    community_of = around(case)
    figures, years = case.scenario.figures, case.scenario.years
    rooms = premises(case.places, figures=figures, years=years)
    table = criteria(case, community_of, rooms)
    _check_known(told, table)
    alike = {str(name): 1.0 for name in table}
    weights = given(told or {_EVERYONE: alike})
    if case.scenario.premises_gate:
        table = table[case.places["accessible"].to_numpy(bool)]
    places = max(len(tier), 1)
    found = ranking(table, weights)
    sure = stability(table, weights, places=places).reindex(found.index)
    names = case.places.reindex(found.index)
    parts = community_of.reindex(found.index)
    rows = pd.DataFrame(
        {
            "rang": found["rank"],
            "identifiant": found.index,
            "nom": names["name"].to_numpy(),
            "code commune": names["commune"].to_numpy(),
            **{
                str(name): table[name].reindex(found.index).round(3 if name in _SHARES else 1)
                for name in table
            },
            **{
                label.format(_format.minutes(case.scenario.structuring_min)): parts[part]
                for part, label in _PARTS.items()
                if part in parts
            },
            **_room(names, rooms.reindex(found.index)),
            **{
                f"note, {group}": found[f"score_{group}"].round(3)
                for group in weights.weights.index
            },
            "note": found["score"].round(3),
            "meilleur rang d’un groupe": found["rank_best"],
            "pire rang d’un groupe": found["rank_worst"],
            f"parmi les {places} premiers (% des tirages)": (100 * sure["kept"]).round(1),
            "dans le plan": yes(list(found.index.isin(tier.index))),
        }
    ).reset_index(drop=True)
    firm = int((sure["kept"] > 0.95).sum())  # noqa: PLR2004 - nearly always
    note = (
        f"{len(weights.weights)} groupe(s) ; {firm} lieux parmi les {places} premiers dans 95 % "
        "des tirages de poids"
    )
    if case.territory.establishments is None:
        note += " ; communauté sans coopératives ni associations : Sirene n’a pas été lu"
    seconds = time.perf_counter() - began
    return {"classement": StudyTable("Classement des lieux par critères", rows, note, seconds)}


def _room(places: pd.DataFrame, rooms: pd.DataFrame) -> dict[str, list[str]]:
    """Return what is known of each room, as readers see it."""
    share = [
        _UNKNOWN if np.isnan(one) else _format.percent(one, decimals=0) for one in rooms["area"]
    ]
    years = places["available_year"]
    return {
        "local accessible": yes(rooms["accessible"]),
        "local public ou coworking ouvert": yes(rooms["public"] > 0),
        "travaux du local": [_STATES.get(state, _UNKNOWN) for state in places["state"]],
        "surface du local devant le besoin": share,
        "local disponible en année": [
            _UNKNOWN if np.isnan(year) else f"{year:.0f}" for year in years
        ],
    }
