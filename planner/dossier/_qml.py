"""Styles of the plan's layers as QGIS reads them (QML), in the colours and shapes of the map."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement, tostring

from planner._format import percent
from planner.maps._words import (
    COVERAGE_BOUNDS,
    COVERAGE_COLOURS,
    NO_COVERAGE_COLOUR,
    ROAD_COLOUR,
    TIERS,
    UNCOVERED_COLOUR,
)

_SHAPES = {"structuring": "square", "corpoworking": "diamond", "mini": "circle"}
_VERSION = "3.28.0"


def styles() -> dict[str, str]:
    """Return the QML of each layer by its name."""
    marks = {
        TIERS[tier].one: _marker(shape=shape, colour=TIERS[tier].colour, size="4.2")
        for tier, shape in _SHAPES.items()
    }
    zones = {TIERS[tier].one: _area("255,255,255,0", outline=TIERS[tier].colour) for tier in TIERS}
    served = {
        "true": _marker(shape="circle", colour="#7ad151", size="1.2"),
        "false": _marker(shape="circle", colour=UNCOVERED_COLOUR, size="1.8"),
    }
    return {
        "communes": _graduated("part_desservie"),
        "isochrones": _categorized("niveau", zones),
        "habitants": _categorized("desservi", served),
        "ecartes": _single(_marker(shape="circle", colour=NO_COVERAGE_COLOUR, size="2")),
        "sites": _categorized("niveau", marks, label="nom"),
        "routes": _single(_line(ROAD_COLOUR)),
    }


def _marker(*, shape: str, colour: str, size: str) -> Element:
    return _symbol(
        "marker", "SimpleMarker",
        {"name": shape, "color": _rgba(colour), "outline_color": "255,255,255,255",
         "outline_width": "0.5", "size": size},
    )  # fmt: skip


def _area(fill: str, *, outline: str) -> Element:
    return _symbol(
        "fill", "SimpleFill",
        {"color": fill, "outline_color": _rgba(outline), "outline_width": "0.5",
         "style": "no" if fill.endswith(",0") else "solid"},
    )  # fmt: skip


def _line(colour: str) -> Element:
    return _symbol("line", "SimpleLine", {"line_color": _rgba(colour), "line_width": "0.3"})


def _symbol(kind: str, layer: str, options: Mapping[str, str]) -> Element:
    symbol = Element("symbol", {"type": kind, "alpha": "1", "clip_to_extent": "1"})
    inside = SubElement(symbol, "layer", {"class": layer, "enabled": "1", "locked": "0"})
    table = SubElement(inside, "Option", {"type": "Map"})
    for name, value in options.items():
        SubElement(table, "Option", {"type": "QString", "name": name, "value": value})
    return symbol


def _categorized(column: str, symbols: Mapping[str, Element], *, label: str = "") -> str:
    renderer = Element("renderer-v2", {"type": "categorizedSymbol", "attr": column})
    categories = SubElement(renderer, "categories")
    drawn = SubElement(renderer, "symbols")
    for number, (value, symbol) in enumerate(symbols.items()):
        SubElement(
            categories, "category",
            {"symbol": str(number), "value": value, "label": value, "render": "true"},
        )  # fmt: skip
        symbol.set("name", str(number))
        drawn.append(symbol)
    return _document(renderer, label=label)


def _graduated(column: str) -> str:
    renderer = Element(
        "renderer-v2",
        {"type": "graduatedSymbol", "attr": column, "graduatedMethod": "GraduatedColor"},
    )
    ranges = SubElement(renderer, "ranges")
    drawn = SubElement(renderer, "symbols")
    ends = (0.0, *COVERAGE_BOUNDS, 1.0)
    for number, colour in enumerate(COVERAGE_COLOURS):
        low, high = ends[number], ends[number + 1]
        label = f"{percent(low, decimals=0)} – {percent(high, decimals=0)}"
        SubElement(
            ranges, "range",
            {"symbol": str(number), "lower": str(low), "upper": str(high), "label": label,
             "render": "true"},
        )  # fmt: skip
        symbol = _area(_rgba(colour, alpha=150), outline="#46505e")
        symbol.set("name", str(number))
        drawn.append(symbol)
    return _document(renderer, label="commune")


def _single(symbol: Element) -> str:
    renderer = Element("renderer-v2", {"type": "singleSymbol"})
    symbol.set("name", "0")
    SubElement(renderer, "symbols").append(symbol)
    return _document(renderer)


def _document(renderer: Element, *, label: str = "") -> str:
    categories = "Symbology|Labeling" if label else "Symbology"
    root = Element("qgis", {"version": _VERSION, "styleCategories": categories})
    root.append(renderer)
    if label:
        labeling = SubElement(root, "labeling", {"type": "simple"})
        settings = SubElement(labeling, "settings")
        text = SubElement(
            settings, "text-style", {"fieldName": label, "fontSize": "8", "isExpression": "0"}
        )
        SubElement(
            text,
            "text-buffer",
            {"bufferDraw": "1", "bufferSize": "1", "bufferColor": "255,255,255,255"},
        )
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + tostring(
        root, encoding="unicode"
    )


def _rgba(colour: str, *, alpha: int = 255) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"{red},{green},{blue},{alpha}"
