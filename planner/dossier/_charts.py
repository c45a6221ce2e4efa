"""The charts of a dossier, as SVG that lives inside its page."""

import io
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import shapely
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke

from planner._format import number, signed
from planner._html import Fragment, safe_text, tag
from planner._language import say

INK, MUTED, LINE = "#16202e", "#556070", "#dde3ea"
PAYERS = {
    "commune": "#0072B2", "epci": "#1F3A93", "employers": "#8C5A00", "state": "#5f6b7a",
    "users": "#D55E00",
}  # fmt: skip
_HATCHES = {"commune": "", "epci": "///", "employers": "\\\\\\", "state": "...", "users": "xx"}
CHANGE_BOUNDS = (-5.0, -1.0, 1.0, 5.0)
"""Minutes where one class of change ends and the next begins."""
CHANGE_COLOURS = ("#01665e", "#5ab4ac", "#f0f0ee", "#d8b365", "#8c510a")
"""BrBG of ColorBrewer: much nearer, nearer, alike, farther, much farther."""
_ALIKE = 2
_SPACES = re.compile(r"[\t\n\r\f\v\u2028\u2029 ]+")  # no-break spaces stay

STYLE: Any = {  # Matplotlib types each key apart
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.parse_math": False,  # a name with two `$` is a name, and no formula
    "svg.fonttype": "none",
    "svg.hashsalt": "planner",
    "hatch.linewidth": 0.6,
    "axes.edgecolor": LINE,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": INK,
}


def budget(table: pd.DataFrame, *, words: dict[str, str]) -> Fragment:
    """Return who pays what by year, as stacked bars.

    Parameters
    ----------
    table
        Index year; euros by payer.
    words
        What each payer is called.
    """
    with mpl.rc_context(STYLE):
        figure, axes = canvas(7.2, 3.0)
        bottom = np.zeros(len(table))
        at = np.arange(len(table))
        for payer in [name for name in PAYERS if name in table and table[name].abs().sum() > 0]:
            height = table[payer].to_numpy(float)
            axes.bar(
                at, height, 0.62, bottom=bottom, label=words[payer], color=PAYERS[payer],
                edgecolor="white", hatch=_HATCHES[payer], linewidth=0.8,
            )  # fmt: skip
            bottom = bottom + height
        for x, top in zip(at, bottom, strict=True):
            axes.annotate(
                f"{number(top / 1000)} k€", (x, top), xytext=(0, 3), textcoords="offset points",
                ha="center", fontweight="bold",
            )  # fmt: skip
        axes.set_xticks(at, [say("année {year}").format(year=year) for year in table.index])
        axes.set_yticks([])
        axes.margins(y=0.14)
        axes.legend(frameon=False, ncols=4, loc="upper right", handlelength=1.4)
        label = say("Qui paie quoi, par année, en milliers d’euros hors taxes")
        return _wide(svg(figure, key="budget", label=label), label=label)


def bars(
    labels: Sequence[str], values: Sequence[float], *, key: str, label: str, unit: str
) -> Fragment:
    """Return horizontal bars around zero, each with its number.

    Parameters
    ----------
    labels, values
        One a bar, from the top.
    key
        Of the chart, for the ids inside it.
    label
        What a screen reader says of it.
    unit
        Of the numbers.
    """
    with mpl.rc_context(STYLE):
        figure, axes = canvas(7.2, 0.5 + 0.42 * len(values))
        at = np.arange(len(values))[::-1]
        shades = ["#1b7f79" if value >= 0 else "#8c510a" for value in values]
        axes.barh(at, list(values), 0.6, color=shades)
        for y, value in zip(at, values, strict=True):
            text = f"{number(value)} {unit}"
            side = 4 if value >= 0 else -4
            axes.annotate(
                text, (value, y), xytext=(side, 0), textcoords="offset points", va="center",
                ha="left" if value >= 0 else "right",
            )  # fmt: skip
        axes.axvline(0, color=INK, linewidth=0.9)
        axes.set_yticks(at, [drawable(text) for text in labels])
        axes.set_xticks([])
        axes.margins(x=0.22)
        return _wide(svg(figure, key=key, label=label), label=label)


def tornado(table: pd.DataFrame, *, label: str) -> Fragment:
    """Return what each assumption does to the result, from its low to its high end.

    Parameters
    ----------
    table
        Columns label, low, high (the result at each end), the widest first.
    label
        What a screen reader says of it.
    """
    with mpl.rc_context(STYLE):
        figure, axes = canvas(7.2, 0.5 + 0.36 * len(table))
        at = np.arange(len(table))[::-1]
        low, high = table["low"].to_numpy(float) / 1000, table["high"].to_numpy(float) / 1000
        left, right = np.minimum(low, high), np.maximum(low, high)
        axes.barh(at, right - left, 0.56, left=left, color="#5ab4ac", edgecolor="#01665e")
        for y, a, b in zip(at, left, right, strict=True):
            for x, side, where in ((a, -4, "right"), (b, 4, "left")):
                axes.annotate(
                    number(x), (x, y), xytext=(side, 0), textcoords="offset points",
                    va="center", ha=where, fontsize=8, color=MUTED,
                )  # fmt: skip
        axes.set_yticks(at, [drawable(text, longest=62) for text in table["label"]], fontsize=8)
        axes.set_xticks([])
        axes.use_sticky_edges = False  # the widest bar has its number beside it too
        axes.margins(x=0.2)
        return _wide(svg(figure, key="tornado", label=label), label=label)


