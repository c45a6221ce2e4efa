"""The document around the map: head, legend, tables, sources, and the rule that closes it."""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from planner._format import headcount, minutes, number, percent
from planner._html import Fragment, check_autonomous, join, safe_text, script_source, tag
from planner.maps._layers import TILES_HOST, coverage_class, offers_tiles, site_kind
from planner.maps._scene import Scene, words
from planner.maps._words import (
    COVERAGE_BOUNDS,
    COVERAGE_COLOURS,
    ESTIMATED,
    NO_COVERAGE_COLOUR,
    SOURCE_STATUSES,
    area_swatch,
    mark,
)

_LONGEST_NOTE = 2000  # a caveat is read whole


def written(scene: Scene, *, element: str, script: str) -> str:
    """Return the whole page; it is read back and refused if it could load or run anything else.

    Parameters
    ----------
    scene
        What the map is about.
    element, script
        The map as `planner.maps._layers.drawn` gives it.

    Returns
    -------
    str
        The HTML text.
    """
    scripts = [_leaflet_js(), _asset("carte.js"), script]
    slots = {
        "policy": _policy(scripts, tiles=offers_tiles(scene)),
        "title": safe_text(scene.title),
        "leaflet_css": _leaflet_css(),
        "style": _asset("carte.css"),
        "header": _header(scene),
        "map": element,
        "sources": _sources(scene),
        "doubt": tag("p", f"≈ {ESTIMATED}", class_="estime") if scene.estimated else "",
        "scale": _scale(scene),
        "tables": join([_communes_table(scene), _sites_table(scene), _register(scene)]),
        "scripts": "\n".join(f"<script>{code}</script>" for code in scripts),
    }
    page = re.sub(r"\[\[(\w+)\]\]", lambda slot: slots[slot[1]], _asset("carte.html"))
    check_autonomous(page)
    return page


def _policy(scripts: Iterable[str], *, tiles: bool) -> str:
    """Allow these scripts, our styles, the tiles one may switch on, and nothing else."""
    rules = [
        "default-src 'none'",
        f"script-src {' '.join(map(script_source, scripts))}",
        "style-src 'unsafe-inline'",
        f"img-src data: {TILES_HOST}" if tiles else "img-src data:",
        "connect-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)


@cache
def _asset(name: str) -> str:
    data = resources.files("planner").joinpath("assets", name).read_bytes()
    return data.decode().replace("\r\n", "\n")


def _leaflet_js() -> str:
    """Leaflet's script without the line that asks a debugger for its source."""
    return re.sub(r"//# sourceMappingURL=.*", "", _asset("leaflet.js")).strip()


def _leaflet_css() -> str:
    """Leaflet's style without the pictures of default markers and layer buttons, unused here."""
    return re.sub(r"url\(images/[^)]*\)", "none", _asset("leaflet.css"))


def _header(scene: Scene) -> Fragment:
    badges = [tag("span", scene.proven, class_="badge")]
    if scene.estimated:
        why = "Calculés d’après la distance, faute de réseau routier : à confirmer"
        badges.append(tag("span", f"≈ {ESTIMATED}", class_="badge estime", title=why))
    figures = (
        tag(
            "div",
            tag("dt", name),
            tag("dd", value),
            *(tag("dd", text, class_="doute") for text in doubt if text),
        )
        for name, value, *doubt in scene.figures
    )
    return join(
        [
            tag("h1", scene.title),
            tag("p", *badges, class_="etats"),
            tag("dl", *figures, class_="chiffres"),
        ]
    )


def _sources(scene: Scene) -> Fragment:
    return tag("ul", *(tag("li", line) for line in scene.attribution))


def _register(scene: Scene) -> Fragment:
    """Return the register of sources, with what each leaves in doubt."""
    if scene.register is None:
        return join([])
    rows = [_source(row) for row in scene.register.itertuples()]
    title = f"Sources et limites ({number(len(rows))})"
    return tag("details", tag("summary", title), tag("ul", *rows, class_="sources"))


def _source(row: Any) -> Fragment:  # noqa: ANN401 - a row of the register
    status = words(row.status)
    facts = " · ".join(filter(None, map(words, (row.source, row.date, row.licence))))
    note = safe_text(words(row.note), longest=_LONGEST_NOTE)
    return tag(
        "li",
        tag("b", words(row.what)),
        " ",
        tag("span", SOURCE_STATUSES.get(status, status), class_="badge"),
        tag("p", facts, class_="origine"),
        *([tag("p", note)] if note else []),
    )


def _scale(scene: Scene) -> Fragment:
    """Return the classes of coverage, best first, and how many communes are in each."""
    ranks = [coverage_class(share) for share in scene.communes["share_mesh"]]
    counts = Counter(ranks)
    low, high = [None, *COVERAGE_BOUNDS], [*COVERAGE_BOUNDS, None]
    rows = [
        _scale_row(area_swatch(colour), _interval(a, b), counts[rank])
        for rank, (colour, a, b) in enumerate(zip(COVERAGE_COLOURS, low, high, strict=True))
    ]
    rows.reverse()
    if counts[None]:
        rows.append(_scale_row(area_swatch(NO_COVERAGE_COLOUR), "sans habitant", counts[None]))
    text = f"Part des habitants à {minutes(scene.mesh_min)} d’un site, par commune"
    return tag(
        "figure",
        tag("figcaption", text),
        tag("ul", *rows),
        class_="echelle",
    )


def _scale_row(swatch: Fragment, text: str, count: int) -> Fragment:
    many = "communes" if count > 1 else "commune"
    return tag("li", swatch, tag("span", text), tag("small", f"{number(count)} {many}"))


def _interval(low: float | None, high: float | None) -> str:
    if low is None:
        return f"moins de {percent(high or 0, decimals=0)}"
    if high is None:
        return f"{percent(low, decimals=0)} et plus"
    return f"de {percent(low, decimals=0)} à {percent(high, decimals=0)}"


def _communes_table(scene: Scene) -> Fragment:
    head = [
        "Commune",
        "Habitants",
        f"À {minutes(scene.mesh_min)} d’un site",
        f"À {minutes(scene.structuring_min)} d’un structurant",
    ]
    rows = [
        [
            tag("button", words(row.name), type="button", data_commune=str(row.Index)),
            number(row.population),
            percent(row.share_mesh),
            percent(row.share_structuring),
        ]
        for row in scene.communes.itertuples()
    ]
    return _table(scene, f"Les communes ({number(len(rows))})", head, rows)


def _sites_table(scene: Scene) -> Fragment:
    head = ["Site", "Places (hypothèse)", f"Habitants à {minutes(scene.mesh_min)}"]
    rows = [
        [
            join(
                [
                    tag("button", words(row.name), type="button", data_site=str(row.Index)),
                    tag("small", mark(row.tier, size=14), f" {site_kind(row)}"),
                    tag("small", words(row.commune)),
                ]
            ),
            number(row.seats),
            headcount(row.residents_mesh),
        ]
        for row in scene.sites.itertuples()
    ]
    return _table(scene, f"Les sites ({number(len(rows))})", head, rows)


def _table(scene: Scene, title: str, head: list[str], rows: list[list[str]]) -> Fragment:
    """Return a table one can unfold; the first cell of a row is its heading."""
    body = (
        tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in others))
        for first, *others in rows
    )
    doubt = [tag("caption", f"≈ {ESTIMATED}", class_="estime")] if scene.estimated else []
    table = tag(
        "table",
        *doubt,
        tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head))),
        tag("tbody", *body),
    )
    return tag("details", tag("summary", title), tag("div", table, class_="defile"))
