"""What is printed: the map on one A3 sheet for the wall, and one A4 sheet a commune."""

import io
import textwrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from planner._format import day, euros, headcount, minutes, number, people, percent
from planner._language import say
from planner.dossier import _drawing
from planner.dossier._brand import Brand
from planner.dossier._charts import INK, LINE, MUTED, STYLE, drawable
from planner.dossier._communes import nearest, paid
from planner.maps._words import ESTIMATED, TIERS, status_words

if TYPE_CHECKING:
    from planner.plan import Plan

_A3, _A4 = (16.54, 11.69), (8.27, 11.69)  # inches
_PAPER: Any = {**STYLE, "pdf.fonttype": 42}  # TrueType, whose text can be searched and copied
_WARNING = "#7a3e00"
_DIGEST = 12
_LINES = 12  # sites of one commune that a sheet has room for


def map_pdf(plan: "Plan", *, brand: Brand) -> bytes:
    """Return the network as one A3 sheet, landscape, all of it vectors.

    Parameters
    ----------
    plan
        The plan.
    brand
        Whose sheet it is.

    Returns
    -------
    bytes
        A PDF whose fonts are embedded and whose text can be copied; the same plan gives the same
        bytes.
    """
    with mpl.rc_context(_PAPER):
        drawn = _drawing.base(plan)
        figure = Figure(figsize=_A3)
        FigureCanvasAgg(figure)  # measures names before they are written
        axes = figure.add_axes((0.02, 0.075, 0.70, 0.835))
        _drawing.network(axes, plan, drawn)
        _drawing.scale_bar(axes, drawn)
        _banner(figure, plan, brand, width=_A3[0])
        side = figure.add_axes((0.735, 0.075, 0.25, 0.835))
        side.set_axis_off()
        below = _figures(side, plan)
        _drawing.legend(
            side, plan, drawn, loc="upper left", bbox_to_anchor=(0.0, below), fontsize=10.5,
            labelspacing=0.65, title=say("Légende"), alignment="left",
        )  # fmt: skip
        _foot(figure, plan)
        return _written([figure], title=f"{plan.title} : {plan.scenario.name}")


def communes_pdf(plan: "Plan", *, brand: Brand) -> bytes:
    """Return one A4 sheet a commune, in the order of their names.

    Parameters
    ----------
    plan
        The plan.
    brand
        Whose sheets they are.

    Returns
    -------
    bytes
        A PDF as :func:`map_pdf` gives it.
    """
    with mpl.rc_context(_PAPER):
        drawn = _drawing.base(plan)
        order = plan.communes.sort_values("name", kind="stable").index
        sheets = (_sheet(plan, drawn, str(code), brand) for code in order)
        return _written(sheets, title=f"{plan.title} : {plan.scenario.name}")


def _written(figures: Any, *, title: str) -> bytes:  # noqa: ANN401 - figures, one after the other
    content = io.BytesIO()
    told = {"Title": drawable(title), "Creator": "planner", "Producer": None, "CreationDate": None}
    with PdfPages(content, metadata=told) as pages:
        for figure in figures:
            pages.savefig(figure)
    return content.getvalue()


def _banner(figure: Figure, plan: "Plan", brand: Brand, *, width: float) -> None:
    """Write whose sheet it is and what it shows, under a line of their colour."""
    strip = Rectangle(
        (0, 0.992), 1, 0.008, transform=figure.transFigure, facecolor=brand.colour, linewidth=0
    )
    figure.add_artist(strip)
    left = 0.25 / width * 1.2
    said = [brand.name or plan.title, say("document de travail")]
    said += [day(brand.date)] if brand.date else []
    figure.text(left, 0.966, drawable(" · ".join(said)), fontsize=9, color=MUTED)
    title = say("{title} : scénario « {name} »").format(title=plan.title, name=plan.scenario.name)
    large = 20 if width > _A4[0] else 14
    figure.text(left, 0.932, drawable(title, longest=90), fontsize=large, fontweight="bold")
    if brand.logo is not None:
        picture = figure.add_axes((1 - left - 1.6 / width, 0.925, 1.6 / width, 0.055), anchor="E")
        picture.imshow(imread(io.BytesIO(brand.logo), format=brand.logo_type.split("/")[1]))
        picture.set_axis_off()


