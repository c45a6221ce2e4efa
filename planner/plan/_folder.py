"""A plan on disk: where one may be written, and what one says when it is read back."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from planner._errors import InputError
from planner._files import existing_file
from planner.plan._files import FORMAT


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that a plan must not be written into.

    Parameters
    ----------
    folder
        Where a plan is to be written.
    overwrite
        Whether it may hold something that is no plan.

    Raises
    ------
    InputError
        When it is a file, or holds something that is no plan.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give the name of a folder with --out.")
    if overwrite or not folder.exists() or not any(folder.iterdir()):
        return
    try:
        earlier = json.loads((folder / "plan.json").read_text("utf-8")).get("format") == FORMAT
    except (OSError, ValueError, AttributeError, RecursionError):
        earlier = False
    if not earlier:
        raise InputError(
            f"{folder} holds something that is no plan; give another folder with --out, or "
            "--overwrite to write there all the same."
        )


def forecast(folder: Path | str) -> tuple[pd.Series, dict[str, Any]]:
    """Return the users that a plan on disk expects at its sites, and what it was asked with.

    Parameters
    ----------
    folder
        That a plan was saved into.

    Returns
    -------
    tuple[Series, dict]
        Users by site id; the scenario as JSON holds it.

    Raises
    ------
    InputError
        When the folder holds no plan, or one of another format.
    """
    path = existing_file(Path(folder) / "plan.json", what="plan")
    try:
        found = json.loads(path.read_text("utf-8"))
        content = {found["format"]: found}[FORMAT]
        users = {str(site["id"]): float(site["users"]) for site in content["sites"]}
        scenario = dict(content["scenario"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: no plan of this version ({error}). Run planner plan.") from error
    return pd.Series(users, dtype=float), scenario
