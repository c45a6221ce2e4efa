"""What the map of a plan shows: the plan itself, and the studies that say more of its sites."""

from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from planner._language import say
from planner.maps._scene import Scene, scene
from planner.travel import BOUNDARY_MIN

if TYPE_CHECKING:
    from planner.plan import Plan


_DIGEST = 12  # characters of the digest that are shown


def of_plan(plan: "Plan") -> Scene:
    """Return what the map of a plan shows.

    Parameters
    ----------
    plan
        With its studies of alternatives and of phasing, where they were asked for.

    Returns
    -------
    Scene
        For :func:`planner.maps.plan_map` or :func:`planner.maps.pieces`.
    """
    scenario, studies = plan.scenario, plan.studies
    opened_by = opens = years = None
    plans = 0
    if "alternatives-sites" in studies:
        rows = studies["alternatives-sites"].rows.set_index("identifiant")
        opened_by, plans = rows["plans qui l’ouvrent"], len(studies["alternatives"].rows)
    if "phasage" in studies:
        opens = studies["phasage"].rows.set_index("identifiant")["année d’ouverture"]
        rows = studies["phasage-annees"].rows.set_index("année")
        years = rows.rename(columns={"sites ouverts": "sites", "usagers": "users"})
    sites = _told(plan.sites, opened_by=opened_by, opens=opens)
    left_out = _told(plan.left_out, opened_by=opened_by)
    frames = {
        "sites": sites.assign(commune=sites["commune_name"]),
        "isochrones": plan.isochrones,
        "communes": plan.communes,
        "roads": plan.roads,
        "uncovered": plan.outside,
        "uncertain": _uncertain(plan.people, mesh_min=scenario.mesh_min),
        "left_out": left_out.assign(commune=left_out["commune_name"]),
        "water": plan.water,
    }
    digest = say("Empreinte des données : {digest}").format(digest=plan.digest[:_DIGEST])
    return scene(
        frames=frames,
        title=say("{title} : scénario « {name} »").format(title=plan.title, name=scenario.name),
        mesh_min=scenario.mesh_min,
        structuring_min=scenario.structuring_min,
        figures=plan.figures(),
        proven=plan.proof,
        estimated=plan.estimated,
        attribution=[*plan.attribution, *plan.notes, digest],
        plans=plans,
        years=years,
        register=plan.sources,
    )


def _told(places: gpd.GeoDataFrame, **columns: pd.Series | None) -> gpd.GeoDataFrame:
    """Return places with what the studies say of each, missing where they say nothing."""
    known = {name: said.reindex(places.index) for name, said in columns.items() if said is not None}
    return places.assign(**known)


def _uncertain(people: gpd.GeoDataFrame, *, mesh_min: float) -> gpd.GeoDataFrame:
    """Return the demand points within the mesh minutes at the fast end of speeds only."""
    limit = mesh_min + BOUNDARY_MIN
    return people[(people["minutes_fast"] <= limit) & (people["minutes_slow"] > limit)]
