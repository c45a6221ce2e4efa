"""What tiers, kinds and statuses are called and look like: one table each."""

from dataclasses import dataclass

from planner._html import Fragment, tag
from planner._language import say


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a tier is named and drawn: its shape and its colour always go together."""

    one: str
    many: str
    shape: str
    colour: str
    dash: str
    size: int


TIERS = {
    "structuring": Look(
        one="Site structurant",
        many="Sites structurants",
        shape="M4 4H20V20H4Z",
        colour="#0072B2",
        dash="1 0",
        size=26,
    ),
    "corpoworking": Look(
        one="Site de corpoworking",
        many="Sites de corpoworking",
        shape="M12 2L22 12L12 22L2 12Z",
        colour="#1F3A93",
        dash="2 5",
        size=26,
    ),
    "mini": Look(
        one="Mini-cowork",
        many="Mini-coworks",
        shape="M12 4A8 8 0 1 1 12 20A8 8 0 1 1 12 4Z",
        colour="#D55E00",
        dash="9 5",
        size=22,
    ),
}

KINDS = {
    "activity_zone": "zone d’activités",
    "bakery": "boulangerie",
    "bank": "agence bancaire",
    "bar": "bar",
    "bookshop": "librairie",
    "books": "librairie",
    "butcher": "boucherie",
    "cafe": "café",
    "clothes": "magasin de vêtements",
    "community_centre": "salle communale",
    "convenience": "épicerie",
    "coworking": "espace de coworking",
    "fast_food": "restauration rapide",
    "florist": "fleuriste",
    "france_services": "France services",
    "fuel": "station-service",
    "hairdresser": "salon de coiffure",
    "host": "hôte à confirmer",
    "host_to_confirm": "hôte à confirmer",
    "hotel": "hôtel",
    "kiosk": "kiosque",
    "library": "bibliothèque",
    "newsagent": "maison de la presse",
    "office": "bureaux",
    "pharmacy": "pharmacie",
    "post_office": "bureau de poste",
    "pub": "pub",
    "restaurant": "restaurant",
    "school": "école",
    "shop": "commerce",
    "supermarket": "supermarché",
    "tobacco": "bureau de tabac",
    "townhall": "mairie",
    "village_centre": "centre du village, hôte à confirmer",
}

STATUSES = {
    "candidate": "candidat",
    "chosen": "proposé par le plan",
    "existing": "existant",
    "forbidden": "écarté",
    "forced": "imposé",
}

SOURCE_STATUSES = {"sourced": "sourcé", "derived": "calculé", "assumption": "hypothèse"}

GOALS = {
    "mesh": "habitants couverts",
    "backup": "habitants couverts, second site compté",
    "structuring": "habitants près d’un site structurant",
    "users": "usagers",
    "cost": "coût (€ HT)",
    "sites": "sites",
    "minutes": "minutes d’habitants",
    "fairness": "plus petite part communale",
}

_TO_CONFIRM = {"host", "host_to_confirm", "village_centre"}
_BARE_STATUSES = {"chosen": "proposé", "forced": "imposé"}

COVERAGE_BOUNDS = (0.5, 0.75, 0.9, 0.99)
"""Where one class of coverage ends and the next begins, the same in every map, to compare them."""

COVERAGE_COLOURS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151")
"""Viridis at 0, 1/5, 2/5, 3/5 and 4/5: one more than the bounds."""

NO_COVERAGE_COLOUR = "#9aa3ad"
COMMUNE_OPACITY = 0.45
UNCOVERED_COLOUR = "#1b1b1b"
ROAD_COLOUR = "#5f6b7a"
WATER_COLOUR = "#9cc7e3"
NEUTRAL_COLOUR = "#46505e"
LEFT_OUT_COLOUR = "#6b7480"
UNCERTAIN_COLOUR = "#7a3e00"
DASHES = ("2 5", "9 5", "9 4 2 4", "4 4")
"""Outlines of the zones at other minutes, one each."""
ESTIMATED = "Temps estimés"


def kind_words(kind: str) -> str:
    """Return what a kind of premises is called; a kind without a word is its own."""
    return say(KINDS[kind]) if kind in KINDS else kind


def goal_words(name: str) -> str:
    """Return what a goal of the optimum is called; one without a word is its own."""
    return say(GOALS[name]) if name in GOALS else name


def status_words(kind: str, status: str) -> str:
    """Return what a site's status is, and that its premises are still to be found if they are."""
    if kind in _TO_CONFIRM and status in _BARE_STATUSES:
        return say("{status}, local à confirmer").format(status=say(_BARE_STATUSES[status]))
    return say(STATUSES[status]) if status in STATUSES else status


