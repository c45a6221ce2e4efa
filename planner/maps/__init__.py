"""Maps that elected members open with no network: the only module that imports Folium.

::

    plan_scene ── _scene    the input, checked, in the order it is shown; `of_plan` that of a plan
    pieces     ── _layers   the Folium map: `_base` lies under, `_reach`, `_marks` are clicked
               ── _panel    what stands around: legend, tables, sources
    plan_map   ── _page     the document, autonomous and closed to any other script

Shapes are in `_shapes`, names and looks in `_words`, cards and labels in `_cards`. All text passes
`planner._html`.
"""

from collections.abc import Sequence

import geopandas as gpd
import pandas as pd

from planner.maps import _page, _scene
from planner.maps._pieces import Pieces, pieces
from planner.maps._plan import of_plan
from planner.maps._scene import Scene


def plan_scene(  # noqa: PLR0913 - a map has this many parts; all are named in the call
    *,
    title: str,
    sites: gpd.GeoDataFrame,
    isochrones: gpd.GeoDataFrame,
    communes: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | None,
    uncovered: gpd.GeoDataFrame | None,
    uncertain: gpd.GeoDataFrame | None = None,
    left_out: gpd.GeoDataFrame | None = None,
    water: gpd.GeoDataFrame | None = None,
    mesh_min: float,
    structuring_min: float,
    figures: Sequence[tuple[str, str] | tuple[str, str, str]],
    proven: str,
    estimated: bool,
    attribution: Sequence[str],
    plans: int = 0,
    years: pd.DataFrame | None = None,
    register: pd.DataFrame | None = None,
) -> Scene:
    """Return what a plan's map shows, checked and ready to be drawn.

    Parameters
    ----------
    title
        What the page is called, territory and scenario.
    sites
        Points, index = site id; `name`, `tier` ("structuring", "mini" or "corpoworking"), `kind`,
        `commune` (its name), `status`, `seats`, `residents_mesh` (residents within `mesh_min`),
        maybe `opened_by` (how many of the plans compared open it) and `opens` (its year).
    isochrones
        Polygons; `site`, `tier`, `minutes`. Those of `mesh_min` are drawn by tier, others for all
        sites together.
    communes
        Polygons, or points where no boundary is known, index = code; `name`, `population`, maybe
        `centre_lon` and `centre_lat` (degrees, where the name stands),
        `covered_mesh` and `covered_structuring` (residents), `share_mesh` and
        `share_structuring` (0-1, missing where nobody lives).
    roads
        Lines with their `highway` class; None where there is no road file.
    uncovered
        Points with their `residents`, more than `mesh_min` from every site; or None.
    uncertain
        Points with their `residents`, within `mesh_min` of a site at one end of what is known of
        speeds and beyond it at the other; or None.
    left_out
        Points that the plan does not open: `name`, `kind`, `commune` (its name), `tiers` (what it
        could be), `gain` (residents it alone would add), `why`, maybe `opened_by`; or None.
    water
        Lines and areas; or None.
    mesh_min, structuring_min
        Minutes to any site, and to a structuring site, within which a resident is covered.
    figures
        Headline figures, already formatted: label, value and maybe the doubt there is about it.
    proven
        Whether the plan is proven optimal, in words.
    estimated
        Whether times are estimates; the page then says so everywhere it shows a time.
    attribution
        The sources, one line each.
    plans
        How many plans nearly as good were compared, this one included; 0 where none were.
    years
        Index year from 1, the last is the plan: `sites` open and `users` of the year; None where
        the plan has no years.
    register
        The sources with what they leave in doubt: `what`, `source`, `date`, `licence`, `status`
        ("sourced", "derived" or "assumption"), `note`; None leaves them out.

    Returns
    -------
    Scene
        For :func:`plan_map` or :func:`pieces`.

    Raises
    ------
    InputError
        When a frame lacks a column or a coordinate reference system, has a geometry that cannot
        be drawn or an unknown tier, an isochrone belongs to no site, or a site opens in no year.
    """
    frames = {
        "sites": sites,
        "isochrones": isochrones,
        "communes": communes,
        "roads": roads,
        "uncovered": uncovered,
        "uncertain": uncertain,
        "left_out": left_out,
        "water": water,
    }
    return _scene.scene(
        frames=frames,
        title=title,
        mesh_min=mesh_min,
        structuring_min=structuring_min,
        figures=figures,
        proven=proven,
        estimated=estimated,
        attribution=attribution,
        plans=plans,
        years=years,
        register=register,
    )


def plan_map(scene: Scene) -> str:
    """Return a plan's map as one HTML page that loads nothing and runs no script but ours.

    Parameters
    ----------
    scene
        As :func:`plan_scene` gives it.

    Returns
    -------
    str
        The whole HTML text; the same scene gives the same text.
    """
    return _page.written(scene, pieces(scene))


__all__ = ["Pieces", "Scene", "of_plan", "pieces", "plan_map", "plan_scene"]
