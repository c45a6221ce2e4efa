"""What readers are told, in French and in English."""

import ast
import re
from pathlib import Path

import pytest
from instances import shipped

import planner
from planner._language import catalogue, say, speaking
from planner.dossier import page
from planner.maps import _pieces, _words

FILES = sorted(Path(planner.__file__).parent.rglob("*.py"))


def texts():
    """Every literal that the package says to readers, with its file and line."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                (text,) = node.args
                assert not isinstance(text, ast.JoinedStr), f"{path}:{node.lineno}: no f-string"
                if isinstance(text, ast.Constant):
                    yield text.value, f"{path}:{node.lineno}"
    template = (FILES[0].parent / "assets" / "dossier.html").read_text("utf-8")
    for text in re.findall(r'say\("([^"]+)"\)', template):
        yield text, "dossier.html"


def test_every_text_has_its_english():
    known = catalogue("en")
    missing = sorted({f"{place}: {text}" for text, place in texts() if text not in known})
    assert missing == []
    looks = [word for look in _words.TIERS.values() for word in (look.one, look.many)]
    for table in (_words.KINDS, _words.STATUSES, _words.SOURCE_STATUSES):
        looks += table.values()
    assert [word for word in looks if word not in known] == []


def test_translations_keep_what_is_put_into_them():
    for french, english in catalogue("en").items():
        told = [sorted(re.findall(r"\{(\w+)\}", text)) for text in (french, english)]
        assert told[0] == told[1], french


def test_the_words_of_the_script_are_those_it_says():
    script = _pieces.asset("carte.js")
    for word in _pieces._WORDS:
        assert f'"{word}"' in script


@pytest.mark.browser
def test_a_dossier_in_english(opened):
    plan = shipped("saone-beaujolais")
    with speaking("en"):
        made = page(plan)
        expected = [figure.value for figure in plan.figures()]
    browser = opened(made)
    assert browser.execute_script("return document.documentElement.lang") == "en"
    titles = "return [...document.querySelectorAll('nav a')].map(e => e.textContent)"
    assert browser.execute_script(titles) == [
        "In short", "Map", "Compare", "My commune", "Budget", "Mobility and CO₂",
        "What may make it fail", "Assumptions and sources",
    ]  # fmt: skip
    values = (
        "return [...document.querySelectorAll('#essentiel dd:not(.doute)')].map(e => e.textContent)"
    )
    assert browser.execute_script(values) == expected
    assert "99.9%" in expected
    assert browser.complaints() == []
    assert say("Carte") == "Carte"
