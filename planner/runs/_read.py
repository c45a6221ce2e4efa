"""Plans on disk, read as one table: what each was asked, and what it gives."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from planner._errors import InputError
from planner.compare import KEYS
from planner.plan import FORMAT

CRITERIA: Mapping[str, int] = {"share_mesh": 1, "invest_eur": -1, "epci_eur": -1}
"""What a commission weighs first, and whether more (1) or less (-1) is better: who is served, what
communes invest, what the EPCI pays each year."""

_BATCH = "lot.json"
_ABOUT = (
    "territory", "title", "digest", "scenario", "proven", "estimated", "mesh_min",
    "structuring_min",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Plans on disk.

    Attributes
    ----------
    table
        Index name (of the folder), in the order of territories and scenarios; territory, title,
        digest (of the territory), scenario, proven, estimated, mesh_min, structuring_min, then one
        column a measure, by the keys of :data:`planner.compare.KEYS`; NaN where a plan does not
        know it.
    settings
        The same index; the keys of the scenarios that are not the same in all of them, as the
        scenario says them: numbers, texts, or JSON of lists and tables.
    """

    table: pd.DataFrame
    settings: pd.DataFrame = field(repr=False)


def read(paths: Iterable[Path | str]) -> Runs:
    """Read the plans of some folders.

    Parameters
    ----------
    paths
        Folders of plans, or of a batch, which stands for all of its runs.

    Returns
    -------
    Runs
        Each plan once.

    Raises
    ------
    InputError
        When a folder holds no plan, one of an older version, or fewer than two are found.
    """
    folders = sorted({folder for path in paths for folder in _folders(Path(path))}, key=str)
    if len(folders) < 2:  # noqa: PLR2004 - a comparison takes two
        raise InputError(f"{len(folders)} plan to compare: give two or more, or a batch of them.")
    names = _names(folders)
    plans = {name: _plan(folder) for name, folder in zip(names, folders, strict=True)}
    known = {name: _row(plans[name], at) for name, at in zip(names, folders, strict=True)}
    rows = pd.DataFrame.from_dict(known, orient="index")
    table = rows.rename_axis(index="name").reset_index()
    table = table.sort_values(["territory", "digest", "scenario", "name"]).set_index("name")
    asked = pd.DataFrame.from_dict(
        {name: {k: _plain(v) for k, v in plan["scenario"].items()} for name, plan in plans.items()},
        orient="index",
    )
    asked = asked.reindex(table.index).drop(columns="name", errors="ignore")
    differ = [key for key in asked if len(set(asked[key].map(repr))) > 1]
    return Runs(table=table, settings=asked[differ].rename_axis(index="name"))


def _folders(path: Path) -> list[Path]:
    """Return the folders of the plans that a path stands for."""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder. Give that of a plan, or of a batch.")
    if (path / "plan.json").is_file():
        return [path]
    listed = path / _BATCH
    if listed.is_file():
        try:
            runs = json.loads(listed.read_text("utf-8"))["runs"]
            names = [str(run["run"]) for run in runs if run["state"] == "done"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{listed}: not the record of a batch ({error}).") from error
        found = [path / name for name in names if Path(name).name == name]
    else:
        found = sorted(one.parent for one in path.glob("*/plan.json"))
    if not found:
        raise InputError(f"{path} holds no plan. Run planner plan or planner batch first.")
    return found


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the names of the folders, with as much of their parents as tells them apart."""
    whole = [folder.resolve().parts for folder in folders]
    depth = 1
    while len({parts[-depth:] for parts in whole}) < len(set(whole)):
        depth += 1
    return ["/".join(parts[-depth:]) for parts in whole]


def _plan(folder: Path) -> dict[str, Any]:
    path = folder / "plan.json"
    try:
        content = json.loads(path.read_text("utf-8"))
        sound = content["format"] == FORMAT and isinstance(content["measures"], dict)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise InputError(f"{path}: no plan of this version. Run planner plan again.")
    return dict(content)


def _row(plan: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Return a plan as a row of the table."""
    try:
        home, asked = plan["territory"], plan["scenario"]
        about = (
            str(home["name"]), str(home["title"]), str(home["digest"]), str(asked["name"]),
            bool(plan["proven"]), bool(plan["travel_times"]["estimated"]), float(asked["mesh_min"]),
            float(asked["structuring_min"]),
        )  # fmt: skip
        measured = {key: plan["measures"].get(key) for key in KEYS}
        values = {k: math.nan if v is None else float(v) for k, v in measured.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{folder / 'plan.json'}: no plan of this version ({error}). Run planner plan again."
        ) from error
    return {**dict(zip(_ABOUT, about, strict=True)), **values}


def _plain(value: object) -> object:
    """Return a setting as one cell."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return value