def _figures(axes: Any, plan: "Plan") -> float:  # noqa: ANN401 - axes of matplotlib
    """Write the five figures with their ranges and the proof; return where they end."""
    y = 1.0
    for label, value, doubt in plan.figures():
        axes.text(0, y, label, fontsize=10.5, color=MUTED, va="top")
        axes.text(0, y - 0.022, value, fontsize=19, fontweight="bold", va="top", color=INK)
        y -= 0.062
        for line in textwrap.wrap(doubt, 46):
            axes.text(0, y, line, fontsize=9, color=MUTED, va="top")
            y -= 0.018
        y -= 0.014
    lines = [plan.proof] + ([f"≈ {say(ESTIMATED)}"] if plan.estimated else [])
    for line in [piece for text in lines for piece in textwrap.wrap(text, 42)]:
        colour = _WARNING if line.startswith("≈") or not plan.proven else INK
        axes.text(0, y, line, fontsize=10.5, fontweight="bold", color=colour, va="top")
        y -= 0.024
    return y - 0.01


def _foot(figure: Figure, plan: "Plan", *, size: float = 8.0, wide: int = 265) -> None:
    """Write the sources, the caveats, and which data and scenario this is."""
    digest = say("Empreinte des données : {digest}").format(digest=plan.digest[:_DIGEST])
    text = " · ".join([*plan.attribution, *plan.notes, digest])
    lines = textwrap.wrap(drawable(text, longest=4 * wide), wide)[:4]
    figure.text(
        0.02, 0.012, "\n".join(lines), fontsize=size, color=MUTED, va="bottom", linespacing=1.35
    )


def _sheet(plan: "Plan", drawn: _drawing.Base, code: str, brand: Brand) -> Figure:
    row = plan.communes.loc[code]
    figure = Figure(figsize=_A4)
    FigureCanvasAgg(figure)
    _banner(figure, plan, brand, width=_A4[0])
    page = _Page(figure, top=0.895)
    page.line(drawable(str(row["name"]), longest=48), size=22, bold=True, after=0.006)
    page.line(people(row["population"]), colour=MUTED, after=0.012)
    if plan.estimated:
        page.line(f"≈ {say(ESTIMATED)}", colour=_WARNING, bold=True, after=0.008)
    _coverage(page, plan, row)
    _sites(page, plan, code)
    _ways(page, plan, code)
    _money(page, plan, code)
    high = max(page.y - 0.075, 0.16)
    _drawing.locator(figure.add_axes((0.06, 0.062, 0.88, high)), plan, drawn, code)
    _foot(figure, plan, size=6.5, wide=165)
    return figure


class _Page:
    """A sheet that is filled from above."""

    def __init__(self, figure: Figure, *, top: float) -> None:
        self.figure, self.y = figure, top

    def line(
        self, text: str, *, size: float = 10.5, bold: bool = False, colour: str = INK,
        after: float = 0.004,
    ) -> None:  # fmt: skip
        """Write a line and go below it."""
        weight = "bold" if bold else "normal"
        self.figure.text(
            0.06, self.y, text, fontsize=size, fontweight=weight, color=colour, va="top"
        )
        self.y -= size / 72 / _A4[1] * 1.3 + after

    def title(self, text: str) -> None:
        """Write the title of a part."""
        self.y -= 0.008
        self.line(text, size=12, bold=True, after=0.005)

    def row(self, cells: tuple[tuple[float, str], ...], *, head: bool = False) -> None:
        """Write cells at their places, as shares of the width, and go below."""
        for x, text in cells:
            self.figure.text(
                x, self.y, text, fontsize=8.5 if head else 9.5, va="top",
                color=MUTED if head else INK,
            )  # fmt: skip
        self.y -= 0.0185

    def bar(self, share: float, mean: float, *, colour: str) -> None:
        """Draw a share as a bar, and the mean of the territory as a tick on it."""
        for width, shade in ((0.88, LINE), (0.88 * share, colour)):
            self.figure.add_artist(
                Rectangle(
                    (0.06, self.y - 0.010), width, 0.010, transform=self.figure.transFigure,
                    facecolor=shade, linewidth=0,
                )
            )  # fmt: skip
        self.figure.add_artist(
            Rectangle(
                (0.06 + 0.88 * mean - 0.001, self.y - 0.013), 0.002, 0.016,
                transform=self.figure.transFigure, facecolor=INK, linewidth=0,
            )
        )  # fmt: skip
        self.y -= 0.020


