"""The tables of a plan as a spreadsheet: numbers are numbers, totals are formulas one can read."""

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xlsxwriter
from xlsxwriter.utility import xl_col_to_name, xl_range

from planner._language import say
from planner.dossier._brand import Brand
from planner.maps._words import ESTIMATED, TIERS, kind_words, status_words
from planner.spreadsheets import fill_assumptions

if TYPE_CHECKING:
    from planner.plan import Plan

_CLOCK = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook's date has no zone
_WIDEST, _NARROWEST = 60, 9
_TEXTS = {"code", "identifiant", "code commune"}
_HEADER_MOST = 100  # Excel refuses headers over 255


@dataclass(frozen=True)
class Sheet:
    """A table of the workbook.

    Attributes
    ----------
    name
        Of the tab.
    rows
        Its columns are its headings.
    note
        What is written above it.
    totals
        Columns whose sum closes the table, as a formula.
    """

    name: str
    rows: pd.DataFrame
    note: str = ""
    totals: Sequence[str] = field(default=())


def workbook(plan: "Plan", *, brand: Brand) -> bytes:
    """Return the tables of a plan as an ``.xlsx`` file.

    Parameters
    ----------
    plan
        The plan.
    brand
        Whose dossier it is.

    Returns
    -------
    bytes
        The same plan gives the same bytes. The sheet `Hypothèses` is that of
        :func:`planner.spreadsheets.write_assumptions`: a value may be changed there, and the file
        given to ``planner plan --assumptions``.
    """
    content = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    book = xlsxwriter.Workbook(content, options)
    title = f"{plan.title} : {plan.scenario.name}"
    book.set_properties({"created": _CLOCK, "title": title, "company": brand.name})
    looks = _Looks(book, colour=brand.colour)
    for sheet in _sheets(plan):
        _write(book, sheet, looks, header=title)
    fill_assumptions(book, plan.scenario.changes)
    _write(book, Sheet(say("Sources"), _register(plan)), looks, header=title)
    book.close()
    return content.getvalue()


class _Looks:
    """The formats of a workbook, each made once."""

    def __init__(self, book: xlsxwriter.Workbook, *, colour: str) -> None:
        self.head = book.add_format(
            {"bold": True, "bg_color": colour, "font_color": "#ffffff", "text_wrap": True,
             "valign": "vcenter"}
        )  # fmt: skip
        self.note = book.add_format({"italic": True, "font_color": "#556070"})
        self.text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        self._numbers = {
            (kind, total): book.add_format(
                {"num_format": pattern, "bold": total, "top": int(total), "valign": "top"}
            )
            for kind, pattern in {"whole": "#,##0", "tenths": "#,##0.0", "money": "#,##0.00",
                                  "share": "0.0%", "place": "0.00000"}.items()
            for total in (False, True)
        }  # fmt: skip
        self.total = book.add_format({"bold": True, "top": 1})

    def number(self, kind: str, *, total: bool = False) -> Any:  # noqa: ANN401 - a format
        """Return how numbers of a kind are shown, in the table or under it."""
        return self._numbers[kind, total]


def _write(book: xlsxwriter.Workbook, sheet: Sheet, looks: _Looks, *, header: str) -> None:
    page = book.add_worksheet(sheet.name[:31])
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.set_header(f"&L{header[:_HEADER_MOST].replace('&', '&&')}&R&A")
    page.set_footer("&C&P / &N")
    top = 0
    if sheet.note:
        page.write_string(0, 0, sheet.note, looks.note)
        top = 2
    page.freeze_panes(top + 1, 1)
    page.repeat_rows(top)
    for column, name in enumerate(sheet.rows):
        values = sheet.rows[name].tolist()
        kind = _kind(str(name), values)
        page.write_string(top, column, str(name), looks.head)
        for row, value in enumerate(values, start=top + 1):
            _cell(page, (row, column), value, looks=looks, kind=kind)
        page.set_column(column, column, _width(str(name), values))
        last = top + len(values)
        if name in sheet.totals and values:
            cells = xl_range(top + 1, column, last, column)
            known = float(np.nansum([value for value in values if isinstance(value, int | float)]))
            page.write_formula(
                last + 1, column, f"=SUM({cells})", looks.number(kind, total=True), known
            )
    if sheet.totals and len(sheet.rows):
        page.write_string(top + len(sheet.rows) + 1, 0, say("Total"), looks.total)
    if len(sheet.rows):
        last_column = xl_col_to_name(len(sheet.rows.columns) - 1)
        page.autofilter(f"A{top + 1}:{last_column}{top + 1 + len(sheet.rows)}")


def _cell(
    page: Any,  # noqa: ANN401 - a sheet of xlsxwriter
    at: tuple[int, int],
    value: object,
    *,
    looks: _Looks,
    kind: str,
) -> None:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        page.write_blank(*at, None)
    elif isinstance(value, int | float) and not isinstance(value, bool) and kind != "text":
        page.write_number(*at, value, looks.number(kind))
    else:
        page.write_string(*at, str(value), looks.text)


