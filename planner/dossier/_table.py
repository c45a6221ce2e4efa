"""Tables of a dossier: numbers as a French reader writes them, words on the left."""

import math
from collections.abc import Collection, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import pandas as pd

from planner._format import number
from planner._html import Fragment, join, tag
from planner._language import say

if TYPE_CHECKING:
    from planner.scenarios import StudyTable

HIDDEN = ("identifiant", "identifiants", "clé", "code")
"""Columns for machines: the spreadsheet and the CSV have them, a commission does not need them."""

_LONG = 16  # characters from which a figure is written smaller
_LARGE = 1000  # from here on, decimals say nothing


def study(
    table: "StudyTable", *, caption: str = "", hidden: Collection[str] = HIDDEN, rows: int = 0
) -> Fragment:
    """Return a table of a plan as HTML.

    Parameters
    ----------
    table
        One of the accounts or studies of a plan.
    caption
        What is read above it; its note when empty.
    hidden
        Columns left out.
    rows
        How many are shown, all of them when 0.
    """
    frame = table.rows[[name for name in table.rows if name not in hidden]]
    frame = frame.head(rows) if rows else frame
    return plain(frame, caption=caption or say(table.note))


def plain(frame: pd.DataFrame, *, caption: str = "") -> Fragment:
    """Return a frame as HTML: its columns are headings, its first column that of the rows.

    Parameters
    ----------
    frame
        Cells are numbers, texts, fragments, or missing.
    caption
        What is read above it; nothing when empty.
    """
    names = [str(name) for name in frame]
    body = [
        [cell(value, heading=name) for name, value in zip(names, row, strict=True)]
        for row in frame.itertuples(index=False, name=None)
    ]
    worded = [_worded(frame.iloc[:, at]) for at in range(len(names))]
    return table([say(name) for name in names], body, caption=caption, worded=worded)


def table(
    head: Sequence[str],
    body: Sequence[Sequence[str]],
    *,
    caption: str = "",
    worded: Sequence[bool] = (),
) -> Fragment:
    """Return rows of cells as HTML.

    Parameters
    ----------
    head
        Headings.
    body
        Rows; the first cell is the heading of the row.
    caption
        What is read above it; nothing when empty.
    worded
        Which columns hold words, and stand on the left; the first one always does.
    """
    left = [at == 0 or (at < len(worded) and worded[at]) for at in range(len(head))]
    classes = ["mots" if one else None for one in left]
    rows = [
        tag(
            "tr",
            tag("th", row[0], scope="row"),
            *(
                tag("td", text, class_=kind)
                for text, kind in zip(row[1:], classes[1:], strict=True)
            ),
        )
        for row in body
    ]
    return framed(rows, head, classes=classes, caption=caption, label=caption or head[0])


def framed(
    rows: Sequence[Fragment],
    head: Sequence[str],
    *,
    classes: Sequence[str | None],
    label: str,
    caption: str = "",
) -> Fragment:
    """Return rows under their headings, in a frame that scrolls by keyboard where they are wide.

    Parameters
    ----------
    rows
        Elements `tr`.
    head
        Headings.
    classes
        Of the columns.
    label
        What a screen reader calls the frame.
    caption
        What is read above it; nothing when empty.
    """
    return tag(
        "div",
        tag(
            "table",
            *([tag("caption", caption)] if caption else []),
            tag(
                "thead",
                tag(
                    "tr",
                    *(
                        tag("th", text, scope="col", class_=kind)
                        for text, kind in zip(head, classes, strict=True)
                    ),
                ),
            ),
            tag("tbody", *rows),
        ),
        class_="defile",
        tabindex="0",
        role="region",
        aria_label=label,
    )


def _row(row: Sequence[str], classes: Sequence[str | None]) -> Fragment:
    cells = (tag("td", text, class_=kind) for text, kind in zip(row[1:], classes[1:], strict=True))
    return tag("tr", tag("th", row[0], scope="row"), *cells)


def cell(value: Any, *, heading: str) -> str:  # noqa: ANN401 - a cell of a table
    """Return a cell as text: euros whole, shares to a tenth, counts whole.

    Parameters
    ----------
    value
        A number, a text, or nothing.
    heading
        Of its column, which says the unit.

    Examples
    --------
    >>> cell(0.26, heading="part (%)"), cell(12.4, heading="total (€ HT)"), cell(None, heading="")
    ('0,3', '12', '')
    """
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    known = float(value)
    whole = known == round(known) or abs(known) >= _LARGE or "€" in heading
    return number(known, decimals=0 if whole else 1)


def facts(pairs: Sequence[tuple[str, ...]]) -> Fragment:
    """Return big figures: what each is, its value, and the doubt about it where there is one.

    Parameters
    ----------
    pairs
        Label, value, and maybe the doubt in words.
    """
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", label),
                tag("dd", value, class_="long" if len(value) > _LONG else None),
                *(tag("dd", text, class_="doute") for text in doubt if text),
            )
            for label, value, *doubt in pairs
        ),
        class_="cartes-chiffres",
    )


def unfolded(title: str, *children: Fragment) -> Fragment:
    """Return what one may unfold."""
    return tag("details", tag("summary", title), join(children))


def _worded(column: pd.Series) -> bool:
    """Return whether a column holds words, and not numbers."""
    texts = column.map(lambda value: isinstance(value, str))
    return bool(len(column)) and bool(texts.mean() > 0.5)  # noqa: PLR2004 - most of them
