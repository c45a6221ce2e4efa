"""The dossier as a commission opens it: in a browser, without a network, with the keyboard."""

import base64
import hashlib
import io
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdf
import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_maps import PAYLOADS, texts, without_policy

from planner import Scenario, compare, dossier, ledger, run, territory
from planner._errors import InputError
from planner._format import euros, headcount, number, percent
from planner.dossier import Brand, _charts, page, read_logo

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
PARTS = "essentiel carte comparer commune budget mobilite risques hypotheses".split()
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def plans():
    home = territory.read("saone-beaujolais")
    every = ("pareto", "alternatives", "robustness", "phases")
    return [
        run(home, Scenario(name="complet", studies=every, time_limit_s=20)),
        run(home, Scenario(name="quatre", mini_sites_max=4)),
        run(home, Scenario(name="aucun", mini_sites_max=0)),
    ]


@pytest.fixture(scope="module")
def text(plans):
    return page(plans[0], compared=plans[1:])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shown(opened, text):
    return opened(text)


def visible(browser):
    return [part for part in PARTS if browser.find_element(By.ID, part).is_displayed()]


def tab(browser, key):
    browser.find_element(By.ID, f"onglet-{key}").click()


def cells(browser, selector):
    """The texts of each row of a table."""
    script = """return [...document.querySelectorAll(arguments[0] + ' tbody tr')]
        .map(row => [...row.children].map(cell => cell.textContent))"""
    return browser.execute_script(script, selector)


@pytest.mark.browser
def test_O2_every_part_is_a_tab_by_click_and_by_key(shown):
    assert shown.complaints() == []
    assert visible(shown) == ["essentiel"]
    for key in PARTS:
        tab(shown, key)
        assert visible(shown) == [key]
        chosen = shown.find_elements(By.CSS_SELECTOR, "[role=tab][aria-selected=true]")
        assert [one.get_attribute("aria-controls") for one in chosen] == [key]
    press = ActionChains(shown)
    press.send_keys(Keys.HOME).perform()
    for key in [*PARTS[1:], PARTS[0]]:
        ActionChains(shown).send_keys(Keys.ARROW_RIGHT).perform()
        assert visible(shown) == [key]
    ActionChains(shown).send_keys(Keys.ARROW_LEFT).perform()
    assert visible(shown) == [PARTS[-1]]
    assert shown.complaints() == []
    assert all(url.startswith(("file:", "data:")) for url in shown.requests())


@pytest.mark.browser
def test_O2_the_map_works_in_its_tab(shown, plans):
    tab(shown, "carte")
    plan = plans[0]
    marks = shown.find_elements(By.CSS_SELECTOR, ".leaflet-marker-icon.site")
    assert len(marks) == len(plan.sites)
    box = shown.find_element(By.CSS_SELECTOR, ".folium-map").size
    assert min(box["width"], box["height"]) > 300
    inside = """const map = document.querySelector('.folium-map').getBoundingClientRect();
        return [...document.querySelectorAll('.site')].map(mark => mark.getBoundingClientRect())
            .filter(mark => mark.left >= map.left && mark.right <= map.right
                && mark.top >= map.top && mark.bottom <= map.bottom).length"""
    assert shown.execute_script(inside) == len(plan.sites)
    marks[0].click()
    assert len(shown.find_elements(By.CSS_SELECTOR, ".leaflet-popup .fiche h3")) == 1
    assert shown.complaints() == []


@pytest.mark.browser
def test_O3_a_commune_is_found_by_its_name_whatever_its_accents(shown, plans):
    tab(shown, "commune")
    plan = plans[0]
    sheets = shown.find_elements(By.CSS_SELECTOR, ".fiche-commune")
    assert len(sheets) == len(plan.communes)
    field = shown.find_element(By.ID, "ma-commune")
    field.send_keys("saint igny")
    (open_,) = [one for one in sheets if one.is_displayed()]
    assert open_.get_attribute("data-nom") == "Saint-Igny-de-Vers"
    here = shown.find_elements(By.CSS_SELECTOR, ".situation path.ici")
    assert [one.get_attribute("data-code") for one in here] == [open_.get_attribute("data-code")]
    field.clear()
    field.send_keys("Nowhere", Keys.ENTER)
    assert "Aucune commune" in shown.find_element(By.ID, "commune-dite").text
    area = shown.find_element(By.CSS_SELECTOR, '.situation path[data-code="69018"]')
    ActionChains(shown).move_to_element(area).click().perform()
    (open_,) = [one for one in sheets if one.is_displayed()]
    assert open_.get_attribute("data-nom") == plan.communes.loc["69018", "name"]