def _kind(name: str, values: Sequence[object]) -> str:
    """Return how the numbers of a column are shown, from its heading and its values."""
    if name in _TEXTS:
        return "text"
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if name.startswith(("longitude", "latitude")):
        return "place"
    if name.startswith("part"):
        return "share"
    if "€" in name:
        return "money"
    whole = all(not np.isfinite(v) or float(v) == round(float(v)) for v in numbers)
    return "whole" if whole else "tenths"


def _width(name: str, values: Sequence[object]) -> float:
    longest = max((len(str(value)) for value in values if isinstance(value, str)), default=0)
    return float(min(max(longest, len(name) / 2 + 2, _NARROWEST), _WIDEST))


def _sheets(plan: "Plan") -> list[Sheet]:
    doubt = f"≈ {say(ESTIMATED)}" if plan.estimated else ""
    accounts = plan.accounts
    budget = accounts["budget"].rows
    by_commune = accounts["budget-communes"].rows
    return [
        Sheet(say("Essentiel"), _summary(plan), doubt),
        Sheet(say("Sites"), _sites(plan), doubt, _counted(_sites(plan), ("places", "usagers"))),
        Sheet(say("Communes"), _communes(plan), doubt, _counted(_communes(plan), ("habitants",))),
        Sheet(say("Budget"), budget, accounts["budget"].note, [*budget.columns[1:]]),
        Sheet(
            say("Budget par commune"), by_commune, accounts["budget-communes"].note,
            [*by_commune.columns[2:]],
        ),
        *(
            Sheet(say(name), accounts[key].rows, accounts[key].note)
            for key, name in _OTHERS.items()
        ),
        *(
            Sheet(name.capitalize(), plan.studies[name].rows, plan.studies[name].note)
            for name in sorted(plan.studies)
        ),
    ]  # fmt: skip


_OTHERS: Mapping[str, str] = {
    "exploitation": "Exploitation",
    "mobilite": "Mobilité",
    "risque": "Risque",
    "risque-sites": "Risque par site",
    "risque-hypotheses": "Sensibilité",
}


def _counted(frame: pd.DataFrame, starts: tuple[str, ...]) -> list[str]:
    """Return the columns that may be added up: people of a commune, not those of sites."""
    return [str(name) for name in frame if str(name).startswith(starts)]


def _summary(plan: "Plan") -> pd.DataFrame:
    rows = [(figure.label, figure.value, figure.doubt) for figure in plan.figures()]
    rows += [(say("Preuve"), plan.proof, ""), (say("Scénario"), plan.scenario.name, "")]
    rows += [(say("À savoir"), note, "") for note in plan.notes]
    rows += [(say("Sources"), line, "") for line in plan.attribution]
    rows.append((say("Empreinte des données"), plan.digest, ""))
    return pd.DataFrame(rows, columns=[say("Quoi"), say("Valeur"), say("Fourchette")])


def _sites(plan: "Plan") -> pd.DataFrame:
    sites = plan.sites
    return pd.DataFrame(
        {
            say("identifiant"): sites.index.astype(str),
            say("nom"): sites["name"],
            say("niveau"): [say(TIERS[tier].one) for tier in sites["tier"]],
            say("type de lieu"): [kind_words(kind) for kind in sites["kind"]],
            say("commune"): sites["commune_name"],
            say("code commune"): sites["commune"].astype(str),
            say("statut"): [
                status_words(kind, status)
                for kind, status in zip(sites["kind"], sites["status"], strict=True)
            ],
            say("places (hypothèse)"): sites["seats"].astype(int),
            say("à portée : habitants"): sites["residents_mesh"].round().astype(int),
            say("usagers attendus (hypothèse)"): sites["users"].astype(float),
            "longitude": sites.geometry.x.round(6),
            "latitude": sites.geometry.y.round(6),
        }
    ).reset_index(drop=True)


def _communes(plan: "Plan") -> pd.DataFrame:
    communes = plan.communes
    mesh, far = (f"{plan.scenario.mesh_min:g}", f"{plan.scenario.structuring_min:g}")
    return pd.DataFrame(
        {
            say("code"): communes.index.astype(str),
            say("commune"): communes["name"],
            say("habitants"): communes["population"].astype(int),
            say("habitants à {n} min d’un site").format(n=mesh): communes["covered_mesh"],
            say("part à {n} min d’un site").format(n=mesh): communes["share_mesh"],
            say("habitants à {n} min d’un site structurant").format(n=far): communes[
                "covered_structuring"
            ],
            say("part à {n} min d’un site structurant").format(n=far): communes[
                "share_structuring"
            ],
        }
    ).reset_index(drop=True)


def _register(plan: "Plan") -> pd.DataFrame:
    shown = ("what", "source", "licence", "date", "status", "sha256", "note")
    words = ("donnée", "source", "licence", "date", "statut", "sha256", "réserves")
    statuses = {"sourced": "sourcé", "derived": "calculé", "assumption": "hypothèse"}
    register = plan.sources.assign(status=plan.sources["status"].map(statuses))
    return register[list(shown)].set_axis([say(word) for word in words], axis=1)
