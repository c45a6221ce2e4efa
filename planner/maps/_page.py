"""The document around the map, and the rule that closes it."""

import re
from collections.abc import Iterable

from planner._html import check_autonomous, join, safe_text, script_source
from planner._language import current, say
from planner.maps import _panel
from planner.maps._pieces import Pieces, asset
from planner.maps._scene import Scene


def written(scene: Scene, pieces: Pieces) -> str:
    """Return the whole page; it is read back and refused if it could load or run anything else.

    Parameters
    ----------
    scene
        What the map is about.
    pieces
        What it is made of.

    Returns
    -------
    str
        The HTML text.
    """
    slots = {
        "language": current(),
        "to_tables": safe_text(say("Aller aux tableaux")),
        "no_script": safe_text(
            say("La carte a besoin de JavaScript ; les tableaux donnent les mêmes faits.")
        ),
        "legend_title": safe_text(say("Légende")),
        "tables_title": safe_text(say("Tableaux")),
        "policy": _policy(pieces.scripts, images=pieces.images),
        "title": safe_text(scene.title),
        "styles": "\n".join(
            f"<style>{style}</style>" for style in (*pieces.styles, asset("page.css"))
        ),
        "header": _panel.header(scene),
        "map": pieces.element,
        "sources": _panel.sources(scene),
        "years": pieces.years,
        "legend": pieces.legend,
        "search": pieces.search,
        "tables": join([*pieces.tables, _panel.register(scene)]),
        "scripts": "\n".join(f"<script>{code}</script>" for code in pieces.scripts),
    }
    page = re.sub(r"\[\[(\w+)\]\]", lambda slot: slots[slot[1]], asset("carte.html"))
    check_autonomous(page)
    return page


def _policy(scripts: Iterable[str], *, images: str) -> str:
    """Allow these scripts, our styles, the tiles one may switch on, and nothing else."""
    rules = [
        "default-src 'none'",
        f"script-src {' '.join(map(script_source, scripts))}",
        "style-src 'unsafe-inline'",
        f"img-src {images}",
        "connect-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)
