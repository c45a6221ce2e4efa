"""The one door through which text enters HTML.

Names come from OpenStreetMap and from spreadsheets, where anyone can write anything, and Folium
treats them three times as code: as HTML, as JavaScript between backticks, and as a Jinja template
run in Python. So text becomes HTML here only: `safe_text` turns every character that means
something to any of the three into a numeric entity, `tag` builds elements out of text and of
`Fragment`, the one kind of text that is not escaped again. `check_autonomous` reads a finished
page back and refuses it when it could call a network or run a script that is not ours.
"""

import base64
import hashlib
import html
import re
import unicodedata
from collections.abc import Collection, Iterable
from html.parser import HTMLParser

LONGEST = 300
"""Characters kept of one text; what is cut is marked with an ellipsis."""

_ENTITIES = {ord(c): f"&#{ord(c)};" for c in "`$\\{}\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"}
_VOID = {"br", "hr", "img", "input", "meta"}
_REFUSED_TAGS = {"base", "embed", "form", "frame", "iframe", "link", "object"}
_ADDRESSES = {"action", "background", "data", "formaction", "href", "ping", "poster", "src"} | {
    "srcdoc",
    "srcset",
    "xlink:href",
}


class Fragment(str):
    """A piece of HTML made by this module: it is not escaped again."""

    __slots__ = ()


def safe_text(text: str, *, longest: int = LONGEST) -> Fragment:
    r"""Return `text` as HTML that shows the same characters and means nothing else.

    Parameters
    ----------
    text
        Any text. Tabs and line feeds become spaces, other control characters and the marks that
        reverse the direction of writing are dropped, half a surrogate pair becomes U+FFFD.
    longest
        Characters kept before an ellipsis.

    Returns
    -------
    Fragment
        Safe between tags, inside a quoted attribute, inside a JavaScript string or template, and
        as text given to Jinja.

    Examples
    --------
    >>> safe_text("Café <b> & {{ 1 }}")
    'Café &lt;b&gt; &amp; &#123;&#123; 1 &#125;&#125;'
    """
    kept = "".join(_harmless(character) for character in text)
    if len(kept) > longest:
        kept = f"{kept[: longest - 1].rstrip()}…"
    return Fragment(html.escape(kept, quote=True).translate(_ENTITIES))


def tag(name: str, /, *children: str, **attributes: str | None) -> Fragment:
    """Return an element; children and attribute values that are not fragments are escaped.

    Parameters
    ----------
    name
        The element's name.
    children
        Text, or fragments, in order.
    attributes
        Values by name: `class_` gives `class`, `data_site` gives `data-site`; None leaves the
        attribute out, an empty text keeps it.

    Returns
    -------
    Fragment
        The element.

    Examples
    --------
    >>> tag("p", "Thé & ", tag("b", "pain"), class_="note")
    '<p class="note">Thé &amp; <b>pain</b></p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_fragment(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Fragment(f"<{name}{written}>")
    return Fragment(f"<{name}{written}>{join(children)}</{name}>")


def join(parts: Iterable[str], *, between: str = "") -> Fragment:
    """Return the parts one after the other; those that are not fragments are escaped."""
    return Fragment(_fragment(between).join(_fragment(part) for part in parts))


def framed(page: str, *, title: str, height_px: int = 640) -> Fragment:
    """Return a whole page in a frame of its own, as a notebook shows it among other outputs.

    Parameters
    ----------
    page
        A page that :func:`check_autonomous` lets pass.
    title
        Of the frame.
    height_px
        Of the frame.

    Returns
    -------
    Fragment
        The frame may run the page's scripts; it has no origin, and reaches neither the notebook
        nor its server.
    """
    check_autonomous(page)
    frame = f'sandbox="allow-scripts" width="100%" height="{height_px}" style="border:0"'
    return Fragment(
        f'<iframe {frame} title="{safe_text(title)}" srcdoc="{html.escape(page)}"></iframe>'
    )


def script_source(code: str) -> str:
    """Return how a Content-Security-Policy names an inline script: by the digest of its text."""
    digest = hashlib.sha256(code.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def check_autonomous(page: str, *, links: Collection[str] = ()) -> None:
    """Refuse a page that names an address it would load, or runs a script that is not allowed.

    Every element of the page is read back: no element that fetches or embeds, no address but
    anchors of the page, `data:` and the allowed links, no handler in an attribute, no style that
    loads a file, and for every script its digest in the page's Content-Security-Policy.

    Parameters
    ----------
    page
        The whole HTML text.
    links
        Addresses that a reader may follow from an `a` element.

    Raises
    ------
    ValueError
        When the page breaks one of these rules; the message lists each place.
    """
    reader = _Reader(links)
    reader.feed(page)
    reader.close()
    policy = reader.policy
    faults = reader.faults + [
        f"script {code[:40]!r} is not in the Content-Security-Policy"
        for code in reader.scripts
        if script_source(code) not in policy
    ]
    if "default-src 'none'" not in policy:
        faults.append("no Content-Security-Policy with default-src 'none'")
    if faults:
        raise ValueError(f"The page is not autonomous: {'; '.join(faults)}.")


class _Reader(HTMLParser):
    """Gathers what a page runs and loads."""

    def __init__(self, links: Collection[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.links = links
        self.faults: list[str] = []
        self.scripts: list[str] = []
        self.policy = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        if tag in _REFUSED_TAGS:
            self.faults.append(f"<{tag}>")
        if tag == "script":
            self.scripts.append("")
        values = {key: value or "" for key, value in attrs}
        kind = values.get("http-equiv", "").lower()
        if kind == "content-security-policy":
            self.policy += values.get("content", "")
        elif kind == "refresh":
            self.faults.append("<meta http-equiv=refresh>")
        self.faults += [
            f"<{tag} {key}={values[key]!r}>" for key in values if self._bad(tag, key, values[key])
        ]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - HTMLParser's signature
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "style" and _loads(data):
            self.faults.append(f"<style> {_loads(data)}")

    def _bad(self, tag: str, key: str, value: str) -> bool:
        if key.startswith("on"):
            return True
        if key == "style":
            return bool(_loads(value))
        if key not in _ADDRESSES or value.startswith("#"):
            return False
        if tag == "a":
            return value not in self.links
        return not value.startswith("data:image/")


def _loads(style: str) -> list[str]:
    return re.findall(r"@import|url\(\s*['\"]?(?!data:|#)[^)]*", style, flags=re.IGNORECASE)


def _fragment(text: str) -> Fragment:
    return text if isinstance(text, Fragment) else safe_text(text)


def _harmless(character: str) -> str:
    if character in "\t\n\r":
        return " "
    category = unicodedata.category(character)
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    if category == "Cc" or "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069":
        return ""
    return character
