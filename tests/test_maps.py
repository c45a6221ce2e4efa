import dataclasses
import hashlib
import os
import re
import subprocess
import sys
import time
import tomllib
from importlib import resources
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from mapped import (
    COMMUNES,
    LAMBERT,
    MKDIR,
    PAYLOADS,
    SIDE,
    SITES,
    SOUTH,
    TABLES,
    WEST,
    close_popup,
    hostile,
    plan_map,
    popup_name,
    scene,
    texts,
    without_policy,
)
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from planner import _html, maps
from planner._errors import InputError
from planner._html import Fragment, check_autonomous, safe_text, tag

# Row O1: no text is ever code


@pytest.mark.browser
@pytest.mark.parametrize("payload", PAYLOADS)
def test_O1_a_payload_everywhere_is_only_text(payload, opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = hostile(payload)
    page = plan_map(**made)
    assert not (tmp_path / "proof").exists()
    browser = opened(without_policy(page))  # the door stands without the second lock
    assert len(browser.find_elements(By.CSS_SELECTOR, ".site")) == len(SITES)
    for button in browser.find_elements(By.CSS_SELECTOR, "tbody button"):
        browser.execute_script("arguments[0].click()", button)
        assert popup_name(browser) == payload
    shown = len(made["left_out"])
    assert texts(browser, "tbody button") == [payload] * (len(SITES) + len(COMMUNES) + shown)
    assert texts(browser, "tbody td:last-child.mots") == [payload] * shown
    assert set(texts(browser, ".pourquoi")) == {payload}
    for selector in (
        "h1",
        ".badge:first-child",
        ".chiffres dt",
        ".chiffres dd",
        "footer li",
        ".sources b",
    ):
        assert set(texts(browser, selector)) == {payload}
    assert set(texts(browser, ".nom-commune")) == {payload}
    options = (
        "return [...document.querySelectorAll('#recherche-communes option')].map(o => o.value)"
    )
    assert all(payload in name for name in browser.execute_script(options))
    labels = "return [...document.querySelectorAll('.site [role=img]')].map(e => e.ariaLabel)"
    assert all(text.count(payload) == 3 for text in browser.execute_script(labels))
    assert browser.execute_script("return document.title") == " ".join(payload.split(" "))
    assert browser.execute_script("return window.PWNED") is None
    assert browser.complaints() == []
    assert all(url.startswith("file:") for url in browser.requests())


@pytest.mark.browser
def test_O1_all_payloads_at_once_behind_the_policy(opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = hostile(" ".join(PAYLOADS))
    names = [PAYLOADS[n] for n in range(len(SITES))]
    made["sites"]["name"] = names
    browser = opened(plan_map(**made))
    shown = []
    for button in browser.find_elements(By.CSS_SELECTOR, "[data-site]"):
        browser.execute_script("arguments[0].click()", button)
        shown.append(popup_name(browser))
    assert sorted(shown) == sorted(names)
    assert browser.execute_script("return window.PWNED") is None
    assert browser.complaints() == []
    assert not (tmp_path / "proof").exists()


def test_O1_the_payload_is_live_when_the_door_is_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_html, "safe_text", Fragment)
    with pytest.raises(FileExistsError):  # by the second name: Python ran the first one's code
        plan_map(**hostile("{{ " + MKDIR + " }}"))
    assert (tmp_path / "proof").is_dir()


@pytest.mark.browser
def test_O1_the_policy_stops_what_would_pass_the_door(opened):
    leak = "<img src=x onerror=window.PWNED=1><script>window.PWNED=2</script>"
    page = plan_map(**scene()).replace("</h1>", f"{leak}</h1>")
    browser = opened(page)
    assert browser.execute_script("return window.PWNED") is None
    assert sum("Content Security Policy" in message for message in browser.complaints()) >= 2
    with pytest.raises(ValueError, match="not autonomous"):
        check_autonomous(page)


@pytest.mark.browser
def test_O1_odd_characters_and_endless_names(opened):
    names = [
        "nul\0 bell\a\x85",
        "tab\tline\r\nend",
        "whole",
        "\u202egnp.exe",
        "x" * 5000,
        "👩‍🌾 ok",
    ]
    shown = ["nul bell", "tab line  end", "whole", "gnp.exe", "x" * 299 + "…", "👩‍🌾 ok"]
    made = scene()
    made["sites"]["name"] = names
    made["communes"]["name"] = names
    browser = opened(plan_map(**made), width=390, height=844)
    buttons = browser.find_elements(By.CSS_SELECTOR, "[data-site]")
    found = []
    for button in buttons:
        browser.execute_script("arguments[0].click()", button)
        found.append(popup_name(browser))
    assert sorted(found) == sorted(shown)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
    assert browser.complaints() == []


def test_O1_half_a_character_is_shown_as_none():
    assert safe_text("half \ud83d") == "half \ufffd"


def test_O1_columns_not_shown_stay_out():
    made = hostile("SECRET")
    made["sites"][["name", "kind", "commune", "status"]] = "é"
    made["left_out"][["name", "kind", "commune", "tiers", "why"]] = "é"
    made["communes"] = made["communes"].assign(name="é").set_axis(range(6))
    made |= {"title": "é", "proven": "é", "figures": [], "attribution": [], "register": None}
    assert "SECRET" not in plan_map(**made)


# Row O2: the page needs nothing but itself


@pytest.mark.browser
def test_O2_every_site_answers_to_a_real_click(opened):
    browser = opened(plan_map(**scene()))
    marks = browser.find_elements(By.CSS_SELECTOR, ".site")
    found = []
    for mark in marks:
        assert mark.is_displayed()
        ActionChains(browser).move_to_element(mark).click().perform()
        found.append(popup_name(browser))
        close_popup(browser)
    assert sorted(found) == sorted(name for name, *_ in SITES)
    assert all(url.startswith("file:") for url in browser.requests())
    assert browser.complaints() == []


@pytest.mark.browser
def test_O2_every_site_is_reached_and_opened_by_keyboard(opened):
    browser = opened(plan_map(**scene()))
    reached = {}
    for _ in range(40):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        focused = browser.switch_to.active_element
        if "site" in (focused.get_attribute("class") or "").split():
            label = focused.accessible_name
            ActionChains(browser).send_keys(Keys.ENTER).perform()
            reached[popup_name(browser)] = label
            close_popup(browser)
            assert browser.switch_to.active_element == focused
    assert set(reached) == {name for name, *_ in SITES}
    assert reached["Épicerie"] == "Épicerie, Mini-cowork · épicerie, Les Ardillats"
    assert browser.complaints() == []


@pytest.mark.browser
def test_O2_layers_switch_off_and_on(opened):
    browser = opened(plan_map(**scene()))
    layers = {
        "Sites structurants (2, dont 1 existant)": ".site-structuring",
        "Site de corpoworking (1)": ".site-corpoworking",
        "Mini-coworks (3)": ".site-mini",
        "À 10\u00a0min d’un site structurant": ".zone-structuring",
        "À 10\u00a0min d’un site de corpoworking": ".zone-corpoworking",
        "À 10\u00a0min d’un mini-cowork": ".zone-mini",
        "Lieux non retenus (3)": ".left-out",
        "Habitants à plus de 10\u00a0min (46)": ".resident",
        "Habitants à 10\u00a0min selon les vitesses (19)": ".uncertain",
        "Couverture par commune": ".commune",
        "AaNoms des communes": ".nom-commune",
        "Routes": ".road",
        "Cours d’eau et lacs": ".water",
    }
    labels = browser.find_elements(By.CSS_SELECTOR, "#legende label")
    named = {label.get_attribute("textContent").strip(): label for label in labels}
    assert list(named) == [*layers, "Fond Plan IGN (avec Internet)"]
    for name, selector in layers.items():
        if selector in {".left-out", ".uncertain"}:  # off until one asks for it
            assert not texts(browser, selector)
            named[name].click()
        count = len(texts(browser, selector))
        assert count > 0
        for expected in (0, count):
            named[name].click()
            assert len(texts(browser, selector)) == expected
    assert browser.complaints() == []


@pytest.mark.browser
def test_O2_tables_lead_to_the_map_and_looking_at_a_site_shows_its_reach(opened):
    browser = opened(plan_map(**scene()))
    for summary in browser.find_elements(By.TAG_NAME, "summary"):
        summary.click()
    browser.find_element(By.XPATH, "//button[text()='Échallon']").click()
    assert popup_name(browser) == "Échallon"
    assert not texts(browser, ".reach")
    browser.find_element(By.XPATH, "//button[text()='Épicerie']").click()
    assert popup_name(browser) == "Épicerie"
    assert len(texts(browser, ".reach")) == 1
    close_popup(browser)
    assert not texts(browser, ".reach")


@pytest.mark.browser
def test_O2_missing_tiles_are_said_and_only_asked_for_on_demand(opened):
    browser = opened(plan_map(**scene()))
    assert all(url.startswith("file:") for url in browser.requests())
    label = browser.find_elements(By.CSS_SELECTOR, "#legende label")[-1]
    label.click()
    notice = browser.find_element(By.ID, "avis")
    deadline = time.monotonic() + 5
    while not notice.is_displayed() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "Plan IGN indisponible" in notice.text
    assert all(url.startswith("https://data.geopf.fr/") for url in browser.requests())
    label.click()
    assert not notice.is_displayed()


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_O2_nothing_hides_the_map(opened, width, height):
    browser = opened(plan_map(**scene()), width=width, height=height)
    rects = browser.execute_script(
        "return ['.cadre', 'header', 'aside', 'footer', '.site-structuring', '.site-mini']"
        ".map(s => document.querySelector(s).getBoundingClientRect().toJSON())"
    )
    frame, *around = rects
    for box in around[:3]:
        assert (
            box["right"] <= frame["left"]
            or box["top"] >= frame["bottom"]
            or box["bottom"] <= frame["top"]
        )
    for mark in around[3:]:
        assert frame["left"] <= mark["left"] <= mark["right"] <= frame["right"]
        assert frame["top"] <= mark["top"] <= mark["bottom"] <= frame["bottom"]
    assert frame["top"] < height / 3
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    "piece",
    [
        '<script src="https://example.org/x.js"></script>',
        "<script>alert(1)</script>",
        '<link rel="stylesheet" href="x.css">',
        '<img src="photo.png">',
        '<a href="https://example.org">là</a>',
        '<a href="javascript:alert(1)">là</a>',
        '<p onclick="alert(1)">',
        "<style>@import 'x.css';</style>",
        "<style>p { background: url(images/x.png) }</style>",
        '<p style="background: url(//example.org/x)">',
        '<iframe srcdoc="x"></iframe>',
        '<meta http-equiv="refresh" content="0; url=https://example.org">',
        '<base href="https://example.org">',
    ],
)
def test_O2_a_page_that_would_load_something_is_refused(piece):
    page = plan_map(**scene())
    with pytest.raises(ValueError, match="not autonomous"):
        check_autonomous(page.replace("</footer>", f"{piece}</footer>"))


