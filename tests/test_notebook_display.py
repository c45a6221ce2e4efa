import html
import re
from dataclasses import replace

import pytest
from instances import shipped

from planner import Scenario, run, territory, widgets
from planner._errors import InputError
from planner._html import framed


@pytest.fixture(scope="module")
def plans():
    home = territory.read("saone-beaujolais")
    return [run(home, Scenario(name=f"{n} minis", mini_sites_max=n)) for n in (8, 0, 4)]


def test_a_territory_shows_its_communes_and_what_it_holds():
    home = territory.read("saone-beaujolais")
    shown = home._repr_html_()
    assert shown.count("<path") == len(home.communes)
    assert shown.count("<circle") == len(home.premises)
    assert "non : temps estimés" in shown
    hostile = replace(home, title="<script>x</script>{{7*7}}")
    assert "<script" not in hostile._repr_html_()


def test_a_plan_shows_its_five_figures_and_its_map():
    plan = shipped("saone-beaujolais")
    shown = plan._repr_html_()
    for name, value, doubt in plan.figures():
        assert f"{name} : <b>{value}</b>" in html.unescape(shown)
        assert doubt in html.unescape(shown)
    page = html.unescape(re.search(r'srcdoc="([^"]*)"', shown)[1])
    assert page == plan.map()
    assert 'sandbox="allow-scripts"' in shown


def test_a_frame_holds_only_a_page_that_calls_nobody():
    with pytest.raises(ValueError, match="not autonomous"):
        framed("<p>no policy</p>", title="x")


def test_a_slider_shows_each_plan_under_its_value(plans):
    box = widgets.browse(plans, by="mini_sites_max")
    slider, told, shown = box.children
    assert [label for label, _ in slider.options] == ["0", "4", "8"]
    for label, at in slider.options:
        slider.value = at
        assert plans[at].scenario.mini_sites_max == int(label)
        assert shown.value == plans[at]._repr_html_()
        assert plans[at].scenario.name in told.value
        assert plans[at].proof.split(",")[0] in html.unescape(told.value)


def test_what_cannot_be_under_a_slider_is_refused(plans):
    with pytest.raises(InputError, match="two or more"):
        widgets.browse(plans[:1], by="mini_sites_max")
    with pytest.raises(InputError, match="no key of a scenario"):
        widgets.browse(plans, by="minis")
    with pytest.raises(InputError, match="two plans have one value"):
        widgets.browse(plans, by="mesh_min")
