"""The tables of a plan as CSV, and the whole of it as JSON."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from planner import _format, compare
from planner._files import safe_cell
from planner.maps._words import KINDS, status_words
from planner.maps._words import TIERS as TIER_WORDS

if TYPE_CHECKING:
    from planner.plan._plan import Plan
    from planner.scenarios import StudyTable

ACCOUNTS = (
    "budget", "budget-communes", "exploitation", "mobilite", "risque", "risque-sites",
    "risque-hypotheses",
)  # fmt: skip
FILES = (
    "plan.json", "sites.csv", "communes.csv", "carte.html", "hypotheses.xlsx",
    *(f"{name}.csv" for name in ACCOUNTS),
)  # fmt: skip
FORMAT = "planner-plan-1"


def sites_csv(plan: "Plan") -> str:
    """Return the sites as a table that French spreadsheets open.

    Parameters
    ----------
    plan
        The plan.
    """
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


def communes_csv(plan: "Plan") -> str:
    """Return coverage by commune as a table that French spreadsheets open.

    Parameters
    ----------
    plan
        The plan.
    """
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


def _times_word(plan: "Plan") -> str:
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


def whole(plan: "Plan") -> str:
    """Return the whole plan as JSON, keys in order, no date and no duration in it.

    Parameters
    ----------
    plan
        The plan.
    """
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
        "measures": compare.values(plan),
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


def study_csv(plan: "Plan", study: "StudyTable") -> bytes:
    """Return a study or an account as a table that French spreadsheets open.

    Parameters
    ----------
    plan
        The plan.
    study
        One of its tables.
    """
    columns = {str(label): study.rows[label].to_list() for label in study.rows}
    return _csv(columns | {"temps": [_times_word(plan)] * len(study.rows)}).encode()
