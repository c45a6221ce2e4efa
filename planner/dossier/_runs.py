"""A batch of scenarios in the dossier: who is beaten by whom, and what makes the difference."""

from functools import partial
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd

from planner import runs as comparison
from planner._errors import InputError
from planner._format import number, percent
from planner._html import Fragment, join, tag
from planner._language import say
from planner.compare import Measure
from planner.dossier import _charts, _table
from planner.runs import CRITERIA, Runs

if TYPE_CHECKING:
    from planner.plan import Plan

_SHOWN = 60  # runs in the table; the frontier comes first
_NUMBERED = 30  # points that a reader can tell apart
_EXPLAINED = 3  # settings a measure
_ACROSS, _UP = "epci_eur", "share_mesh"


def of_territory(runs: Runs, plan: "Plan") -> Runs:
    """Return the runs of the territory of a plan.

    Parameters
    ----------
    runs
        Plans on disk.
    plan
        The plan.

    Raises
    ------
    InputError
        When there is none of the same territory, as it is now.
    """
    mine = (runs.table["digest"] == plan.digest).to_numpy()
    if not mine.any():
        raise InputError(
            f"none of these runs is of {plan.title} as it is now. Run planner batch on it again."
        )
    settings = runs.settings[mine]
    differ = [key for key in settings if len(set(settings[key].map(repr))) > 1]
    return Runs(table=runs.table[mine], settings=settings[differ])


def part(runs: Runs, plan: "Plan") -> Fragment:
    """Return a batch as a reader sees it: the frontier, the table, what drives the differences.

    Parameters
    ----------
    runs
        Of the territory of the plan.
    plan
        The plan that the dossier is of.
    """
    labels = {one.key: one for one in comparison.labels(runs)}
    table = _ordered(runs)
    told = say(
        "{count} scénarios de ce territoire, calculés ensemble. ★ : aucun autre n’est au moins "
        "aussi bon partout et meilleur quelque part, entre {criteria}."
    ).format(count=len(table), criteria=", ".join(f"« {labels[key].label} »" for key in CRITERIA))
    pieces = [tag("h3", say("Le lot de scénarios")), tag("p", told, class_="texte")]
    if len(set(table["mesh_min"])) > 1:
        doubt = say(
            "Les minutes du maillage ne sont pas les mêmes dans tous les scénarios : leurs parts "
            "d’habitants desservis ne disent pas la même chose, et la dominance est à lire avec "
            "prudence."
        )
        pieces.append(tag("p", doubt, class_="note"))
    if table[[_ACROSS, _UP]].notna().all(axis=None):
        pieces.append(tag("figure", _scatter(table, labels)))
    pieces.append(_rows(table, labels, plan))
    if explained := _drivers(runs, labels):
        pieces.append(explained)
    return join(pieces)


def _ordered(runs: Runs) -> pd.DataFrame:
    """Return the runs, the frontier first, numbered as the chart and the table name them."""
    table = comparison.with_dominance(runs)
    table = table.assign(beaten=~table["frontier"].fillna(value=False).astype(bool))
    table = table.sort_values(["beaten", _ACROSS, "scenario"], kind="stable")
    return table.assign(number=range(1, len(table) + 1))


def _scatter(table: pd.DataFrame, labels: dict[str, Measure]) -> Fragment:
    """Return what each scenario serves against what it costs the EPCI, the frontier filled."""
    with mpl.rc_context(_charts.STYLE):
        figure, axes = _charts.canvas(7.2, 3.4)
        x, y = table[_ACROSS] / 1000, 100 * table[_UP]
        beaten = table["beaten"]
        axes.plot(x[beaten], y[beaten], "o", color="#ffffff", markeredgecolor=_charts.MUTED)
        axes.plot(x[~beaten], y[~beaten], "o", color="#01665e")
        for rank, (across, up) in enumerate(zip(x, y, strict=True), start=1):
            if rank <= _NUMBERED:
                axes.annotate(
                    str(rank), (across, up), xytext=(5, 3), textcoords="offset points",
                    fontsize=8, color=_charts.INK,
                )  # fmt: skip
        for axis, values in ((axes.xaxis, x), (axes.yaxis, y)):
            decimals = next((n for n in (0, 1) if np.ptp(values) >= 5 / 10**n), 2)
            axis.set_major_formatter(partial(_tick, decimals=decimals))
        axes.set_xlabel(f"{labels[_ACROSS].label} ({say('milliers d’euros')})")
        axes.set_ylabel(f"{labels[_UP].label} (%)")
        axes.grid(visible=True, color=_charts.LINE, linewidth=0.6)
        axes.margins(0.08)
        label = say("Ce que chaque scénario dessert, selon ce qu’il coûte à l’EPCI par an")
        return _charts.svg(figure, key="lot", label=label)


def _tick(value: float, _place: int, *, decimals: int) -> str:
    return number(value, decimals=decimals)


def _rows(table: pd.DataFrame, labels: dict[str, Measure], plan: "Plan") -> Fragment:
    scenario = table["scenario"]
    numbers = dict(zip(table.index, table["number"], strict=True))
    body = []
    for _, row in table.head(_SHOWN).iterrows():
        if not row["beaten"]:
            verdict = say("★ non dominé")
        elif row["dominated_by"]:
            rank, name = numbers[row["dominated_by"]], scenario[row["dominated_by"]]
            verdict = say("dominé par {name}").format(name=f"{rank}. {name}")
        else:
            verdict = say("inconnu")
        here = f" ({say('ce dossier')})" if row["scenario"] == plan.scenario.name else ""
        figures = [
            labels[key].written(float(row[key])) if pd.notna(row[key]) else say("inconnu")
            for key in CRITERIA
        ]
        body.append([f"{row['number']}. {row['scenario']}{here}", *figures, verdict])
    head = [say("Scénario"), *(labels[key].label for key in CRITERIA), say("Dominance")]
    caption = ""
    if len(table) > _SHOWN:
        caption = say("Les {shown} premiers sur {count} ; tous sont dans comparaison.xlsx.").format(
            shown=_SHOWN, count=len(table)
        )
    worded = (True, *[False] * len(CRITERIA), True)
    return _table.table(head, body, caption=caption, worded=worded)


def _drivers(runs: Runs, labels: dict[str, Measure]) -> Fragment | None:
    found = comparison.drivers(runs).dropna(subset="share")
    body = []
    for key in CRITERIA:
        rows = found[found["measure"] == key].head(_EXPLAINED)
        body += [
            [
                labels[key].label, str(row["setting"]), percent(float(row["share"]), decimals=0),
                str(row["at_lowest"]), str(row["at_highest"]),
            ]
            for _, row in rows.iterrows()
        ]  # fmt: skip
    if not body:
        return None
    head = [
        say("Mesure"), say("Réglage"), say("Part des écarts expliquée"), say("Le plus bas avec"),
        say("Le plus haut avec"),
    ]  # fmt: skip
    text = say(
        "Ce que chaque réglage explique à lui seul (eta²). Des réglages qui changent ensemble se "
        "partagent la même explication."
    )
    table = _table.table(head, body, caption=text, worded=(True, True, False, True, True))
    return _table.unfolded(say("Ce qui fait les différences"), table)