def _coverage(page: _Page, plan: "Plan", row: Any) -> None:  # noqa: ANN401 - a row of communes
    colour = "#0b4f6c"
    for key, text, time in (
        ("share_mesh", say("Habitants à {time} d’un site"), plan.scenario.mesh_min),
        (
            "share_structuring", say("Habitants à {time} d’un site structurant"),
            plan.scenario.structuring_min,
        ),
    ):  # fmt: skip
        share, mean = float(row[key]), float(plan.indicators[key])
        label = text.format(time=minutes(time))
        if share != share:  # noqa: PLR0124 - nobody lives there
            page.line(say("{label} : aucun habitant compté").format(label=label))
            continue
        told = say("{label} : {share} (territoire : {mean})")
        page.line(told.format(label=label, share=percent(share), mean=percent(mean)))
        page.bar(share, mean, colour=colour)


def _sites(page: _Page, plan: "Plan", code: str) -> None:
    page.title(say("Sites dans la commune"))
    sites = plan.sites[plan.sites["commune"] == code]
    if sites.empty:
        page.line(say("Aucun site du réseau n’est dans cette commune."))
        return
    columns = (0.06, 0.43, 0.585, 0.835, 0.895)
    head = (say("Site"), say("Niveau"), say("Statut"), say("Places"), say("Usagers"))
    page.row(tuple(zip(columns, head, strict=True)), head=True)
    for site in list(sites.itertuples())[:_LINES]:
        cells = (
            drawable(str(site.name), longest=36), say(TIERS[str(site.tier)].one),
            drawable(status_words(str(site.kind), str(site.status)), longest=30),
            number(float(site.seats)),
            number(float(site.users), decimals=1),
        )  # fmt: skip
        page.row(tuple(zip(columns, cells, strict=True)))
    if len(sites) > _LINES:
        more = say("et {count} autres").format(count=number(len(sites) - _LINES))
        page.line(more, colour=MUTED)


def _ways(page: _Page, plan: "Plan", code: str) -> None:
    page.title(say("Où vont ses habitants"))
    found = nearest(plan, code)
    if found.empty:
        page.line(say("Aucun site du réseau n’est à portée de ses habitants."))
    else:
        columns = (0.06, 0.50, 0.76, 0.87)
        head = (say("Site le plus proche"), say("Commune"), say("Habitants"), say("Minutes"))
        page.row(tuple(zip(columns, head, strict=True)), head=True)
        for site, row in found.iterrows():
            place = plan.sites.loc[site]
            cells = (
                drawable(str(place["name"]), longest=42),
                drawable(str(place["commune_name"]), longest=26),
                headcount(row["residents"]), number(row["minutes"], decimals=1),
            )  # fmt: skip
            page.row(tuple(zip(columns, cells, strict=True)))
    here = plan.people[plan.people["commune"] == code]
    outside = float(here.loc[~here["inside"], "residents"].sum())
    told = say("Habitants à plus de {time} de tout site : {count}")
    page.line(told.format(time=minutes(plan.scenario.mesh_min), count=headcount(outside)))


def _money(page: _Page, plan: "Plan", code: str) -> None:
    page.title(say("Ce que paie la commune"))
    own, run = paid(plan, code)
    told = say(
        "Investissement sur {years} ans : {own}. Fonctionnement à la charge de la commune : 0 €."
    )
    page.line(told.format(years=number(plan.scenario.years), own=euros(own)))
    if run:
        more = say("L’EPCI porte {run} pour ses sites sur la même durée.")
        page.line(more.format(run=euros(run)))
