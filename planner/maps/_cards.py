"""What layers share: the label of one, the card of what one looks at, a shape that is only seen."""

from typing import Any

import folium
import numpy as np
from branca.element import MacroElement
from folium.template import Template

from planner._html import Fragment, tag
from planner._language import say
from planner.maps import _shapes
from planner.maps._scene import Scene
from planner.maps._words import ESTIMATED


class Says(MacroElement):
    """A tooltip and a popup for a marker, without the jQuery that Folium's own popups need."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            {{ this._parent.get_name() }}
                .bindTooltip({{ this.tooltip|tojson }}, {direction: "top", offset: [0, -12]})
                .bindPopup({{ this.popup|tojson }}, carte.POPUP);
        {% endmacro %}
        """
    )

    def __init__(self, *, tooltip: Fragment, popup: Fragment) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Folium has no types
        self._name = "Says"
        self.tooltip = tooltip
        self.popup = popup


class Triangle(folium.CircleMarker):
    """A mark that `carte.js` adds to Leaflet's, told from a disc without its colour."""

    def __init__(self) -> None:
        super().__init__()
        self._name = "Triangle"


class Hexagon(folium.CircleMarker):
    """Another one."""

    def __init__(self) -> None:
        super().__init__()
        self._name = "Hexagon"


def card(
    scene: Scene, title: str, about: Fragment, facts: list[tuple[str, str]], *, note: str = ""
) -> Fragment:
    """Return what a popup says: a title, what it is, facts, maybe a sentence under them."""
    rows = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts)
    doubt = [tag("p", f"≈ {say(ESTIMATED)}", class_="estime")] if scene.estimated else []
    why = [tag("p", note, class_="pourquoi")] if note else []
    return tag("article", tag("h3", title), about, tag("dl", *rows), *why, *doubt, class_="fiche")


def layer_label(swatch: Fragment, text: str, *, count: str = "") -> Fragment:
    """Return the name of a layer in the legend."""
    counted = [tag("small", f"({count})")] if count else []
    return tag("span", swatch, tag("span", text, " ", *counted), class_="couche")


def told(scene: Scene, text: str) -> str:
    """Return a text about a time, which says where times are estimates."""
    return f"{text} ({say(ESTIMATED).lower()})" if scene.estimated else text


def plain_layer(
    shape: Any,  # noqa: ANN401 - any kind of geometry
    *,
    options: dict[str, Any],
    label: str | None = None,
    properties: dict[str, Any] | None = None,
    show: bool = True,
) -> folium.GeoJson:
    """Return one shape that does not answer to the mouse."""
    return folium.GeoJson(
        _shapes.features(np.array([shape]), [properties or {}]),
        name=label,
        show=show,
        smooth_factor=0.5,
        interactive=False,
        **options,
    )