def test_O2_a_page_without_its_policy_is_refused():
    page = plan_map(**scene())
    check_autonomous(page)
    check_autonomous(
        page.replace("</footer>", '<a href="https://example.org">là</a></footer>'),
        links=["https://example.org"],
    )
    with pytest.raises(ValueError, match="no Content-Security-Policy"):
        check_autonomous(without_policy(page))


# The map inside another page


SHOW = "voir.addEventListener('click', () => { onglet.hidden = false; carte.show(); });"


def inside(pieces):
    """A page that hides the map behind a tab until one clicks."""
    parts = [
        "<!DOCTYPE html><html lang=fr><meta charset=utf-8><title>Dossier</title>",
        *(f"<style>{style}</style>" for style in pieces.styles),
        "<button id=voir>Carte</button>",
        "<div id=onglet hidden><div style='position:relative;height:500px'>",
        pieces.element,
        "</div>",
        pieces.legend,
        *pieces.tables,
        "</div>",
        *(f"<script>{code}</script>" for code in (*pieces.scripts, SHOW)),
    ]
    return "\n".join(parts)


@pytest.mark.browser
def test_S10_the_map_lives_in_another_page_and_fits_when_its_tab_is_shown(opened):
    pieces = maps.pieces(maps.plan_scene(**scene()))
    assert pieces.images == "data: https://data.geopf.fr"
    browser = opened(inside(pieces))
    browser.find_element(By.ID, "voir").click()
    frame, *marks = browser.execute_script(
        "return ['.folium-map', '.site-structuring', '.site-mini', '.site-corpoworking']"
        ".map(s => document.querySelector(s).getBoundingClientRect().toJSON())"
    )
    assert frame["height"] == 500
    for mark in marks:
        assert frame["left"] < mark["left"] < mark["right"] < frame["right"]
        assert frame["top"] < mark["top"] < mark["bottom"] < frame["bottom"]
    assert marks[2]["left"] - marks[0]["left"] > 150  # the territory fills the frame
    assert len(texts(browser, "#legende label")) == 14
    assert browser.execute_script("return carte.openCommune('69001')") is True
    assert popup_name(browser) == "Échallon"
    assert browser.execute_script("return carte.openCommune('75056')") is False
    assert browser.complaints() == []


