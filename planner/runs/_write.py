"""The comparison of many runs as files: a workbook for people, a Parquet for programs."""

import io
from collections.abc import Mapping
from importlib import import_module

import pandas as pd

from planner._format import number
from planner._language import say
from planner._workbook import Sheet, workbook
from planner.compare import Measure, measures
from planner.runs._effects import drivers, with_dominance
from planner.runs._read import CRITERIA, Runs

FILES = ("comparaison.xlsx", "comparaison.parquet")
"""What :func:`files` gives; without PyArrow, ``comparaison.csv`` in place of the last."""

_SHARES = ("share_mesh", "share_structuring", "least_share", "p_deficit")


def files(runs: Runs, criteria: Mapping[str, int] | None = None) -> dict[str, bytes]:
    """Return the comparison of some runs, file by file.

    Parameters
    ----------
    runs
        Plans on disk.
    criteria
        As :func:`planner.runs.with_dominance`.

    Returns
    -------
    dict[str, bytes]
        A workbook of three sheets (runs with the frontier marked, settings that differ, what drives
        the differences) and one Parquet of runs and settings; where PyArrow is not installed, a
        CSV. The same runs give the same bytes.

    Raises
    ------
    InputError
        As :func:`planner.runs.with_dominance`.
    """
    table = with_dominance(runs, criteria)
    told = runs.settings.add_prefix("setting_").map(_text)
    flat = pd.concat([table, told], axis="columns").reset_index()
    return {FILES[0]: _workbook(runs, criteria or CRITERIA)} | _flat(flat)


def shown(runs: Runs, criteria: Mapping[str, int] | None = None) -> pd.DataFrame:
    """Return the runs as a reader sees them: measures by their names, the frontier in words.

    Parameters
    ----------
    runs
        Plans on disk.
    criteria
        As :func:`planner.runs.with_dominance`.

    Returns
    -------
    DataFrame
        Index name, in the order of the table; labels are in the language now spoken.
    """
    table = with_dominance(runs, criteria)
    scenario = table["scenario"]
    head = {say("Territoire"): table["title"], say("Scénario"): scenario}
    told = {label.label: table[label.key] for label in labels(runs)}
    verdict = []
    for _, row in table.iterrows():
        if pd.isna(row["frontier"]):
            verdict.append(say("inconnu"))
        elif row["frontier"]:
            verdict.append(say("★ non dominé"))
        else:
            other = scenario[row["dominated_by"]]
            verdict.append(say("dominé par {name}").format(name=other))
    tail = {
        say("Dominance"): verdict,
        say("Optimum prouvé"): [say("oui") if one else say("non") for one in table["proven"]],
        say("Dossier"): table.index,
    }
    return pd.DataFrame({**head, **told, **tail}, index=table.index)


def explained(runs: Runs) -> pd.DataFrame:
    """Return what drives the differences, as a reader sees it.

    Parameters
    ----------
    runs
        Plans on disk.

    Returns
    -------
    DataFrame
        As :func:`planner.runs.drivers`, without the measures that do not vary.
    """
    found = drivers(runs).dropna(subset="share")
    by_key = {one.key: one for one in labels(runs)}
    return pd.DataFrame(
        {
            say("Mesure"): [by_key[key].label for key in found["measure"]],
            say("Réglage"): found["setting"].to_list(),
            say("Valeurs"): found["values"].to_list(),
            say("Part des écarts expliquée"): found["share"].to_list(),
            say("Le plus bas avec"): found["at_lowest"].to_list(),
            say("Écart moyen, au plus bas"): _written(found, "lowest", by_key),
            say("Le plus haut avec"): found["at_highest"].to_list(),
            say("Écart moyen, au plus haut"): _written(found, "highest", by_key),
        }
    )


def labels(runs: Runs) -> list[Measure]:
    """Return what the runs are compared by; minutes that are not the same in all are said so.

    Parameters
    ----------
    runs
        Plans on disk.
    """
    mesh, far = (_span(runs.table[name]) for name in ("mesh_min", "structuring_min"))
    return measures(mesh=mesh, far=far)


def _span(minutes: pd.Series) -> str:
    low, high = number(float(minutes.min())), number(float(minutes.max()))
    return low if low == high else say("{low} à {high}").format(low=low, high=high)


def _written(found: pd.DataFrame, column: str, by_key: Mapping[str, Measure]) -> list[str]:
    """Return differences in the units of their measures, with their sign."""
    told = []
    for key, value in zip(found["measure"], found[column], strict=True):
        text = by_key[key].written(abs(value))
        told.append(f"{'−' if value < 0 else '+'}{text}")
    return told


def _workbook(runs: Runs, criteria: Mapping[str, int]) -> bytes:
    table = shown(runs, criteria)
    known = {one.key: one.label for one in labels(runs)}
    more, less = (
        ", ".join(known[key] for key, way in criteria.items() if way == asked) for asked in (1, -1)
    )
    note = say(
        "★ : aucun autre scénario du même territoire n’est au moins aussi bon partout et meilleur "
        "quelque part. Critères où plus est mieux : {more} ; où moins est mieux : {less}."
    ).format(more=more or say("aucun"), less=less or say("aucun"))
    asked = runs.settings.map(_text)
    settings = pd.concat([table.iloc[:, :2], asked], axis="columns")
    drive = say(
        "Part des écarts que chaque réglage explique à lui seul (eta², analyse de la variance à un "
        "facteur), chaque plan comparé à la moyenne de son territoire. Sur une grille complète les "
        "parts ne dépassent pas 100 % ; ailleurs, des réglages qui changent ensemble se partagent "
        "la même explication."
    )
    share = say("Part des écarts expliquée")
    sheets = [
        Sheet(
            say("Comparaison"), table, note, shares=[known[key] for key in _SHARES if key in known]
        ),
        Sheet(say("Réglages"), settings, say("Ce qui diffère d’un scénario à l’autre.")),
        Sheet(say("Ce qui explique"), explained(runs), drive, shares=[share]),
    ]
    return workbook(sheets, title=say("Comparaison de scénarios"))


def _flat(flat: pd.DataFrame) -> dict[str, bytes]:
    try:
        import_module("pyarrow")
    except ImportError:
        return {"comparaison.csv": flat.to_csv(index=False, lineterminator="\n").encode()}
    content = io.BytesIO()
    flat.to_parquet(content, index=False, engine="pyarrow")
    return {FILES[1]: content.getvalue()}


def _text(value: object) -> str:
    """Return a setting as text: the same column holds numbers, words and lists."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, bool):
        return say("oui") if value else say("non")
    if isinstance(value, int | float):
        return f"{value:g}"
    return str(value)
