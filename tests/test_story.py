"""The folder tells one story, from the first module to the last, and no module looks ahead."""

import ast
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import planner

PACKAGE = Path(planner.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
STORY = (
    "_errors _files _tables _osm _language _format _html _svg sources territory assumptions "
    "spreadsheets _workbook survey network travel routes isochrones observed demand commuting "
    "candidates rules coverage certificate indicators ledger mobility risk scores followup "
    "maps compare plan runs dossier widgets scenarios batch cli"
).split()
DANGEROUS = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "yaml", "ruamel"}
LONGEST = 500


def chapter(path):
    """Return the module of the story that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def without_type_checking(node):
    """Yield the nodes under `node` but those that only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            for other in child.orelse:
                yield other
                yield from without_type_checking(other)
            continue
        yield child
        yield from without_type_checking(child)


def imports(path):
    """Yield the dotted names that a file imports when it runs, and the lines."""
    for node in without_type_checking(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and "import_module" in ast.dump(node.func):
            target = node.args[0]
            if isinstance(target, ast.Constant):
                yield target.value, node.lineno


def test_every_module_is_in_the_story():
    assert {chapter(path) for path in FILES} - {"__init__"} == set(STORY)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_those_above_it(path):
    if path == PACKAGE / "__init__.py":
        return
    here = STORY.index(chapter(path))
    for name, line in imports(path):
        package, _, rest = name.partition(".")
        if package == "planner" and rest:
            other = rest.split(".")[0]
            assert other in STORY, f"{path}:{line}: {name}"
            assert STORY.index(other) <= here, f"{path}:{line}: {name} is further down the story"


@pytest.mark.parametrize(
    ("packages", "home"),
    [({"folium", "branca"}, {"maps"}), ({"jinja2"}, {"dossier"}), ({"matplotlib"}, {"dossier"})],
)
def test_what_draws_and_what_fills_templates_is_kept_in_one_place(packages, home):
    users = {
        chapter(path)
        for path in FILES
        for name, _ in imports(path)
        if name.split(".")[0] in packages
    }
    assert users == home


def test_I12_nothing_that_runs_code_or_guesses_types_is_imported():
    for path in [*FILES, *Path(__file__).parent.rglob("*.py")]:
        for name, line in imports(path):
            assert name.split(".")[0] not in DANGEROUS, f"{path}:{line}: {name}"


def test_nothing_is_run_from_text():
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"eval", "exec", "compile"}, f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_short_say_what_they_are_for_and_assert_nothing(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST
    assert ast.get_docstring(tree(path))
    assert not [node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Assert)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_everything_public_says_what_it_does(path):
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for owner in ast.walk(tree(path)):
        if not isinstance(owner, ast.Module | ast.ClassDef):
            continue
        hidden = isinstance(owner, ast.ClassDef) and owner.name.startswith("_")
        for node in [] if hidden else owner.body:
            if isinstance(node, kinds) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}:{node.lineno}: {node.name}"


def test_every_rule_that_is_ignored_has_its_reason_beside_it():
    mark = re.compile(r"#\s*(?:noqa: [A-Z0-9, ]+|type: ignore\[[\w, -]+\])(.*)")
    bare = [
        f"{path.relative_to(PACKAGE).as_posix()}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (found := mark.search(line)) and not re.match(r"\s*[-#]\s*\w.{3,}", found[1])
    ]
    assert bare == []
    blanket = re.compile(r"#\s*(noqa(?!:)|type: ignore(?!\[)|mypy: ignore|ruff: noqa)")
    assert not [path for path in FILES if blanket.search(path.read_text(encoding="utf-8"))]


def test_public_names_are_those_promised():
    assert planner.__all__ == sorted(planner.__all__)
    for name in planner.__all__:
        assert getattr(planner, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        planner.nothing  # noqa: B018 - asking is the test


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, planner, planner.cli; "
        "print([m for m in 'numpy pandas geopandas numba scipy highspy osmium folium'.split() "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_R4_the_tests_cannot_reach_the_network():
    with pytest.raises(OSError, match="asked for the network"):
        urllib.request.urlopen("http://example.org", timeout=1)
    with socket.socket() as caller, pytest.raises(OSError, match=r"network: 192\.0\.2\.1"):
        caller.connect(("192.0.2.1", 80))
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_every_row_of_the_needs_points_at_tests_that_exist():
    lines = (Path(__file__).parent / "ROWS.md").read_text(encoding="utf-8").splitlines()
    rows = [line.split("|")[1:-1] for line in lines if re.match(r"\| S\d", line)]
    assert [row[0].strip() for row in rows] == [f"S{n}" for n in range(1, 24)]
    for row in rows:
        pointed = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", row[3])
        assert pointed
        for file, name in pointed:
            text = (Path(__file__).parent / file).read_text(encoding="utf-8")
            assert not name or f"def {name}(" in text


def test_every_fault_of_inputs_geometries_and_servers_has_tests_named_after_it():
    rows = {
        f"{part}{n}" for part, last in (("I", 13), ("G", 6), ("N", 9)) for n in range(1, last + 1)
    }
    named = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef):
                prefix = re.match(r"test((?:_[A-Z]\d+)+)_", node.name)
                named |= set(prefix[1].split("_")) if prefix else set()
    assert rows <= named