@pytest.mark.browser
def test_S10_a_page_without_the_tables_still_has_its_map(opened):
    pieces = dataclasses.replace(maps.pieces(maps.plan_scene(**scene())), tables=())
    browser = opened(inside(pieces))
    browser.find_element(By.ID, "voir").click()
    browser.find_element(By.CSS_SELECTOR, ".site-structuring").click()
    assert popup_name(browser) == "Maison des services & Cie"
    assert browser.complaints() == []


# Row O3: what is drawn


@pytest.mark.browser
def test_O3_marks_legend_and_colours(opened):
    browser = opened(plan_map(**scene()))

    def attributes(selector, *names):
        script = (
            "return [...document.querySelectorAll(arguments[0])]"
            ".map(e => arguments[1].map(n => e.getAttribute(n)))"
        )
        return [tuple(row) for row in browser.execute_script(script, selector, names)]

    assert attributes(".site-structuring path", "fill", "stroke") == [("#0072B2", "#fff")] * 2
    assert attributes(".site-mini path", "fill", "stroke") == [("#D55E00", "#fff")] * 3
    assert attributes(".site-corpoworking path", "fill", "stroke") == [("#1F3A93", "#fff")]
    assert len(set(attributes(".site path", "d"))) == 3
    colours = ["#7ad151", "#7ad151", "#22a884", "#2a788e", "#440154", "#9aa3ad"]
    assert attributes("path.commune", "fill") == [(colour,) for colour in colours]
    assert attributes(".zone", "stroke") == [("#0072B2",), ("#1F3A93",), ("#D55E00",)]
    assert len(set(attributes(".zone", "stroke-dasharray"))) == 3
    assert len(attributes(".road", "d")) == 3
    assert len(attributes(".resident", "d")) == 3
    assert [text.replace("\u00a0", " ") for text in texts(browser, ".echelle li")] == [
        "99 % et plus2 communes",
        "de 90 % à 99 %1 commune",
        "de 75 % à 90 %1 commune",
        "de 50 % à 75 %0 commune",
        "moins de 50 %1 commune",
        "sans habitant1 commune",
    ]


