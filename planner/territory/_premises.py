"""The premises of a territory: from OpenStreetMap, from a table, and one to find per commune."""

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from planner._tables import refuse
from planner.sources import osm
from planner.territory._model import EXTRA_LAYERS, FACTS, LAYERS
from planner.territory._places import centres, commune_of
from planner.territory._write import rounded

MAX_FROM_COMMUNE_M = 2_000.0
"""How far from its commune's contour a premises of a table may be: contours can be approximate."""

DOUBLE_M = 100.0
"""Two premises of the same kind closer than this, from two publishers, are taken to be one."""

_COLUMNS = [*LAYERS["premises"].columns, "geometry"]


def premises_from_osm(extract: osm.Extract, communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return shops, cafés, public facilities and activity zones inside the communes.

    A coworking is ``existing``, everything else a ``candidate``. An object that is both a
    premises and an activity zone is the zone.

    Parameters
    ----------
    extract
        What `planner.sources.osm.read` returned.
    communes
        The communes, in the metric CRS.

    Returns
    -------
    GeoDataFrame
        The premises layer, in the CRS of the communes.
    """
    zones = osm.activity_zones(extract, crs=communes.crs)
    others = extract.premises.to_crs(communes.crs)
    frame = rounded(pd.concat([zones, others[~others.index.isin(zones.index)]]))
    frame["commune"] = commune_of(frame.geometry, communes)
    frame["status"] = (frame["kind"] == "coworking").map({True: "existing", False: "candidate"})
    frame["source"] = f"OpenStreetMap {extract.date}".strip()
    return frame.loc[frame["commune"] != "", _COLUMNS]


def premises_from_table(table: pd.DataFrame, communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the premises of a table, in the CRS of the communes.

    Parameters
    ----------
    table
        What `planner.sources.tables.read_premises` returned.
    communes
        The communes, in the metric CRS.

    Returns
    -------
    GeoDataFrame
        The premises layer, with those of `FACTS` that are known of one.

    Raises
    ------
    InputError
        With every premises whose commune is unknown, or that is far from its commune.
    """
    frame = _placed(table, communes, what="premises")
    known = [fact for fact in FACTS if _known(frame[fact]).any()]
    return frame[[*_COLUMNS, *known]]


def establishments_from_table(table: pd.DataFrame, communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the establishments of a table, in the CRS of the communes.

    Parameters
    ----------
    table
        What `planner.sources.tables.read_establishments` returned.
    communes
        The communes, in the metric CRS.

    Returns
    -------
    GeoDataFrame
        The establishments layer.

    Raises
    ------
    InputError
        As `premises_from_table`.
    """
    columns = [*EXTRA_LAYERS["establishments"].columns, "geometry"]
    return _placed(table, communes, what="establishments")[columns]


def _placed(table: pd.DataFrame, communes: gpd.GeoDataFrame, *, what: str) -> gpd.GeoDataFrame:
    points = gpd.points_from_xy(table["lon"], table["lat"], crs="EPSG:4326")
    frame = rounded(gpd.GeoDataFrame(table, geometry=points).set_index("id").to_crs(communes.crs))
    refuse(what, list(_astray(frame, communes)))
    return frame


def without_doubles(frame: gpd.GeoDataFrame, known: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the premises of a frame that are not already known: same kind, within `DOUBLE_M`.

    Parameters
    ----------
    frame, known
        Premises layers in one metric CRS.

    Returns
    -------
    GeoDataFrame
        The rows of `frame` that are kept.
    """
    tree = shapely.STRtree(known.geometry.to_numpy())
    ours, theirs = tree.query(frame.geometry.to_numpy(), predicate="dwithin", distance=DOUBLE_M)
    same = frame["kind"].to_numpy()[ours] == known["kind"].to_numpy()[theirs]
    return frame[~np.isin(np.arange(len(frame)), ours[same])]


def with_facts(known: gpd.GeoDataFrame, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return premises with what a table says of their doubles, see `without_doubles`.

    Parameters
    ----------
    known, frame
        Premises layers in one metric CRS; `frame` is that of the table.

    Returns
    -------
    GeoDataFrame
        `known`, with the facts of their first double in the table.
    """
    facts = [fact for fact in FACTS if fact in frame]
    if not facts:
        return known
    tree = shapely.STRtree(frame.geometry.to_numpy())
    ours, theirs = tree.query(known.geometry.to_numpy(), predicate="dwithin", distance=DOUBLE_M)
    same = known["kind"].to_numpy()[ours] == frame["kind"].to_numpy()[theirs]
    pairs = sorted(zip(ours[same], theirs[same], strict=True), reverse=True)
    told = known.copy()
    for fact in facts:
        values = np.full(len(known), np.nan if FACTS[fact] is float else "", dtype=object)
        for here, there in pairs:
            values[here] = frame[fact].iloc[there]
        told[fact] = values
    return told.astype({fact: FACTS[fact] for fact in facts})


def _known(values: pd.Series) -> pd.Series:
    return values.notna() & (values != "")


def hosts_to_confirm(communes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return one host to be confirmed at the centre of each commune.

    Many communes have no shop left, and many town halls are on no map: this is the room that the
    commune would have to find.

    Parameters
    ----------
    communes
        The communes, in the metric CRS.

    Returns
    -------
    GeoDataFrame
        The premises layer; ids ``h-<code>``, kind ``host_to_confirm``, status ``to_confirm``.
    """
    frame = gpd.GeoDataFrame(
        {
            "name": [f"Local à confirmer – {name}" for name in communes["name"]],
            "kind": "host_to_confirm",
            "commune": communes.index,
            "status": "to_confirm",
            "source": "hypothèse du planificateur",
        },
        geometry=centres(communes).to_numpy(),
        index=pd.Index([f"h-{code}" for code in communes.index], name="id"),
        crs=communes.crs,
    )
    return frame[_COLUMNS]


def _astray(frame: gpd.GeoDataFrame, communes: gpd.GeoDataFrame) -> Iterator[str]:
    for i, code, point in zip(frame.index, frame["commune"], frame.geometry, strict=True):
        if code not in communes.index:
            yield f"{i}: its commune {code} is not in the territory. Correct it, or remove the row."
        elif (metres := communes.geometry[code].distance(point)) > MAX_FROM_COMMUNE_M:
            yield (
                f"{i}: {metres / 1000:.1f} km from its commune {communes['name'][code]}. Correct "
                "lon and lat, or the commune."
            )
