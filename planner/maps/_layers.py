"""The Folium map of a scene: panes, layers, marks, what they say.

Folium compiles what it has rendered a second time as a Jinja template. So nothing but numbers,
our own constants and `planner._html.Fragment` is given to it, and columns reach it under names
of our own.
"""

from collections.abc import Iterator
from typing import Any, cast

import folium
import numpy as np
import pandas as pd
import shapely
from branca.element import Element, Figure, MacroElement
from folium.template import Template
from folium.utilities import JsCode

from planner._format import headcount, minutes, number, people, percent
from planner._html import Fragment, join, safe_text, tag
from planner.maps import _shapes
from planner.maps._scene import Scene, words
from planner.maps._words import (
    COMMUNE_OPACITY,
    COVERAGE_BOUNDS,
    COVERAGE_COLOURS,
    ESTIMATED,
    KINDS,
    NO_COVERAGE_COLOUR,
    ROAD_COLOUR,
    TIERS,
    UNCOVERED_COLOUR,
    area_swatch,
    dot_swatch,
    mark,
    road_swatch,
    status_words,
    zone_swatch,
)

TILES = (
    "https://data.geopf.fr/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
    "&LAYER=GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2&STYLE=normal&FORMAT=image/png"
    "&TILEMATRIXSET=PM&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"
)
TILES_HOST = "https://data.geopf.fr"
_FRANCE = (  # west, south, east, north in degrees: what the tiles cover, mainland and Corsica
    (-5.3, 42.3, 8.3, 51.2),
    (8.4, 41.3, 9.7, 43.1),
)

# Panes stack the layers whatever the order in which a reader switches them.
_PANES = {"communes": 410, "roads": 420, "zones": 430, "reach": 435, "residents": 440, "names": 590}
_ROADS = {  # line width by class; links go with their class
    "motorway": 2.6,
    "trunk": 2.6,
    "primary": 2.2,
    "secondary": 1.7,
    "tertiary": 1.3,
    "other": 0.7,
}
_VERTICES = {"communes": 5000, "roads": 14000, "zones": 5000, "reach": 9000}
_ICON = 30  # the clickable square around a mark, in pixels


class _Says(MacroElement):
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
    groups = [_site_layer(scene, tier).add_to(chart) for tier in TIERS if len(scene.sites_of(tier))]
    for layer in _zone_layers(scene):
        layer.add_to(chart)
    if len(scene.uncovered):
        _resident_layer(scene).add_to(chart)
    communes = _commune_layer(scene).add_to(chart)
    _name_layer(scene).add_to(chart)
    if len(scene.roads):
        _road_layer(scene).add_to(chart)
    tiles = {"tiles": _tile_layer().add_to(chart)} if offers_tiles(scene) else {}
    reach = _reach_layer(scene).add_to(chart)
    legend = folium.LayerControl(collapsed=False).add_to(chart)
    parts = {**tiles, "reach": reach, "communes": communes, "groups": groups}
    _Start(map=chart, bounds=view.corners, legend=legend, **parts).add_to(chart)
    return _rendered(chart)


def offers_tiles(scene: Scene) -> bool:
    """Return whether the territory lies in metropolitan France, which Plan IGN covers."""
    (south, west), (north, east) = scene.view.corners
    lon, lat = (west + east) / 2, (south + north) / 2
    return any(w <= lon <= e and s <= lat <= n for w, s, e, n in _FRANCE)


def coverage_class(share: float) -> int | None:
    """Return the rank of a share among the classes of coverage, None where it is missing."""
    return None if pd.isna(share) else int(np.searchsorted(COVERAGE_BOUNDS, share, side="right"))


def coverage_colour(share: float) -> str:
    """Return the colour of a share of residents covered."""
    rank = coverage_class(share)
    return NO_COVERAGE_COLOUR if rank is None else COVERAGE_COLOURS[rank]