@pytest.mark.browser
def test_O3_popups_and_tables_say_the_same_figures(opened):
    browser = opened(plan_map(**scene()))
    mark = browser.find_element(By.CSS_SELECTOR, ".site-structuring")
    mark.click()
    assert texts(browser, ".fiche p, .fiche dt, .fiche dd") == [
        "Site structurant · France services",
        *("Commune", "Aubigny", "Capacité", "12\u00a0places (hypothèse)"),
        *("Habitants à 10\u00a0min", "1\u202f834", "Statut", "existant"),
    ]
    rows = texts(browser, "#tableaux tbody tr")
    assert len(rows) == len(COMMUNES) + len(SITES) + len(scene()["left_out"])
    assert texts(browser, "#tableaux tbody tr:nth-child(2) th")[0] == "Échallon"
    assert "fablab rural" in "".join(texts(browser, "#tableaux tbody"))
    assert "n.\u00a0d." in "".join(texts(browser, "#tableaux tbody"))


@pytest.mark.browser
def test_O3_the_page_is_french_and_titled(opened):
    browser = opened(plan_map(**scene()))
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "fr"
    assert browser.title == "Pays d’essai — scénario « défaut »"
    assert texts(browser, ".chiffres dd") == ["98,3 %", "6"]
    assert texts(browser, ".badge") == ["Optimal prouvé"]
    assert texts(browser, "footer li") == ["© les contributeurs d’OpenStreetMap (ODbL)", "Insee"]
    titles = "return [...document.querySelectorAll('.leaflet-control a')].map(a => a.title)"
    assert browser.execute_script(titles)[:3] == ["Zoomer", "Dézoomer", "Voir tout le territoire"]


