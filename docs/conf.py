"""How the documentation is built: `sphinx-build -W --keep-going -b html docs docs/_build/html`.

No network is asked for: formulas become MathML here, and the theme brings its own fonts. The same
sources give the same pages.
"""

import importlib
import os
import re
from importlib.metadata import version as version_of
from typing import TYPE_CHECKING

os.environ |= {"TERM": "dumb", "NO_COLOR": "1", "TERMINAL_WIDTH": "96", "COLUMNS": "96"}

from docutils import nodes
from docutils.nodes import Element, Node
from docutils.parsers.rst import Directive
from docutils.utils.math import latex2mathml
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.writers.html5 import HTML5Translator
from typer.main import get_command

from planner import assumptions, network
from planner.cli import app as commands
from planner.scenarios import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

project = "planner"
author = "The planner developers"
copyright = author  # noqa: A001 - the name Sphinx reads
release = version = version_of("planner")
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
root_doc = "index"
suppress_warnings: list[str] = []

# Names of the planner must resolve; those of other packages have no pages here to point to.
nitpicky = True
default_role = "code"
nitpick_ignore_regex = [(r"py:.*", r"(?!planner\.).*"), (r"py:.*", r"planner\.(.*\.)?_.*")]

# These are loaded when first asked for, and autodoc does not ask.
vars(network).update({name: getattr(network, name) for name in network.__all__})

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "exclude-members": "model_config",
}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

html_theme = "pydata_sphinx_theme"
html_title = "planner"
html_static_path = ["_static"]
html_css_files = ["planner.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "navbar_align": "left",
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "tutorial": [], "needs": []}


_WIDEST = 110  # characters of LaTeX that one line of a page holds


def _mathml(code: str, *, block: bool) -> str:
    code = re.sub(r"\\[Bb]igl(?![a-z])", r"\\left", code)
    code = re.sub(r"\\[Bb]igr(?![a-z])", r"\\right", code)
    code = re.sub(r"\\[Bb]ig(?![a-z])", "", code)
    code = re.sub(r"\\dots(?![a-z])", r"\\ldots", code)
    if block and len(code) > _WIDEST and not _ROW.search(code):
        code = re.sub(r"\\q?quad(?![a-z])", r"\\\\ &", f"& {code}")
    if block and _ROW.search(code):
        code = rf"\begin{{aligned}}{code}\end{{aligned}}"
    return latex2mathml.tex2mathml(code, as_block=block)


_ROW = re.compile(r"&|\\\\")


def _inline_math(page: HTML5Translator, node: Element) -> None:
    page.body.append(_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block_math(page: HTML5Translator, node: Element) -> None:
    page.body.append(f'<div class="math">{_mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


class Help(Directive):
    """What `planner COMMAND --help` prints, as it is now."""

    required_arguments = 1
    final_argument_whitespace = True  # "scenario new": a command of a group

    def run(self) -> list[Node]:
        """Return it as a literal block."""
        command = get_command(commands)
        for word in self.arguments[0].split():
            command = command.get_command(None, word)
        name = f"planner {self.arguments[0]}"
        with command.make_context(name, [], resilient_parsing=True) as context:
            text = command.get_help(context)
        return [nodes.literal_block(text, text, language="text")]


def _table(heading: list[str], rows: list[list[str]]) -> nodes.table:
    """Return a table of texts."""
    table, group = nodes.table(classes=["planner-table"]), nodes.tgroup(cols=len(heading))
    table += group
    group += [nodes.colspec(colwidth=1) for _ in heading]
    for part, lines in ((nodes.thead(), [heading]), (nodes.tbody(), rows)):
        part.extend(
            nodes.row("", *(nodes.entry("", nodes.paragraph("", cell)) for cell in line))
            for line in lines
        )
        group += part
    return table


class Keys(Directive):
    """Every key of a scenario with its default."""

    def run(self) -> list[Node]:
        """Return them as a table."""
        rows = [
            [name, _shown(field.get_default(call_default_factory=True))]
            for name, field in Scenario.model_fields.items()
        ]
        return [_table(["key", "default"], rows)]


def _shown(value: object) -> str:
    """Return a default as TOML writes it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{value}"


class Profiles(Directive):
    """The speeds of cars, and what junctions cost them."""

    def run(self) -> list[Node]:
        """Return them as a table."""
        profiles = [network.PROFILES[name] for name in network.CAR_RANGE]
        costs = ("maxspeed_share", "junction_s", "signal_s", "turn_s")
        rows = [[road, *(f"{one.kph[road]:.0f}" for one in profiles)] for road in profiles[0].kph]
        rows += [[cost, *(f"{getattr(one, cost):g}" for one in profiles)] for cost in costs]
        return [_table(["", *network.CAR_RANGE], rows)]


class Assumptions(Directive):
    """Every assumption with its range, status and source."""

    def run(self) -> list[Node]:
        """Return them as a table."""
        heading = ["key", "what (French)", "default", "range", "unit", "source", "status"]
        rows = [
            [row.key, row.label, f"{row.value:g}", f"{row.low:g} to {row.high:g}", row.unit,
             f"{row.source} ({row.year})", row.status]
            for row in assumptions.DEFAULTS.values()
        ]  # fmt: skip
        return [_table(heading, rows)]


def _rubrics(  # noqa: PLR0917 - what Sphinx calls it with
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Make headings of a module's docstring no sections: several modules may share a page."""
    del app, name, obj, options
    if what == "module":
        text = re.sub(
            r"^(\w[\w ]*)\n-{3,}$", r".. rubric:: \1\n", "\n".join(lines), flags=re.MULTILINE
        )
        lines[:] = text.split("\n")


def _keys_by_name(  # noqa: PLR0917 - what Sphinx calls it with
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str
) -> tuple[str, str] | None:
    """Show a scenario without the types and limits of all its keys: they have a page."""
    del app, what, name, options, signature
    return ("(**keys)", returns) if obj is Scenario else None


def _elsewhere(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: Element
) -> Element | None:
    """Resolve a name that the planner exports from another module than it is described in."""
    target = str(node.get("reftarget", ""))
    if node.get("refdomain") != "py" or not target.startswith("planner."):
        return None
    for home in _homes(target):
        found = env.domains["py"].resolve_any_xref(
            env, node["refdoc"], app.builder, home, node, contnode
        )
        if found:
            return found[0][1]
    return None


def _homes(target: str) -> list[str]:
    """Return the names that an object may be described by: in its module, and those above it."""
    names = target.split(".")
    for count in range(len(names), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(names[:count]))
        except ImportError:
            continue
        for depth, name in enumerate(names[count:], start=count + 1):
            thing = getattr(thing, name, None)
            if own := getattr(thing, "__qualname__", None):
                module = [part for part in thing.__module__.split(".") if part[0] != "_"]
                last = [own, *names[depth:]]
                return [".".join(module[:top] + last) for top in range(len(module), 0, -1)]
        return []
    return []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add what the pages use."""
    inline: tuple[Callable[[HTML5Translator, Element], None], None] = (_inline_math, None)
    app.add_html_math_renderer("mathml", inline, (_block_math, None))
    app.add_directive("planner-help", Help)
    app.add_directive("planner-keys", Keys)
    app.add_directive("planner-profiles", Profiles)
    app.add_directive("planner-assumptions", Assumptions)
    app.connect("autodoc-process-docstring", _rubrics, priority=100)
    app.connect("autodoc-process-signature", _keys_by_name)
    app.connect("missing-reference", _elsewhere)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