def site_kind(site: Any) -> str:  # noqa: ANN401 - a row of sites
    """Return what a site is, in words: its tier and what houses it."""
    kind = words(site.kind)
    return " · ".join(part for part in (TIERS[site.tier].one, KINDS.get(kind, kind)) if part)


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


def _lean(scene: Scene, shapes: _shapes.Shapes, layer: str) -> _shapes.Shapes:
    return _shapes.lean(shapes, detail=scene.view.detail, vertices=_VERTICES[layer])


def _layer_label(swatch: Fragment, text: str, *, count: str = "") -> Fragment:
    counted = [tag("small", f"({count})")] if count else []
    return tag("span", swatch, tag("span", text, " ", *counted), class_="couche")


def _site_layer(scene: Scene, tier: str) -> folium.FeatureGroup:
    sites = scene.sites_of(tier)
    look = TIERS[tier]
    name = look.many if len(sites) > 1 else look.one
    label = _layer_label(mark(tier, size=22), name, count=_counted(sites["status"]))
    group = folium.FeatureGroup(name=label)
    points = _shapes.lonlat(sites.geometry.to_numpy())
    for site, point in zip(sites.itertuples(), points, strict=True):
        about = f"{words(site.name)}, {site_kind(site)}, {words(site.commune)}"
        icon = folium.DivIcon(
            html=tag("span", mark(tier), role="img", aria_label=about),
            icon_size=(_ICON, _ICON),
            class_name=f"site site-{tier}",
        )
        marker = folium.Marker(
            (point.y, point.x),
            icon=icon,
            site=site.Index,
            z_index_offset=1000 * list(TIERS).index(tier),  # the smallest mark above
        )
        tooltip = join([tag("b", words(site.name)), tag("br"), site_kind(site)])
        _Says(tooltip=tooltip, popup=_site_popup(scene, site)).add_to(marker)
        marker.add_to(group)
    return group


def _counted(statuses: pd.Series) -> str:
    """Return how many sites there are, and how many of them the plan found there."""
    there = int((statuses == "existing").sum())
    if not there:
        return number(len(statuses))
    return f"{number(len(statuses))}, dont {number(there)} existant{'s' if there > 1 else ''}"


def _site_popup(scene: Scene, site: Any) -> Fragment:  # noqa: ANN401 - a row of sites
    seats = f"{number(site.seats)}\N{NO-BREAK SPACE}place{'s' if site.seats > 1 else ''}"
    facts = [
        ("Commune", words(site.commune)),
        ("Capacité", f"{seats} (hypothèse)"),
        (f"Habitants à {minutes(scene.mesh_min)}", headcount(site.residents_mesh)),
        ("Statut", status_words(words(site.kind), words(site.status))),
    ]
    about = tag("p", mark(site.tier, size=18), site_kind(site), class_="genre")
    return _card(scene, words(site.name), about, facts)


def _commune_popup(scene: Scene, commune: Any) -> Fragment:  # noqa: ANN401 - a row of communes
    facts = [
        (
            f"À {minutes(scene.mesh_min)} d’un site",
            _with_share(commune.covered_mesh, commune.share_mesh),
        ),
        (
            f"À {minutes(scene.structuring_min)} d’un site structurant",
            _with_share(commune.covered_structuring, commune.share_structuring),
        ),
    ]
    about = tag("p", people(commune.population), class_="genre")
    return _card(scene, words(commune.name), about, facts)


def _with_share(count: float, share: float) -> str:
    return f"{headcount(count)}\N{NO-BREAK SPACE}({percent(share)})"


def _card(scene: Scene, title: str, about: Fragment, facts: list[tuple[str, str]]) -> Fragment:
    rows = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts)
    doubt = [tag("p", f"≈ {ESTIMATED}", class_="estime")] if scene.estimated else []
    return tag("article", tag("h3", title), about, tag("dl", *rows), *doubt, class_="fiche")


