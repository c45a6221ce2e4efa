"""The sheet of each commune, and the small map that leads to it."""

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from planner import compare
from planner._format import euros, headcount, minutes, number, people, percent, signed
from planner._html import Fragment, join, tag
from planner._language import say
from planner._svg import Place, discs, fitted, outline
from planner.dossier import _table
from planner.maps._base import coverage_colour
from planner.maps._words import ESTIMATED, TIERS, kind_words, mark, status_words

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from planner.plan import Plan

_CENTS = 100
_NEAREST = 3  # sites named for the residents of a commune
_WIDE = 600.0  # of the small map, in its own units
_SIMPLE_M, _DISC_M = 120.0, 1200.0


def part(plan: "Plan", compared: "Sequence[Plan]") -> Fragment:
    """Return the part of the dossier in which everyone finds their commune.

    Parameters
    ----------
    plan
        The plan.
    compared
        Others of the same territory.
    """
    ordered = plan.communes.sort_values("name", kind="stable")
    changes = {other.scenario.name: compare.communes(plan, other) for other in compared}
    sheets = [_sheet(plan, str(code), changes) for code in ordered.index]
    names = [tag("option", value=str(name)) for name in ordered["name"]]
    search = tag(
        "div",
        tag("label", say("Nom de la commune"), for_="ma-commune"),
        tag("input", id="ma-commune", list="communes-connues", type="search", autocomplete="off"),
        tag("datalist", *names, id="communes-connues"),
        tag(
            "span", "", id="commune-dite", role="status",
            data_inconnue=say("Aucune commune de ce nom, ou plusieurs."),
        ),
        class_="chercher",
    )  # fmt: skip
    return join(
        [
            search,
            tag(
                "div",
                tag("div", *sheets),
                tag("figure", locator(plan), class_="situation"),
                class_="commune-grille",
            ),
        ]
    )


def locator(plan: "Plan") -> Fragment:
    """Return a small map of the communes, coloured by coverage, with the sites.

    Parameters
    ----------
    plan
        The plan.
    """
    crs = plan.communes.estimate_utm_crs()
    communes = plan.communes.to_crs(crs)
    shapes = discs(communes.geometry.to_numpy(), radius_m=_DISC_M, step_m=_SIMPLE_M)
    place, height = fitted(tuple(shapely.total_bounds(shapes)), width=_WIDE)
    paths = [
        tag(
            "path",
            tag("title", str(name)),
            d=outline(shape, place),
            fill=coverage_colour(share),
            fill_opacity="0.55",
            class_="c",
            data_code=str(code),
        )
        for code, name, share, shape in zip(
            communes.index, communes["name"], communes["share_mesh"], shapes, strict=True
        )
    ]
    return tag(
        "svg",
        tag("g", *paths),
        *_marks(plan.sites.to_crs(crs), place),
        viewBox=f"0 0 {_WIDE:g} {height:.0f}",
        role="img",
        aria_label=say("Communes, part des habitants desservis, et sites"),
    )


def _marks(sites: gpd.GeoDataFrame, place: Place) -> list[Fragment]:
    points = place(shapely.get_coordinates(sites.geometry.to_numpy()))
    ranks = list(TIERS)
    order = sorted(range(len(sites)), key=lambda at: (-ranks.index(sites["tier"].iloc[at]), at))
    return [
        tag(
            "path",
            d=TIERS[sites["tier"].iloc[at]].shape,
            transform=f"translate({points[at, 0] - 12:.1f} {points[at, 1] - 12:.1f})",
            fill=TIERS[sites["tier"].iloc[at]].colour,
            stroke="#fff",
            stroke_width="2.5",
            paint_order="stroke",
            pointer_events="none",
        )
        for at in order
    ]


def _sheet(plan: "Plan", code: str, changes: dict[str, gpd.GeoDataFrame]) -> Fragment:
    row = plan.communes.loc[code]
    sites = plan.sites[plan.sites["commune"] == code]
    title = tag("h3", str(row["name"]), id=f"commune-{code}")
    doubt = [tag("p", f"≈ {say(ESTIMATED)}", class_="estime")] if plan.estimated else []
    pieces = [
        title,
        tag("p", people(row["population"]), class_="note"),
        *doubt,
        *_coverage(plan, row),
        tag("h4", say("Sites dans la commune")),
        _sites(sites),
        tag("h4", say("Où vont ses habitants")),
        _ways(plan, code),
        tag("h4", say("Ce que paie la commune")),
        *(tag("p", told) for told in money_words(plan, code)),
        *_changes(code, changes),
    ]
    return tag(
        "article", *pieces, class_="fiche-commune", data_code=code, data_nom=str(row["name"]),
        aria_labelledby=f"commune-{code}",
    )  # fmt: skip


def _coverage(plan: "Plan", row: pd.Series) -> list[Fragment]:
    scenario, whole = plan.scenario, plan.indicators
    rows = [
        (
            say("Habitants à {time} d’un site").format(time=minutes(scenario.mesh_min)),
            row["share_mesh"], whole["share_mesh"],
        ),
        (
            say("Habitants à {time} d’un site structurant").format(
                time=minutes(scenario.structuring_min)
            ),
            row["share_structuring"], whole["share_structuring"],
        ),
    ]  # fmt: skip
    return [_bar(label, share, mean) for label, share, mean in rows]


