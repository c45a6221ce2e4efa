"""What one clicks: the sites of each tier, and what their cards say."""

from typing import Any

import folium
import pandas as pd

from planner._format import headcount, minutes, number
from planner._html import Fragment, join, tag
from planner.maps import _shapes
from planner.maps._cards import Says, card, layer_label
from planner.maps._scene import Scene, words
from planner.maps._words import KINDS, TIERS, mark, status_words

_ICON = 30  # the clickable square around a mark, in pixels


def site_kind(site: Any) -> str:  # noqa: ANN401 - a row of sites
    """Return what a site is, in words: its tier and what houses it."""
    kind = words(site.kind)
    return " · ".join(part for part in (TIERS[site.tier].one, KINDS.get(kind, kind)) if part)


def site_layer(scene: Scene, tier: str) -> folium.FeatureGroup:
    """Draw the sites of one tier."""
    sites = scene.sites_of(tier)
    look = TIERS[tier]
    name = look.many if len(sites) > 1 else look.one
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
            z_index_offset=1000 * list(TIERS).index(tier),  # the smallest mark above
        )
        tooltip = join([tag("b", words(site.name)), tag("br"), site_kind(site)])
        Says(tooltip=tooltip, popup=_site_popup(scene, site)).add_to(marker)
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
    return card(scene, words(site.name), about, facts)
