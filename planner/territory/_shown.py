"""A territory as a notebook shows it: a small map, and what it holds."""

from typing import TYPE_CHECKING

import shapely

from planner._format import number
from planner._html import Fragment, tag
from planner._language import say
from planner._svg import discs, fitted, outline

if TYPE_CHECKING:
    from planner.territory._model import Territory

_WIDE = 360.0
_STYLE = "display:flex;gap:1.5em;align-items:flex-start;font-family:sans-serif;line-height:1.5"


def shown(territory: "Territory") -> Fragment:
    """Return a territory as HTML: its communes with their premises, and what it holds.

    Parameters
    ----------
    territory
        The territory.
    """
    facts = [
        (say("Communes"), number(len(territory.communes))),
        (say("Habitants"), number(float(territory.communes["population"].sum()))),
        (say("Points habités"), number(len(territory.residents))),
        (say("Lieux"), number(len(territory.premises))),
        (say("Routes"), say("oui") if territory.roads_path else say("non : temps estimés")),
        (say("Trajets vers le travail"), _known(territory.flows)),
        (say("Emplois"), _known(territory.jobs)),
        (say("Sources"), number(len(territory.sources))),
    ]
    rows = (tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in facts)
    return tag(
        "div",
        _map(territory),
        tag("div", tag("b", territory.title), tag("table", tag("tbody", *rows))),
        style=_STYLE,
    )


def _known(table: object) -> str:
    return say("non") if table is None else say("oui")


def _map(territory: "Territory") -> Fragment:
    shapes = discs(territory.communes.geometry.to_numpy(), radius_m=900.0, step_m=120.0)
    place, height = fitted(tuple(shapely.total_bounds(shapes)), width=_WIDE)
    paths = [
        tag("path", tag("title", str(name)), d=outline(shape, place), fill="#e4ebf1", stroke="#566")
        for name, shape in zip(territory.communes["name"], shapes, strict=True)
    ]
    dots = [
        tag("circle", cx=f"{x:g}", cy=f"{y:g}", r="2.2", fill="#0b4f6c")
        for x, y in place(shapely.get_coordinates(territory.premises.geometry.to_numpy()))
    ]
    return tag(
        "svg", *paths, *dots, viewBox=f"0 0 {_WIDE:g} {height:.0f}", width=f"{_WIDE:g}",
        role="img", aria_label=say("Communes et lieux"),
    )  # fmt: skip
