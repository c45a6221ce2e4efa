"""A scenario file to start from: every key, what it means, and its default, commented out.

A line ``# key = value`` (or ``# [table]``) is a default: with all of them taken out of their
comments, the file is the default scenario. A line ``## …`` is an example, and says something else.
"""

import json
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from planner import candidates
from planner.assumptions import DEFAULTS
from planner.scenarios._scenario import Scenario
from planner.scenarios._schema import key_schemas
from planner.scenarios._words import SEVERAL, WORDS, origin, value_in_words
from planner.territory import Territory

_WIDTH = 100
_SHOWN = 4  # premises of a tier in a comment
_LONGEST_NAME = 200
_LINES = "\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"
_TIED = re.compile(r" (?=[;:%»])|(?<=«) ")  # where a French line does not break
_TIERS = {
    "structuring": "site structurant",
    "mini": "mini-cowork",
    "corpoworking": "corpoworking",
}
_HEAD = """\
Scénario de planner : ce qui diffère des valeurs par défaut, et rien d’autre.

« # clé = valeur » donne la valeur par défaut : retirer « # » pour en écrire une autre.
« ## clé = valeur » est un exemple : retirer « ## » pour s’en servir.
Les nombres s’écrivent avec un point (0.5) ; les tables [entre crochets] viennent après les clés.

Vérifier : planner check TERRITOIRE --scenario FICHIER.toml
Planifier : planner plan TERRITOIRE --scenario FICHIER.toml ; plusieurs scénarios : planner batch
Aide de l’éditeur : planner scenario schema scenario.schema.json, puis ici, en première ligne,
#:schema ./scenario.schema.json"""
_EXAMPLES = """\
[[scenario]]
name = "sans mini-cowork"
mini_sites_max = 0

[[scenario]]
name = "maillage serré"
mesh_min = 8

[sweep]
structuring_sites = [2, 3]
use_until_min = { from = 20, to = 30, step = 5 }"""


def new_scenario(territory: Territory | None = None) -> str:
    r"""Return the text of a scenario file that says nothing but the defaults, and explains them.

    Parameters
    ----------
    territory
        When given, the scenario has its name, and comments say which of its premises could host
        what.

    Returns
    -------
    str
        TOML that :func:`read_scenarios` takes as it is.

    Examples
    --------
    >>> print("\n".join(new_scenario().splitlines()[12:17]))
    # ---- Service et temps ----
    <BLANKLINE>
    # Nom du scénario dans les sorties ; celui du fichier s’il n’est pas donné.
    # Au plus 200 caractères.
    # name = "base"
    """
    shapes = key_schemas()
    tables = [key for key, shape in shapes.items() if shape["type"] == "object"]
    lines = [f"# {line}".rstrip() for line in _HEAD.splitlines()]
    section = ""
    for key in sorted(WORDS, key=lambda one: one in tables):  # tables come last in TOML
        word = WORDS[key]
        if word.section != section:
            section = word.section
            lines += ["", "", f"# ---- {section} ----"]
        lines += ["", *_explained(key, shapes[key])]
        if key in tables:
            lines += [f"# [{key}]", *_table_example(key)]
        elif territory is not None and key == "name":
            lines.append(f"name = {_quoted(territory.title[:_LONGEST_NAME])}")
        else:
            lines.append(_assigned(key))
        if territory is not None and key == "forced":
            lines += _hosts(territory)
    lines += ["", "", "# ---- Plusieurs scénarios dans un fichier (planner batch) ----", ""]
    lines += [f"# {sentence}" for sentence in SEVERAL.values()]
    lines += [f"## {line}".rstrip("# ") for line in _EXAMPLES.splitlines()]
    return "\n".join(lines) + "\n"


def _explained(key: str, shape: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a key means, and what it may be, as comments."""
    yield from _comment(WORDS[key].sentence)
    allowed = _allowed(shape)
    argued = f"Fourchette : {origin(DEFAULTS[key])}." if key in DEFAULTS else ""
    if allowed or argued:
        yield from _comment(f"{allowed} {argued}".strip())


def _assigned(key: str) -> str:
    """Return the default of a key, commented out, or an example where it has none."""
    word, default = WORDS[key], getattr(Scenario(), key)
    unit = f"  # {word.unit}" if word.unit else ""
    if default is None:
        return f"## {key} = {word.example}{unit}"
    return f"# {key} = {_toml(default)}{unit}"


def _table_example(key: str) -> Iterator[str]:
    """Yield the lines of a table, as examples."""
    if key != "assumptions":
        yield f"## {WORDS[key].example}"
        return
    for row in DEFAULTS.values():
        if row.key not in Scenario.model_fields:
            yield from _comment(f"{row.label} : {origin(row)}.")
            yield f"## {row.key} = {_toml(row.value)}  # {row.unit}"


def _hosts(territory: Territory) -> Iterator[str]:
    """Yield, as comments, a few premises of a territory that could host each tier."""
    places = candidates.sites(territory)
    free = places[places["status"] != "existing"]
    for tier, word in _TIERS.items():
        able = free.loc[free[tier], "name"]
        if len(able):
            shown = [f"{_quoted(site)} ({_plain(name)})" for site, name in able[:_SHOWN].items()]
            more = f" … et {len(able) - _SHOWN} autres" if len(able) > _SHOWN else ""
            yield from _comment(f"Lieux possibles, {word} : {', '.join(shown)}{more}.")


def _allowed(shape: Mapping[str, Any]) -> str:
    """Return what a value may be, in words; "" where anything goes."""
    if "enum" in shape:
        return f"Au choix : {', '.join(map(_toml, shape['enum']))}."
    if "maxLength" in shape:
        return f"Au plus {value_in_words(shape['maxLength'])} caractères."
    if shape["type"] == "array":
        return _allowed_in_list(shape)
    low, above = shape.get("minimum"), shape.get("exclusiveMinimum")
    high, below = shape.get("maximum"), shape.get("exclusiveMaximum")
    ends = (
        f"au moins {value_in_words(low)}" if low is not None else "",
        f"plus de {value_in_words(above)}" if above is not None else "",
        f"au plus {value_in_words(high)}" if high is not None else "",
        f"moins de {value_in_words(below)}" if below is not None else "",
    )
    said = ", ".join(end for end in ends if end)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def _allowed_in_list(shape: Mapping[str, Any]) -> str:
    """Return what the items of a list may be, in words; "" where anything goes."""
    items = shape["items"]
    each = "" if "prefixItems" in items else _allowed(items)
    most = f"Au plus {shape['maxItems']} valeurs. " if "maxItems" in shape else ""
    return f"{most}{each}"


def _toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return repr(value)


def _quoted(text: object) -> str:
    """Return text as a string of TOML, without what could end it or the line."""
    return json.dumps(_plain(text), ensure_ascii=False)


def _plain(text: object) -> str:
    """Return text of a territory as one line that gives nobody orders."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(c)[0] == "C" or c in _LINES else c
        for c in str(text)
    )


def _comment(text: str) -> list[str]:
    """Return text as comments that stay within a line's width."""
    tie = "\N{NO-BREAK SPACE}"
    lines = textwrap.wrap(
        _TIED.sub(tie, text), _WIDTH, initial_indent="# ", subsequent_indent="# ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(tie, " ") for line in lines]
