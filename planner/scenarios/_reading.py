"""Scenarios from TOML, from a plan on disk, and with what a spreadsheet or a workshop changes."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from pydantic import ValidationError

from planner._errors import InputError
from planner._files import existing_file
from planner.scenarios._scenario import Scenario, Study
from planner.scenarios._words import SEVERAL
from planner.scores import Weights
from planner.survey import Survey

_NOWHERE: Mapping[str, str] = MappingProxyType({})


def read_scenario(path: Path | str) -> Scenario:
    """Read a scenario from a TOML file.

    Parameters
    ----------
    path
        The file; keys as the attributes of :class:`Scenario`.

    Returns
    -------
    Scenario
        The numbers, with defaults for what the file does not say.

    Raises
    ------
    InputError
        When the file is missing or no TOML; when a key is unknown (the nearest is named), or a
        value is out of its range. All faults are said at once.
    """
    content = toml_content(path)
    content.setdefault("name", Path(path).stem)
    return validated(content, path)


def toml_content(path: Path | str) -> dict[str, Any]:
    """Return what a TOML file of scenarios says, unchecked.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        When the file is missing or no TOML.
    """
    path = existing_file(path, what="scenario")
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or made to break us
        raise InputError(f"{path}: not TOML in UTF-8: {error}.") from error


def validated(content: Mapping[str, object], path: Path | str) -> Scenario:
    """Return what a file says as a scenario, or refuse with all its faults.

    Parameters
    ----------
    content
        Keys and values.
    path
        Of the file, for the message.

    Raises
    ------
    InputError
        When a key is unknown, or a value is out of its range.
    """
    found = tried(content)
    if isinstance(found, Scenario):
        return found
    raise refusal(path, found)


def tried(
    content: Mapping[str, object], places: Mapping[str, str] = _NOWHERE
) -> Scenario | list[str]:
    """Return what a file says as a scenario, or all its faults.

    Parameters
    ----------
    content
        Keys and values.
    places
        By key, where in the file it stands, for the faults; by "", the scenario as a whole.
    """
    try:
        return Scenario.model_validate(content)
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            place = places.get(str(fault["loc"][0]) if fault["loc"] else "", "")
            said = _said(fault["loc"], fault["msg"])
            faults.append(f"{place}: {said}" if place else said)
        return faults


def refusal(path: Path | str, faults: Sequence[str]) -> InputError:
    """Return the error that says all the faults of a file.

    Parameters
    ----------
    path
        Of the file.
    faults
        Each without the file and without a full stop.
    """
    each = tuple(f"{path}: {fault}." for fault in faults)
    return InputError(f"{path}: {'; '.join(faults)}.", each)


def scenario_of(content: Mapping[str, object], *, path: Path) -> Scenario:
    """Return the scenario that a plan on disk was asked with.

    Parameters
    ----------
    content
        As JSON holds it.
    path
        Of the plan, for messages.

    Raises
    ------
    InputError
        When it is no scenario of this version.
    """
    return validated(content, path)


def with_assumptions(scenario: Scenario, changes: Mapping[str, float], *, path: Path) -> Scenario:
    """Return the scenario with figures that a spreadsheet changes.

    Parameters
    ----------
    scenario
        The numbers.
    changes
        Figures by key, see :func:`planner.spreadsheets.read_assumptions`.
    path
        The spreadsheet, for messages.

    Returns
    -------
    Scenario
        Its keys that are assumptions, and its other assumptions, as the spreadsheet says.

    Raises
    ------
    InputError
        When the scenario says another figure for the same key, or a figure is out of range.
    """
    told = scenario.model_dump(exclude_unset=True)
    earlier = dict(scenario.assumptions)
    both = sorted(
        key
        for key, value in changes.items()
        if (key in earlier and earlier[key] != value) or (key in told and told[key] != value)
    )
    if both:
        raise InputError(
            f"{path}: {', '.join(both)}: the scenario says another figure; keep one of the two."
        )
    fresh = {key: value for key, value in changes.items() if key not in told}
    return validated({**told, "assumptions": earlier | fresh}, path)


def _said(place: tuple[int | str, ...], message: str) -> str:
    key = ".".join(map(str, place)) or "scenario"
    if message.startswith("Extra inputs"):
        return unknown(key)
    message = message.removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]}"


def unknown(key: str) -> str:
    """Return what to say of a key that no scenario has: the nearest that one has.

    Parameters
    ----------
    key
        As the file has it.

    Examples
    --------
    >>> unknown("mini_sites")
    'unknown key mini_sites; did you mean mini_sites_max?'
    """
    if key in SEVERAL:
        return f"{key}: several scenarios, where one is asked for; `planner batch` plans them all"
    near = difflib.get_close_matches(key, [*Scenario.model_fields, *SEVERAL], n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(Scenario.model_fields)}"
    return f"unknown key {key}; {hint}"


def with_weights(scenario: Scenario, weights: Weights) -> Scenario:
    """Return the scenario with what the groups of a workshop weigh, and the study that uses it.

    Parameters
    ----------
    scenario
        The numbers.
    weights
        From :func:`planner.scores.read_judgements`.

    Raises
    ------
    InputError
        When a criterion is none.
    """
    table = {
        str(group): {str(name): round(float(value), 12) for name, value in row.items()}
        for group, row in weights.weights.iterrows()
    }
    content = {**scenario.model_dump(exclude_unset=True), "weights": table}
    return with_studies(validated(content, "weights"), ["scores"])


def with_survey(scenario: Scenario, survey: Survey) -> Scenario:
    """Return the scenario with the answers to a questionnaire.

    Parameters
    ----------
    scenario
        The numbers.
    survey
        From :func:`planner.survey.read_survey`.
    """
    table = {str(code): [int(n) for n in row] for code, *row in survey.answers.itertuples()}
    return validated({**scenario.model_dump(exclude_unset=True), "survey": table}, "survey")


def with_studies(scenario: Scenario, names: Sequence[str]) -> Scenario:
    """Return the scenario with more studies asked for.

    Parameters
    ----------
    scenario
        The numbers.
    names
        Of studies; ``all`` stands for every one.

    Returns
    -------
    Scenario
        Its studies in their usual order.

    Raises
    ------
    InputError
        When there is no such study.
    """
    known = get_args(Study)
    strange = sorted(set(names) - {*known, "all"})
    if strange:
        raise InputError(f"no study {', '.join(strange)}; choose of {', '.join(known)}, all.")
    asked = {*scenario.studies, *(known if "all" in names else names)}
    return scenario.model_copy(update={"studies": tuple(n for n in known if n in asked)})
