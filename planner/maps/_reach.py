"""What is within reach and who is not: zones, the reach of one site, residents left outside."""

from collections.abc import Iterator
from typing import Any

import folium
import numpy as np
import shapely
from folium.utilities import JsCode

from planner._format import headcount, minutes, people
from planner._html import safe_text
from planner.maps import _shapes
from planner.maps._cards import layer_label, plain_layer, told
from planner.maps._scene import Scene
from planner.maps._words import TIERS, UNCOVERED_COLOUR, dot_swatch, zone_swatch


def zone_layers(scene: Scene) -> Iterator[folium.GeoJson]:
    """One layer a tier and a time: where at least one of the tier's sites is within reach."""
    zones = dict(list(scene.isochrones.groupby(["tier", "minutes"])))
    keys = sorted(zones, key=lambda key: (list(TIERS).index(key[0]), key[1]))
    merged = np.array([_shapes.together(zones[key].geometry.to_numpy()) for key in keys])
    for (tier, limit), shape in zip(keys, scene.lean(merged, vertices=5000), strict=True):
        look = TIERS[tier]
        text = f"À {minutes(limit)} d’un {look.one.lower()}"
        yield plain_layer(
            shape,
            label=layer_label(zone_swatch(tier), text),
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


def reach_layer(scene: Scene) -> folium.GeoJson:
    """Keep aside what each site reaches until one looks at that site."""
    zones = scene.isochrones[scene.isochrones["minutes"] == scene.mesh_min]
    shapes = scene.lean(zones.geometry.to_numpy(), vertices=9000)
    return folium.GeoJson(
        _shapes.features(shapes, [{"site": site} for site in zones["site"]]),
        control=False,
        show=False,
        style_function=lambda _: {"color": "#16202e", "weight": 2.5, "fillOpacity": 0.16},
        interactive=False,
        class_name="reach",
        pane="reach",
    )


def resident_layer(scene: Scene) -> folium.GeoJson:
    """Dots whose area grows with the residents; points that say the same are one feature."""
    said = scene.uncovered["residents"].map(people).astype(str)
    counts = scene.uncovered["residents"].groupby(said.to_numpy()).max()
    counts = counts.sort_values(ascending=False, kind="stable")
    points = scene.uncovered.geometry.to_numpy()
    shapes = [shapely.multipoints(points[(said == text).to_numpy()]) for text in counts.index]
    radii = [float(np.clip(1.2 * np.sqrt(count), 2.5, 9).round(1)) for count in counts]
    limit = minutes(scene.mesh_min)
    tooltips = [
        {"tooltip": safe_text(told(scene, f"{text} à plus de {limit} de tout site"))}
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
        name=layer_label(dot_swatch(), f"Habitants à plus de {limit}", count=total),
        style_function=style,
        on_each_feature=JsCode("carte.residents"),
        marker=folium.CircleMarker(),
        pane="residents",
    )
