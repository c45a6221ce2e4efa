"""The map's further layers: other minutes, places left out, other plans, years, speeds, search."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from instances import shipped
from mapped import (
    SITES,
    close_popup,
    compared,
    phased,
    place,
    plan_map,
    popup_name,
    scene,
    texts,
)
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from planner import maps
from planner._errors import InputError
from planner._html import check_autonomous
from planner._language import speaking
from planner.maps._marks import agreement
from planner.maps._shapes import lean


def switch(browser, text):
    """Click the layer whose name in the legend holds this text."""
    for label in browser.find_elements(By.CSS_SELECTOR, "#legende label"):
        if text in label.get_attribute("textContent"):
            label.click()
            return label.get_attribute("textContent").strip()
    raise AssertionError(text)


def facts(browser):
    names = texts(browser, ".leaflet-popup:last-child .fiche dt")
    return dict(zip(names, texts(browser, ".leaflet-popup:last-child .fiche dd"), strict=True))


def legend(browser):
    return [text.strip() for text in texts(browser, "#legende label")]


# Isochrones at several minutes


def at(*limits):
    """The scene with zones that grow with the minutes."""
    made = scene()
    zones = [
        made["isochrones"].assign(
            minutes=float(limit), geometry=made["sites"].buffer(320 * limit).to_numpy()
        )
        for limit in limits
    ]
    return {**made, "isochrones": pd.concat(zones, ignore_index=True)}


@pytest.mark.browser
def test_S4_other_minutes_are_one_layer_each_for_all_tiers_and_off(opened):
    browser = opened(plan_map(**at(8, 10, 12)))
    zones = [name for name in legend(browser) if name.startswith("À ")]
    assert [name.replace("\u00a0", " ") for name in zones] == [
        "À 10 min d’un site structurant",
        "À 10 min d’un site de corpoworking",
        "À 10 min d’un mini-cowork",
        "À 8 min d’un site",
        "À 12 min d’un site",
    ]
    assert not texts(browser, ".zone-other")
    dashes = set()
    for name in zones[3:]:
        switch(browser, name)
        mark = browser.find_element(By.CSS_SELECTOR, ".zone-other")
        dashes.add(mark.get_attribute("stroke-dasharray"))
        switch(browser, name)
    assert len(dashes) == 2
    assert browser.complaints() == []


# Places that were left out


@pytest.mark.browser
def test_S11_a_place_left_out_says_why_on_the_map_and_in_the_table(opened):
    browser = opened(plan_map(**scene()))
    assert switch(browser, "non retenus") == "Lieux non retenus (3)"
    marks = browser.find_elements(By.CSS_SELECTOR, ".left-out")
    seen = {}
    for mark in marks:
        ActionChains(browser).move_to_element(mark).click().perform()
        seen[popup_name(browser)] = texts(browser, ".leaflet-popup .pourquoi")[-1]
        close_popup(browser)
    assert seen == {
        "Salle des fêtes": "Le nombre de sites est atteint.",
        "Café du Pont": "Déjà desservi.",
        "Commerce sans nom": "Écarté par le scénario.",
    }
    names = texts(browser, "[data-left]")
    assert names == ["Commerce sans nom", "Café du Pont", "Salle des fêtes"]
    assert texts(browser, "tbody td:last-child.mots") == [seen[name] for name in names]
    assert browser.complaints() == []


@pytest.mark.browser
def test_S11_the_table_of_places_left_out_leads_to_the_map_by_keyboard(opened):
    browser = opened(plan_map(**scene()))
    summary = browser.find_element(By.XPATH, "//summary[contains(., 'non retenus')]")
    assert summary.text == "Les lieux non retenus (3)"
    summary.send_keys(Keys.ENTER)
    browser.find_element(By.XPATH, "//button[text()='Salle des fêtes']").send_keys(Keys.ENTER)
    assert popup_name(browser) == "Salle des fêtes"
    assert {key.replace("\u00a0", " "): value for key, value in facts(browser).items()} == {
        "Commune": "Zédé",
        "Pourrait être": "site structurant, mini-cowork",
        "Habitants de plus à 10 min": "120",
    }
    close_popup(browser)
    assert browser.switch_to.active_element.text == "Salle des fêtes"


def test_a_map_without_places_left_out_has_no_table_of_them():
    page = plan_map(**scene(left_out=None, uncertain=None, water=None))
    check_autonomous(page)
    assert "non retenus" not in page
    assert "selon les vitesses" not in page
    assert "Cours d’eau" not in page


def test_a_place_left_out_without_a_place_is_refused_by_name():
    made = scene()
    made["left_out"].loc["p-1", "geometry"] = None
    with pytest.raises(InputError, match="left_out: no usable geometry for p-1"):
        plan_map(**made)
    with pytest.raises(InputError, match="left_out: missing columns tiers, why"):
        plan_map(**scene(left_out=made["left_out"].drop(columns=["tiers", "why"])))


# Other plans


@pytest.mark.browser
def test_S23_sites_of_other_plans_are_marked_with_how_many_open_them(opened):
    browser = opened(plan_map(**compared(scene())))
    assert not texts(browser, ".other-site")
    name = switch(browser, "autres plans")
    assert name == "Sites d’autres plans presque aussi bons (2)"
    said = {}
    for mark in browser.find_elements(By.CSS_SELECTOR, ".other-site"):
        ActionChains(browser).move_to_element(mark).click().perform()
        said[popup_name(browser)] = facts(browser)["Retenu"]
        close_popup(browser)
    assert said == {
        "Salle des fêtes": "dans 4 plans sur 11",
        "Commerce sans nom": "dans 1 plan sur 11",
    }
    assert "dans 4 plans sur 11" in "".join(texts(browser, "#tableaux tbody tr"))
    for site, wanted in (("Maison des services & Cie", "dans les 11 plans comparés"),
                         ("Médiathèque d’Échallon", "dans 4 plans sur 11")):  # fmt: skip
        button = browser.find_element(By.XPATH, f"//button[text()='{site}']")
        browser.execute_script("arguments[0].click()", button)
        assert facts(browser)["Retenu"] == wanted
    assert browser.complaints() == []


def test_S23_without_other_plans_nothing_is_said_of_them():
    page = plan_map(**scene())
    assert "autres plans" not in page
    assert "Retenu" not in page
    made = compared(scene())
    assert agreement(maps.plan_scene(**made), np.nan) == ""
    assert agreement(maps.plan_scene(**{**made, "plans": 0}), 4) == ""


# Years


def shown_sites(browser):
    labels = "return [...document.querySelectorAll('.site [role=img]')].map(e => e.ariaLabel)"
    return sorted(label.split(",")[0] for label in browser.execute_script(labels))


@pytest.mark.browser
def test_S8_the_slider_shows_the_sites_and_zones_of_a_year_by_keyboard(opened):
    made = phased(scene())
    browser = opened(plan_map(**made))
    label = browser.find_element(By.CSS_SELECTOR, "label[for=annee]")
    slider = browser.find_element(By.ID, "annee")
    assert (label.text, slider.accessible_name) == (label.text, label.text)
    whole = texts(browser, ".site")
    outline = "return [...document.querySelectorAll('.zone-mini')].map(e => e.getAttribute('d'))"
    merged = browser.execute_script(outline)
    assert (len(whole), len(merged)) == (6, 1)
    told = {}
    for key in (Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT):
        slider.send_keys(key)
        (line,) = [e for e in browser.find_elements(By.CSS_SELECTOR, "#annees li") if e.text]
        assert slider.get_attribute("aria-valuetext") == line.text.replace("\n", " : ")
        told[line.text] = (
            shown_sites(browser),
            len(browser.execute_script(outline)),
            browser.find_element(By.ID, "annee-note").is_displayed(),
        )
    names = [name for name, *_ in SITES]
    structuring, minis, corpo = names[:2], names[2:5], names[5]
    assert told == {
        "Année 1 sur 3\n3 sites ouverts, 10 usagers attendus": (
            sorted([*structuring, minis[0]]), 1, True,
        ),
        "Année 2 sur 3\n5 sites ouverts, 1 usager attendu": (
            sorted([*structuring, *minis]), 3, True,
        ),
        "Année 3 sur 3\n6 sites ouverts, 44 usagers attendus": (
            sorted([*structuring, *minis, corpo]), 1, False,
        ),
    }  # fmt: skip
    assert browser.execute_script(outline) == merged
    assert browser.complaints() == []


@pytest.mark.browser
def test_S8_a_layer_switched_off_stays_off_over_the_years(opened):
    browser = opened(plan_map(**phased(scene())))
    switch(browser, "Mini-coworks")
    switch(browser, "d’un mini-cowork")
    slider = browser.find_element(By.ID, "annee")
    for key in (Keys.HOME, Keys.END):
        slider.send_keys(key)
        assert not texts(browser, ".site-mini, .zone-mini")
    switch(browser, "Mini-coworks")
    assert len(texts(browser, ".site-mini")) == 3


@pytest.mark.browser
def test_S8_asking_for_a_site_that_is_not_open_yet_goes_to_its_year(opened):
    browser = opened(plan_map(**phased(scene())))
    slider = browser.find_element(By.ID, "annee")
    slider.send_keys(Keys.HOME)
    button = browser.find_element(By.XPATH, "//button[text()='Épicerie']")
    browser.execute_script("arguments[0].click()", button)
    assert popup_name(browser) == "Épicerie"
    assert facts(browser)["Ouverture"] == "année 2"
    assert slider.get_property("value") == "2"
    close_popup(browser)
    button = browser.find_element(By.XPATH, "//button[text()='Maison des services & Cie']")
    browser.execute_script("arguments[0].click()", button)
    assert "Ouverture" not in facts(browser)  # it is there already


def test_S8_a_site_that_opens_in_no_year_is_refused_and_years_need_their_columns():
    made = phased(scene())
    late = made["sites"].assign(opens=[1, 1, 1, 1, 9, 1])
    with pytest.raises(InputError, match="sites: no such year for site-4"):
        plan_map(**{**made, "sites": late})
    with pytest.raises(InputError, match="years: missing columns users"):
        plan_map(**{**made, "years": made["years"].drop(columns="users")})
    assert "annee" not in re.sub(
        r"<(script|style)>.*?</\1>", "", plan_map(**scene()), flags=re.DOTALL
    )


# Speeds


@pytest.mark.browser
def test_S4_residents_in_doubt_have_a_mark_of_their_own(opened):
    browser = opened(plan_map(**scene()))
    switch(browser, "selon les vitesses")
    path = "return [...document.querySelectorAll(arguments[0])].map(e => e.getAttribute('d'))"
    triangles = browser.execute_script(path, ".uncertain")
    discs = browser.execute_script(path, ".resident")
    assert all("a" in disc for disc in discs)
    assert all("a" not in mark for mark in triangles)
    mark = browser.find_element(By.CSS_SELECTOR, ".uncertain")
    ActionChains(browser).move_to_element(mark).perform()
    said = texts(browser, ".leaflet-tooltip")[-1].replace("\u00a0", " ")
    assert said == "12 habitants à 10 min d’un site ou plus loin, selon les vitesses supposées"


@pytest.mark.parametrize("name", ["liechtenstein", "saone-beaujolais"])
def test_S4_residents_in_doubt_are_those_that_speeds_move_across_the_limit(name):
    plan = shipped(name)
    people, limit = plan.people, plan.scenario.mesh_min
    doubt = maps.of_plan(plan).uncertain["residents"].sum()
    low, high = plan.ranges["residents_outside"]
    assert doubt == pytest.approx(high - low, abs=0.02)
    steady = people[(people["minutes_slow"] <= limit) | (people["minutes_fast"] > limit + 1e-6)]
    assert doubt == pytest.approx((people["residents"].sum() - steady["residents"].sum()), abs=1e-6)


# Search


@pytest.mark.browser
@pytest.mark.parametrize("typed", ["échallon", "ECHALLON", "Echall"])
def test_S10_a_commune_is_found_whatever_its_accents_and_opened(opened, typed):
    browser = opened(plan_map(**scene()))
    field = browser.find_element(By.ID, "recherche")
    assert field.accessible_name == "Chercher une commune"
    field.send_keys(typed, Keys.ENTER)
    assert popup_name(browser) == "Échallon"
    assert texts(browser, "#recherche-avis") == [""]
    close_popup(browser)
    assert browser.switch_to.active_element == field
    assert browser.complaints() == []


@pytest.mark.browser
def test_S10_an_unknown_or_vague_name_is_said_aloud(opened):
    browser = opened(plan_map(**scene()))
    field = browser.find_element(By.ID, "recherche")
    notice = browser.find_element(By.ID, "recherche-avis")
    assert notice.aria_role == "status"
    for typed, said in (
        ("$& Paris", "Aucune commune du territoire ne s’appelle « $& Paris »."),
        ("ar", "Plusieurs communes : Les Ardillats, Vauxrenard."),
        ("---", "Aucune commune du territoire ne s’appelle « --- »."),
    ):
        field.clear()
        field.send_keys(typed, Keys.ENTER)
        assert notice.text == said
        assert not texts(browser, ".leaflet-popup")
    field.send_keys("x")
    assert notice.text == ""


@pytest.mark.browser
def test_S10_a_choice_in_the_list_opens_its_commune_and_namesakes_are_told_apart(opened):
    made = scene()
    made["communes"]["name"] = ["Saint-Jean-d’Ardières", "Œuvres", "Même", "Même", "Zo", "Zu"]
    browser = opened(plan_map(**made))
    names = "return [...document.querySelectorAll('#recherche-communes option')].map(o => o.value)"
    assert browser.execute_script(names) == [
        *("Même (69002)", "Même (69003)", "Œuvres", "Saint-Jean-d’Ardières", "Zo", "Zu"),
    ]
    choose = (
        "const field = document.getElementById('recherche'); field.value = arguments[0];"
        "field.dispatchEvent(new Event('input', { bubbles: true }))"  # what a choice sends
    )
    browser.execute_script(choose, "Même (69003)")
    assert popup_name(browser) == "Même"
    close_popup(browser)
    field = browser.find_element(By.ID, "recherche")
    for typed, found in (("st jean d ardieres", "Saint-Jean-d’Ardières"), ("oeuvres", "Œuvres")):
        field.clear()
        field.send_keys(typed, Keys.ENTER)
        assert popup_name(browser) == found
        close_popup(browser)


# Water


@pytest.mark.browser
def test_water_lies_under_the_roads_and_specks_are_left(opened):
    made = scene()
    speck = made["water"].iloc[:1].set_geometry([place(2, 1).buffer(3)], crs=made["water"].crs)
    browser = opened(
        plan_map(**{**made, "water": pd.concat([made["water"], speck], ignore_index=True)})
    )
    count = len(texts(browser, ".water"))
    assert count == 2  # one shape of lines, one of areas
    level = (
        "return +getComputedStyle(document.querySelector(arguments[0]).closest('.leaflet-pane'))"
        ".zIndex"
    )
    under, above = (browser.execute_script(level, name) for name in (".water", ".road"))
    assert under < above
    areas = browser.find_elements(By.CSS_SELECTOR, ".water")
    assert sorted(e.get_attribute("fill") for e in areas) == ["#9cc7e3", "none"]
    lake = next(e for e in areas if e.get_attribute("fill") != "none")
    assert lake.get_attribute("d").count("M") == 1


def test_water_is_read_where_there_are_roads_and_is_light():
    assert shipped("saone-beaujolais").water is None
    plan = shipped("liechtenstein")
    assert len(plan.water) == 30
    dry = replace(plan, water=None)
    assert 0 < len(plan.map().encode()) - len(dry.map().encode()) < 120_000


# The whole


@pytest.mark.parametrize("name", ["liechtenstein", "saone-beaujolais"])
def test_the_map_with_its_studies_is_light_and_the_same_twice(name):
    plan = shipped(name, "alternatives", "phases")
    page = plan.map()
    assert len(page.encode()) < 1_000_000
    assert page == plan.map()
    scene = maps.of_plan(plan)
    assert scene.plans == len(plan.studies["alternatives"].rows)
    opened_by = plan.studies["alternatives-sites"].rows.set_index("identifiant")
    counts = sorted(opened_by["plans qui l’ouvrent"])
    known = [*scene.sites["opened_by"].dropna(), *scene.left_out["opened_by"].dropna()]
    assert sorted(known) == counts
    last = scene.years.iloc[-1]
    assert last["sites"] == len(plan.sites)
    assert len(scene.years) == plan.scenario.years


def test_new_texts_are_english_in_english():
    made = phased(compared(scene()))
    with speaking("en"):
        page = plan_map(**made)
    for said in ("Places not chosen", "Find a commune", "Year 1 of 3", "in 4 plans out of 11"):
        assert said in page
    for french in ("Lieux non retenus", "Chercher une commune", "Année 1 sur 3", "Retenu"):
        assert french not in page


def lattice(holes):
    """Return a square of 10 km with so many holes of 150 m a side, and one of 2 km."""
    at = [(x, y) for x in range(holes) for y in range(holes)]
    step = 7000 / holes
    small = [shapely.box(x * step + 50, y * step + 50, x * step + 200, y * step + 200)
             for x, y in at]  # fmt: skip
    whole = shapely.box(0, 0, 10_000, 10_000)
    return shapely.difference(
        whole, shapely.union_all([*small, shapely.box(7600, 7600, 9600, 9600)])
    )


def test_many_small_holes_go_and_lines_stay_where_they_are():
    shapes = np.array([lattice(30), shapely.transform(lattice(20), lambda xy: xy + 40)], object)
    found = lean(shapes, detail=10.0, vertices=600)
    assert shapely.get_num_coordinates(found).sum() <= 600
    assert shapely.is_valid(found).all()
    for before, after in zip(shapes, found, strict=True):
        edges = (
            shapely.get_exterior_ring(before),
            shapely.get_exterior_ring(shapely.get_parts(after)[0]),
        )
        assert shapely.hausdorff_distance(*edges) < 60
        assert len(shapely.get_parts(after)[0].interiors) == 1  # the large one
        assert after.symmetric_difference(before).area < 1.01 * (before.envelope.area - before.area)


def test_shapes_with_room_keep_their_holes():
    shapes = np.array([lattice(10)], object)
    (found,) = lean(shapes, detail=10.0, vertices=5000)
    assert len(shapely.get_parts(found)[0].interiors) == 101


def test_the_largest_part_stays_however_small():
    dots = shapely.union_all([shapely.Point(x * 100, 0).buffer(10 + x, 64) for x in range(30)])
    (found,) = lean(np.array([dots], object), detail=10.0, vertices=30)
    assert len(shapely.get_parts(found)) >= 1
    assert found.intersects(shapely.Point(2900, 0))


def test_communes_stay_without_a_gap_and_other_areas_are_simplified_one_by_one():
    rough = shapely.Polygon([(0, 0), *((500 + 60 * (y % 2), 10 * y) for y in range(100)), (0, 990)])
    other = shapely.difference(shapely.box(0, 0, 1000, 990), rough)
    shapes = np.array([rough, other], object)
    assert shapely.coverage_is_valid(shapes)
    together = lean(shapes, detail=20.0, vertices=60, tiled=True)
    assert shapely.coverage_is_valid(together)
    assert shapely.get_num_coordinates(together).sum() <= 60
    over = np.array([rough, shapely.box(100, 0, 1000, 990)], object)  # they overlap
    alone = [lean(np.array([one], object), detail=20.0, vertices=100)[0] for one in over]
    assert [*lean(over, detail=20.0, vertices=200, tiled=True)] == alone
