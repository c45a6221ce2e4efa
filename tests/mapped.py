"""A small territory on a map, the texts that attack it, and what a browser shows of it."""

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from planner import maps

LAMBERT = "EPSG:2154"
WEST, SOUTH, SIDE = 820_000, 6_560_000, 5_000
SITES = [  # name, tier, kind, column and row of the commune it is in
    ("Maison des services & Cie", "structuring", "france_services", 0, 0),
    ("Médiathèque d’Échallon", "structuring", "library", 2, 1),
    ("Boulangerie “Chez Zoé”", "mini", "bakery", 1, 0),
    ("Épicerie", "mini", "convenience", 0, 1),
    ("Atelier partagé", "mini", "fablab rural", 1, 1),
    ("Parc d'activités", "corpoworking", "activity_zone", 2, 0),
]
COMMUNES = ["Aubigny", "Échallon", "Émeringes", "Les Ardillats", "Vauxrenard", "Zédé"]
SHARES = [1.0, 0.995, 0.93, 0.8, 0.3, np.nan]

MKDIR = "cycler.__init__.__globals__.os.mkdir(dict(proof=1)|first)"
PAYLOADS = [
    "<img src=x onerror=window.PWNED=1>",
    "<svg/onload=window.PWNED=1>",
    "</script><script>window.PWNED=1</script>",
    "</title></style><script>window.PWNED=1</script>",
    "<!--<script>",
    "`+(window.PWNED=1)+`",
    "${window.PWNED=1}",
    "{{ " + MKDIR + " }}",
    "{% if " + MKDIR + " %}{% endif %}",
    "{# a comment that nobody closes",
    "{% endraw %}{{ 7*7 }}",
    "\\u003cscript>window.PWNED=1</script>\\",
    "\\",
    "' onmouseover='window.PWNED=1",
    '" autofocus onfocus="window.PWNED=1',
    "&amp; &lt;b&gt; &#x3c;",
    "a\u2028b\u2029c",
    "javascript:window.PWNED=1",
    "[[policy]] [[scripts]] $1 \\1 %s",
    "Œuvre d'Élise & Noël <3",
]
TABLES = "sites isochrones communes roads uncovered uncertain left_out water".split()


def plan_map(**parts):
    return maps.plan_map(maps.plan_scene(**parts))


def place(column, row, *, dx=0.5, dy=0.5):
    return shapely.Point(WEST + (column + dx) * SIDE, SOUTH + (row + dy) * SIDE)


def scene(**changes):
    """A small territory of six square communes, as the arguments of plan_map."""
    cells = [(column, row) for row in range(2) for column in range(3)]
    names, tiers, kinds, columns, rows = zip(*SITES, strict=True)
    population = np.array([1200, 800, 300, 250, 90, 0])
    sites = gpd.GeoDataFrame(
        {
            "name": names,
            "tier": tiers,
            "kind": kinds,
            "commune": [COMMUNES[3 * row + column] for _, _, _, column, row in SITES],
            "status": ["existing", "forced", "chosen", "chosen", "à l’étude", "chosen"],
            "seats": [12, 10, 2, 3, 2, 20],
            "residents_mesh": [1834.4, 900, 1200, 250, np.nan, 300],
        },
        index=[f"site-{n}" for n in range(len(SITES))],
        geometry=[place(c, r) for c, r in zip(columns, rows, strict=True)],
        crs=LAMBERT,
    )
    communes = gpd.GeoDataFrame(
        {
            "name": COMMUNES,
            "population": population,
            "covered_mesh": population * np.nan_to_num(SHARES),
            "share_mesh": SHARES,
            "covered_structuring": population * np.nan_to_num(SHARES),
            "share_structuring": SHARES,
        },
        index=[f"690{n:02}" for n in range(6)],
        geometry=[place(c, r, dx=0, dy=0).buffer(0.1).envelope for c, r in cells],
        crs=LAMBERT,
    )
    communes.geometry = [
        shapely.box(
            WEST + c * SIDE, SOUTH + r * SIDE, WEST + (c + 1) * SIDE, SOUTH + (r + 1) * SIDE
        )
        for c, r in cells
    ]
    made = {
        "title": "Pays d’essai — scénario « défaut »",
        "sites": sites,
        "isochrones": gpd.GeoDataFrame(
            {"site": sites.index, "tier": tiers, "minutes": 10.0},
            geometry=sites.buffer(3200).to_numpy(),
            crs=LAMBERT,
        ),
        "communes": communes,
        "roads": gpd.GeoDataFrame(
            {"highway": ["primary", "tertiary_link", "residential"]},
            geometry=[
                shapely.LineString([place(0, row), place(1, row, dy=0.6), place(2, row)])
                for row in range(2)
            ]
            + [shapely.LineString([place(1, 0), place(1, 1)])],
            crs=LAMBERT,
        ),
        "uncovered": gpd.GeoDataFrame(
            {"residents": [3, 3, 40]},
            geometry=[place(1, 1, dx=d, dy=0.95) for d in (0.05, 0.5, 0.95)],
            crs=LAMBERT,
        ),
        "uncertain": gpd.GeoDataFrame(
            {"residents": [7, 12]},
            geometry=[place(0, 1, dx=d, dy=0.8) for d in (0.3, 0.7)],
            crs=LAMBERT,
        ),
        "left_out": left_out(),
        "water": gpd.GeoDataFrame(
            geometry=[
                shapely.LineString([place(0, 0, dy=0.2), place(2, 0, dy=0.3)]),
                place(1, 1).buffer(900),
            ],
            crs=LAMBERT,
        ),
        "mesh_min": 10.0,
        "structuring_min": 20.0,
        "figures": [("Habitants à 10 minutes", "98,3 %"), ("Sites", "6")],
        "proven": "Optimal prouvé",
        "estimated": False,
        "attribution": ["© les contributeurs d’OpenStreetMap (ODbL)", "Insee"],
    }
    return {**made, **changes}


