"""One table of a study, as readers see it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class StudyTable:
    """One table of a study.

    Attributes
    ----------
    title
        For readers.
    rows
        Its columns are named for readers; ready to be written.
    note
        How sure it is, in words.
    seconds
        Time the study took; never written.
    """

    title: str
    rows: pd.DataFrame
    note: str
    seconds: float


def yes(values: Sequence[bool] | pd.Series) -> list[str]:
    """Return yes or no, in French, for each value.

    Examples
    --------
    >>> yes([True, False])
    ['oui', 'non']
    """
    return ["oui" if value else "non" for value in np.asarray(values, bool)]
