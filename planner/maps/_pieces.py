"""What a map is made of, so that it can live inside another page."""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from planner._html import Fragment, join, tag
from planner._language import say
from planner.maps import _layers, _panel
from planner.maps._base import TILES_HOST, offers_tiles
from planner.maps._scene import Scene

_WORDS = (
    "Zoomer",
    "Dézoomer",
    "Voir tout le territoire",
    "Fermer",
    "Carte du réseau de sites",
    "Plan IGN indisponible : il lui faut un accès à Internet.",
)
"""What `carte.js` says, as it is written there."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """A map in parts: each goes into a page once, whatever the order.

    Elements have the ids that `carte`, the map's object in the page, looks for: `legende`,
    `avis`, `recherche`, `annee`. A page that first hides the map calls ``carte.show()`` when it
    shows it; ``carte.openCommune(code)`` shows a commune and opens its card.

    Attributes
    ----------
    element
        The map; it fills the block around it, which has a height and is positioned.
    legend
        Which layers there are, switched there, and the scale of colours.
    years
        The slider of years; empty where the plan has none.
    search
        The field where one types the name of a commune.
    tables
        The same facts as tables that one unfolds: communes, sites, places left out.
    scripts
        Inline scripts, run in this order after the elements.
    styles
        Style sheets, in this order.
    images
        What the `img-src` of a Content-Security-Policy must allow.
    """

    element: Fragment = field(repr=False)
    legend: Fragment = field(repr=False)
    years: Fragment = field(repr=False)
    search: Fragment = field(repr=False)
    tables: tuple[Fragment, ...] = field(repr=False)
    scripts: tuple[str, ...] = field(repr=False)
    styles: tuple[str, ...] = field(repr=False)
    images: str


def pieces(scene: Scene) -> Pieces:
    """Return what the map of a scene is made of.

    Parameters
    ----------
    scene
        As :func:`planner.maps.plan_scene` gives it.

    Returns
    -------
    Pieces
        The same scene gives the same text.
    """
    element, script = _layers.drawn(scene)
    tables = (
        _panel.communes_table(scene),
        _panel.sites_table(scene),
        _panel.left_out_table(scene),
    )
    notice = tag("p", id="avis", role="status", hidden="")
    return Pieces(
        element=join([Fragment(element), notice]),
        legend=_panel.legend(scene),
        years=_panel.years(scene),
        search=_panel.search(scene),
        tables=tuple(filter(None, tables)),
        scripts=(_leaflet_js(), _carte_js(), script),
        styles=(_leaflet_css(), asset("carte.css")),
        images=f"data: {TILES_HOST}" if offers_tiles(scene) else "data:",
    )


@cache
def asset(name: str) -> str:
    """Return the text of a file of `planner.assets`."""
    data = resources.files("planner").joinpath("assets", name).read_bytes()
    return data.decode().replace("\r\n", "\n")


def _leaflet_js() -> str:
    """Leaflet's script without the line that asks a debugger for its source."""
    return re.sub(r"//# sourceMappingURL=.*", "", asset("leaflet.js")).strip()


def _carte_js() -> str:
    """Our own script, with its few words in the reader's language."""
    words = (
        say("Zoomer"),
        say("Dézoomer"),
        say("Voir tout le territoire"),
        say("Fermer"),
        say("Carte du réseau de sites"),
        say("Plan IGN indisponible : il lui faut un accès à Internet."),
    )
    text = asset("carte.js")
    for french, said in zip(_WORDS, words, strict=True):
        text = text.replace(f'"{french}"', json.dumps(said, ensure_ascii=False))
    return text


def _leaflet_css() -> str:
    """Leaflet's style without the pictures of default markers and layer buttons, unused here."""
    return re.sub(r"url\(images/[^)]*\)", "none", asset("leaflet.css"))
