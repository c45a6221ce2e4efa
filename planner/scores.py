r"""Ranking candidate sites by what a workshop weighs: groups kept apart, and how sure the order is.

A group compares criteria two by two on Saaty's scale: :math:`a_{kl} = 3` when :math:`k` matters
somewhat more than :math:`l`, a third the other way. Its weights are the geometric means of the rows
(Crawford, Williams 1985), and its consistency ratio is

.. math::

    CR = \frac{\lambda_{max} - n}{(n - 1) \, RI_n}

against judgements made at random (Saaty 1980); above 0.1 the group should look again. The score of
a site for a group is the weighted sum of its criteria, each brought between 0 and 1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from planner._errors import InputError
from planner._tables import Column, listed, read_csv, refuse
from planner.candidates import COWORKING, FIT_OUT, PUBLIC, SHOPS

CRITERIA = (
    "habitants", "usagers", "services", "relais", "communauté", "local", "noyau", "employeurs",
)  # fmt: skip
"""What candidate sites are scored on: residents within the mesh minutes, users the site alone would
have, other premises and other candidates in its commune, the community around it (see
:func:`community`), its room (see :func:`premises`); where flows are known, those in its living area
who could telework and have a far employer; where jobs are, the users whom employers would place
there, were it the only corpoworking site."""

COMMUNITY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "cooperatives": frozenset(("scop", "scic", "cae")),
        "associations": frozenset(("association",)),
        "places": frozenset(("coworking", "community_centre", "france_services", "library")),
        "shops": SHOPS,
    }
)
"""Kinds of establishments and premises that make each part of a community.

:meta hide-value:
"""

ROOM = ("public", "state", "area", "year")
"""Parts of the score of a room."""

USED = (
    *(f"community_{part}_{end}" for part in COMMUNITY for end in ("weight", "half")),
    *(f"premises_{part}_weight" for part in ROOM),
)
"""Keys of the assumptions that the scores of a community and of a room lean on."""

CONSISTENT = 0.1
"""Largest consistency ratio of a group whose judgements hold together (Saaty 1980)."""

_FEWEST = 2  # criteria that can be compared
_MOST = 9.0  # of Saaty's scale
_RANDOM = (0.0, 0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49)  # by number of criteria
_COLUMNS = {
    "groupe": Column(),
    "critere": Column(),
    "contre": Column(),
    "importance": Column("number", low=1 / _MOST - 1e-3, high=_MOST),
}


@dataclass(frozen=True, eq=False)
class Weights:
    """What each group weighs.

    Attributes
    ----------
    weights
        Index group, one column a criterion; each row adds up to 1.
    consistency
        Consistency ratio of each group, 0 where its judgements agree; NaN where they were given as
        weights.
    """

    weights: pd.DataFrame
    consistency: pd.Series

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Groups whose judgements do not hold together."""
        return tuple(map(str, self.consistency.index[self.consistency > CONSISTENT]))


def read_judgements(path: Path | str) -> Weights:
    """Read what the groups of a workshop think of the criteria, two by two.

    Parameters
    ----------
    path
        CSV with the columns groupe, critere, contre and importance (1 to 9: `critere` matters more
        than `contre`; 1/9 to 1, as decimals: less). Each group compares every pair once.

    Returns
    -------
    Weights
        Groups and criteria sorted.

    Raises
    ------
    InputError
        With all the faults: a pair that is missing, or there twice, with its group; a number that
        is not on the scale, with its row.
    """
    table = read_csv(path, what="judgements", columns=_COLUMNS)
    criteria = sorted({*table["critere"], *table["contre"]})
    faults: list[str] = []
    if not _FEWEST <= len(criteria) < len(_RANDOM):
        faults.append(f"{len(criteria)} criteria; compare {_FEWEST} to {len(_RANDOM) - 1}")
        refuse(str(path), faults)
    weights, ratios = {}, {}
    for group, rows in table.groupby("groupe", sort=True):
        matrix = np.eye(len(criteria))
        for at, one, against, importance in zip(
            rows.index + 2, rows["critere"], rows["contre"], rows["importance"], strict=True
        ):
            k, other = criteria.index(one), criteria.index(against)
            if k == other:
                faults.append(f"row {at}: {one} is compared with itself")
            elif matrix[k, other] != 0:
                faults.append(f"row {at}: {group} compares {one} and {against} twice")
            else:
                matrix[k, other], matrix[other, k] = importance, 1 / importance
        missing = [
            f"{criteria[k]} and {criteria[other]}" for k, other in _pairs(matrix) if k < other
        ]
        if missing:
            faults.append(f"{group} does not compare {listed(missing)}")
        else:
            weights[str(group)], ratios[str(group)] = _judged(matrix)
    refuse(str(path), faults)
    frame = pd.DataFrame.from_dict(weights, orient="index", columns=criteria)
    return Weights(frame.rename_axis("group"), pd.Series(ratios, name="consistency"))