def left_out():
    """Three places that the plan does not open, in no order."""
    return gpd.GeoDataFrame(
        {
            "name": ["Salle des fêtes", "Café du Pont", ""],
            "kind": ["community_centre", "cafe", "shop"],
            "commune": ["Zédé", "Aubigny", "Échallon"],
            "tiers": ["site structurant, mini-cowork", "mini-cowork", ""],
            "gain": [120.4, 0.0, 0.0],
            "why": ["Le nombre de sites est atteint.", "Déjà desservi.", "Écarté par le scénario."],
        },
        index=["p-2", "p-0", "p-1"],
        geometry=[place(2, 1, dx=0.2), place(0, 0, dx=0.2), place(1, 0, dx=0.8)],
        crs=LAMBERT,
    )


def compared(made):
    """The same scene, after other plans were looked for: 11 with this one."""
    sites = made["sites"].assign(opened_by=[11, 4, 1, 11, 11, np.nan])
    places = made["left_out"].assign(opened_by=[4, np.nan, 1])
    return {**made, "sites": sites, "left_out": places, "plans": 11}


def phased(made):
    """The same scene over three years; the first site is there already."""
    sites = made["sites"].assign(opens=[np.nan, 1, 1, 2, 2, 3])
    years = pd.DataFrame({"sites": [3, 5, 6], "users": [10.2, 1.4, 44.0]}, index=[1, 2, 3])
    return {**made, "sites": sites, "years": years}


def hostile(payload):
    """The same territory with the payload in every text, every id and a column of every table."""
    made = scene(
        title=payload,
        proven=payload,
        figures=[(payload, payload, payload)],
        attribution=[payload, payload],
        register=register(payload),
        estimated=True,
    )
    for table in TABLES:
        frame = made[table]
        made[table] = frame.assign(**{payload: payload, f"{payload} 2": 1})
    sites = made["sites"].assign(**dict.fromkeys(("name", "kind", "commune", "status"), payload))
    made["sites"] = sites.set_index(sites.index + payload)
    made["isochrones"]["site"] = made["sites"].index
    communes = made["communes"].assign(name=payload)
    made["communes"] = communes.set_index(communes.index + payload)
    made["roads"]["highway"] = payload
    said = dict.fromkeys(("name", "kind", "commune", "tiers", "why"), payload)
    places = made["left_out"].assign(**said)
    made["left_out"] = places.set_index(places.index + payload)
    return phased(compared(made))


def register(text):
    return pd.DataFrame([dict.fromkeys("what source date licence status note".split(), text)])


def without_policy(page):
    start = page.index('<meta http-equiv="Content-Security-Policy"')
    return page[:start] + page[page.index(">", start) + 1 :]


def texts(browser, selector):
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
    return browser.execute_script(script, selector)


def popup_name(browser):
    return texts(browser, ".leaflet-popup .fiche h3")[-1]  # the one before may still be fading


def close_popup(browser):
    """Press Escape; Leaflet takes a fifth of a second to fade a popup out."""
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    deadline = time.monotonic() + 5
    while texts(browser, ".leaflet-popup") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not texts(browser, ".leaflet-popup")
