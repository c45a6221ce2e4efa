"""The documentation builds without a warning, and what it shows can be done as it is shown."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import planner
from planner.cli import app
from planner.scenarios import Scenario

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
COMMANDS = get_command(app).commands

# The comment before a block, the words after its fence, its lines.
_BLOCK = re.compile(r"(<!--.*?-->\n)?^```(\S.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASKED = re.compile(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?:https?:)?//[^"]*')
_CAPTION = re.compile(r":caption: (\S+)\n\n")


def blocks(path):
    """Yield whether a block is to be run, what it is, and its text, in the order of the page."""
    for comment, kind, text in _BLOCK.findall(path.read_text("utf-8")):
        yield not comment.startswith("<!-- not run"), kind, text.replace("\\\n", " ")


def asked(line):
    """Return the command that a line calls, one of a group too, and the words after it."""
    _, name, *rest = shlex.split(line)
    command = COMMANDS[name]
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def command_lines(path):
    """Yield every command line of the planner in a page: in a block, or in a line of text."""
    text = path.read_text("utf-8")
    for _, kind, block in blocks(path):
        if kind == "bash":
            yield from (line for line in block.splitlines() if line.startswith("planner "))
    yield from re.findall(r"`(planner [a-z][^`]*)`", text)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if find_spec("sphinx") is None:
        reason = 'Sphinx is not installed: pip install "planner[docs]"'
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    out = tmp_path_factory.mktemp("site")
    nobody = "http://127.0.0.1:9"  # a proxy that does not answer
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(out / "doctrees"), str(DOCS), str(out / "html")],
        env=os.environ | {"http_proxy": nobody, "https_proxy": nobody},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out / "html"


def test_the_site_builds_without_a_warning(site):
    for page in PAGES:
        built = site / page.relative_to(DOCS).with_suffix(".html")
        assert built.stat().st_size > 1_000


def test_R4_its_pages_ask_for_no_network(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert _ASKED.findall(text) == [], page


def test_no_page_shows_a_set_in_an_order_that_changes(site):
    for page in site.rglob("*.html"):  # Sphinx sorts sets, but not those within another value
        shown = re.sub(r"<[^>]+>", "", page.read_text("utf-8"))
        assert not re.search(r"mappingproxy\(.*set\(\{", shown), page


def test_its_formulas_are_mathml_and_none_is_left_as_latex(site):
    text = (site / "explanation" / "formulations.html").read_text("utf-8")
    assert text.count("<math") > 50
    assert "\\sum" not in text
    assert "\\frac" not in text


def test_every_command_and_key_is_in_the_reference(site):
    text = (site / "reference" / "cli.html").read_text("utf-8")
    for name, command in COMMANDS.items():
        assert f"planner {name}" in text
        for option in command.params:
            assert max(option.opts, key=len) in text or option.param_type_name == "argument"
    keys = (site / "reference" / "scenario.html").read_text("utf-8")
    assert [name for name in Scenario.model_fields if f">{name}<" not in keys] == []


def test_every_public_module_has_its_page():
    text = (DOCS / "reference" / "index.md").read_text("utf-8")
    listed = set(re.findall(r"^   (planner\.[\w.]+)$", text, re.MULTILINE))
    package = Path(planner.__file__).parent
    found = [path.relative_to(package).with_suffix("").parts for path in package.rglob("*.py")]
    names = {".".join(("planner", *parts)).removesuffix(".__init__") for parts in found}
    public = {name for name in names if "._" not in name}
    # The package itself; its commands, which have a page of their own; RoadNetwork, told with
    # `planner.network`.
    assert public - {"planner", "planner.cli", "planner.network.graph"} == listed


@pytest.mark.parametrize(
    "path", [*PAGES, ROOT / "README.md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_command_line_names_commands_and_options_that_exist(path):
    for line in command_lines(path):
        command, rest = asked(line)
        known = {option for param in command.params for option in param.opts}
        known |= {option for param in command.params for option in param.secondary_opts}
        used = {word.split("=")[0] for word in rest if word.startswith("--")}
        assert used <= known | {"--help"}, line
    for _, kind, block in blocks(path):
        for line in block.splitlines() if kind == "bash" else ():
            if line.startswith("planner "):
                command, rest = asked(line)
                command.make_context(command.name, rest)


@pytest.mark.parametrize(
    "path",
    [page for page in PAGES if page.parent.name == "how-to" or page.stem == "tutorial"],
    ids=lambda path: path.stem,
)
def test_what_a_page_shows_can_be_done_in_its_order(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = {}
    for run, kind, text in blocks(path):
        if kind.startswith("{code-block}"):
            name = _CAPTION.match(text)
            (tmp_path / name[1]).write_text(text[name.end() :], encoding="utf-8")
        elif kind == "pycon":
            test = doctest.DocTestParser().get_doctest(text, known, path.stem, str(path), 0)
            said = []
            doctest.DocTestRunner(verbose=False).run(test, out=said.append, clear_globs=False)
            assert said == []
            known = test.globs
        elif kind == "bash" and run:
            for line in text.splitlines():
                if line.startswith("planner "):
                    done = CliRunner().invoke(app, shlex.split(line)[1:])
                    assert done.exit_code == 0, (line, done.output, done.exception)
