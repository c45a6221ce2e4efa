r"""Who lives how far from work: the way from each commune to each workplace, known or estimated.

Minutes and kilometres are those of the roads between the centres of communes. Where the roads do
not go, they are straight lines: crow distance at the crow's speed, and times the crow's ratio.
Within a commune of area :math:`a`, the crow's distance is the mean one to the centre of a disc as
large, :math:`\tfrac{2}{3} \sqrt{a / \pi}`.

Where nobody says who works where, but jobs are known beyond the territory, the :math:`W_i` workers
of each commune are spread over the :math:`E_j` jobs within reach, fewer the longer the way:

.. math::

    T_{ij} = W_i \frac{E_j \, e^{-\beta t_{ij}}}{\sum_k E_k \, e^{-\beta t_{ik}}}

a gravity model constrained at the origins (Wilson 1971). A closed territory would keep all its
workers, and nobody would be far: without jobs outside, nothing is estimated.
"""

import math
from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from planner import routes, travel
from planner._errors import InputError
from planner._tables import listed
from planner.network import RoadNetwork
from planner.travel import BOUNDARY_MIN, MAX_SNAP_M, WALK_KPH

LONGEST_MIN = 120.0
"""Ways that take longer on the roads have no end: minutes are infinite, kilometres unknown."""

USED = (
    "far_employer_min", "commute_max_km", "gravity_per_min", "office_jobs_share",
    "employer_take_up",
)  # fmt: skip
"""Keys of the assumptions that commuting leans on, beside those of the crow."""


