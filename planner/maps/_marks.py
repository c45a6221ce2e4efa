"""What one clicks: sites, places that were left out, sites of other plans; what their cards say."""

from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
from folium.utilities import JsCode

from planner._format import headcount, minutes, number
from planner._html import Fragment, join, tag
from planner._language import say
from planner.maps import _shapes
from planner.maps._cards import Hexagon, Says, card, layer_label
from planner.maps._scene import Scene, words
from planner.maps._words import (
    LEFT_OUT_COLOUR,
    NEUTRAL_COLOUR,
    TIERS,
    kind_words,
    left_out_swatch,
    mark,
    other_mark,
    status_words,
)

_ICON = 30  # the clickable square around a mark, in pixels


def site_kind(site: Any) -> str:  # noqa: ANN401 - a row of sites
    """Return what a site is, in words: its tier and what houses it."""
    kind = words(site.kind)
    return " · ".join(part for part in (say(TIERS[site.tier].one), kind_words(kind)) if part)


def site_layer(scene: Scene, tier: str) -> folium.FeatureGroup:
    """Draw the sites of one tier."""
    sites = scene.sites_of(tier)
    look = TIERS[tier]
    name = say(look.many if len(sites) > 1 else look.one)
    label = layer_label(mark(tier, size=22), name, count=_counted(sites["status"]))
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
            **_opens(site),
            z_index_offset=1000 * list(TIERS).index(tier),  # the smallest mark above
        )
        tooltip = join([tag("b", words(site.name)), tag("br"), site_kind(site)])
        Says(tooltip=tooltip, popup=_site_popup(scene, site)).add_to(marker)
        marker.add_to(group)
    return group


def place_name(place: Any) -> str:  # noqa: ANN401 - a row of left_out
    """Return the name of a place left out, or its kind where it has none."""
    return words(place.name).strip() or say("{kind} sans nom").format(
        kind=_kind(place).capitalize() or say("Lieu")
    )


def agreement(scene: Scene, count: float) -> str:
    """Return in how many of the plans compared a site is open; nothing where none were compared."""
    if not scene.plans or pd.isna(count):
        return ""
    if count >= scene.plans:
        return say("dans les {plans} plans comparés").format(plans=number(scene.plans))
    word = say("dans {count} plans sur {plans}") if count > 1 else say("dans 1 plan sur {plans}")
    return word.format(count=number(count), plans=number(scene.plans))


def left_out_layer(scene: Scene) -> folium.GeoJson:
    """Draw the places that the plan does not open: small, grey, hollow."""
    return _places_layer(
        scene,
        scene.left_out,
        label=(left_out_swatch(), say("Lieux non retenus")),
        look={"className": "left-out", "radius": 5, "color": LEFT_OUT_COLOUR, "fillOpacity": 0.5},
        marker=folium.CircleMarker(),
    )


def other_plans(scene: Scene) -> gpd.GeoDataFrame:
    """Return the places left out that another plan opens."""
    if not scene.plans or "opened_by" not in scene.left_out:
        return scene.left_out.iloc[:0]
    return scene.left_out[scene.left_out["opened_by"].fillna(0) > 0]


def other_plans_layer(scene: Scene) -> folium.GeoJson:
    """Draw the sites that plans nearly as good open, and this one does not."""
    return _places_layer(
        scene,
        other_plans(scene),
        label=(other_mark(), say("Sites d’autres plans presque aussi bons")),
        look={
            "className": "other-site",
            "radius": 9,
            "color": NEUTRAL_COLOUR,
            "dashArray": "4 2",
            "fillOpacity": 0.85,
        },
        marker=Hexagon(),
    )


def _places_layer(
    scene: Scene,
    places: gpd.GeoDataFrame,
    *,
    label: tuple[Fragment, str],
    look: dict[str, Any],
    marker: folium.CircleMarker,
) -> folium.GeoJson:
    """Return a layer of places left out, off until one asks for it."""
    properties = [
        {"tooltip": _left_out_tooltip(row), "popup": _left_out_popup(scene, row)}
        for row in places.itertuples()
    ]
    look = {"pane": "places", "weight": 2, "fill": True, "fillColor": "#fff", **look}
    return folium.GeoJson(
        _shapes.features(places.geometry.to_numpy(), properties),
        name=layer_label(*label, count=number(len(places))),
        show=False,
        style_function=lambda _: look,
        on_each_feature=JsCode("carte.feature"),
        marker=marker,
        pane="places",
    )


def _kind(place: Any) -> str:  # noqa: ANN401 - a row of left_out
    kind = words(place.kind)
    return kind_words(kind)


def _left_out_tooltip(place: Any) -> Fragment:  # noqa: ANN401 - a row of left_out
    return join([tag("b", place_name(place)), tag("br"), _kind(place)])


def _left_out_popup(scene: Scene, place: Any) -> Fragment:  # noqa: ANN401 - a row of left_out
    facts = [
        (say("Commune"), words(place.commune)),
        *([(say("Pourrait être"), words(place.tiers))] if words(place.tiers) else []),
        (
            say("Habitants de plus à {time}").format(time=minutes(scene.mesh_min)),
            headcount(place.gain),
        ),
        *_agreement(scene, place),
    ]
    about = tag("p", _kind(place), class_="genre")
    return card(scene, place_name(place), about, facts, note=words(place.why))


def _agreement(scene: Scene, site: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - a row
    said = agreement(scene, getattr(site, "opened_by", np.nan))
    return [(say("Retenu"), said)] if said else []


def _opens(site: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of sites
    """Return the year of a site as `carte.js` reads it; a site that is there has none."""
    year = getattr(site, "opens", np.nan)
    return {} if pd.isna(year) else {"opens": int(year)}


def _opening(site: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - a row of sites
    return [
        (say("Ouverture"), say("année {year}").format(year=number(year)))
        for year in _opens(site).values()
    ]


def _counted(statuses: pd.Series) -> str:
    """Return how many sites there are, and how many of them the plan found there."""
    there = int((statuses == "existing").sum())
    if not there:
        return number(len(statuses))
    return f"{number(len(statuses))}, dont {number(there)} existant{'s' if there > 1 else ''}"


def _site_popup(scene: Scene, site: Any) -> Fragment:  # noqa: ANN401 - a row of sites
    seats = f"{number(site.seats)}\N{NO-BREAK SPACE}place{'s' if site.seats > 1 else ''}"
    facts = [
        (say("Commune"), words(site.commune)),
        (say("Capacité"), say("{seats} (hypothèse)").format(seats=seats)),
        (
            say("Habitants à {time}").format(time=minutes(scene.mesh_min)),
            headcount(site.residents_mesh),
        ),
        (say("Statut"), status_words(words(site.kind), words(site.status))),
        *_opening(site),
        *_agreement(scene, site),
    ]
    about = tag("p", mark(site.tier, size=18), site_kind(site), class_="genre")
    return card(scene, words(site.name), about, facts)