def _pairs(matrix: np.ndarray) -> Iterator[tuple[int, int]]:
    yield from zip(*(place.tolist() for place in np.nonzero(matrix == 0)), strict=True)


def _judged(matrix: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the weights of a whole matrix of judgements, and its consistency ratio."""
    size = len(matrix)
    weight = np.exp(np.log(matrix).mean(axis=1))
    weight /= weight.sum()
    largest = float(((matrix @ weight) / weight).mean())
    random = _RANDOM[size]
    ratio = (largest - size) / (size - 1) / random if random > 0 else 0.0
    return weight, max(round(ratio, 9), 0.0)


def given(weights: Mapping[str, Mapping[str, float]]) -> Weights:
    """Return weights that groups gave as such.

    Parameters
    ----------
    weights
        By group, by criterion: numbers, 0 or more, not all 0; they are brought to a sum of 1. What
        a group does not name weighs nothing for it.

    Raises
    ------
    InputError
        When a group weighs nothing, or a weight is no number, 0 or more.

    Examples
    --------
    >>> given({"élus": {"residents": 3, "community": 1}}).weights.loc["élus"].tolist()
    [0.25, 0.75]
    """
    frame = pd.DataFrame.from_dict(dict(weights), orient="index").astype(float)
    frame = frame.sort_index().sort_index(axis=1)
    told = [all(0 <= value < np.inf for value in weights[group].values()) for group in frame.index]
    frame = frame.fillna(0.0)
    bad = frame.index[~np.array(told, np.bool_) | ~(frame.sum(axis=1) > 0).to_numpy(bool)]
    if len(bad) or frame.empty:
        raise InputError(
            f"weights: {listed(list(bad)) or 'no group'}: every group needs numbers, 0 or more, "
            "and one above 0."
        )
    frame = frame.div(frame.sum(axis=1), axis=0).rename_axis("group")
    return Weights(frame, pd.Series(np.nan, frame.index, name="consistency"))


def community(counts: pd.DataFrame, *, figures: Mapping[str, float]) -> pd.DataFrame:
    r"""Return how much of a community each site would find around it, and of what it is made.

    With :math:`n_k` establishments or places of part :math:`k` in reach, the score is

    .. math::

        \sum_k w_k \frac{n_k}{n_k + h_k} \Big/ \sum_k w_k

    so that :math:`h_k` of them give half of what the part can give, and more is always better.

    Parameters
    ----------
    counts
        Index site; a column for each part that is known, of those of :data:`COMMUNITY`: how many
        are in reach. What is not known is no column, and weighs nothing.
    figures
        Assumptions by key: weights and halves, see :data:`USED`.

    Returns
    -------
    DataFrame
        The counts, and ``score`` (0 to 1).

    Raises
    ------
    InputError
        When there is no part, one that is none, a count that is no number, 0 or more, or when the
        parts that are known weigh nothing.

    Examples
    --------
    >>> from planner import assumptions
    >>> counts = pd.DataFrame({"cooperatives": [2, 0], "shops": [20, 20]}, index=["a", "b"])
    >>> community(counts, figures=assumptions.values())["score"].round(3).tolist()
    [0.5, 0.136]
    """
    strange = [str(part) for part in counts if part not in COMMUNITY]
    number = counts.astype(float)
    if strange or not ((number >= 0) & (number < np.inf)).to_numpy().all():
        raise InputError(
            f"community: {listed(strange) or 'a count'} is not what is counted. Give numbers, 0 or "
            f"more, of {', '.join(COMMUNITY)}."
        )
    weight = np.array([figures[f"community_{part}_weight"] for part in number])
    half = np.array([figures[f"community_{part}_half"] for part in number])
    if not weight.sum() > 0 or not (half > 0).all():
        raise InputError("community: one part needs a weight above 0, and every half is above 0.")
    share = number / (number + half)
    return counts.assign(score=(share @ weight) / weight.sum())


def premises(places: pd.DataFrame, *, figures: Mapping[str, float], years: int) -> pd.DataFrame:
    r"""Return how good a room each site has, and why: a gate, then parts that are known.

    The parts, from 0 to 1: public (1 for a public room or a coworking that is open), state (what
    the works spare, from heavy to light: :math:`(e_{heavy} - e) / (e_{heavy} - e_{light})`, with
    :math:`e` the euros per m²), area (what it has of what the seats need, 1 at most), year
    (:math:`1 - (y - 1) / Y` for a room that can be had in year :math:`y` of :math:`Y`, 0 at least).
    The score is their weighted mean over those that are known, and 0 for a room that is not
    accessible.

    Parameters
    ----------
    places
        Candidate sites, see :func:`planner.candidates.sites`.
    figures
        Assumptions by key.
    years
        Of the plan.

    Returns
    -------
    DataFrame
        Index as `places`; accessible (bool), public, state, area, year (0 to 1; NaN when not
        known), score (0 to 1).

    Raises
    ------
    InputError
        When what is known weighs nothing for a site, or light works are no cheaper than heavy ones.
    """
    euros = {state: figures[key] for state, key in FIT_OUT.items()}
    spared = euros["heavy"] - euros["light"]
    if not spared > 0 or years < 1:
        raise InputError("premises: heavy works cost more than light ones, over one year or more.")
    structuring, corpoworking = (
        places[tier].to_numpy(bool) for tier in ("structuring", "corpoworking")
    )
    need = np.select(
        [structuring, corpoworking],
        [places[f"seats_{tier}"] * figures["seat_m2"] for tier in ("structuring", "corpoworking")],
        places["seats_mini"] * figures["mini_seat_m2"],
    )
    open_now = (places["status"] == "existing") & (places["kind"] == COWORKING)
    state = places["state"].map(euros).astype(float)
    found = pd.DataFrame(
        {
            "public": (places["kind"].isin(PUBLIC) | open_now).astype(float),
            "state": ((euros["heavy"] - state) / spared).clip(0, 1),
            "area": (places["area_m2"] / need).clip(upper=1),
            "year": (1 - (places["available_year"] - 1) / years).clip(lower=0),
        },
        index=places.index,
    )
    weight = np.array([figures[f"premises_{part}_weight"] for part in found])
    known = found.notna().to_numpy() @ weight
    if not (known > 0).all():
        raise InputError("premises: what is known of every room needs a weight above 0.")
    accessible = places["accessible"].astype(bool)
    score = (found.fillna(0.0).to_numpy() @ weight) / known * accessible
    return found.assign(accessible=accessible, score=score)[["accessible", *ROOM, "score"]]


def scaled(criteria: pd.DataFrame) -> pd.DataFrame:
    """Return criteria between 0 (the least of the sites) and 1 (the most); 1 where all are alike.

    Parameters
    ----------
    criteria
        Index site; numbers of which more is better.

    Raises
    ------
    InputError
        When a number is missing or infinite.
    """
    values = criteria.astype(float)
    if not np.isfinite(values.to_numpy()).all():
        raise InputError("criteria: every site needs a number for every criterion.")
    table = values.to_numpy()
    if not table.size:
        return values
    low, span = table.min(axis=0), np.ptp(table, axis=0)
    share = np.where(span > 0, (table - low) / np.where(span > 0, span, 1.0), 1.0)
    return pd.DataFrame(share, values.index, values.columns)


def ranking(criteria: pd.DataFrame, weights: Weights) -> pd.DataFrame:
    """Return the score of each site for each group, for all of them, and its rank.

    Parameters
    ----------
    criteria
        Index site; a column for each criterion that is weighed, more being better.
    weights
        From :func:`read_judgements` or :func:`given`.

    Returns
    -------
    DataFrame
        Sites by rank, ties by id; a column ``score_<group>`` each, ``score`` (groups counted
        alike), ``rank`` (from 1), and ``rank_best`` and ``rank_worst`` over the groups.

    Raises
    ------
    InputError
        When a criterion that is weighed is missing.

    Examples
    --------
    >>> sites = pd.DataFrame({"residents": [900, 300], "community": [0, 4]}, index=["a", "b"])
    >>> ranking(sites, given({"élus": {"residents": 3, "community": 1}}))["rank"].to_dict()
    {'a': 1, 'b': 2}
    """
    table = _weighed(criteria, weights)
    scores = table @ weights.weights.T
    ranks = pd.DataFrame({group: _rank(scores[group]) for group in scores})
    found = scores.add_prefix("score_")
    found["score"] = scores.mean(axis=1)
    found["rank"] = _rank(found["score"])
    found["rank_best"], found["rank_worst"] = ranks.min(axis=1), ranks.max(axis=1)
    return found.sort_values("rank")


def stability(
    criteria: pd.DataFrame,
    weights: Weights,
    *,
    places: int,
    draws: int = 5_000,
    concentration: float = 20.0,
    seed: int = 0,
) -> pd.DataFrame:
    r"""Return how sure the order of the sites is, were the weights somewhat different.

    Weights are drawn from a Dirichlet of mean :math:`w` (the groups counted alike) and
    concentration :math:`c`: each has a standard deviation of :math:`\sqrt{w (1 - w) / (c + 1)}`.

    Parameters
    ----------
    criteria, weights
        As :func:`ranking`.
    places
        How many sites would be taken.
    draws, concentration, seed
        Of the weights.

    Returns
    -------
    DataFrame
        Index site, sorted; ``kept`` (share of the draws in which it is among the first `places`),
        ``rank_low``, ``rank_high`` (5 % and 95 % of its ranks).

    Raises
    ------
    InputError
        When there are no draws, or as :func:`ranking`.
    """
    if draws < 1 or concentration <= 0 or places < 1:
        raise InputError("stability: one draw and one place or more, concentration above 0.")
    table = _weighed(criteria, weights).sort_index()
    mean = weights.weights.mean().to_numpy()
    some = mean > 0
    drawn = np.zeros((draws, mean.size))
    drawn[:, some] = np.random.default_rng(seed).dirichlet(concentration * mean[some], draws)
    scores = np.round(drawn @ table.to_numpy().T, 12)
    order = np.argsort(-scores, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(1, len(table) + 1)[None, :], axis=1)
    low, high = np.quantile(rank, (0.05, 0.95), axis=0, method="nearest")
    return pd.DataFrame(
        {"kept": (rank <= places).mean(axis=0), "rank_low": low, "rank_high": high},
        index=table.index,
    )


def _weighed(criteria: pd.DataFrame, weights: Weights) -> pd.DataFrame:
    missing = [name for name in weights.weights if name not in criteria]
    if missing:
        raise InputError(f"criteria: {listed(missing)} is weighed, and no site has it.")
    return scaled(criteria[list(weights.weights)])


def _rank(score: pd.Series) -> pd.Series:
    """Return ranks from 1, the largest first, ties by id."""
    order = np.lexsort((score.index.to_numpy().astype(str), -score.round(12).to_numpy()))
    rank = np.empty(len(score), np.int64)
    rank[order] = np.arange(1, len(score) + 1)
    return pd.Series(rank, score.index)