@pytest.mark.browser
def test_O3_estimated_times_are_said_everywhere(opened):
    browser = opened(plan_map(**scene(estimated=True, roads=None, uncovered=None)))
    places = "header .badge, aside > section > .estime, #tableaux caption"
    assert len([text for text in texts(browser, places) if "Temps estimés" in text]) == 5
    for button in browser.find_elements(By.CSS_SELECTOR, "tbody button"):
        browser.execute_script("arguments[0].click()", button)
        assert texts(browser, ".leaflet-popup:last-child .estime") == ["≈ Temps estimés"]
    assert not texts(browser, ".road, .resident")


def test_O3_measured_times_are_never_called_estimates():
    page = plan_map(**scene())
    assert "stimés" not in page[page.index("<body>") :]


@pytest.mark.browser
@pytest.mark.parametrize("apart", [0, 40])
def test_O3_marks_at_one_place_are_all_seen_and_clicked(opened, apart):
    made = scene()
    made["sites"].geometry = [
        shapely.Point(WEST + 2 * SIDE + n * apart, SOUTH + SIDE) for n in range(len(SITES))
    ]
    browser = opened(plan_map(**made))
    found = []
    for mark in browser.find_elements(By.CSS_SELECTOR, ".site"):
        ActionChains(browser).move_to_element(mark).click().perform()
        found.append(popup_name(browser))
        close_popup(browser)
    assert sorted(found) == sorted(name for name, *_ in SITES)
    level = "return +document.querySelector(arguments[0]).style.zIndex"
    mini, square = (browser.execute_script(level, f".site-{t}") for t in ("mini", "structuring"))
    assert mini > square


@pytest.mark.browser
def test_O3_sources_say_what_they_leave_in_doubt(opened):
    rows = {
        "what": ["Routes", "Locaux", "Points"],
        "source": ["OpenStreetMap", "hypothèse", "calcul"],
        "date": ["2013", "", None],
        "licence": ["ODbL", "", np.nan],
        "status": ["sourced", "assumption", "derived"],
        "note": ["Ancien.", "a" * 900, ""],
    }
    browser = opened(plan_map(**scene(register=pd.DataFrame(rows))))
    assert "Sources et limites (3)" in texts(browser, "summary")
    assert texts(browser, ".sources .badge") == ["sourcé", "hypothèse", "calculé"]
    facts = ["OpenStreetMap · 2013 · ODbL", "hypothèse", "calcul"]
    assert texts(browser, ".sources .origine") == facts
    assert texts(browser, ".sources p:not(.origine)") == ["Ancien.", "a" * 900]
    with pytest.raises(InputError, match="register: missing columns note"):
        plan_map(**scene(register=pd.DataFrame(rows).drop(columns="note")))


