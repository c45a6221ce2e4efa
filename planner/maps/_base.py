"""What lies under: communes by coverage, their names, roads, and the tiles one may ask for."""

from typing import Any

import folium
import numpy as np
import pandas as pd
import shapely
from folium.utilities import JsCode

from planner._format import headcount, minutes, people, percent
from planner._html import Fragment, join, safe_text, tag
from planner._language import say
from planner.maps import _shapes
from planner.maps._cards import card, layer_label, plain_layer, told
from planner.maps._scene import Scene, words
from planner.maps._words import (
    COMMUNE_OPACITY,
    COVERAGE_BOUNDS,
    COVERAGE_COLOURS,
    NO_COVERAGE_COLOUR,
    ROAD_COLOUR,
    WATER_COLOUR,
    area_swatch,
    road_swatch,
    water_swatch,
)

_TILES = (
    "https://data.geopf.fr/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0"
    "&LAYER=GEOGRAPHICALGRIDSYSTEMS.PLANIGNV2&STYLE=normal&FORMAT=image/png"
    "&TILEMATRIXSET=PM&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}"
)
TILES_HOST = "https://data.geopf.fr"
_FRANCE = (  # west, south, east, north in degrees: what the tiles cover, mainland and Corsica
    (-5.3, 42.3, 8.3, 51.2),
    (8.4, 41.3, 9.7, 43.1),
)
_ROADS = {  # line width by class; links go with their class
    "motorway": 2.6,
    "trunk": 2.6,
    "primary": 2.2,
    "secondary": 1.7,
    "tertiary": 1.3,
    "other": 0.7,
}


def coverage_class(share: float) -> int | None:
    """Return the rank of a share among the classes of coverage, None where it is missing."""
    return None if pd.isna(share) else int(np.searchsorted(COVERAGE_BOUNDS, share, side="right"))


def coverage_colour(share: float) -> str:
    """Return the colour of a share of residents covered."""
    rank = coverage_class(share)
    return NO_COVERAGE_COLOUR if rank is None else COVERAGE_COLOURS[rank]


def commune_layer(scene: Scene) -> folium.GeoJson:
    """Communes, coloured by the share of residents within the mesh minutes."""
    rows = list(scene.communes.itertuples())
    properties = [
        {
            "tooltip": join(
                [
                    tag("b", words(row.name)),
                    tag("br"),
                    told(
                        scene,
                        say("{share} à {time} d’un site").format(
                            share=percent(row.share_mesh), time=minutes(scene.mesh_min)
                        ),
                    ),
                ]
            ),
            "popup": _commune_popup(scene, row),
            "code": safe_text(row.code),
        }
        for row in rows
    ]
    shapes = scene.lean(scene.communes.geometry.to_numpy(), vertices=5000, tiled=True)
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
        name=layer_label(area_swatch(COVERAGE_COLOURS[-1]), say("Couverture par commune")),
        style_function=style,
        highlight_function=lambda _: {"weight": 2.5},
        on_each_feature=JsCode("carte.feature"),
        marker=folium.CircleMarker(radius=11),
        smooth_factor=0.5,
        pane="communes",
    )


def _commune_popup(scene: Scene, commune: Any) -> Fragment:  # noqa: ANN401 - a row of communes
    facts = [
        (
            say("À {time} d’un site").format(time=minutes(scene.mesh_min)),
            _with_share(commune.covered_mesh, commune.share_mesh),
        ),
        (
            say("À {time} d’un site structurant").format(time=minutes(scene.structuring_min)),
            _with_share(commune.covered_structuring, commune.share_structuring),
        ),
    ]
    about = tag("p", people(commune.population), class_="genre")
    return card(scene, words(commune.name), about, facts)


def _with_share(count: float, share: float) -> str:
    return f"{headcount(count)}\N{NO-BREAK SPACE}({percent(share)})"


def name_layer(scene: Scene) -> folium.FeatureGroup:
    """Names of communes; `carte.js` hides those that would overlap."""
    group = folium.FeatureGroup(name=layer_label(_names_swatch(), say("Noms des communes")))
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


def road_layer(scene: Scene) -> folium.FeatureGroup:
    """Roads, wider where their class is higher."""
    group = folium.FeatureGroup(name=layer_label(road_swatch(), say("Routes")))
    classes = scene.roads["highway"].map(lambda text: words(text).removesuffix("_link"))
    widths = classes.map(_ROADS).fillna(_ROADS["other"]).to_numpy()
    lines = scene.roads.geometry.to_numpy()
    drawn_widths = np.unique(widths)
    merged = np.array(
        [_shapes.joined(lines[widths == width], view=scene.view) for width in drawn_widths]
    )
    for width, shape in zip(drawn_widths, scene.lean(merged, vertices=11000), strict=True):
        options = {"class_name": "road", "pane": "roads", "color": ROAD_COLOUR}
        faint = {"weight": float(width), "opacity": 0.7 if width > _ROADS["other"] else 0.35}
        plain_layer(shape, options={**options, **faint}).add_to(group)
    return group


def offers_tiles(scene: Scene) -> bool:
    """Return whether the territory lies in metropolitan France, which Plan IGN covers."""
    (south, west), (north, east) = scene.view.corners
    return in_france((west + east) / 2, (south + north) / 2)


def in_france(lon: float, lat: float) -> bool:
    """Return whether a place is in metropolitan France, its borders taken wide."""
    return any(w <= lon <= e and s <= lat <= n for w, s, e, n in _FRANCE)


def water_layer(scene: Scene) -> folium.FeatureGroup:
    """Rivers, canals and lakes, without those too small to be seen."""
    group = folium.FeatureGroup(name=layer_label(water_swatch(), say("Cours d’eau et lacs")))
    whole = shapely.make_valid(scene.water.geometry.to_numpy())
    inside = shapely.clip_by_rect(whole, *scene.view.window)
    areas = inside[shapely.area(inside) > (2 * scene.view.detail) ** 2]
    lines = _shapes.joined(inside, view=scene.view)
    for shapes, fill in ((np.array([_shapes.together(areas)]), 1.0), (np.array([lines]), 0.0)):
        (shape,) = scene.lean(shapes, vertices=2500)
        if not shape.is_empty:
            look = {"color": WATER_COLOUR, "weight": 1.6, "fill": bool(fill), "fill_opacity": fill}
            options = {"class_name": "water", "pane": "water", **look}
            plain_layer(shape, options=options).add_to(group)
    return group


def tile_layer() -> folium.TileLayer:
    """Plan IGN, asked of the network only when a reader switches it on."""
    return folium.TileLayer(
        _TILES,
        attr=safe_text("© IGN – Plan IGN v2"),
        name=layer_label(area_swatch("#fff"), say("Fond Plan IGN (avec Internet)")),
        overlay=True,
        show=False,
        max_zoom=18,
    )
