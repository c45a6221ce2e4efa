"""The Folium map of a scene: panes, layers, and the script they give.

Folium compiles what it has rendered a second time as a Jinja template. So nothing but numbers,
our own constants and `planner._html.Fragment` is given to it, and columns reach it under names
of our own.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

import folium
import pandas as pd
from branca.element import Element, Figure, MacroElement
from folium.template import Template

from planner.maps import _base, _marks, _reach
from planner.maps._scene import Scene
from planner.maps._words import TIERS

# Panes stack the layers whatever the order in which a reader switches them.
_PANES = {
    "communes": 410,
    "water": 415,
    "roads": 420,
    "zones": 430,
    "reach": 435,
    "residents": 440,
    "places": 450,
    "names": 590,
}


class _Start(MacroElement):
    """The call that hands the finished layers to `carte.js`."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            carte.start({{ this.parts|tojavascript }});
        {% endmacro %}
        """
    )

    def __init__(self, **parts: Any) -> None:  # noqa: ANN401 - elements, numbers and lists
        super().__init__()  # type: ignore[no-untyped-call] # Folium has no types
        self._name = "Start"
        self.parts = parts


def drawn(scene: Scene) -> tuple[str, str]:
    """Return the map's HTML element and the script that draws it.

    The script is Folium's, with its random names replaced by numbers, so that the same scene
    gives the same text.
    """
    view = scene.view
    south_west, north_east = view.corners
    centre = [(a + b) / 2 for a, b in zip(south_west, north_east, strict=True)]
    chart = folium.Map(
        centre, tiles=None, zoom_control=False, zoom_snap=0.25, min_zoom=6, max_zoom=18
    )
    chart.default_js, chart.default_css = [], []  # the page carries Leaflet, and needs no more
    for name, level in _PANES.items():
        chart.add_child(folium.map.CustomPane(name, z_index=level))
    tiers = [tier for tier in TIERS if len(scene.sites_of(tier))]
    groups = [_marks.site_layer(scene, tier).add_to(chart) for tier in tiers]
    zones = [layer.add_to(chart) for layer in _reach.zone_layers(scene)]
    for layer in _reach.other_zone_layers(scene):
        layer.add_to(chart)

    def added(draw: Callable[[Scene], folium.map.Layer], rows: pd.DataFrame) -> Any:  # noqa: ANN401 - Folium has no types
        return draw(scene).add_to(chart) if len(rows) else None

    left_out = added(_marks.left_out_layer, scene.left_out)
    added(_marks.other_plans_layer, _marks.other_plans(scene))
    added(_reach.resident_layer, scene.uncovered)
    added(_reach.uncertain_layer, scene.uncertain)
    communes = added(_base.commune_layer, scene.communes)
    added(_base.name_layer, scene.communes)
    added(_base.road_layer, scene.roads)
    added(_base.water_layer, scene.water)
    tiles = _base.tile_layer().add_to(chart) if _base.offers_tiles(scene) else None
    parts = {
        "map": chart,
        "bounds": view.corners,
        "groups": groups,
        "zones": zones,
        "left_out": left_out,
        "communes": communes,
        "tiles": tiles,
        "reach": _reach.reach_layer(scene).add_to(chart),
        "legend": folium.LayerControl(collapsed=False).add_to(chart),
    }
    _Start(**{name: part for name, part in parts.items() if part is not None}).add_to(chart)
    return _rendered(chart)


def _rendered(chart: folium.Map) -> tuple[str, str]:
    for n, element in enumerate(_descendants(chart)):
        element._id = str(n)  # noqa: SLF001 - branca draws a random one and offers no other way
    chart.render()  # type: ignore[no-untyped-call] # Folium has no types
    figure = cast("Figure", chart.get_root())
    return figure.html.render().strip(), figure.script.render().strip()


def _descendants(element: Element) -> Iterator[Element]:
    yield element
    for child in element._children.values():  # noqa: SLF001 - branca's only way to its tree
        yield from _descendants(child)
