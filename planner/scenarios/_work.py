"""Who works where in a scenario: far employers, the way to work, what employers would want."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from planner import commuting
from planner._format import number
from planner.network import RoadNetwork
from planner.scenarios._scenario import Scenario
from planner.territory import Territory

_NOWHERE = pd.DataFrame({"lon": pd.Series(dtype=float), "lat": pd.Series(dtype=float)})


@dataclass(frozen=True, eq=False)
class Work:
    """Who works where.

    Attributes
    ----------
    far
        Share of workers with a far employer, by commune of home; None where not known.
    km
        Mean way to work, one way, by commune of home; None where not known.
    employers
        Where jobs are known: index id, commune, users whom employers would place in a corpoworking
        site at their door, geometry (points at the centres of communes); else None.
    notes
        What of this is estimated, by which rule, or missing; in French.
    """

    far: pd.Series | None = None
    km: pd.Series | None = None
    employers: gpd.GeoDataFrame | None = None
    notes: tuple[str, ...] = ()


NO_WORK = Work()


def work(territory: Territory, scenario: Scenario, roads: RoadNetwork | None) -> Work:
    """Return who works where, from flows, else from jobs, as far as the territory knows them.

    Parameters
    ----------
    territory
        Its flows and jobs.
    scenario
        The numbers.
    roads
        None where ways are estimated.
    """
    employers = _employers(territory, scenario)
    flows, places = _places(territory)
    said: list[str] = []
    if places is None:
        why = (
            "Flux domicile-travail inconnus"
            if territory.jobs is None
            else "Flux domicile-travail inconnus, et non estimés faute d’emplois hors du territoire"
        )
        median = number(scenario.figures["commute_km"])
        said.append(
            f"{why} : aucun employeur n’est compté comme éloigné, et le trajet vers le travail est "
            f"la médiane de {median} km."
        )
        return Work(None, None, employers, (*said, *_employers_note(employers)))
    ways = commuting.ways(
        places, figures=scenario.figures, roads=roads, max_snap_m=scenario.max_snap_m,
        walk_kph=scenario.walk_kph,
    )  # fmt: skip
    if flows is None:
        flows = _gravity(territory, scenario, ways)
        said.append(
            "Flux domicile-travail estimés par un modèle gravitaire, faute de MOBPRO : actifs "
            "répartis sur les emplois connus, moins sur les plus lointains."
        )
    found = commuting.commuters(flows, ways)
    said.append(_rule_note(found, scenario))
    far = commuting.far_minutes_share(found, far_min=scenario.figures["far_employer_min"])
    km = commuting.work_km(found, figures=scenario.figures)
    return Work(far, km, employers, (*said, *_employers_note(employers)))


def _places(territory: Territory) -> tuple[pd.DataFrame | None, gpd.GeoDataFrame | None]:
    """Return the flows, and where home and work are; None where neither is known."""
    if territory.flows is not None:
        outside = territory.flows.drop_duplicates("work").set_index("work")
        outside = outside.rename(columns={"work_lon": "lon", "work_lat": "lat"})
        outside = outside.reindex(columns=["lon", "lat"]).astype(float)
        return territory.flows, commuting.centres(territory.communes, outside)
    jobs = territory.jobs
    places = commuting.centres(territory.communes, _placed(jobs))
    return None, None if places["inside"].all() else places


def _placed(jobs: pd.DataFrame | None) -> pd.DataFrame:
    return _NOWHERE if jobs is None else jobs.reindex(columns=["lon", "lat"]).astype(float)


def _gravity(territory: Territory, scenario: Scenario, ways: pd.DataFrame) -> pd.DataFrame:
    jobs = territory.jobs if territory.jobs is not None else pd.DataFrame()
    own = jobs.index.intersection(territory.communes.index)
    per_min = scenario.figures["gravity_per_min"]
    return commuting.gravity(jobs["jobs"], jobs.loc[own, "workers"], ways, per_min=per_min)


def _rule_note(found: pd.DataFrame, scenario: Scenario) -> str:
    workers, total = found["workers"], max(float(found["workers"].sum()), 1e-9)
    minutes = found["minutes"].notna()

    def share(rows: pd.Series) -> str:
        return f"{number(100 * float(workers[rows].sum()) / total)} %"

    far = number(scenario.figures["far_employer_min"])
    most = scenario.figures["commute_max_km"]
    return (
        f"Employeur éloigné : à plus de {far} min, par la route pour "
        f"{share(minutes & ~found['estimated'])} des actifs, estimées à vol d’oiseau pour "
        f"{share(found['estimated'])} ; dans un autre département pour {share(~minutes)}, dont le "
        f"lieu de travail n’a pas de position. Trajets de plus de {number(most)} km "
        f"({share(found['km'] > most)} des actifs) laissés hors du trajet moyen."
    )


def _employers(territory: Territory, scenario: Scenario) -> gpd.GeoDataFrame | None:
    """Return where jobs are, and the users whom employers would place."""
    jobs = territory.jobs
    if jobs is None:
        return None
    places = commuting.centres(territory.communes, _placed(jobs))
    found = jobs["jobs"].reindex(places.index).fillna(0.0)
    users = commuting.employer_users(found, figures=scenario.figures)
    kept = (users > 0).to_numpy(bool)
    return gpd.GeoDataFrame(
        {"commune": places.index[kept], "users": users[kept].to_numpy(np.float64)},
        geometry=places.geometry[kept].to_numpy(),
        index=pd.Index("employeurs-" + places.index[kept].astype(str), name="id"),
        crs=places.crs,
    ).to_crs(territory.crs)


def _employers_note(employers: gpd.GeoDataFrame | None) -> tuple[str, ...]:
    if employers is None:
        return ("Emplois inconnus : le corpoworking est placé sans la demande des employeurs.",)
    return (
        (
            "Usagers des employeurs, au corpoworking : emplois aux centres des communes × part "
            "télétravaillable × part que les employeurs y placeraient, supposée ; leur venue "
            "baisse avec les minutes comme celle des habitants."
        ),
    )
