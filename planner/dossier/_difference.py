"""Comparing scenarios: figures side by side, who is nearer, who is farther, by commune."""

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np

from planner import compare
from planner._format import headcount, number, percent, signed
from planner._html import Fragment, join, tag
from planner._language import say
from planner.dossier import _charts, _runs, _table
from planner.dossier._communes import changed, changed_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.plan import Plan
    from planner.runs import Runs

_STUDIES = ("pareto", "alternatives", "alternatives-sites")


def part(plan: "Plan", compared: "Sequence[Plan]", runs: "Runs | None" = None) -> Fragment:
    """Return the comparison of a plan with others, and the studies of what else could be done.

    Parameters
    ----------
    plan
        The plan the others are held against.
    compared
        The others.
    runs
        Of a batch on the same territory.
    """
    pieces = [_against(plan, compared)] if compared else []
    if runs is not None:
        pieces.append(_runs.part(runs, plan))
    pieces = pieces or [_alone()]
    for name in _STUDIES:
        if name in plan.studies:
            study = plan.studies[name]
            pieces += [tag("h3", say(study.title)), _table.study(study)]
    return join(pieces)


def _alone() -> Fragment:
    text = say(
        "Aucun autre scénario n’a été joint à ce dossier. Pour en joindre : "
        "planner plan TERRITOIRE --scenario A.toml --compare B.toml --compare C.toml"
    )
    return tag("p", text, class_="texte")


def _against(plan: "Plan", compared: "Sequence[Plan]") -> Fragment:
    changes = [compare.communes(plan, other) for other in compared]
    maps = [
        _map(plan, other, change, key=f"ecart{number_ + 1}")
        for number_, (other, change) in enumerate(zip(compared, changes, strict=True))
    ]
    text = say(
        "Chaque scénario est comparé à « {name} ». La meilleure valeur de chaque ligne est en gras "
        "et marquée ★."
    ).format(name=plan.scenario.name)
    return join(
        [
            tag("p", text, class_="texte"),
            figures([plan, *compared]),
            tag("h3", say("Qui gagne, qui perd des minutes")),
            _classes(),
            tag("div", *maps, class_="ecart-cartes"),
            tag("h3", say("Ce qui change pour chaque commune")),
            *(
                _table.unfolded(
                    say("De « {first} » à « {other} »").format(
                        first=plan.scenario.name, other=other.scenario.name
                    ),
                    _communes(change),
                )
                for other, change in zip(compared, changes, strict=True)
            ),
        ]
    )


def figures(plans: "Sequence[Plan]") -> Fragment:
    """Return the figures of some plans, the best marked, with differences in their own units.

    Parameters
    ----------
    plans
        The first is the one the others are held against.
    """
    told = {one.key: one for one in compare.measures_of(plans[0])}
    table = compare.figures(plans)
    names = [plan.scenario.name for plan in plans]
    rows = []
    for key, row in table.iterrows():
        measure = told[str(key)]
        top = compare.best(row[names], better=measure.better, written=measure.written)
        cells = []
        for name in names:
            value = float(row[name])
            text = measure.written(value)
            star = "\N{NO-BREAK SPACE}★" if name in top else ""
            less = [] if name == names[0] else [tag("small", _difference(row, names[0], name))]
            cells.append(
                tag("td", f"{text}{star}", *less, class_="meilleur" if name in top else None)
            )
        rows.append(tag("tr", tag("th", measure.label, scope="row"), *cells))
    return _table.framed(
        rows,
        [say("Mesure"), *names],
        classes=["mots", *[None] * len(names)],
        label=say("Comparaison des scénarios"),
    )


def _difference(row: "object", first: str, other: str) -> str:
    """Return how far one plan is from the first, in the unit of the measure."""
    before, after = float(row[first]), float(row[other])  # type: ignore[index] # a row of the table
    change = after - before
    if np.isnan(change):
        return ""
    key = str(row.name)  # type: ignore[attr-defined] # a row of the table
    if key.startswith(("share_", "least_", "p_")):
        return say("{points} points").format(points=signed(100 * change, decimals=1))
    if key == "mean_min":
        return f"{signed(change, decimals=1)}\N{NO-BREAK SPACE}min"
    if key.endswith("_eur"):
        return f"{signed(change)}\N{NO-BREAK SPACE}€"
    return signed(change)


def _map(plan: "Plan", other: "Plan", change: gpd.GeoDataFrame, *, key: str) -> Fragment:
    nearer, farther = float(change["nearer"].sum()), float(change["farther"].sum())
    title = f"« {plan.scenario.name} » → « {other.scenario.name} »"
    told = say("{nearer} habitants plus près d’au moins {least} min, {farther} plus loin.").format(
        nearer=headcount(nearer), least=number(compare.LEAST_MIN), farther=headcount(farther)
    )
    return tag(
        "figure",
        _charts.change(change, key=key, label=f"{title} : {told}"),
        tag("figcaption", tag("b", title), tag("p", told)),
    )


def _classes() -> Fragment:
    """Return the classes of change with their bounds, nearest first."""
    low, high = [None, *_charts.CHANGE_BOUNDS], [*_charts.CHANGE_BOUNDS, None]
    rows = []
    for colour, start, end in zip(_charts.CHANGE_COLOURS, low, high, strict=True):
        if start is None:
            text = say("plus près de 5 min ou plus")
        elif end is None:
            text = say("plus loin de 5 min ou plus")
        else:
            text = say("de {low} à {high} min").format(low=signed(start), high=signed(end))
        swatch = tag(
            "svg",
            tag("rect", x="1", y="1", width="20", height="14", fill=colour, stroke="#566"),
            width="22", height="16", aria_hidden="true",
        )  # fmt: skip
        rows.append(tag("li", swatch, text))
    caption = say("Minutes jusqu’au site le plus proche, en moyenne des habitants de la commune")
    return join([tag("p", caption, class_="note"), tag("ul", *rows, class_="classes")])


def _communes(change: gpd.GeoDataFrame) -> Fragment:
    ordered = change.sort_values("name", kind="stable")
    body = [
        [
            str(row["name"]),
            percent(row["share_before"]),
            percent(row["share_after"]),
            *changed(row),
        ]
        for row in ordered.to_dict("records")
    ]
    head = [say("Commune"), say("Desservis avant"), say("Desservis après"), *changed_head()]
    return _table.table(head, body, worded=(True, *[False] * 6, True, True))
