"""What is printed: the map on one A3 sheet for the wall, and one A4 sheet a commune."""

import io
import re
import textwrap
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle

from planner._format import day, headcount, minutes, number, people, percent
from planner._html import Fragment
from planner._language import say
from planner.dossier import _drawing
from planner.dossier._brand import Brand
from planner.dossier._charts import INK, LINE, MUTED, STYLE, drawable, svg
from planner.dossier._communes import money_words, nearest
from planner.dossier._stamps import Lines, Stamped
from planner.maps._words import ESTIMATED, TIERS, status_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd
    from matplotlib.artist import Artist

    from planner.plan import Plan

_A3, _A4 = (16.54, 11.69), (8.27, 11.69)  # inches
_PAPER: Any = {**STYLE, "pdf.fonttype": 42}  # TrueType, whose text can be searched and copied
_WARNING = "#7a3e00"
_DIGEST, _FOOT_LINES = 12, 4
_A3_EDGE, _EDGE = 0.02, 0.06  # of a sheet's width, left and right
_DRAWN = (10.2, 6.4)  # inches, of the drawing inside a page
_OUTLINE = re.compile(r'(?<= d=")[^"]*')
_LINES = 12  # sites of one commune that a sheet has room for
_BESIDE = 1.03  # of the map's width: where its legend starts
_SITE_COLUMNS = (_EDGE, 0.385, 0.585, -0.865, -(1 - _EDGE))
_SITE_LONGEST, _STATUS_LONGEST = 34, 28  # characters that the columns have room for
_CELL = 9.5  # points


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


def map_svg(plan: "Plan") -> Fragment:
    """Return the network as a drawing inside a page, which is printed in place of its map.

    Parameters
    ----------
    plan
        The plan.
    """
    with mpl.rc_context(STYLE):
        drawn = _drawing.base(plan)
        figure = Figure(figsize=_DRAWN)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, 0.745, 1.0))
        _drawing.network(axes, plan, drawn)
        _drawing.scale_bar(axes, drawn)
        side = figure.add_axes((0.755, 0.0, 0.245, 1.0))
        side.set_axis_off()
        _drawing.legend(
            side, plan, drawn, loc="upper left", bbox_to_anchor=(0.0, 1.0), fontsize=7.5,
            alignment="left",
        )  # fmt: skip
        drawing = svg(figure, key="plan", label=say("Carte du réseau de sites"))
    return Fragment(_OUTLINE.sub(_tenths, drawing))


def _tenths(outline: re.Match[str]) -> str:
    """Return the `d` of a path in tenths of a point, finer than paper shows, on one line."""
    return re.sub(r"(\.\d)\d+", r"\1", re.sub(r"\s+(?=[A-Za-z])|(?<=[A-Za-z])\s+", "", outline[0]))


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
        return _written(_sheets(plan, brand), title=f"{plan.title} : {plan.scenario.name}")


def _written(figures: "Iterable[Figure]", *, title: str) -> bytes:
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
    left = _A3_EDGE if width > _A4[0] else _EDGE
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


def _foot(
    figure: Figure, plan: "Plan", *, left: float = _A3_EDGE, size: float = 8.0, wide: int = 265
) -> None:
    """Write which data this is, all of their sources, and as many caveats as there is room for."""
    digest = say("Empreinte des données : {digest}").format(digest=plan.digest[:_DIGEST])
    sources = textwrap.wrap(drawable(" · ".join([digest, *plan.attribution]), longest=10_000), wide)
    room = max(_FOOT_LINES - len(sources), 1)
    notes = " · ".join(plan.notes)
    caveats = textwrap.wrap(drawable(notes, longest=10_000), wide, max_lines=room, placeholder=" …")
    figure.text(
        left, 0.012, "\n".join([*caveats, *sources]), fontsize=size, color=MUTED, va="bottom",
        linespacing=1.35,
    )  # fmt: skip