@pytest.mark.browser
def test_O3_the_page_says_the_plans_numbers(shown, plans):
    plan = plans[0]
    values = texts(shown, "#essentiel .cartes-chiffres dd:not(.doute)")
    assert values == [figure.value for figure in plan.figures()]
    doubts = texts(shown, "#essentiel .cartes-chiffres dd.doute")
    assert doubts == [figure.doubt for figure in plan.figures() if figure.doubt]
    assert len(cells(shown, "#essentiel table")) == len(plan.sites)
    by_year = ledger.by_payer(plan.ledger)
    for row, (year, money) in zip(
        cells(shown, "#budget .defile:nth-of-type(1) table"), by_year.iterrows(), strict=False
    ):
        assert row[0] == str(year)
        assert row[-1] == number(money["total"] / 100)
    for name in ("kg_co2e_avoided_gross", "kg_co2e_avoided_prudent"):
        assert f"{number(plan.indicators[name])} kg CO2e" in " ".join(
            texts(shown, "#mobilite svg text")
        )
    shares = {row[0]: row for row in cells(shown, "#comparer .defile:first-of-type table")}
    assert shares["Habitants à 10 min d’un site"][1].startswith(
        percent(plan.indicators["share_mesh"])
    )
    invested = plan.ledger.loc[plan.ledger["payer"] == "commune", "cents"].sum() / 100
    assert invested > 0
    assert euros(invested) in shares["Investissement des communes"][1]
    drawn = {text for text in texts(shown, "#budget svg text") if "k€" in text}
    assert drawn == {f"{number(total / 1e5)} k€" for total in by_year["total"]}
    badges = texts(shown, "#hypotheses td .badge")
    assert {"sourcé", "calculé", "hypothèse"} <= set(badges)
    assert len(badges) == len(plan.assumptions()) + len(plan.sources)


@pytest.mark.browser
def test_O3_a_sheet_says_what_the_commune_pays_and_gains(shown, plans):
    plan, other = plans[0], plans[2]
    change = compare.communes(plan, other)
    for code in ("69018", "69002", "69135"):
        sheet = shown.find_element(By.CSS_SELECTOR, f'.fiche-commune[data-code="{code}"]')
        said = sheet.get_attribute("textContent")
        lines = plan.ledger[(plan.ledger["commune"] == code) & (plan.ledger["payer"] == "commune")]
        assert f"Investissement sur 5 ans : {euros(lines['cents'].sum() / 100)}" in said
        assert percent(plan.communes.loc[code, "share_mesh"]) in said
        for name in plan.sites.loc[plan.sites["commune"] == code, "name"]:
            assert name in said
        assert headcount(change.loc[code, "farther"]) in said


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_axe_finds_no_serious_fault_in_any_part(opened, text, width, height):
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256
    browser = opened(without_policy(text), width=width, height=height)
    browser.execute_script(AXE.read_text("utf-8"))
    found = {}
    for key in PARTS:
        tab(browser, key)
        result = browser.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
            ".then(r => done(r.violations.map(v => [v.impact, v.id, v.nodes.length, "
            "v.nodes[0].html, v.nodes[0].failureSummary])))"
        )
        found |= {(key, one[1]): one for one in result if one[0] in {"serious", "critical"}}
    assert found == {}


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (390, 844)])
def test_O2_no_part_is_wider_than_the_screen(opened, text, width, height):
    browser = opened(text, width=width, height=height)
    for key in PARTS:
        tab(browser, key)
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.execute_script(wide) <= 0, key


@pytest.mark.browser
def test_on_paper_every_part_and_every_commune_is_printed(shown):
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert visible(shown) == PARTS
        sheets = shown.find_elements(By.CSS_SELECTOR, ".fiche-commune")
        assert all(one.is_displayed() for one in sheets)
    finally:
        shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


PAPER_PX = round((210 - 26) / 25.4 * 96)  # what the margins leave of an A4


