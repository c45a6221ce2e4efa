"""The dossier: one page that holds everything, and calls nothing and nobody."""

from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from planner._format import day
from planner._html import Fragment, check_autonomous, join, safe_text, script_source, tag
from planner._language import current, say
from planner.compare import check
from planner.dossier import _communes, _difference, _parts
from planner.dossier._brand import Brand
from planner.dossier._paper import map_svg
from planner.dossier._runs import of_territory
from planner.maps import Pieces
from planner.maps._words import ESTIMATED

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.runs import Runs

_LONGEST = 2000
_DIGEST = 12  # characters of the digest that are shown


def page(
    plan: "Plan",
    *,
    compared: "Sequence[Plan]" = (),
    runs: "Runs | None" = None,
    brand: Brand | None = None,
) -> str:
    """Return the dossier of a plan as one autonomous HTML page.

    Parameters
    ----------
    plan
        The plan.
    compared
        Up to three other plans of the same territory.
    runs
        Plans on disk of a batch; those of the same territory are held against each other.
    brand
        Whose dossier it is.

    Returns
    -------
    str
        The HTML text, in the language that is now spoken; the same plan gives the same text.

    Raises
    ------
    InputError
        When the plans cannot be compared, or no run is of the same territory.
    """
    if compared:
        check([plan, *compared])
    mine = None if runs is None else of_territory(runs, plan)
    brand = brand or Brand()
    chart = plan.map_pieces()
    scripts = [*chart.scripts, _asset("dossier.js")]
    parts = [
        ("essentiel", say("L’essentiel"), _parts.summary(plan)),
        ("carte", say("Carte"), _map(plan, chart)),
        ("comparer", say("Comparer"), _difference.part(plan, compared, mine)),
        ("commune", say("Ma commune"), _communes.part(plan, compared)),
        ("budget", say("Budget"), _parts.money(plan)),
        ("mobilite", say("Mobilité et CO₂"), _parts.trips(plan)),
        ("risques", say("Ce qui peut faire échouer"), _parts.risks(plan)),
        ("hypotheses", say("Hypothèses et sources"), _parts.sources(plan)),
    ]
    text = str(
        _template().render(
            say=say,
            language=current(),
            policy=_policy(chart, scripts),
            title=say("{title} : scénario « {name} »").format(
                title=plan.title, name=plan.scenario.name
            ),
            owner=brand.name or plan.title,
            logo=Fragment(brand.logo_address),
            date="" if brand.date is None else day(brand.date),
            colour=brand.colour,
            badges=_badges(plan),
            parts=[{"key": key, "title": title, "body": body} for key, title, body in parts],
            attribution=plan.attribution,
            digest=plan.digest[:_DIGEST],
            styles=[Fragment(style) for style in (*chart.styles, _asset("dossier.css"))],
            scripts=[Fragment(code) for code in scripts],
        )
    )
    check_autonomous(text)
    return text


def _template() -> Any:  # noqa: ANN401 - a template of Jinja
    """Return the template, in which whatever is no fragment goes through the one door of text."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_through_the_door, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return environment.from_string(_asset("dossier.html"))


def _through_the_door(value: object) -> Markup:
    """Return a value as HTML that means nothing else."""
    fragment = value if isinstance(value, Fragment) else safe_text(str(value), longest=_LONGEST)
    return Markup(fragment)  # noqa: S704 - made safe by the line above


def _badges(plan: "Plan") -> list[Fragment]:
    badges = [tag("span", plan.proof, class_="badge")]
    if plan.estimated:
        badges.append(tag("span", f"≈ {say(ESTIMATED)}", class_="badge estime"))
    return badges


def _map(plan: "Plan", chart: Pieces) -> Fragment:
    """Return the map with its legend and tables, and the drawing that is printed in their place."""
    title = tag("h3", say("Légende"), id="titre-legende")
    side = tag("aside", chart.search, chart.years, title, chart.legend, *chart.tables)
    live = tag("div", tag("div", chart.element, class_="cadre"), side, class_="carte-dossier")
    return join([live, tag("div", map_svg(plan), class_="carte-papier")])


def _policy(chart: Pieces, scripts: Sequence[str]) -> str:
    rules = [
        "default-src 'none'",
        f"script-src {' '.join(map(script_source, scripts))}",
        "style-src 'unsafe-inline'",
        f"img-src {chart.images}",
        "connect-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)


def _asset(name: str) -> str:
    data = resources.files("planner").joinpath("assets", name).read_bytes()
    return data.decode().replace("\r\n", "\n")