def centres(communes: gpd.GeoDataFrame, outside: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the centres of the communes of a territory, and of some outside.

    Parameters
    ----------
    communes
        Index code; centre_lon and centre_lat (degrees), geometry (polygons in a metric CRS).
    outside
        Index code; lon, lat (degrees). Rows without position, and of communes that are the
        territory's own, are left out.

    Returns
    -------
    GeoDataFrame
        Index code, sorted; inside (whether of the territory), within_km (mean crow distance to the
        centre of a commune of the territory, NaN outside), geometry (points, EPSG:4326).
    """
    own = pd.DataFrame(
        {
            "lon": communes["centre_lon"], "lat": communes["centre_lat"], "inside": True,
            "within_km": np.sqrt(communes.area / math.pi) * 2 / 3 / 1000,
        }
    )  # fmt: skip
    rest = outside.loc[~outside.index.isin(communes.index), ["lon", "lat"]].dropna()
    rest = rest[~rest.index.duplicated()].assign(inside=False, within_km=math.nan)
    both = (pd.concat([own, rest]) if len(rest) else own).sort_index().rename_axis("code")
    points = gpd.points_from_xy(both.pop("lon"), both.pop("lat"))
    return gpd.GeoDataFrame(both, geometry=points, crs=4326)


def ways(
    places: gpd.GeoDataFrame,
    *,
    figures: Mapping[str, float],
    roads: RoadNetwork | None = None,
    max_snap_m: float = MAX_SNAP_M,
    walk_kph: float = WALK_KPH,
) -> pd.DataFrame:
    """Return minutes and kilometres from each commune of a territory to each place of work.

    Parameters
    ----------
    places
        As :func:`centres` returns it.
    figures
        Assumptions by key: crow_kph, crow_road_ratio.
    roads
        The network; all ways are estimated without.
    max_snap_m, walk_kph
        As in :func:`planner.travel.times`.

    Returns
    -------
    DataFrame
        Index home, work (codes), sorted; minutes (inf where the roads join both ends, and there is
        no way within `LONGEST_MIN`), km (NaN there), estimated (whether as the crow flies).

    Examples
    --------
    >>> from planner import assumptions, territory
    >>> home = territory.read("saone-beaujolais").communes
    >>> lyon = pd.DataFrame({"lon": [4.835], "lat": [45.758]}, index=["69123"])
    >>> found = ways(centres(home, lyon), figures=assumptions.values())
    >>> found.loc[("69019", "69123"), ["minutes", "km"]].astype(float).round(1).to_list()
    [50.5, 53.4]
    """
    homes = places[places["inside"]]
    crow_km = travel.crow_distances_m(homes, places) / 1000
    same = homes.index.to_numpy()[:, None] == places.index.to_numpy()[None, :]
    crow_km = np.where(same, homes["within_km"].to_numpy(float)[:, None], crow_km)
    minutes, km = crow_km * 60 / figures["crow_kph"], crow_km * figures["crow_road_ratio"]
    guessed = np.ones(km.shape, np.bool_)
    if roads is not None:
        found = travel.times(
            roads, homes, places, cutoff_min=LONGEST_MIN, max_snap_m=max_snap_m, walk_kph=walk_kph
        )
        off_road = places.index.isin(found.unreachable_destinations)
        lost = homes.index.isin(found.unreachable_origins)
        guessed = same | lost[:, None] | off_road[None, :]
        driven_km = np.full(km.shape, np.inf)
        driven_km[:, ~off_road] = routes.road_km(
            roads, homes, places[~off_road], cutoff_min=LONGEST_MIN, max_snap_m=max_snap_m,
            walk_kph=walk_kph,
        )  # fmt: skip
        minutes = np.where(guessed, minutes, found.to_dense())
        driven_km[np.isinf(driven_km) | np.isinf(minutes)] = math.nan
        km = np.where(guessed, km, driven_km)
    pairs = pd.MultiIndex.from_product([homes.index, places.index], names=["home", "work"])
    return pd.DataFrame(
        {"minutes": minutes.ravel(), "km": km.ravel(), "estimated": guessed.ravel()}, index=pairs
    )


def commuters(flows: pd.DataFrame, ways: pd.DataFrame) -> pd.DataFrame:
    """Return the workers of the communes of a territory, each pair with its way.

    Parameters
    ----------
    flows
        Columns home, work (commune codes), workers.
    ways
        As :func:`ways` returns it.

    Returns
    -------
    DataFrame
        Columns home, work, workers, minutes, km, estimated, in the order of `flows`; NaN minutes
        and km, and not estimated, where the place of work has no position.

    Raises
    ------
    InputError
        When workers are no number, 0 or more.
    """
    workers = flows["workers"]
    if not ((workers >= 0) & (workers < np.inf)).all():
        raise InputError("flows: workers: every row needs a number, 0 or more.")
    own = flows[flows["home"].isin(ways.index.get_level_values("home"))]
    table = own[["home", "work", "workers"]].join(ways, on=["home", "work"])
    table["estimated"] = table["estimated"].eq(True)  # nor where there is no way
    return table.reset_index(drop=True)


def is_far(commuters: pd.DataFrame, *, far_min: float) -> pd.Series:
    """Return which commuters have a far employer: by minutes; by département where not known.

    Parameters
    ----------
    commuters
        As :func:`commuters` returns it.
    far_min
        An employer is far beyond these minutes.

    Returns
    -------
    Series
        True or False, index as `commuters`.
    """
    beyond = commuters["minutes"] > far_min + BOUNDARY_MIN
    away = _departement(commuters["home"]) != _departement(commuters["work"])
    return beyond.where(commuters["minutes"].notna(), away).astype(bool)


def _departement(codes: pd.Series) -> pd.Series:
    """Return the département of commune codes; overseas, its three characters."""
    overseas = codes.str.startswith(("97", "98"))
    return codes.str[:2].where(~overseas, codes.str[:3])


def far_minutes_share(commuters: pd.DataFrame, *, far_min: float) -> pd.Series:
    """Return the share of the workers of each commune whose employer is far.

    Parameters
    ----------
    commuters, far_min
        As in :func:`is_far`.

    Returns
    -------
    Series
        Index commune of home, sorted; between 0 and 1, 0 where nobody works.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {"home": ["69019"] * 3, "work": ["69019", "69264", "99999"],
    ...      "workers": [50.0, 30.0, 20.0], "minutes": [4.0, 31.0, float("nan")]}
    ... )
    >>> far_minutes_share(table, far_min=30).to_dict()
    {'69019': 0.5}
    """
    far = commuters["workers"].where(is_far(commuters, far_min=far_min), 0.0)
    return _ratio(far, commuters["workers"], commuters["home"]).fillna(0.0).rename("far")


def work_km(commuters: pd.DataFrame, *, figures: Mapping[str, float]) -> pd.Series:
    r"""Return the mean way to work of those who may telework in each commune.

    Workers count by how many telework, more of those whose employer is far:
    :math:`\sum_j T_{ij} \tau_{ij} k_{ij} / \sum_j T_{ij} \tau_{ij}`, over ways that are known and
    no longer than ``commute_max_km``, beyond which nobody goes and comes in a day.

    Parameters
    ----------
    commuters
        As :func:`commuters` returns it.
    figures
        Assumptions by key.

    Returns
    -------
    Series
        Index commune of home, sorted; km, one way. Communes without a way that counts are absent.

    Examples
    --------
    >>> from planner import assumptions
    >>> table = pd.DataFrame(
    ...     {"home": ["69019"] * 2, "work": ["69019", "69264"], "workers": [78.0, 60.0],
    ...      "minutes": [4.0, 31.0], "km": [3.0, 25.0]}
    ... )
    >>> work_km(table, figures=assumptions.values()).round(6).to_dict()
    {'69019': 14.0}
    """
    far = is_far(commuters, far_min=figures["far_employer_min"])
    take_up = np.where(far, figures["telework_take_up_far"], figures["telework_take_up"])
    table = commuters.assign(weight=commuters["workers"] * take_up)
    table = table[(table["km"] <= figures["commute_max_km"]) & (table["weight"] > 0)]
    return _ratio(table["weight"] * table["km"], table["weight"], table["home"]).rename("work_km")


def _ratio(part: pd.Series, whole: pd.Series, by: pd.Series) -> pd.Series:
    total = whole.groupby(by).sum()
    return (part.groupby(by).sum() / total.where(total > 0)).sort_index()


def gravity(
    jobs: pd.Series, workers: pd.Series, ways: pd.DataFrame, *, per_min: float
) -> pd.DataFrame:
    """Return estimated flows: the workers of each commune over the jobs within reach.

    Parameters
    ----------
    jobs
        By commune of work (index code).
    workers
        Residents who have a job, by commune (index code).
    ways
        As :func:`ways` returns it; pairs without minutes, or without jobs, hold nobody.
    per_min
        By how much the worth of a job falls with each minute.

    Returns
    -------
    DataFrame
        Columns home, work, workers, sorted; the workers of a commune add up to those given.

    Raises
    ------
    InputError
        When a number is none, 0 or more, or workers have no job within reach.

    Examples
    --------
    >>> pairs = pd.MultiIndex.from_tuples([("a", "a"), ("a", "b")], names=["home", "work"])
    >>> way = pd.DataFrame({"minutes": [0.0, 10 * math.log(2)]}, index=pairs)
    >>> found = gravity(pd.Series({"a": 50.0, "b": 100.0}), pd.Series({"a": 80.0}), way, per_min=.1)
    >>> found["workers"].round(6).tolist()
    [40.0, 40.0]
    """
    for name, numbers in (("jobs", jobs), ("workers", workers)):
        bad = numbers.index[~((numbers >= 0) & (numbers < np.inf)).to_numpy()]
        if len(bad):
            raise InputError(f"{name}: a number, 0 or more (not so in {listed(list(bad))}).")
    if not 0 <= per_min < math.inf:
        raise InputError(f"per_min={per_min!r}: give a number, 0 or more.")
    table = ways.reset_index()[["home", "work", "minutes"]]
    table = table.assign(jobs=table["work"].map(jobs))
    table = table[(table["jobs"] > 0) & np.isfinite(table["minutes"])]
    nearest = table["minutes"].groupby(table["home"]).transform("min")
    worth = table["jobs"] * np.exp(-per_min * (table["minutes"] - nearest))
    total = worth.groupby(table["home"]).transform("sum")
    working = workers[workers > 0]
    idle = sorted(set(working.index) - set(table["home"]))
    if idle:
        raise InputError(f"no job within reach of the workers of {listed(idle)}. Add jobs.")
    table = table.assign(workers=table["home"].map(working) * worth / total)
    kept: pd.DataFrame = table.loc[table["workers"] > 0, ["home", "work", "workers"]]
    return kept.sort_values(["home", "work"], ignore_index=True)


def employer_users(jobs: pd.Series, *, figures: Mapping[str, float]) -> pd.Series:
    """Return the users whom employers would place in a corpoworking site at the door of their jobs.

    Parameters
    ----------
    jobs
        By commune of work.
    figures
        Assumptions by key: office_jobs_share, employer_take_up.

    Returns
    -------
    Series
        Index as `jobs`; jobs × share that can be teleworked × share that employers would place.

    Examples
    --------
    >>> from planner import assumptions
    >>> figures = assumptions.values()
    >>> employer_users(pd.Series({"69019": 6_000.0}), figures=figures).round(2).to_dict()
    {'69019': 11.4}
    """
    return (jobs * figures["office_jobs_share"] * figures["employer_take_up"]).rename("users")
