r"""A questionnaire to those at work: what they say of coming, and what users become of it.

Of the :math:`n_c` who answered in commune :math:`c`, :math:`y_c` are interested (a “maybe” counts
as a share of a “yes”). A small sample is drawn towards the whole, :math:`p` of :math:`n`, by a
prior of :math:`k` answers; a share :math:`b` of the stated interest becomes use; and the users that
the chain expects of the same people, a share :math:`u_c` of them, are multiplied by

.. math::

    m_c = \min\left(B, \max\left(\frac{1}{B}, \frac{b \, p_c}{u_c}\right)\right), \qquad
    p_c = \frac{y_c + k \, p}{n_c + k}

at most :math:`B` times and at least a :math:`B`-th, since those who answer are not drawn at random.
At a low and a high demand, :math:`b` is at the ends of its range, and so is :math:`p_c` of its 90 %
interval, :math:`\pm 1.645 \sqrt{p_c (1 - p_c) / (n_c + k)}`.
"""

import csv
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openpyxl
import pandas as pd
from openpyxl.utils.exceptions import InvalidFileException

from planner._errors import InputError
from planner._files import existing_file
from planner._tables import Column, read_csv, refuse

USED = ("interest_becomes_use", "survey_maybe_share", "survey_prior", "survey_bound")
"""Keys of the assumptions that a survey leans on."""

COUNTS = ("yes", "maybe", "no")
ANSWERS: Mapping[str, str] = {"oui": "yes", "peut-être": "maybe", "peut-etre": "maybe", "non": "no"}
SIGNS: Mapping[str, int] = {"low": -1, "value": 0, "high": 1}
_Z90 = 1.645
_DAYS = 7
_MOST_BYTES, _MOST_ROWS = 20_000_000, 100_000
_COLUMNS = {
    "commune": Column("code"),
    "interet": Column(),
    "jours": Column("number", required=False, low=0, high=_DAYS),
}


class Survey(NamedTuple):
    """What a questionnaire says.

    Attributes
    ----------
    answers
        Index commune (code), sorted; yes, maybe, no: people.
    days_a_week
        Mean of the days that those interested would come; NaN where nobody says.
    """

    answers: pd.DataFrame
    days_a_week: float


def read_survey(path: Path | str) -> Survey:
    """Read the answers of a questionnaire, one row a person.

    Parameters
    ----------
    path
        CSV, or an ``.xlsx`` of one sheet, with the columns commune (code), interet (oui, peut-être,
        non), and maybe jours (days a week).

    Returns
    -------
    Survey
        Answers by commune.

    Raises
    ------
    InputError
        With all the faults, by row.
    """
    path = existing_file(path, what="survey")
    if path.suffix.lower() != ".xlsx":
        return _survey(read_csv(path, what="survey", columns=_COLUMNS), str(path))
    with tempfile.TemporaryDirectory(prefix="planner-") as folder:
        copy = Path(folder) / "survey.csv"
        with copy.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows(_sheet(path))
        try:
            return _survey(read_csv(copy, what="survey", columns=_COLUMNS), str(path))
        except InputError as error:
            raise InputError(str(error).replace(str(copy), str(path))) from error


def _survey(table: pd.DataFrame, where: str) -> Survey:
    said = table["interet"].str.casefold()
    refuse(
        where,
        [
            f"row {row}, column “interet”: “{text[:40]}” is not oui, peut-être or non."
            for row, text in zip(table.index + 2, table["interet"], strict=True)
            if text.casefold() not in ANSWERS
        ],
    )
    answer = said.map(dict(ANSWERS))
    counts = pd.crosstab(table["commune"], answer).reindex(columns=list(COUNTS), fill_value=0)
    counts.columns.name = None
    days = table.loc[answer != "no", "jours"]
    return Survey(counts.sort_index().astype(np.int64), float(days.mean()))


def _sheet(path: Path) -> Sequence[Sequence[object]]:
    """Return the rows of the one sheet of a workbook, values and not formulas."""
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path}: larger than {_MOST_BYTES:,} bytes; that is no questionnaire.")
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, InvalidFileException) as error:
        raise InputError(f"{path}: no .xlsx spreadsheet ({error}). Save it as .xlsx.") from error
    try:
        if len(book.sheetnames) != 1:
            raise InputError(
                f"{path}: sheets {', '.join(book.sheetnames)}. Keep the one that holds the answers."
            )
        rows = book.worksheets[0].iter_rows(values_only=True, max_row=_MOST_ROWS)
        return [["" if cell is None else cell for cell in row] for row in rows if any(row)]
    finally:
        book.close()


def multipliers(
    answers: pd.DataFrame,
    share: pd.Series,
    *,
    figures: Mapping[str, float],
    becomes_use: float,
    sign: int = 0,
) -> pd.DataFrame:
    """Return what the users of each commune are multiplied by.

    Parameters
    ----------
    answers
        See :class:`Survey`.
    share
        Users that the chain expects, as a share of those at work, by commune (index code).
    figures
        Assumptions by key, see :data:`USED`.
    becomes_use
        Share of the stated interest that becomes use.
    sign
        -1 and 1 for the low and the high end of what so many answers say; 0 between.

    Returns
    -------
    DataFrame
        Index as `share`; answered (people), interest (0 to 1, drawn to the whole), multiplier.

    Raises
    ------
    InputError
        When nobody answered, somebody answered in a commune that `share` does not have, or a figure
        cannot be.

    Examples
    --------
    >>> from planner import assumptions
    >>> answers = pd.DataFrame({"yes": [3], "maybe": [2], "no": [95]}, index=["69001"])
    >>> multipliers(
    ...     answers, pd.Series({"69001": 0.01}), figures=assumptions.values(), becomes_use=0.25
    ... )["multiplier"].round(3).tolist()
    [1.0]
    """
    people = answers.sum(axis=1)
    strange = sorted(set(answers.index) - set(share.index))
    prior, bound = figures["survey_prior"], figures["survey_bound"]
    if strange or not people.sum() > 0:
        raise InputError(
            f"survey: communes {', '.join(strange)} are not in the territory. Correct the codes."
            if strange
            else "survey: nobody answered."
        )
    if not (prior > 0 and bound >= 1 and 0 <= figures["survey_maybe_share"] <= 1):
        raise InputError("survey: the prior is above 0, the bound 1 or more, a maybe 0 to 1.")
    interested = answers["yes"] + figures["survey_maybe_share"] * answers["maybe"]
    whole = interested.sum() / people.sum()
    n = people.reindex(share.index).fillna(0)
    interest = (interested.reindex(share.index).fillna(0.0) + prior * whole) / (n + prior)
    spread = sign * _Z90 * np.sqrt(interest * (1 - interest) / (n + prior))
    would = (interest + spread).clip(0, 1) * becomes_use
    ratio = would / share.where(share > 0)
    return pd.DataFrame(
        {
            "answered": n.astype(np.int64),
            "interest": interest,
            "multiplier": ratio.clip(1 / bound, bound).fillna(1.0),
        }
    )
