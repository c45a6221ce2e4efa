"""What is within reach and who is not: zones, the reach of one site, residents in doubt or out."""

from collections.abc import Iterator
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import shapely
from folium.utilities import JsCode

from planner._format import headcount, minutes, people
from planner._html import Fragment, safe_text
from planner._language import say
from planner.maps import _shapes
from planner.maps._cards import Triangle, layer_label, plain_layer, told
from planner.maps._scene import Scene
from planner.maps._words import (
    DASHES,
    NEUTRAL_COLOUR,
    TIERS,
    UNCERTAIN_COLOUR,
    UNCOVERED_COLOUR,
    dot_swatch,
    line_swatch,
    triangle_swatch,
    zone_swatch,
)


def zone_layers(scene: Scene) -> list[folium.GeoJson]:
    """Return one layer a tier: where a site of the tier is within the mesh minutes."""
    near = scene.isochrones[scene.isochrones["minutes"] == scene.mesh_min]
    tiers = [tier for tier in TIERS if (near["tier"] == tier).any()]
    zones = [near[near["tier"] == tier] for tier in tiers]
    merged = [_shapes.together(zone.geometry.to_numpy()) for zone in zones]
    shapes = scene.lean(np.array(merged, dtype=object), vertices=5000)
    return [
        plain_layer(
            shape,
            label=layer_label(
                zone_swatch(tier),
                say("À {time} d’un {site}").format(
                    time=minutes(scene.mesh_min), site=say(TIERS[tier].one).lower()
                ),
            ),
            properties={"sites": sorted(int(site) for site in zone["site"])},
            options={
                "class_name": f"zone zone-{tier}",
                "pane": "zones",
                "color": TIERS[tier].colour,
                "weight": 1.8,
                "dash_array": TIERS[tier].dash,
                "fill_opacity": 0.06,
            },
        )
        for tier, shape, zone in zip(tiers, shapes, zones, strict=True)
    ]


def other_zone_layers(scene: Scene) -> Iterator[folium.GeoJson]:
    """Yield one layer a time other than the mesh minutes: where any site is within it."""
    zones = scene.isochrones[scene.isochrones["minutes"] != scene.mesh_min]
    limits = sorted(zones["minutes"].unique())
    merged = [
        _shapes.together(zones.geometry[zones["minutes"] == limit].to_numpy()) for limit in limits
    ]
    shapes = scene.lean(np.array(merged, dtype=object), vertices=3000)
    for rank, (limit, shape) in enumerate(zip(limits, shapes, strict=True)):
        dash = DASHES[rank % len(DASHES)]
        yield plain_layer(
            shape,
            label=layer_label(
                line_swatch(dash), say("À {time} d’un site").format(time=minutes(limit))
            ),
            show=False,
            options={
                "class_name": "zone zone-other",
                "pane": "zones",
                "color": NEUTRAL_COLOUR,
                "weight": 2,
                "dash_array": dash,
                "fill_opacity": 0.05,
            },
        )


def reach_layer(scene: Scene) -> folium.GeoJson:
    """Keep aside what each site reaches until one looks at that site."""
    zones = scene.isochrones[scene.isochrones["minutes"] == scene.mesh_min]
    shapes = scene.lean(zones.geometry.to_numpy(), vertices=6000)
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
    """Draw residents beyond the mesh minutes of every site."""
    limit = minutes(scene.mesh_min)
    return _people_layer(
        scene,
        scene.uncovered,
        title=say("Habitants à plus de {time}").format(time=limit),
        said=say("{people} à plus de {time} de tout site").format(people="{people}", time=limit),
        swatch=dot_swatch(),
        look={"className": "resident", "fillColor": UNCOVERED_COLOUR},
    )


def uncertain_layer(scene: Scene) -> folium.GeoJson:
    """Draw residents whose minutes are within the mesh or not according to the speeds supposed."""
    limit = minutes(scene.mesh_min)
    return _people_layer(
        scene,
        scene.uncertain,
        title=say("Habitants à {time} selon les vitesses").format(time=limit),
        said=say("{people} à {time} d’un site ou plus loin, selon les vitesses supposées").format(
            people="{people}", time=limit
        ),
        swatch=triangle_swatch(),
        look={"className": "uncertain", "fillColor": UNCERTAIN_COLOUR},
        show=False,
        marker=Triangle(),
    )


def _people_layer(
    scene: Scene,
    frame: gpd.GeoDataFrame,
    *,
    title: str,
    said: str,
    swatch: Fragment,
    look: dict[str, Any],
    marker: folium.CircleMarker | None = None,
    show: bool = True,
) -> folium.GeoJson:
    """Draw marks whose area grows with the residents; points that say the same are one feature."""
    counted = frame["residents"].map(people).astype(str)
    counts = frame["residents"].groupby(counted.to_numpy()).max()
    counts = counts.sort_values(ascending=False, kind="stable")
    points = frame.geometry.to_numpy()
    shapes = [shapely.multipoints(points[(counted == text).to_numpy()]) for text in counts.index]
    radii = [float(np.clip(1.2 * np.sqrt(count), 2.5, 9).round(1)) for count in counts]
    tooltips = [
        {"tooltip": safe_text(told(scene, said.format(people=text)))} for text in counts.index
    ]

    def style(feature: _shapes.Feature) -> dict[str, Any]:
        return {
            "pane": "residents",
            "radius": radii[int(feature["id"])],
            "color": "#fff",
            "weight": 1,
            "fill": True,
            "fillOpacity": 0.85,
            **look,
        }

    return folium.GeoJson(
        _shapes.features(np.array(shapes), tooltips),
        name=layer_label(swatch, title, count=headcount(float(frame["residents"].sum()))),
        style_function=style,
        on_each_feature=JsCode("carte.feature"),
        marker=marker or folium.CircleMarker(),
        show=show,
        pane="residents",
    )