@pytest.mark.browser
def test_O3_doubts_stand_under_their_figure(opened):
    browser = opened(
        plan_map(**scene(figures=[("Part", "98 %", "de 97 % à 99 %"), ("Sites", "6")]))
    )
    assert texts(browser, ".chiffres dd") == ["98 %", "de 97 % à 99 %", "6"]
    assert texts(browser, ".chiffres .doute") == ["de 97 % à 99 %"]


@pytest.mark.browser
def test_O3_names_stand_at_village_centres_and_communes_with_a_site_come_first(opened):
    made = scene()
    made["communes"]["centre_lon"] = [4.51234, *[np.nan] * 5]
    made["communes"]["centre_lat"] = [46.12345, *[np.nan] * 5]
    made["sites"]["commune"] = "Vauxrenard"
    page = plan_map(**made)
    assert re.search(r"46\.12345,\s*4\.51234", page)
    assert texts(opened(page), ".nom-commune")[:2] == ["Vauxrenard", "Aubigny"]


def test_O3_the_first_view_holds_the_zones():
    made = scene()
    wide = made["isochrones"].copy()
    wide.geometry = wide.buffer(20_000)

    def corner(page):
        return float(re.search(r'"bounds": \[\s*\[\s*([\d.]+)', page)[1])

    assert corner(plan_map(**{**made, "isochrones": wide})) < corner(plan_map(**made)) - 0.1


def test_O2_plan_ign_is_offered_in_metropolitan_france_only():
    made = scene()
    assert "data.geopf.fr" in plan_map(**made)
    for name in TABLES:  # the same shapes, called Liechtenstein's neighbours
        made[name] = (
            made[name]
            .to_crs(3857)
            .translate(550_000, 0)
            .to_frame("geometry")
            .join(made[name].drop(columns="geometry"))
        )
    assert "data.geopf.fr" not in plan_map(**made)


@pytest.mark.browser
def test_O3_communes_known_by_a_point_are_drawn_as_discs(opened):
    communes = scene()["communes"]
    communes.geometry = communes.centroid
    browser = opened(plan_map(**scene(communes=communes)))
    assert len(texts(browser, "path.commune")) == len(COMMUNES)
    button = browser.find_element(By.CSS_SELECTOR, "[data-commune]")
    browser.execute_script("arguments[0].click()", button)
    assert popup_name(browser) == "Aubigny"


# The same input gives the same bytes; a map stays light


def digest_of_page():
    return hashlib.sha256(plan_map(**scene()).encode()).hexdigest()


def test_the_same_scene_gives_the_same_bytes():
    code = f"import runpy; print(runpy.run_path({__file__!r})['digest_of_page']())"
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    digests = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert digests == {digest_of_page()}


def test_names_that_look_like_folium_ids_are_kept():
    name = "map_0123456789abcdef0123456789abcdef"
    made = scene()
    made["sites"]["name"] = name
    assert plan_map(**made).count(name) == 4 * len(SITES)


def test_a_large_territory_stays_under_one_megabyte():
    rng = np.random.default_rng(7)
    starts = rng.uniform((WEST, SOUTH), (WEST + 3 * SIDE, SOUTH + 2 * SIDE), (3500, 1, 2))
    lines = starts + np.cumsum(rng.normal(0, 60, (3500, 15, 2)), axis=1)
    roads = gpd.GeoDataFrame(
        {"highway": "residential"},
        index=range(3500),
        geometry=shapely.linestrings(lines),
        crs=LAMBERT,
    )
    base = scene()
    few = base["sites"]
    sites = few.iloc[np.resize(np.arange(len(few)), 60)].set_axis([f"s{n}" for n in range(60)])
    turns = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
    rough = np.c_[np.cos(turns), np.sin(turns)] * (3000 + rng.normal(0, 20, (3000, 1)))
    zones = [shapely.Polygon(np.add(rough, (point.x, point.y))) for point in sites.geometry]
    isochrones = gpd.GeoDataFrame(
        {"site": sites.index, "tier": sites["tier"].to_numpy(), "minutes": 10.0},
        geometry=zones,
        crs=LAMBERT,
    )
    page = plan_map(**scene(sites=sites, isochrones=isochrones, roads=roads))
    assert len(page.encode()) < 1_000_000


