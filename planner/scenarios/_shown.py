"""What readers look at beside the sites: people and their way, and the places that were left."""

from collections.abc import Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from planner import _format, indicators
from planner.candidates import TIERS
from planner.maps._words import TIERS as TIER_WORDS
from planner.scenarios._case import Case
from planner.scenarios._table import StudyTable
from planner.travel import TravelTimes


def people(
    case: Case, tier: pd.Series, served: Mapping[str, pd.Series], *, others: Sequence[TravelTimes]
) -> gpd.GeoDataFrame:
    """Return the demand points with their way to the nearest open site.

    Parameters
    ----------
    case
        People, places, minutes.
    tier
        The plan.
    served
        Which demand points each layer of service reaches.
    others
        Minutes at the slow and the fast end of what is known of speeds, if it is known.

    Returns
    -------
    GeoDataFrame
        Index id; commune (code), residents, users, minutes to the nearest site (infinite where
        none is reached), minutes_slow and minutes_fast (the same at the ends of the range), site
        (its id, empty where none), inside (within the mesh minutes), near_structuring; points,
        EPSG:4326.
    """
    nearest, site = indicators.nearest_site(case.minutes, tier)
    ends = [indicators.nearest_site(minutes, tier)[0] for minutes in others]
    slow, fast = (ends[0], ends[-1]) if ends else (nearest, nearest)
    ids = case.minutes.destinations.to_numpy().astype(object)
    return gpd.GeoDataFrame(
        {
            "commune": case.people["commune"],
            "residents": case.people["residents"],
            "users": case.people["users"],
            "minutes": nearest,
            "minutes_slow": np.maximum(slow, nearest),
            "minutes_fast": np.minimum(fast, nearest),
            "site": np.where(site >= 0, ids[site], "") if len(ids) else "",
            "inside": served["mesh"].reindex(case.people.index).to_numpy(bool),
            "near_structuring": served["structuring"].reindex(case.people.index).to_numpy(bool),
        },
        geometry=case.people.geometry,
        index=case.people.index,
    ).to_crs(4326)


def left_out(
    case: Case, tier: pd.Series, people: pd.DataFrame, *, studies: Mapping[str, StudyTable]
) -> gpd.GeoDataFrame:
    """Return the candidate sites that the plan does not open, and why.

    Parameters
    ----------
    case
        People, places, minutes.
    tier
        The plan.
    people
        As :func:`people` returns them.
    studies
        Tables of the studies that were asked for; that of what it would cost to impose a place
        says more than its count of residents.

    Returns
    -------
    GeoDataFrame
        Index id, sorted; name, kind, commune (code), commune_name, tiers (what it could be, in
        French), gain (residents that it alone would bring within the mesh minutes), why (a
        sentence), geometry (points, EPSG:4326).
    """
    premises = case.territory.premises
    forbidden = premises[premises.index.isin(case.scenario.forbidden)]
    places = case.places[~case.places.index.isin(tier.index)]
    gain = _gain(case, people).reindex(places.index)
    imposed = _imposed(studies)
    full = _full(case, tier)
    why = [
        _why(case, place, round(float(gain[place])), full=full, imposed=imposed)
        for place in places.index
    ]
    rows = pd.concat(
        [
            places[["name", "kind", "commune", "geometry"]].assign(
                tiers=_could_be(places), gain=gain.round(2), why=why
            ),
            forbidden[["name", "kind", "commune", "geometry"]].assign(
                tiers="", gain=0.0, why="Écarté par le scénario."
            ),
        ]
    ).sort_index()
    names = case.territory.communes["name"].reindex(rows["commune"]).to_numpy()
    told = rows.assign(commune_name=names)
    columns = ["name", "kind", "commune", "commune_name", "tiers", "gain", "why", "geometry"]
    return gpd.GeoDataFrame(told[columns], crs=case.places.crs).to_crs(4326)


def _gain(case: Case, people: pd.DataFrame) -> pd.Series:
    """Return the residents that each place alone would bring within the mesh minutes."""
    outside = people["residents"].to_numpy(float) * ~people["inside"].to_numpy(bool)
    near = case.minutes.within(case.scenario.mesh_min).astype(np.float64)
    return pd.Series(outside @ near, index=case.minutes.destinations)


def _full(case: Case, tier: pd.Series) -> set[str]:
    """Return the tiers of which the plan has as many new sites as it may."""
    new = tier[(case.places.loc[tier.index, "status"] != "existing").to_numpy()]
    return {one for one in TIERS if int((new == one).sum()) >= case.rules.at_most.get(one, 0)}


def _could_be(places: pd.DataFrame) -> list[str]:
    return [
        ", ".join(TIER_WORDS[one].one.lower() for one in TIERS if row[one])
        for _, row in places.iterrows()
    ]


def _imposed(studies: Mapping[str, StudyTable]) -> dict[str, str]:
    """Return what it would cost to impose a place, where that was studied."""
    table = studies.get("ecartes")
    if table is None:
        return {}
    found = {}
    for row in table.rows.to_dict("records"):
        if row["possible"] != "oui":
            said = "L’imposer n’est pas possible dans ce scénario."
        else:
            lost = _format.number(max(float(row["habitants perdus"]), 0.0))
            sure = "prouvé" if row["prouvé"] == "oui" else "au plus, non prouvé"
            said = f"L’imposer ferait perdre {lost} habitants desservis ({sure})."
        found[str(row["identifiant"])] = said
    return found


def _why(case: Case, place: str, gain: int, *, full: set[str], imposed: Mapping[str, str]) -> str:
    row = case.places.loc[place]
    if case.scenario.premises_gate and not row["accessible"]:
        return "Local qui ne peut être obtenu, ou où l’on ne peut entrer."
    mesh = _format.minutes(case.scenario.mesh_min)
    if gain == 0:
        said = f"Tous les habitants à {mesh} de ce lieu le sont déjà d’un site du réseau."
    else:
        said = f"Ajouté au réseau, il mettrait {_format.people(gain)} de plus à {mesh} d’un site"
        tiers = {one for one in TIERS if row[one]}
        said += (
            ", mais le nombre de sites est atteint."
            if tiers <= full
            else ", mais une autre règle du scénario l’écarte (coût, espacement, commune, masse "
            "critique)."
        )
    return f"{said} {imposed[place]}" if place in imposed else said