@pytest.fixture(scope="module")
def printed(browser, text, tmp_path_factory):
    path = tmp_path_factory.mktemp("printed") / "dossier.html"
    path.write_text(text, encoding="utf-8")
    browser.open(path)
    made = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    folded = browser.execute_script("return document.querySelectorAll('details[open]').length")
    assert folded == 0  # as it was before
    return pypdf.PdfReader(io.BytesIO(base64.b64decode(made["data"]))).pages


def plain(words):
    """Words as a PDF gives them back, whose ligatures and line ends are not those of the page."""
    return "".join(unicodedata.normalize("NFKC", words).split())


@pytest.mark.browser
def test_printing_gives_every_part_in_order_and_a_drawing_of_the_map(printed, plans):
    plan = plans[0]
    said = [plain(page.extract_text()) for page in printed]
    titles = [
        "L’essentiel", "Carte", "Comparer", "Ma commune", "Budget", "Mobilité et CO₂",
        "Ce qui peut faire échouer", "Hypothèses et sources",
    ]  # fmt: skip
    starts = [
        next(n for n, page in enumerate(said) if plain(title) in page[: 150 if n == 0 else 40])
        for title in titles
    ]
    assert starts == sorted(set(starts))
    sizes = [tuple(round(float(side) * 25.4 / 72) for side in one.mediabox[2:]) for one in printed]
    assert {size for n, size in enumerate(sizes) if n != starts[1]} == {(210, 297)}
    assert sizes[starts[1]] == (297, 210)
    assert starts[2] == starts[1] + 1
    drawing = said[starts[1]]
    for words in ("Sites structurants (", "Habitants à plus de 10 min", "Belleville-en-Beaujolais"):
        assert plain(words) in drawing
    assert "Leaflet" not in "".join(said)
    for n, name in enumerate(plan.communes.sort_values("name", kind="stable")["name"]):
        assert any(plain(name) in page for page in said[starts[3] : starts[4]]), (n, name)
    assert min(map(len, said)) > 50  # no blank page
    unfolded = plain("De « complet » à « aucun »")
    assert any(unfolded in page and "Aigueperse" in page for page in said[starts[2] : starts[3]])


@pytest.mark.browser
def test_nothing_is_wider_than_the_paper(opened, text):
    browser = opened(text, width=PAPER_PX, height=1000)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        wide = """return [...document.querySelectorAll('main .defile, main table, main svg')]
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth >
                e.clientWidth + 1 && e.clientWidth).map(e => e.textContent.slice(0, 80))"""
        assert browser.execute_script(wide) == []
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_without_scripts_the_drawing_stands_for_the_map(text):
    assert "@media (scripting: none)" in text
    assert text.count('class="carte-papier"') == 1


@pytest.mark.browser
def test_numbers_of_the_tornado_stand_beside_the_names(shown):
    tab(shown, "risques")
    boxes = """return [...document.querySelectorAll('#risques svg:last-of-type text')]
        .filter(e => e.closest('svg').querySelectorAll('text').length > 20)
        .map(e => { const b = e.getBoundingClientRect();
            return [e.textContent, b.left, b.top, b.right, b.bottom]; })"""
    found = shown.execute_script(boxes)
    assert len(found) > 20
    for n, (one, *a) in enumerate(found):
        for other, *b in found[n + 1 :]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] + 4 or b[3] <= a[1] + 4
            assert apart, (one, other)


@pytest.mark.browser
def test_charts_can_be_read_on_a_phone_and_cards_stand_apart(opened, text):
    browser = opened(text, width=390, height=844)
    for key in ("budget", "mobilite", "risques"):
        tab(browser, key)
        sizes = f"""return [...document.querySelectorAll('#{key} .large svg text')]
            .map(e => e.getBoundingClientRect().height)"""
        assert min(browser.execute_script(sizes)) > 8
    tab(browser, "essentiel")
    gap = """const cards = document.querySelector('#essentiel .cartes-chiffres');
        return cards.nextElementSibling.getBoundingClientRect().top
            - cards.getBoundingClientRect().bottom"""
    assert browser.execute_script(gap) > 12


# Text is never code