# Input that cannot be drawn is refused, with every fault said at once


def test_faults_of_all_tables_are_said_once():
    made = scene()
    made["sites"] = made["sites"].drop(columns=["seats", "name"])
    made["communes"] = gpd.GeoDataFrame(
        made["communes"].assign(geometry=made["communes"].geometry.to_numpy()), geometry="geometry"
    ).set_crs(None, allow_override=True)
    made["roads"].geometry = made["roads"].centroid
    with pytest.raises(InputError) as error:
        plan_map(**made)
    assert "sites: missing columns name, seats" in str(error.value)
    assert "communes: no coordinate reference system" in str(error.value)
    assert "roads: geometry must be LineString or MultiLineString, not ['Point']" in str(
        error.value
    )


def test_unknown_tiers_doubled_ids_and_strangers_are_refused():
    made = scene()
    tiers = made["sites"].assign(tier="mega")
    with pytest.raises(InputError, match="sites: a tier is one of"):
        plan_map(**{**made, "sites": tiers})
    doubled = made["sites"].set_axis(["same"] * len(SITES))
    with pytest.raises(InputError, match="sites: the same index twice"):
        plan_map(**{**made, "sites": doubled})
    strangers = made["isochrones"].assign(site="nowhere")
    with pytest.raises(InputError, match="no such site: nowhere"):
        plan_map(**{**made, "isochrones": strangers})


def test_a_site_without_a_place_is_refused_by_name():
    made = scene()
    made["sites"].loc["site-3", "geometry"] = None
    with pytest.raises(InputError, match="sites: no usable geometry for site-3"):
        plan_map(**made)


def test_a_place_beyond_the_world_is_refused():
    made = scene()
    made["sites"] = made["sites"].set_crs(4326, allow_override=True)  # metres called degrees
    with pytest.raises(InputError, match="sites: no usable geometry"):
        plan_map(**made)


def test_a_map_without_sites_or_zones_is_still_a_map():
    made = scene()
    made["sites"], made["isochrones"] = made["sites"].iloc[:0], made["isochrones"].iloc[:0]
    check_autonomous(plan_map(**made))


# The door and the assets


def test_fragments_are_not_escaped_twice_and_text_always_is():
    inner = tag("b", "<&>")
    assert tag("p", inner, "é & <i>") == "<p><b>&lt;&amp;&gt;</b>é &amp; &lt;i&gt;</p>"
    assert tag("img", alt='"', hidden=None) == '<img alt="&quot;">'
    assert type(inner + "<b>") is str, "text added to a fragment is not a fragment"
    assert safe_text("`${x}\\") == "&#96;&#36;&#123;x&#125;&#92;"


def test_assets_are_those_of_the_manifest():
    folder = resources.files("planner") / "assets"
    manifest = tomllib.loads((folder / "manifest.toml").read_text(encoding="utf-8"))
    taken = {entry["name"]: entry for entry in manifest["file"]}
    for name, entry in taken.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"]
    ours = {
        "LICENSES.md", "manifest.toml", "carte.html", "carte.css", "page.css", "carte.js",
        "assumptions.csv", "en.po", "dossier.html", "dossier.css", "dossier.js",
        "observed-places.csv", "scenario-keys.csv",
    }  # fmt: skip
    assert {file.name for file in folder.iterdir()} == {*taken, *ours}
    licences = (folder / "LICENSES.md").read_text(encoding="utf-8")
    assert all(
        f"{entry['package'].title()} {entry['version']}" in licences for entry in taken.values()
    )
