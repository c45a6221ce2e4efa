"""The candidates ranked by what a workshop weighs."""

import time

import numpy as np
import pandas as pd

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
        Index site; columns as :data:`planner.scores.CRITERIA`: people, users, premises.
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
    return pd.DataFrame(
        {
            "habitants": case.people["residents"].to_numpy(float) @ near,
            "usagers": case.people["users"].to_numpy(float) @ share,
            "services": np.maximum(here - 1, 0),
            "relais": candidates - 1,
            "communauté": np.maximum(community - own, 0),
        },
        index=case.places.index,
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
    weights = given(told or {_EVERYONE: dict.fromkeys(CRITERIA, 1.0)})
    table = criteria(case)
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
            **{name: table[name].reindex(found.index).round(1) for name in CRITERIA},
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