def _sheets(plan: "Plan", brand: Brand) -> "Iterator[Figure]":
    """Yield one sheet a commune: the same figure, on which only what differs is drawn anew."""
    drawn = _drawing.base(plan)
    figure = Figure(figsize=_A4)
    FigureCanvasAgg(figure)
    _banner(figure, plan, brand, width=_A4[0])
    _foot(figure, plan, left=_EDGE, size=6.5, wide=150)
    for text in list(figure.texts):
        figure.add_artist(Stamped(text, lambda: (0.0, 0.0), zorder=text.zorder))
    axes = figure.add_axes((0, 0, 1, 1))
    outline = _drawing.locator(axes, plan, drawn)
    _drawing.legend(
        axes, plan, drawn, zones=False, loc="upper left", bbox_to_anchor=(_BESIDE, 1.0), fontsize=8,
        alignment="left",
    )  # fmt: skip
    _stamp_the_map(axes)
    lines = Lines(figure)
    for code, row in plan.communes.sort_values("name", kind="stable").iterrows():
        page = _Page(figure, lines, top=0.885)
        page.line(drawable(str(row["name"]), longest=48), size=22, bold=True, after=0.006)
        page.line(people(row["population"]), colour=MUTED, after=0.012)
        if plan.estimated:
            page.line(f"≈ {say(ESTIMATED)}", colour=_WARNING, bold=True, after=0.008)
        _coverage(page, plan, row, colour=brand.colour)
        _sites(page, plan, str(code))
        _ways(page, plan, str(code))
        page.title(say("Ce que paie la commune"))
        for told in money_words(plan, str(code)):
            page.line(told)
        axes.set_position((_EDGE, 0.065, 0.56, max(page.y - 0.078, 0.16)))
        axes.set_anchor("NW")
        _drawing.point_out(outline, plan, drawn, code=str(code))
        yield figure
        page.clear()


def _stamp_the_map(axes: Any) -> None:  # noqa: ANN401 - axes of matplotlib
    """Lay out once what the map shows on every sheet: communes and sites of a size, the legend."""

    def corner(x: float) -> tuple[float, float]:
        return tuple(axes.transAxes.transform((x, 1.0)))

    def sized() -> tuple[float, ...]:
        return *corner(0.0), round(axes.bbox.width, 3), round(axes.bbox.height, 3)

    for drawn in list(axes.collections):
        axes.add_artist(Stamped(drawn, sized, zorder=drawn.zorder))
    axes.add_artist(Stamped(axes.get_legend(), lambda: corner(_BESIDE), zorder=5))


class _Page:
    """A sheet that is filled from above, and can be cleared of what was written on it."""

    def __init__(self, figure: Figure, lines: Lines, *, top: float) -> None:
        self.figure, self.lines, self.y = figure, lines, top
        self._drawn: list[Artist] = []

    def clear(self) -> None:
        """Take away what was written."""
        self.lines.clear()
        for one in self._drawn:
            one.remove()

    def line(
        self, text: str, *, size: float = 10.5, bold: bool = False, colour: str = INK,
        after: float = 0.004,
    ) -> None:  # fmt: skip
        """Write a line and go below it."""
        self.y -= size / 72 / _A4[1]
        self._write(_EDGE, text, fontsize=size, color=colour, weight="bold" if bold else "normal")
        self.y -= 0.3 * size / 72 / _A4[1] + after

    def title(self, text: str) -> None:
        """Write the title of a part."""
        self.y -= 0.008
        self.line(text, size=12, bold=True, after=0.005)

    def row(self, cells: tuple[tuple[float, str], ...], *, head: bool = False) -> None:
        """Write cells and go below: places are shares of the width, negative where a cell ends."""
        self.y -= 0.0135
        for x, text in cells:
            self._write(
                abs(x), text, fontsize=8.5 if head else _CELL, color=MUTED if head else INK,
                ha="right" if x < 0 else "left",
            )  # fmt: skip
        self.y -= 0.005

    def bar(self, share: float, mean: float, *, colour: str) -> None:
        """Draw a share as a bar, and the mean of the territory as a tick on it."""
        whole = 1 - 2 * _EDGE
        self._draw((_EDGE, self.y - 0.010), whole, 0.010, colour=LINE)
        self._draw((_EDGE, self.y - 0.010), whole * share, 0.010, colour=colour)
        self._draw((_EDGE + whole * mean - 0.001, self.y - 0.013), 0.002, 0.016, colour=INK)
        self.y -= 0.020

    def _write(self, x: float, text: str, **look: Any) -> None:  # noqa: ANN401 - of matplotlib
        self.lines.write(x, self.y, text, **look)

    def _draw(
        self, corner: tuple[float, float], width: float, height: float, *, colour: str
    ) -> None:
        place = self.figure.transFigure
        box = Rectangle(corner, width, height, transform=place, facecolor=colour, linewidth=0)
        self._drawn.append(self.figure.add_artist(box))


def _coverage(page: _Page, plan: "Plan", row: "pd.Series", *, colour: str) -> None:
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
    columns = _SITE_COLUMNS
    head = (say("Site"), say("Niveau"), say("Statut"), say("Places"), say("Usagers"))
    page.row(tuple(zip(columns, head, strict=True)), head=True)
    for site in list(sites.itertuples())[:_LINES]:
        cells = (
            drawable(str(site.name), longest=_SITE_LONGEST), say(TIERS[str(site.tier)].one),
            drawable(status_words(str(site.kind), str(site.status)), longest=_STATUS_LONGEST),
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
        columns = (_EDGE, 0.50, -0.84, -(1 - _EDGE))
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