def hostile(plan, payload):
    texted = {
        "sites": ("name", "kind", "commune_name"),
        "communes": ("name",),
        "left_out": ("name", "kind", "commune_name", "why"),
    }
    frames = {
        name: getattr(plan, name).assign(**dict.fromkeys(columns, payload))
        for name, columns in texted.items()
    }
    register = plan.sources.assign(
        **dict.fromkeys(("what", "source", "date", "licence", "note"), payload)
    )
    tables = {
        name: replace(table, rows=table.rows.map(lambda v: payload if isinstance(v, str) else v))
        for name, table in {**plan.accounts, **plan.studies}.items()
        if name != "phasage"  # its words are looked up by the map
    }
    return replace(
        plan, **frames, title=payload, sources=register, notes=(payload,), attribution=(payload,),
        scenario=plan.scenario.model_copy(update={"name": payload[:200]}),
        accounts={name: tables[name] for name in plan.accounts},
        studies={name: tables[name] for name in plan.studies if name in ("pareto", "robustesse")},
    )  # fmt: skip


@pytest.mark.browser
@pytest.mark.parametrize("payload", [" ".join(PAYLOADS[n::5]) for n in range(5)], ids=range(5))
def test_O1_payloads_in_every_place_of_a_dossier_are_only_text(payload, plans, opened, here):
    one, other = (hostile(plan, payload) for plan in plans[:2])
    other = replace(other, scenario=other.scenario.model_copy(update={"name": f"{payload}2"}))
    made = page(one, compared=[other], brand=Brand(name=payload))
    assert not (here / "proof").exists()
    browser = opened(without_policy(made))
    for key in PARTS:
        tab(browser, key)
    sheets = "return [...document.querySelectorAll('.fiche-commune h3')].map(e => e.textContent)"
    shown = " ".join(payload.split("\u2028")).replace("\u2029", " ")
    assert {" ".join(one.split()) for one in browser.execute_script(sheets)} == {
        " ".join(shown.split())
    }
    assert browser.execute_script("return window.PWNED") is None
    assert browser.complaints() == []
    assert all(url.startswith(("file:", "data:")) for url in browser.requests())


# The rest


def test_the_same_plans_give_the_same_page(plans, text):
    assert page(plans[0], compared=plans[1:]) == text
    assert len(text.encode()) < 2_000_000
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_a_dossier_without_other_scenarios_says_how_to_join_some(plans):
    alone = page(plans[1])
    assert "--compare" in alone
    assert "ecart1" not in alone


def test_the_brand_is_on_the_page(plans):
    made = page(plans[1], brand=Brand(name="CC d’Essai", colour="#7a1f3d", logo=PIXEL))
    assert "--accent: #7a1f3d" in made
    assert 'src="data:image/png;base64,' in made
    assert "CC d’Essai" in made


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"colour": "blue"}, "write it #rrggbb"),
        ({"colour": "#ffff00"}, "contrast with white 1.07"),
        ({"colour": "#000000; } body { display: none"}, "write it #rrggbb"),
        ({"logo": b"<svg onload=alert(1)>"}, "neither a PNG nor a JPEG"),
    ],
)
def test_a_brand_that_cannot_be_shown_is_refused(made, said):
    with pytest.raises(InputError, match=said):
        Brand(**made)


def test_a_logo_too_large_for_every_page_is_refused(tmp_path):
    (tmp_path / "logo.png").write_bytes(PIXEL + bytes(400_000))
    with pytest.raises(InputError, match=r"logo\.png.*Save it smaller"):
        read_logo(tmp_path / "logo.png")
    (tmp_path / "small.png").write_bytes(PIXEL)
    assert read_logo(tmp_path / "small.png") == PIXEL


def test_every_change_has_its_class():
    bounds = [-np.inf, *_charts.CHANGE_BOUNDS, np.inf]
    for value in np.linspace(-9, 9, 181):
        rank = _charts.change_class(value)
        assert bounds[rank] - 1e-9 <= value <= bounds[rank + 1] + 1e-9
        assert _charts.change_class(-value) == 4 - rank


def test_the_files_of_a_dossier_are_those_it_names(plans):
    assert tuple(dossier.files(plans[1])) == dossier.FILES


def test_every_payer_of_the_ledger_has_its_bar():
    assert set(_charts.PAYERS) == set(_charts._HATCHES) == set(ledger.PAYERS)