def band(users: Sequence[float], *, low: float, high: float, label: str) -> Fragment:
    """Return users per 1,000 inhabitants at three demands, and what was observed elsewhere.

    Parameters
    ----------
    users
        Per 1,000 inhabitants: low, central, high.
    low, high
        The observed band.
    label
        What a screen reader says of it.
    """
    with mpl.rc_context(STYLE):
        figure, axes = canvas(7.2, 1.25)
        axes.axvspan(low, high, color="#cfe8e5")
        axes.plot([users[0], users[2]], [0, 0], color=INK, linewidth=2)
        axes.plot(users, [0, 0, 0], "o", color=INK, markersize=6)
        for value, said in zip(users, (say("basse"), say("centrale"), say("haute")), strict=True):
            axes.annotate(
                f"{said}\n{number(value, decimals=1)}", (value, 0), xytext=(0, 8),
                textcoords="offset points", ha="center", fontsize=8,
            )  # fmt: skip
        seen = say("observé ailleurs : {low} à {high}").format(
            low=number(low, decimals=1), high=number(high, decimals=1)
        )
        axes.annotate(
            seen, ((low + high) / 2, 0), xytext=(0, -20), textcoords="offset points", ha="center",
            fontsize=8, color="#01665e",
        )  # fmt: skip
        axes.set_ylim(-1.1, 1.5)
        axes.set_xlim(0, max(*users, high) * 1.08)
        axes.set_yticks([])
        axes.set_xticks([])
        return _wide(svg(figure, key="bande", label=label), label=label)


def change(table: gpd.GeoDataFrame, *, key: str, label: str) -> Fragment:
    """Return the communes coloured by the change in minutes to the nearest site.

    Parameters
    ----------
    table
        As :func:`planner.compare.communes` returns it.
    key, label
        As in :func:`bars`.
    """
    shapes = table.to_crs(table.estimate_utm_crs())
    lean = shapely.coverage_simplify(shapes.geometry.to_numpy(), 120.0)
    with mpl.rc_context(STYLE):
        figure, axes = canvas(5.2, 4.6)
        axes.set_axis_off()
        for shape, value in zip(lean, table["change_min"], strict=True):
            colour = "#ffffff" if np.isnan(value) else CHANGE_COLOURS[change_class(value)]
            axes.add_patch(
                PathPatch(compound(shape), facecolor=colour, edgecolor="#46505e", lw=0.7)
            )
        for point, value in zip(shapely.point_on_surface(lean), table["change_min"], strict=True):
            if change_class(0.0 if np.isnan(value) else value) != _ALIKE:
                axes.annotate(
                    signed(value, decimals=1), (point.x, point.y), ha="center", va="center",
                    fontsize=8, path_effects=[withStroke(linewidth=2.5, foreground="white")],
                )  # fmt: skip
        axes.autoscale_view()
        axes.set_aspect("equal")
        return svg(figure, key=key, label=label)


def change_class(value: float) -> int:
    """Return the class of a change in minutes: 0 much nearer, 2 alike, 4 much farther.

    Examples
    --------
    >>> [change_class(value) for value in (-6, -1, 0.5, 1, 7)]
    [0, 1, 2, 3, 4]
    """
    return int(np.searchsorted(CHANGE_BOUNDS, value, side="left" if value < 0 else "right"))


def _wide(chart: Fragment, *, label: str) -> Fragment:
    """Return a chart in a frame that scrolls by keyboard where a screen is too narrow."""
    frame = {"tabindex": "0", "role": "region", "aria_label": label}
    return tag("div", chart, class_="defile large", **frame)


def svg(figure: Figure, *, key: str, label: str) -> Fragment:
    """Return a figure as an SVG element whose ids are its own and whose style stays inside it.

    Parameters
    ----------
    figure
        Drawn under :data:`STYLE`.
    key
        Put before every id.
    label
        What a screen reader says of it.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>[^<]*</style>", "", text)
    text = re.sub(r'\bid="', f'id="{key}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{key}-", text)
    head = f'<svg class="graphique" role="img" aria-label="{safe_text(label)}"'
    size = re.compile(r'<svg((?:(?!width=|height=)[^>])*?) (?:width|height)="[^"]*pt"')
    while size.search(text):
        text = size.sub(r"<svg\1", text, count=1)
    return Fragment(text.replace("<svg", head, 1).strip())


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure without frame or ticks, to be drawn under :data:`STYLE`.

    Parameters
    ----------
    width, height
        Inches.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    return figure, axes


def compound(shape: shapely.Geometry) -> Outline:
    """Return polygons as one path, holes and all.

    Parameters
    ----------
    shape
        A polygon or several.
    """
    rings = [
        np.asarray(ring.coords)
        for part in shapely.get_parts(shape)
        for ring in (part.exterior, *part.interiors)
    ]
    return Outline.make_compound_path(*(Outline(ring[:, :2], closed=True) for ring in rings))


def drawable(text: str, *, longest: int = 300) -> str:
    r"""Return a text that the font can draw: on one line, unknown characters as `?`, not too long.

    Parameters
    ----------
    text
        Any text.
    longest
        Characters kept before an ellipsis.

    Examples
    --------
    >>> drawable("Café\t$x$ \N{CJK UNIFIED IDEOGRAPH-4E00}"), drawable("abcdef", longest=4)
    ('Café $x$ ?', 'abc…')
    """
    known = _glyphs()
    spaced = "".join(c if c.isprintable() or c.isspace() else "" for c in text)
    kept = "".join(c if c == " " or ord(c) in known else "?" for c in _SPACES.sub(" ", spaced))
    kept = kept.strip()
    return kept if len(kept) <= longest else f"{kept[: longest - 1].rstrip()}…"


@cache
def _glyphs() -> frozenset[int]:
    """Return the characters that the font of the charts has."""
    font = FT2Font(font_manager.findfont(STYLE["font.family"]))
    return frozenset(font.get_charmap())
