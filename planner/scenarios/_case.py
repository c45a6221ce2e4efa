"""One case: what a plan is made from once minutes are known, and the rules that bind it."""

from dataclasses import dataclass, replace
from functools import cached_property

import geopandas as gpd
import pandas as pd
import scipy.sparse as sp

from planner import _format, indicators
from planner.network import RoadNetwork
from planner.rules import Rules, regulars_min, users_seated
from planner.scenarios._scenario import Scenario
from planner.scenarios._shared import Shared
from planner.scenarios._work import NO_WORK, Work
from planner.territory import Territory
from planner.travel import CROW_KPH, TravelTimes

FAR_MIN = 45.0  # how far minutes are looked for where the objective is minutes themselves


@dataclass(frozen=True, eq=False)
class Case:
    """What a plan is made from, once minutes are known.

    Attributes
    ----------
    territory, scenario
        As they were given.
    roads
        None where times are estimates.
    people, places
        Demand points with residents and users; candidate sites.
    minutes
        From people to places.
    between
        From place to place, where the rules ask for spacing.
    shared
        Where roads and minutes are found, and kept for other scenarios.
    work
        Who works where, how far, and what employers would want.
    """

    territory: Territory
    scenario: Scenario
    roads: RoadNetwork | None
    people: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    minutes: TravelTimes
    between: TravelTimes | None
    shared: Shared
    work: Work = NO_WORK

    @cached_property
    def asking(self) -> gpd.GeoDataFrame:
        """Everyone whom sites are chosen for: people, then employers, who have no residents."""
        employers = self.work.employers
        if employers is None:
            return self.people
        users = {name: employers["users"] for name in self.people if name.startswith("users")}
        rows = employers[["commune", "geometry"]].assign(residents=0.0, **users)
        return gpd.GeoDataFrame(pd.concat([self.people, rows.to_crs(self.people.crs)]))

    @cached_property
    def asked(self) -> TravelTimes:
        """Minutes from all of them to places; from employers, to activity zones alone."""
        return self.with_employers(self.minutes, self.employer_minutes)

    def users_by_site(self, tier: pd.Series) -> pd.Series:
        """Return the users of each open site, those whom employers place there among them."""
        expected = self.asking["users"]
        return indicators.users_by_site(self.asked, tier, expected, decay=self.rules.decay)

    @cached_property
    def employer_minutes(self) -> TravelTimes | None:
        """Minutes from employers to activity zones, None where jobs are not known."""
        return self.times_from_employers(self.roads)

    def times_from_employers(
        self, roads: RoadNetwork | None, *, crow_kph: float = CROW_KPH
    ) -> TravelTimes | None:
        """Return minutes from employers to activity zones, on some roads."""
        employers = self.work.employers
        if employers is None:
            return None
        found = self.shared.times(
            roads, self.scenario, employers, self.places, cutoff_min=self.minutes.cutoff_min,
            crow_kph=crow_kph,
        )  # fmt: skip
        pairs = found.minutes.tocoo()
        row, column = pairs.coords
        kept = self.places["corpoworking"].to_numpy(bool)[column]
        matrix = sp.csr_array(
            (pairs.data[kept], (row[kept], column[kept])), shape=found.minutes.shape
        )
        return replace(found, minutes=matrix)

    def with_employers(self, minutes: TravelTimes, employers: TravelTimes | None) -> TravelTimes:
        """Return minutes from people with those from employers below."""
        if employers is None:
            return minutes
        return replace(
            minutes,
            minutes=sp.csr_array(sp.vstack([minutes.minutes, employers.minutes], format="csr")),
            origins=minutes.origins.append(employers.origins),
            unreachable_origins=minutes.unreachable_origins.append(employers.unreachable_origins),
        )

    @cached_property
    def rules(self) -> Rules:
        """What every plan must respect."""
        return rules_of(self.scenario, self.places)

    @cached_property
    def available_year(self) -> dict[str, int]:
        """First year each premises can be had, where the scenario or the territory says one."""
        known = self.places["available_year"].dropna().astype(int)
        return {str(site): int(year) for site, year in known.items()} | dict(
            self.scenario.available_year
        )


def rules_of(scenario: Scenario, places: gpd.GeoDataFrame) -> Rules:
    """Return the rules of a scenario; the corpoworking site only where there is an activity zone.

    Parameters
    ----------
    scenario
        The numbers.
    places
        Candidate sites.

    Returns
    -------
    Rules
        As the model and the certificate read them.
    """
    zones = int((places["corpoworking"] & (places["status"] != "existing")).sum())
    most = {
        "structuring": scenario.structuring_sites,
        "mini": scenario.mini_sites_max,
        "corpoworking": min(scenario.corpoworking_sites_max, zones),
    }
    spacing = {
        "structuring": scenario.structuring_spacing_min,
        "mini": scenario.mini_spacing_min,
    }
    return Rules(
        at_least=most | {"mini": 0},
        at_most=most,
        mesh_min=scenario.mesh_min,
        structuring_min=scenario.structuring_min,
        decay=scenario.decay_curve,
        backup_weight=scenario.backup_weight,
        commune_sites_max=scenario.commune_sites_max,
        spacing_min={tier: minutes for tier, minutes in spacing.items() if minutes > 0},
        invest_max_eur=scenario.invest_max_eur,
        running_max_eur=scenario.running_max_eur,
        commune_invest_max_eur=scenario.commune_invest_max_eur,
        commune_share_min=scenario.commune_share_min,
        mesh_share_min=scenario.mesh_share_min,
        seats=scenario.seats_bind,
        gate=scenario.premises_gate,
        site_users_min=regulars_min(scenario.figures) if scenario.critical_mass else {},
        cost_years=scenario.cost_years,
    )


def seated(scenario: Scenario) -> dict[str, float]:
    """Return how many users a site of each tier can have, by column name."""
    return {
        f"users_seated_{tier}": users_seated(
            seats, days_a_week=scenario.user_days_a_week, peak_factor=scenario.peak_factor
        )
        for tier, seats in scenario.seats.items()
    }


def longest_min(scenario: Scenario) -> float:
    """Return how far minutes from people to places must be known."""
    looked = max(scenario.mesh_min, scenario.structuring_min, scenario.use_until_min)
    return max(looked, FAR_MIN) if scenario.objective in ("minutes", "worst") else looked


def cut_short(roads: RoadNetwork, territory: Territory, scenario: Scenario) -> str:
    """Return a warning, in French, where roads end too near the border; "" where they do not.

    They should go half the mesh minutes beyond the communes, on every side: half out, half back.

    Parameters
    ----------
    roads, territory, scenario
        As they were given.
    """
    west, south, east, north = territory.communes.to_crs(4326).total_bounds
    main = roads.component == 0
    lon, lat = roads.lon[main], roads.lat[main]
    x_km, y_km = (scale / 1000 for scale in roads.plane_scale)
    beyond_km = float(
        min(
            (west - lon.min()) * x_km,
            (lon.max() - east) * x_km,
            (south - lat.min()) * y_km,
            (lat.max() - north) * y_km,
        )
    )
    asked_km = CROW_KPH * scenario.mesh_min / 60 / 2
    if beyond_km >= asked_km:
        return ""
    return (
        f"Routes coupées à {_format.number(max(beyond_km, 0.0), decimals=1)} km du territoire, "
        f"pour {_format.number(asked_km)} km conseillés : les trajets qui passent par "
        "l’extérieur manquent, et des temps sont trop longs."
    )
