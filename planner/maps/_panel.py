"""What stands around the map: head, scale of colours, tables, sources."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from planner._format import headcount, minutes, number, percent
from planner._html import Fragment, join, safe_text, tag
from planner._language import say
from planner.maps._base import coverage_class
from planner.maps._marks import agreement, place_name, site_kind
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


def header(scene: Scene) -> Fragment:
    """Return what the plan is, how sure, and its headline figures."""
    badges = [tag("span", scene.proven, class_="badge")]
    if scene.estimated:
        why = say("Calculés d’après la distance, faute de réseau routier : à confirmer")
        badges.append(tag("span", f"≈ {say(ESTIMATED)}", class_="badge estime", title=why))
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


def sources(scene: Scene) -> Fragment:
    """Return what must be credited, and the notes."""
    return tag("ul", *(tag("li", line) for line in scene.attribution))


def register(scene: Scene) -> Fragment:
    """Return the register of sources, with what each leaves in doubt."""
    if scene.register is None:
        return join([])
    rows = [_source(row) for row in scene.register.itertuples()]
    title = say("Sources et limites ({count})").format(count=number(len(rows)))
    return tag(
        "details", tag("summary", title), tag("ul", *rows, class_="sources"), class_="tableau"
    )


def _source(row: Any) -> Fragment:  # noqa: ANN401 - a row of the register
    status = words(row.status)
    facts = " · ".join(filter(None, map(words, (row.source, row.date, row.licence))))
    note = safe_text(words(row.note), longest=_LONGEST_NOTE)
    return tag(
        "li",
        tag("b", words(row.what)),
        " ",
        tag("span", say(SOURCE_STATUSES.get(status, status)), class_="badge"),
        tag("p", facts, class_="origine"),
        *([tag("p", note)] if note else []),
    )


def legend(scene: Scene) -> Fragment:
    """Return where `carte.js` puts the layers, then the scale of colours."""
    doubt = [tag("p", f"≈ {say(ESTIMATED)}", class_="estime")] if scene.estimated else []
    return join([*doubt, tag("div", id="legende"), _scale(scene)])


def search(scene: Scene) -> Fragment:
    """Return the field where one types a commune; `carte.js` opens it."""
    names = scene.communes["name"].map(words)
    twice = names.duplicated(keep=False)
    shown = names.where(~twice, names + " (" + scene.communes["code"] + ")")
    options = (tag("option", value=name, data_number=str(n)) for n, name in shown.items())
    return tag(
        "div",
        tag("label", say("Chercher une commune"), for_="recherche"),
        tag(
            "input",
            id="recherche",
            type="search",
            list="recherche-communes",
            autocomplete="off",
            placeholder=say("Nom de la commune, puis Entrée"),
        ),
        tag("datalist", *options, id="recherche-communes"),
        tag(
            "p",
            id="recherche-avis",
            role="status",
            data_unknown=say("Aucune commune du territoire ne s’appelle « {name} »."),
            data_several=say("Plusieurs communes : {names}."),
        ),
        class_="recherche",
    )


def years(scene: Scene) -> Fragment:
    """Return the slider of years and what each year holds; nothing where the plan has no years."""
    if scene.years is None:
        return join([])
    last = number(len(scene.years))
    said = (
        tag(
            "li",
            tag("b", say("Année {year} sur {years}").format(year=number(n), years=last)),
            tag("span", _sites_and_users(row)),
        )
        for n, row in enumerate(scene.years.itertuples(), start=1)
    )
    slider = {"min": "1", "max": str(len(scene.years)), "step": "1", "value": str(len(scene.years))}
    note = say("Sites et zones de cette année ; le reste est celui du plan complet.")
    return tag(
        "div",
        tag("label", say("Le réseau, année par année"), for_="annee"),
        tag("input", id="annee", type="range", **slider),
        tag("ol", *said, id="annees"),
        tag("p", note, id="annee-note", hidden=""),
        class_="annees",
    )


def _sites_and_users(year: Any) -> str:  # noqa: ANN401 - a row of years
    word = say("{sites} sites ouverts") if year.sites > 1 else say("{sites} site ouvert")
    many = say("{users} usagers attendus") if year.users >= 2 else say("{users} usager attendu")  # noqa: PLR2004 - French plural
    sites = word.format(sites=number(year.sites))
    return f"{sites}, {many.format(users=number(year.users))}"


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
    text = say("Part des habitants à {time} d’un site, par commune").format(
        time=minutes(scene.mesh_min)
    )
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
    return say("de {low} à {high}").format(
        low=percent(low, decimals=0), high=percent(high, decimals=0)
    )


def communes_table(scene: Scene) -> Fragment:
    """Return the coverage of each commune."""
    head = [
        say("Commune"),
        say("Habitants"),
        say("À {time} d’un site").format(time=minutes(scene.mesh_min)),
        say("À {time} d’un structurant").format(time=minutes(scene.structuring_min)),
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
    return _table(scene, say("Les communes ({count})").format(count=number(len(rows))), head, rows)


def sites_table(scene: Scene) -> Fragment:
    """Return the sites of the plan."""
    head = [
        say("Site"),
        say("Places (hypothèse)"),
        say("Habitants à {time}").format(time=minutes(scene.mesh_min)),
    ]
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
    return _table(scene, say("Les sites ({count})").format(count=number(len(rows))), head, rows)


def left_out_table(scene: Scene) -> Fragment:
    """Return the places that the plan does not open, and why; nothing where there is none."""
    if not len(scene.left_out):
        return join([])
    compared = bool(scene.plans) and "opened_by" in scene.left_out
    head = [
        say("Lieu"),
        say("Habitants de plus à {time}").format(time=minutes(scene.mesh_min)),
        *([say("Retenu")] if compared else []),
        say("Pourquoi"),
    ]
    rows = [
        [
            join(
                [
                    tag("button", place_name(row), type="button", data_left=str(row.Index)),
                    tag("small", words(row.tiers)),
                    tag("small", words(row.commune)),
                ]
            ),
            headcount(row.gain),
            *([agreement(scene, row.opened_by)] if compared else []),
            safe_text(words(row.why), longest=_LONGEST_NOTE),
        ]
        for row in scene.left_out.itertuples()
    ]
    title = say("Les lieux non retenus ({count})").format(count=number(len(rows)))
    return _table(scene, title, head, rows, prose=(say("Retenu"), say("Pourquoi")))


def _table(
    scene: Scene, title: str, head: list[str], rows: list[list[str]], *, prose: Sequence[str] = ()
) -> Fragment:
    """Return a table one can unfold; the first cell of a row is its heading.

    Columns under a heading of `prose` hold words rather than figures.
    """
    looks = ["mots" if name in prose else None for name in head]
    body = (
        tag(
            "tr",
            tag("th", first, scope="row"),
            *(tag("td", cell, class_=look) for cell, look in zip(others, looks[1:], strict=True)),
        )
        for first, *others in rows
    )
    doubt = [tag("caption", f"≈ {say(ESTIMATED)}", class_="estime")] if scene.estimated else []
    named = (
        tag("th", name, scope="col", class_=look) for name, look in zip(head, looks, strict=True)
    )
    table = tag(
        "table",
        *doubt,
        tag("thead", tag("tr", *named)),
        tag("tbody", *body),
    )
    unfolded = tag("div", table, class_="defile")
    return tag("details", tag("summary", title), unfolded, class_="tableau")
