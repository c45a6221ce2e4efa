"""A plan as a value, and the files it is handed over in."""

import contextlib
import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from planner import _format, commuting, demand, ledger, maps, mobility, risk
from planner._errors import InputError
from planner._files import existing_file, replacing, safe_cell
from planner._format import Figure
from planner._html import framed, tag
from planner._language import say
from planner.assumptions import DEFAULTS, used
from planner.certificate import Certificate
from planner.coverage import Stage
from planner.maps._words import KINDS, status_words
from planner.maps._words import TIERS as TIER_WORDS
from planner.spreadsheets import assumptions_sheet

if TYPE_CHECKING:
    from planner.scenarios import Scenario, StudyTable

ACCOUNTS = (
    "budget", "budget-communes", "exploitation", "mobilite", "risque", "risque-sites",
    "risque-hypotheses",
)  # fmt: skip
FILES = (
    "plan.json", "sites.csv", "communes.csv", "carte.html", "hypotheses.xlsx",
    *(f"{name}.csv" for name in ACCOUNTS),
)  # fmt: skip
FORMAT = "planner-plan-1"
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
        texts = (_json(self), _sites_csv(self), _communes_csv(self), self.map())
        tables = {name: self.accounts[name] for name in ACCOUNTS}
        contents = [
            *map(str.encode, texts),
            assumptions_sheet(self.scenario.changes),
            *(_study_csv(self, table) for table in tables.values()),
        ]
        files = dict(zip(FILES, contents, strict=True))
        files |= {
            f"{name}.csv": _study_csv(self, self.studies[name]) for name in sorted(self.studies)
        }
        files |= beside
        try:
            with contextlib.ExitStack() as last_comes_first:
                for name, content in files.items():
                    temporary = last_comes_first.enter_context(replacing(folder / name))
                    temporary.write_bytes(content)
        except OSError as error:
            raise InputError(f"{folder}: could not be written ({error}).") from error
        return folder


def _study_csv(plan: Plan, study: "StudyTable") -> bytes:
    columns = {str(label): study.rows[label].to_list() for label in study.rows}
    return _csv(columns | {"temps": [_times_word(plan)] * len(study.rows)}).encode()


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that a plan must not be written into.

    Parameters
    ----------
    folder
        Where a plan is to be written.
    overwrite
        Whether it may hold something that is no plan.

    Raises
    ------
    InputError
        When it is a file, or holds something that is no plan.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give the name of a folder with --out.")
    if overwrite or not folder.exists() or not any(folder.iterdir()):
        return
    try:
        earlier = json.loads((folder / "plan.json").read_text("utf-8")).get("format") == FORMAT
    except (OSError, ValueError, AttributeError, RecursionError):
        earlier = False
    if not earlier:
        raise InputError(
            f"{folder} holds something that is no plan; give another folder with --out, or "
            "--overwrite to write there all the same."
        )


