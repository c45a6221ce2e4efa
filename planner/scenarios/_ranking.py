"""The candidates ranked by what a workshop weighs."""

import time
from collections.abc import Mapping

import numpy as np
import pandas as pd

from planner._errors import InputError
from planner.scenarios._case import Case
from planner.scenarios._table import StudyTable, yes
from planner.scores import CRITERIA, given, ranking, stability

_EVERYONE = "à parts égales"
_COMMUNITY = frozenset("coworking community_centre library cooperative association".split())


def criteria(case: Case) -> pd.DataFrame:
    """Return what each candidate site is scored on.

    Parameters
    ----------
    case
        People, places, minutes.

    Returns
    -------
    DataFrame
        Index site; columns as :data:`planner.scores.CRITERIA`: people, users, premises; noyau and
        employeurs only where flows and jobs are known.
    """
    near = case.minutes.within(case.scenario.mesh_min).astype(float)
    share = case.minutes.minutes.copy()
    share.data = case.rules.decay.share(share.data)
    premises = case.territory.premises
    commune = case.places["commune"]
    here = premises.groupby("commune").size().reindex(commune).fillna(0).to_numpy()
    candidates = case.places.groupby("commune").size().reindex(commune).to_numpy()
    kept = premises[premises["kind"].isin(_COMMUNITY)]
    community = kept.groupby("commune").size().reindex(commune).fillna(0).to_numpy()
    own = case.places["kind"].isin(_COMMUNITY).to_numpy()
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
            "communauté": np.maximum(community - own, 0),
            **known,
        },
        index=case.places.index,
    )


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
    table = criteria(case)
    _check_known(told, table)
    alike = {str(name): 1.0 for name in table}
    weights = given(told or {_EVERYONE: alike})
    if case.scenario.premises_gate:
        table = table[case.places["accessible"].to_numpy(bool)]
    places = max(len(tier), 1)
    found = ranking(table, weights)
    sure = stability(table, weights, places=places).reindex(found.index)
    names = case.places.reindex(found.index)
    rows = pd.DataFrame(
        {
            "rang": found["rank"],
            "identifiant": found.index,
            "nom": names["name"].to_numpy(),
            "code commune": names["commune"].to_numpy(),
            **{str(name): table[name].reindex(found.index).round(1) for name in table},
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
    seconds = time.perf_counter() - began
    return {"classement": StudyTable("Classement des lieux par critères", rows, note, seconds)}