def mark(tier: str, *, size: int | None = None) -> Fragment:
    """Return the tier's mark as inline SVG: its shape, its colour, a white halo."""
    look = TIERS[tier]
    width = str(size or look.size)
    path = {"d": look.shape, "fill": look.colour, "stroke": "#fff"}
    return _svg(
        tag("path", stroke_width="2.5", stroke_linejoin="round", paint_order="stroke", **path),
        width=width,
        height=width,
    )


def zone_swatch(tier: str) -> Fragment:
    """Return the legend's mark for the zone around a tier's sites: its dashed outline."""
    look = TIERS[tier]
    box = {"x": "2", "y": "5", "width": "20", "height": "14", "rx": "3"}
    line = {"stroke": look.colour, "stroke_width": "2.5", "stroke_dasharray": look.dash}
    return _svg(tag("rect", fill=look.colour, fill_opacity="0.1", **box, **line))


def area_swatch(colour: str, *, opacity: float = COMMUNE_OPACITY) -> Fragment:
    """Return the legend's mark for an area filled with one colour."""
    box = {"x": "2", "y": "5", "width": "20", "height": "14", "rx": "3"}
    return _svg(tag("rect", fill=colour, fill_opacity=f"{opacity}", stroke="#566", **box))


def dot_swatch() -> Fragment:
    """Return the legend's mark for residents left outside."""
    dots = (("8", "13", "5"), ("17", "9", "3"))
    return _svg(
        *(
            tag("circle", cx=x, cy=y, r=r, fill=UNCOVERED_COLOUR, stroke="#fff", stroke_width="1")
            for x, y, r in dots
        )
    )


def triangle_swatch() -> Fragment:
    """Return the legend's mark for residents within reach at some speeds only."""
    look = {"fill": UNCERTAIN_COLOUR, "stroke": "#fff", "stroke_width": "1"}
    return _svg(tag("path", d="M12 5L19 18H5Z", **look))


def left_out_swatch() -> Fragment:
    """Return the legend's mark for places the plan does not open."""
    look = {"fill": "none", "stroke": LEFT_OUT_COLOUR, "stroke_width": "2.5"}
    return _svg(tag("circle", cx="12", cy="12", r="5", **look))


def other_mark() -> Fragment:
    """Return the mark of a site that other plans open: hollow, dashed, six sides."""
    look = {"fill": "#fff", "fill_opacity": "0.85", "stroke": NEUTRAL_COLOUR}
    path = tag(
        "path", d="M7 4H17L22 12L17 20H7L2 12Z", stroke_width="2", stroke_dasharray="4 2", **look
    )
    return _svg(path)


def line_swatch(dash: str) -> Fragment:
    """Return the legend's mark for the zone of all sites at another time."""
    box = {"x": "2", "y": "5", "width": "20", "height": "14", "rx": "3", "fill": "none"}
    return _svg(tag("rect", stroke=NEUTRAL_COLOUR, stroke_width="2", stroke_dasharray=dash, **box))


def water_swatch() -> Fragment:
    """Return the legend's mark for water."""
    path = {"d": "M2 10C7 4 10 16 14 11S20 8 22 10", "fill": "none", "stroke": WATER_COLOUR}
    return _svg(tag("path", stroke_width="4", **path))


def road_swatch() -> Fragment:
    """Return the legend's mark for roads."""
    path = {"d": "M2 17C8 17 10 8 22 8", "fill": "none", "stroke": ROAD_COLOUR}
    return _svg(tag("path", stroke_width="2.5", **path))


def _svg(*children: Fragment, width: str = "22", height: str = "22") -> Fragment:
    return tag(
        "svg", *children, viewBox="0 0 24 24", width=width, height=height, aria_hidden="true"
    )