def _bar(label: str, share: float, mean: float) -> Fragment:
    """Return a share as a bar, with the mean of the territory as a line and in words."""
    if np.isnan(share):
        return tag("p", say("{label} : aucun habitant compté").format(label=label))
    told = say("{label} : {share} (territoire : {mean})").format(
        label=label, share=percent(share), mean=percent(mean)
    )
    return tag(
        "div",
        tag("p", told),
        tag(
            "div",
            tag("span", style=f"width:{100 * share:.1f}%"),
            tag("i", style=f"left:{100 * mean:.1f}%"),
            class_="barre",
            aria_hidden="true",
        ),
    )


def _sites(sites: gpd.GeoDataFrame) -> Fragment:
    if sites.empty:
        return tag("p", say("Aucun site du réseau n’est dans cette commune."))
    body = [
        [
            join([mark(site.tier, size=16), " ", str(site.name)]),
            say(TIERS[site.tier].one),
            kind_words(site.kind),
            status_words(site.kind, site.status),
            number(site.seats),
            number(site.users, decimals=1),
        ]
        for site in sites.itertuples()
    ]
    head = [
        say("Site"), say("Niveau"), say("Lieu"), say("Statut"), say("Places"),
        say("Usagers attendus"),
    ]  # fmt: skip
    return _table.table(head, body, worded=(True, True, True, True))


def nearest(plan: "Plan", code: str) -> pd.DataFrame:
    """Return the sites that most residents of a commune are nearest to.

    Parameters
    ----------
    plan
        The plan.
    code
        Of the commune.

    Returns
    -------
    DataFrame
        Index site id, most residents first, a few at most; residents, minutes (their mean).
    """
    here = plan.people[(plan.people["commune"] == code) & (plan.people["residents"] > 0)]
    reached = here[here["site"] != ""]
    weight = reached["residents"]
    found = pd.DataFrame(
        {
            "residents": weight.groupby(reached["site"]).sum(),
            "minutes": (weight * reached["minutes"]).groupby(reached["site"]).sum(),
        }
    )
    found["minutes"] /= found["residents"]
    return found.sort_values("residents", ascending=False, kind="stable").head(_NEAREST)


def paid(plan: "Plan", code: str) -> tuple[float, float]:
    """Return what a commune pays over the years of a plan, and the EPCI for its sites, in euros.

    Parameters
    ----------
    plan
        The plan.
    code
        Of the commune.
    """
    lines = plan.ledger[plan.ledger["commune"] == code]
    by = lines.groupby("payer")["cents"].sum() / _CENTS
    return float(by.get("commune", 0.0)), float(by.get("epci", 0.0))


def _ways(plan: "Plan", code: str) -> Fragment:
    """Return the sites that most of the commune's residents go to, and how far they are."""
    found = nearest(plan, code)
    if found.empty:
        return tag("p", say("Aucun site du réseau n’est à portée de ses habitants."))
    body = [
        [
            str(plan.sites.loc[site, "name"]),
            str(plan.sites.loc[site, "commune_name"]),
            headcount(row["residents"]),
            minutes(round(row["minutes"], 1)),
        ]
        for site, row in found.iterrows()
    ]
    head = [
        say("Site le plus proche"), say("Commune"), say("Habitants"), say("Minutes en moyenne"),
    ]  # fmt: skip
    here = plan.people[plan.people["commune"] == code]
    outside = float(here.loc[~here["inside"], "residents"].sum())
    left = say("Habitants à plus de {time} de tout site : {count}").format(
        time=minutes(plan.scenario.mesh_min), count=headcount(outside)
    )
    return join([_table.table(head, body, worded=(True, True)), tag("p", left, class_="note")])


def money_words(plan: "Plan", code: str) -> list[str]:
    """Return what a commune pays, and what its sites cost the EPCI or bring it, in sentences.

    Parameters
    ----------
    plan
        The plan.
    code
        Of the commune.
    """
    own, run = paid(plan, code)
    told = say(
        "Investissement sur {years} ans : {own}. Fonctionnement à la charge de la commune : 0 €."
    ).format(years=number(plan.scenario.years), own=euros(own))
    if not run:
        return [told]
    if run > 0:
        more = say("L’EPCI porte {run} pour ses sites sur la même durée.").format(run=euros(run))
    else:
        more = say("Ses sites rapportent {gain} à l’EPCI sur la même durée, charges déduites.")
        more = more.format(gain=euros(-run))
    return [told, more]


def _changes(code: str, changes: dict[str, gpd.GeoDataFrame]) -> list[Fragment]:
    """Return what the commune gains or loses in the other scenarios."""
    if not changes:
        return []
    body = []
    for name, table in changes.items():
        row = table.loc[code]
        body.append([name, percent(row["share_after"]), *changed(row)])
    head = [say("Scénario"), say("Desservis"), *changed_head()]
    title = tag("h4", say("Dans les autres scénarios"))
    return [title, _table.table(head, body, worded=(True, *[False] * 5, True, True))]


def changed(row: "Mapping[Hashable, Any] | pd.Series") -> list[str]:
    """Return the cells that say how a commune fares in another scenario.

    Parameters
    ----------
    row
        Of :func:`planner.compare.communes`.
    """
    return [
        signed(row["change_min"], decimals=1),
        headcount(row["nearer"]),
        headcount(row["farther"]),
        signed(row["invest_eur"]),
        str(row["opened"]) or "–",
        str(row["closed"]) or "–",
    ]


def changed_head() -> list[str]:
    """Return the headings of :func:`changed`."""
    return [
        say("Minutes en plus ou en moins"), say("Habitants plus près"), say("Habitants plus loin"),
        say("Investissement (€ HT)"), say("Sites en plus"), say("Sites en moins"),
    ]  # fmt: skip