def _commune_layer(scene: Scene) -> folium.GeoJson:
    rows = list(scene.communes.itertuples())
    properties = [
        {
            "tooltip": join(
                [
                    tag("b", words(row.name)),
                    tag("br"),
                    _told(
                        scene, f"{percent(row.share_mesh)} à {minutes(scene.mesh_min)} d’un site"
                    ),
                ]
            ),
            "popup": _commune_popup(scene, row),
        }
        for row in rows
    ]
    shapes = _lean(scene, scene.communes.geometry.to_numpy(), "communes")
    colours = [coverage_colour(row.share_mesh) for row in rows]

    def style(feature: _shapes.Feature) -> dict[str, Any]:
        return {
            "className": "commune",
            "pane": "communes",
            "fill": True,
            "fillColor": colours[int(feature["id"])],
            "fillOpacity": COMMUNE_OPACITY,
            "color": "#46505e",
            "weight": 1,
        }

    return folium.GeoJson(
        _shapes.features(shapes, properties),
        name=_layer_label(area_swatch(COVERAGE_COLOURS[-1]), "Couverture par commune"),
        style_function=style,
        highlight_function=lambda _: {"weight": 2.5},
        on_each_feature=JsCode("carte.commune"),
        marker=folium.CircleMarker(radius=11),
        smooth_factor=0.5,
        pane="communes",
    )


def _name_layer(scene: Scene) -> folium.FeatureGroup:
    group = folium.FeatureGroup(name=_layer_label(_names_swatch(), "Noms des communes"))
    points = _name_points(scene)
    peopled = scene.communes["population"].to_numpy(dtype=float)
    served = scene.communes["name"].isin(scene.sites["commune"]).to_numpy()
    for row in np.lexsort((-peopled, ~served)):  # names give way to those before them
        icon = folium.DivIcon(
            html=tag("span", words(scene.communes["name"].iloc[row])),
            icon_size=(0, 0),
            class_name="nom-commune",
        )
        place = (points[row].y, points[row].x)
        label = folium.Marker(place, icon=icon, interactive=False, keyboard=False, pane="names")
        label.add_to(group)
    return group


def _name_points(scene: Scene) -> _shapes.Shapes:
    """Return where names stand: the centre of the village, or a point inside the commune."""
    points = _shapes.lonlat(shapely.point_on_surface(scene.communes.geometry.to_numpy()))
    if not {"centre_lon", "centre_lat"} <= set(scene.communes):
        return points
    lon, lat = (
        pd.to_numeric(scene.communes[name], errors="coerce").to_numpy(dtype=float)
        for name in ("centre_lon", "centre_lat")
    )
    known = (np.abs(lon) <= 180) & (np.abs(lat) <= 85)  # noqa: PLR2004 - the web map's world
    points[known] = shapely.points(lon[known].round(5), lat[known].round(5))
    return points


def _names_swatch() -> Fragment:
    letters = {"x": "12", "y": "17", "text_anchor": "middle", "font_size": "14"}
    return tag(
        "svg",
        tag("text", "Aa", font_weight="600", fill="#1c2735", **letters),
        viewBox="0 0 24 24",
        width="22",
        height="22",
        aria_hidden="true",
    )


def _zone_layers(scene: Scene) -> Iterator[folium.GeoJson]:
    """One layer a tier and a time: where at least one of the tier's sites is within reach."""
    zones = dict(list(scene.isochrones.groupby(["tier", "minutes"])))
    keys = sorted(zones, key=lambda key: (list(TIERS).index(key[0]), key[1]))
    merged = np.array([_shapes.together(zones[key].geometry.to_numpy()) for key in keys])
    for (tier, limit), shape in zip(keys, _lean(scene, merged, "zones"), strict=True):
        look = TIERS[tier]
        text = f"À {minutes(limit)} d’un {look.one.lower()}"
        yield _plain_layer(
            shape,
            label=_layer_label(zone_swatch(tier), text),
            show=limit == scene.mesh_min,
            options={
                "class_name": f"zone zone-{tier}",
                "pane": "zones",
                "color": look.colour,
                "weight": 1.8,
                "dash_array": look.dash,
                "fill_opacity": 0.06,
            },
        )