def forecast(folder: Path | str) -> tuple[pd.Series, dict[str, Any]]:
    """Return the users that a plan on disk expects at its sites, and what it was asked with.

    Parameters
    ----------
    folder
        That a plan was saved into.

    Returns
    -------
    tuple[Series, dict]
        Users by site id; the scenario as JSON holds it.

    Raises
    ------
    InputError
        When the folder holds no plan, or one of another format.
    """
    path = existing_file(Path(folder) / "plan.json", what="plan")
    try:
        found = json.loads(path.read_text("utf-8"))
        content = {found["format"]: found}[FORMAT]
        users = {str(site["id"]): float(site["users"]) for site in content["sites"]}
        scenario = dict(content["scenario"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: no plan of this version ({error}). Run planner plan.") from error
    return pd.Series(users, dtype=float), scenario


def _sites_csv(plan: Plan) -> str:
    sites = plan.sites
    mesh, far = (
        _format.minutes(value) for value in (plan.scenario.mesh_min, plan.scenario.structuring_min)
    )
    return _csv(
        {
            "identifiant": sites.index,
            "nom": sites["name"],
            "niveau": [TIER_WORDS[tier].one for tier in sites["tier"]],
            "type de lieu": [KINDS.get(kind, kind) for kind in sites["kind"]],
            "commune": sites["commune_name"],
            "code commune": sites["commune"],
            "statut": [
                status_words(kind, status)
                for kind, status in zip(sites["kind"], sites["status"], strict=True)
            ],
            "places (hypothèse)": sites["seats"],
            f"habitants à {mesh} du site": _whole(sites["residents_mesh"]),
            "usagers attendus (hypothèse)": sites["users"].round(1),
            "masse critique atteinte (hypothèse)": _yes(sites["critical_mass"]),
            "usagers des employeurs (hypothèse)": sites["employer_users"].round(1),
            f"télétravaillables à employeur éloigné, à {far}": _whole(sites["base_community"]),
            "longitude": sites.geometry.x.round(6),
            "latitude": sites.geometry.y.round(6),
            "temps": [_times_word(plan)] * len(sites),
        }
    )


def _yes(flags: Iterable[object]) -> list[str]:
    return ["oui" if flag else "non" for flag in flags]


def _communes_csv(plan: Plan) -> str:
    communes = plan.communes
    mesh, far = (
        _format.minutes(value) for value in (plan.scenario.mesh_min, plan.scenario.structuring_min)
    )
    return _csv(
        {
            "code": communes.index,
            "commune": communes["name"],
            "population": communes["population"],
            f"habitants à {mesh} d’un site": _whole(communes["covered_mesh"]),
            f"part à {mesh} d’un site (%)": communes["share_mesh"].map(_format.percentage),
            f"habitants à {far} d’un site structurant": _whole(communes["covered_structuring"]),
            f"part à {far} d’un site structurant (%)": communes["share_structuring"].map(
                _format.percentage
            ),
            "temps": [_times_word(plan)] * len(communes),
        }
    )


def _times_word(plan: Plan) -> str:
    return "temps estimés" if plan.estimated else "temps par la route"


def _whole(people: pd.Series) -> list[object]:
    """Return people as whole numbers; nothing where it is missing."""
    return ["" if math.isnan(count) else round(count) for count in people.astype(float)]


def _csv(columns: Mapping[str, Iterable[object]]) -> str:
    """Return a table as French spreadsheets open it: semicolons, decimal commas, a BOM."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_cell(value) for value in row])
    return "\N{ZERO WIDTH NO-BREAK SPACE}" + text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.10g}".replace(".", ",")
    return safe_cell(value)


def _json(plan: Plan) -> str:
    """Return the whole plan as JSON, keys in order, no date and no duration in it."""
    certificate = plan.certificate
    content = {
        "format": FORMAT,
        "territory": {"name": plan.territory, "title": plan.title, "digest": plan.digest},
        "scenario": plan.scenario.model_dump(mode="json"),
        "travel_times": {
            "estimated": plan.estimated,
            "label": _times_word(plan),
            "assumed": dict(plan.assumed),
        },
        "indicators": dict(plan.indicators),
        "ranges": {key: list(values) for key, values in plan.ranges.items()},
        "proven": plan.proven,
        "proof": plan.proof,
        "stages": [
            {
                "name": s.name,
                "value": s.value,
                "bound": s.bound,
                "gap": s.gap,
                "proven": s.proven,
                "smaller_is_better": s.smaller,
            }
            for s in plan.stages
        ],
        "certificate": {
            "value": dict(certificate.value),
            "solver_bound": dict(certificate.solver_bound),
            "own_bound": {k: round(v, 4) for k, v in certificate.own_bound.items()},
            "own_gap": {k: round(v, 8) for k, v in certificate.own_gap.items()},
            "gap": dict(certificate.gap),
            "independent": list(certificate.independent),
        },
        "assumptions": plan.assumptions().to_dict("records"),
        "accounts": _told(plan.accounts),
        "studies": _told(plan.studies),
        "sites": _records(plan.sites),
        "communes": _records(plan.communes),
        "sources": plan.sources.to_dict("records"),
        "attribution": list(plan.attribution),
        "notes": list(plan.notes),
    }
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _told(tables: "Mapping[str, StudyTable]") -> dict[str, Any]:
    return {
        name: {"title": table.title, "note": table.note, "rows": _plain_rows(table.rows)}
        for name, table in sorted(tables.items())
    }


def _plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def _records(frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    records = []
    for key, row in frame.iterrows():
        record: dict[str, Any] = {"id": key}
        for name, value in row.items():
            if name != frame.geometry.name:
                plain = value.item() if hasattr(value, "item") else value
                record[str(name)] = None if pd.isna(plain) else plain
        if (frame.geom_type == "Point").all():
            record |= {"lon": round(row.geometry.x, 7), "lat": round(row.geometry.y, 7)}
        records.append(record)
    return records
