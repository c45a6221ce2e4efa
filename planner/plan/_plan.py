"""A plan as a value."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd

from planner import _format, commuting, demand, ledger, maps, mobility, risk
from planner._errors import InputError
from planner._files import replacing
from planner._format import Figure
from planner._html import framed, tag
from planner._language import say
from planner.assumptions import DEFAULTS, used
from planner.certificate import Certificate
from planner.coverage import Stage
from planner.plan import _files
from planner.plan._files import ACCOUNTS, FILES
from planner.plan._folder import check_folder
from planner.spreadsheets import assumptions_sheet

if TYPE_CHECKING:
    from planner.scenarios import Scenario, StudyTable

_USED = (
    *demand.USED, *commuting.USED, *ledger.USED, *mobility.USED, *risk.DRAWN, *risk.FIXED,
    "mesh_min", "structuring_min", "structuring_sites", "mini_sites_max",
    "corpoworking_sites_max", "structuring_seats", "mini_seats", "corpoworking_seats",
    "bourg_min_population", "decay_half_min", "decay_slope_min", "use_until_min", "walk_kph",
    "max_snap_m", "crow_kph", "crow_road_ratio",
)  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """A network of sites, what it gives, and how sure it is.

    Attributes
    ----------
    territory, title
        Name of the territory, and how people call it.
    scenario
        Every number the plan was asked with.
    sites
        Index id; name, tier, kind, commune (code), commune_name, status, seats, residents_mesh,
        users, critical_mass (whether they are as many as its tier needs), base_community (those who
        could telework for a far employer within the living area; NaN where flows are not known),
        employer_users (of a corpoworking site; NaN elsewhere and where jobs are not known; in no
        other count of users), geometry (points, EPSG:4326).
    communes
        Coverage by commune, see :func:`planner.indicators.by_commune`; EPSG:4326.
    isochrones
        Columns site, tier, minutes, geometry; EPSG:4326.
    people
        Demand points with their way to the nearest site: commune (code), residents, users,
        minutes (infinite where none is reached), minutes_slow, minutes_fast, site (id, or empty),
        inside (the mesh minutes), near_structuring; EPSG:4326.
    left_out
        Candidate sites that are not opened: name, kind, commune, commune_name, tiers, gain
        (residents), why (a French sentence), geometry; EPSG:4326.
    roads
        Lines with their class (highway), or None where times are estimates.
    water
        Rivers, canals and lakes, lines and areas of the file of roads; None where there is none.
    ledger
        Money by payer, commune and year, see :func:`planner.ledger.entries`.
    indicators
        Headline figures by name.
    ranges
        The same figures, lowest and highest, when the same sites are reached at the slow and the
        fast end of what is known of speeds.
    assumed
        How often each assumption was made in reading the roads.
    certificate
        The independent check.
    stages
        The layers of the optimum.
    sources
        The register of the territory.
    attribution
        What must be credited.
    digest
        Of the territory.
    notes
        What a reader must know: estimates, places beyond the roads.
    estimated
        Whether times are estimates.
    seconds
        By stage of the run; never written, as outputs are the same bytes every time.
    studies
        Tables of what was asked beside the plan, by the name of their file.
    accounts
        Tables of money, trips and risk, by the name of their file, as `ACCOUNTS`.
    """

    territory: str
    title: str
    scenario: "Scenario"
    sites: gpd.GeoDataFrame = field(repr=False)
    communes: gpd.GeoDataFrame = field(repr=False)
    isochrones: gpd.GeoDataFrame = field(repr=False)
    people: gpd.GeoDataFrame = field(repr=False)
    left_out: gpd.GeoDataFrame = field(repr=False)
    roads: gpd.GeoDataFrame | None = field(repr=False)
    water: gpd.GeoDataFrame | None = field(repr=False)
    indicators: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]] = field(repr=False)
    assumed: Mapping[str, int] = field(repr=False)
    certificate: Certificate = field(repr=False)
    stages: tuple[Stage, ...] = field(repr=False)
    sources: pd.DataFrame = field(repr=False)
    attribution: tuple[str, ...] = field(repr=False)
    digest: str = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)
    estimated: bool
    seconds: Mapping[str, float] = field(repr=False)
    ledger: pd.DataFrame = field(repr=False)
    accounts: "Mapping[str, StudyTable]" = field(repr=False)
    studies: "Mapping[str, StudyTable]" = field(default_factory=dict, repr=False)

    @property
    def outside(self) -> gpd.GeoDataFrame:
        """Demand points beyond the mesh minutes of every site."""
        return self.people[~self.people["inside"]]

    @property
    def proven(self) -> bool:
        """Whether every stage of the optimum is proven."""
        return self.certificate.proven

    @property
    def proof(self) -> str:
        """How sure the plan is, in French words for every map and table."""
        if self.proven:
            sure, all_goals = len(self.certificate.independent), len(self.certificate.value)
            if sure == all_goals:
                return say("Optimum prouvé, revérifié sans le solveur")
            told = say("Optimum prouvé (objectifs revérifiés sans le solveur : {sure} sur {all})")
            return told.format(sure=sure, all=all_goals)
        widest = max(self.certificate.gap.values(), default=0.0)
        return say("Optimum non prouvé : écart d’au plus {gap}").format(gap=_format.percent(widest))

    def figures(self) -> list[Figure]:
        """Return the headline figures in French: label, value, and the range speeds leave it."""
        mesh = _format.minutes(self.scenario.mesh_min)
        far = _format.minutes(self.scenario.structuring_min)
        return [
            self._figure(
                say("Habitants à {time} d’un site").format(time=mesh), "share_mesh", _format.percent
            ),
            self._figure(
                say("Habitants à {time} d’un site structurant").format(time=far),
                "share_structuring",
                _format.percent,
            ),
            self._figure(
                say("Habitants à plus de {time}").format(time=mesh),
                "residents_outside",
                _format.headcount,
            ),
            self._users(),
            Figure(say("Sites du réseau"), _format.number(len(self.sites))),
        ]

    def _figure(self, label: str, key: str, written: Callable[[float], str]) -> Figure:
        """Return a figure with the range that speeds leave it, where there is one."""
        low, high = (written(value) for value in self.ranges[key])
        told = say("de {low} à {high}").format(low=low, high=high)
        doubt = f"{told} {self._speeds()}" if low != high else ""
        return Figure(label, written(self.indicators[key]), doubt)

    def _users(self) -> Figure:
        """Return the users with the range of demand, far wider than that of speeds."""
        low, now, high = (
            _format.headcount(self.indicators[key]) for key in ("users_low", "users", "users_high")
        )
        told = say("de {low} à {high} selon la demande").format(low=low, high=high)
        doubt = told if low != high else ""
        return Figure(say("Usagers attendus (hypothèse)"), now, doubt)

    def assumptions(self) -> pd.DataFrame:
        """Return the assumptions that the plan leans on, see :func:`planner.assumptions.used`."""
        return used(_USED, self.scenario.changes)

    def _speeds(self) -> str:
        """Return what a range is due to, so that it is not read as the whole doubt."""
        if not self.estimated:
            return say("selon les vitesses supposées")
        crow = DEFAULTS["crow_kph"]
        low, high = _format.number(crow.low), _format.number(crow.high)
        return say("pour {low} à {high}\N{NO-BREAK SPACE}km/h à vol d’oiseau").format(
            low=low, high=high
        )

    def map(self) -> str:
        """Return the map as one autonomous HTML page."""
        return maps.plan_map(maps.of_plan(self))

    def map_pieces(self) -> maps.Pieces:
        """Return the same map in parts, to be put inside another page."""
        return maps.pieces(maps.of_plan(self))

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the five figures with their ranges, and the map."""
        figures = (
            tag("li", f"{name} : ", tag("b", value), f" ({doubt})" if doubt else "")
            for name, value, doubt in self.figures()
        )
        return tag("div", tag("ul", *figures), framed(self.map(), title=self.title))

    def files(self) -> dict[str, bytes]:
        """Return the files of the plan by name: map, tables and the whole as JSON, which is first.

        The same plan gives the same bytes.
        """
        texts = (
            _files.whole(self),
            _files.sites_csv(self),
            _files.communes_csv(self),
            self.map(),
        )
        tables = {name: self.accounts[name] for name in ACCOUNTS}
        contents = [
            *map(str.encode, texts),
            assumptions_sheet(self.scenario.changes),
            *(_files.study_csv(self, table) for table in tables.values()),
        ]
        files = dict(zip(FILES, contents, strict=True))
        return files | {
            f"{name}.csv": _files.study_csv(self, self.studies[name])
            for name in sorted(self.studies)
        }

    def save(
        self,
        folder: Path | str,
        *,
        beside: Mapping[str, bytes] = MappingProxyType({}),
        overwrite: bool = False,
    ) -> Path:
        """Write the plan into a folder: map, tables and the whole as JSON.

        All is written beside what is there before any of it takes its place, the JSON last.

        Parameters
        ----------
        folder
            Where to write. An earlier plan there is replaced.
        beside
            Other files to write with it, such as :func:`planner.dossier.files` gives.
        overwrite
            Write even into a folder that holds something else.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InputError
            When the folder is a file, holds something that is no plan, or cannot be written.
        """
        folder = Path(folder)
        check_folder(folder, overwrite=overwrite)
        files = {**self.files(), **beside}
        try:
            with contextlib.ExitStack() as last_comes_first:
                for name, content in files.items():
                    temporary = last_comes_first.enter_context(replacing(folder / name))
                    temporary.write_bytes(content)
        except OSError as error:
            raise InputError(f"{folder}: could not be written ({error}).") from error
        return folder