def _reach_layer(scene: Scene) -> folium.GeoJson:
    """Keep aside what each site reaches until one looks at that site."""
    zones = scene.isochrones[scene.isochrones["minutes"] == scene.mesh_min]
    shapes = _lean(scene, zones.geometry.to_numpy(), "reach")
    return folium.GeoJson(
        _shapes.features(shapes, [{"site": site} for site in zones["site"]]),
        control=False,
        show=False,
        style_function=lambda _: {"color": "#16202e", "weight": 2.5, "fillOpacity": 0.16},
        interactive=False,
        class_name="reach",
        pane="reach",
    )


def _road_layer(scene: Scene) -> folium.FeatureGroup:
    group = folium.FeatureGroup(name=_layer_label(road_swatch(), "Routes"))
    classes = scene.roads["highway"].map(lambda text: words(text).removesuffix("_link"))
    widths = classes.map(_ROADS).fillna(_ROADS["other"]).to_numpy()
    lines = scene.roads.geometry.to_numpy()
    drawn_widths = np.unique(widths)
    merged = np.array(
        [_shapes.joined(lines[widths == width], view=scene.view) for width in drawn_widths]
    )
    for width, shape in zip(drawn_widths, _lean(scene, merged, "roads"), strict=True):
        options = {"class_name": "road", "pane": "roads", "color": ROAD_COLOUR}
        faint = {"weight": float(width), "opacity": 0.7 if width > _ROADS["other"] else 0.35}
        _plain_layer(shape, options={**options, **faint}).add_to(group)
    return group


def _resident_layer(scene: Scene) -> folium.GeoJson:
    """Dots whose area grows with the residents; points that say the same are one feature."""
    said = scene.uncovered["residents"].map(people).astype(str)
    counts = scene.uncovered["residents"].groupby(said.to_numpy()).max()
    counts = counts.sort_values(ascending=False, kind="stable")
    points = scene.uncovered.geometry.to_numpy()
    shapes = [shapely.multipoints(points[(said == text).to_numpy()]) for text in counts.index]
    radii = [float(np.clip(1.2 * np.sqrt(count), 2.5, 9).round(1)) for count in counts]
    limit = minutes(scene.mesh_min)
    tooltips = [
        {"tooltip": safe_text(_told(scene, f"{text} à plus de {limit} de tout site"))}
        for text in counts.index
    ]
    total = headcount(float(scene.uncovered["residents"].sum()))

    def style(feature: _shapes.Feature) -> dict[str, Any]:
        return {
            "className": "resident",
            "pane": "residents",
            "radius": radii[int(feature["id"])],
            "color": "#fff",
            "weight": 1,
            "fill": True,
            "fillColor": UNCOVERED_COLOUR,
            "fillOpacity": 0.85,
        }

    return folium.GeoJson(
        _shapes.features(np.array(shapes), tooltips),
        name=_layer_label(dot_swatch(), f"Habitants à plus de {limit}", count=total),
        style_function=style,
        on_each_feature=JsCode("carte.residents"),
        marker=folium.CircleMarker(),
        pane="residents",
    )


def _plain_layer(
    shape: Any,  # noqa: ANN401 - any kind of geometry
    *,
    options: dict[str, Any],
    label: str | None = None,
    show: bool = True,
) -> folium.GeoJson:
    """Return one shape that does not answer to the mouse."""
    return folium.GeoJson(
        _shapes.features(np.array([shape]), [{}]),
        name=label,
        show=show,
        smooth_factor=0.5,
        interactive=False,
        **options,
    )


def _tile_layer() -> folium.TileLayer:
    return folium.TileLayer(
        TILES,
        attr=safe_text("© IGN – Plan IGN v2"),
        name=_layer_label(area_swatch("#fff"), "Fond Plan IGN (avec Internet)"),
        overlay=True,
        show=False,
        max_zoom=18,
    )


def _told(scene: Scene, text: str) -> str:
    return f"{text} ({ESTIMATED.lower()})" if scene.estimated else text
