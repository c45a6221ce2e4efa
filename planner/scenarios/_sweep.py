"""Many scenarios in one file: what differs from a base, and grids of values.

::

    mini_sites_max = 12              # the base: keys of a scenario

    [[scenario]]                     # each is the base with a few keys changed
    name = "sans mini-cowork"
    mini_sites_max = 0

    [sweep]                          # and all of these for each of them: a grid
    mesh_min = [8, 10]
    structuring_sites = { from = 2, to = 4, step = 1 }

Without `[[scenario]]` the grid is that of the base; without `[sweep]` each change is one scenario.
A change may have a grid of its own, `[scenario.sweep]`, beside that of the file.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from planner import _format
from planner._errors import InputError
from planner.scenarios._reading import toml_content, validated
from planner.scenarios._scenario import Scenario

MOST_SCENARIOS = 10_000
_MOST_STEPS = 1_000
_RANGE = {"from", "to", "step"}


def read_scenarios(path: Path | str) -> tuple[Scenario, ...]:
    """Read every scenario of a TOML file.

    Parameters
    ----------
    path
        The file: keys of :class:`Scenario`, tables ``[[scenario]]`` and ``[sweep]``.

    Returns
    -------
    tuple[Scenario, ...]
        In the order of the file, the last key of a grid changing first. A scenario of a grid is
        named after its base and its values.

    Raises
    ------
    InputError
        When the file is missing or no TOML, a key is unknown (the nearest is named), a value or a
        range cannot be, two scenarios have one name, or there are too many of them.
    """
    path = Path(path)
    base = dict(toml_content(path))
    base.setdefault("name", path.stem)
    changes = base.pop("scenario", [{}])
    shared = _grid(base.pop("sweep", {}), path=path, where="sweep")
    if not isinstance(changes, list) or not all(isinstance(one, dict) for one in changes):
        raise InputError(f"{path}: scenario: write [[scenario]] before each of them.")
    found = []
    for number, change in enumerate(changes, start=1):
        where = f"scenario {number}" if len(changes) > 1 else "scenario"
        own = _grid(change.pop("sweep", {}), path=path, where=f"{where}, sweep")
        if changes != [{}] and "name" not in change:
            raise InputError(f"{path}: {where} has no name. Give it one.")
        _refuse_twice(shared, own, path=path)
        found += list(_expanded(_merged(base, change), {**shared, **own}, path=path))
    names = [one.name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path}: scenarios with one name: {', '.join(twice)}. Rename them.")
    return tuple(found)


def _expanded(
    content: Mapping[str, Any], grid: Mapping[tuple[str, ...], list[Any]], *, path: Path
) -> Iterator[Scenario]:
    """Yield a scenario for each combination of the values of a grid."""
    count = 1
    for values in grid.values():
        count *= len(values)
    if count > MOST_SCENARIOS:
        raise InputError(
            f"{path}: {count:,} scenarios, more than {MOST_SCENARIOS:,}. Take fewer values."
        )
    for chosen in itertools.product(*grid.values()):
        one = dict(content)
        for keys, value in zip(grid, chosen, strict=True):
            one = _set(one, keys, value)
        said = ", ".join(
            f"{keys[-1]} {_said(value)}" for keys, value in zip(grid, chosen, strict=True)
        )
        one["name"] = f"{content['name']} · {said}" if said else content["name"]
        yield validated(one, path)


def _grid(table: object, *, path: Path, where: str) -> dict[tuple[str, ...], list[Any]]:
    """Return the values of each key of a grid; keys of a table inside it are pairs."""
    if not isinstance(table, dict):
        raise InputError(f"{path}: {where}: write a table, such as [{where}].")
    grid: dict[tuple[str, ...], list[Any]] = {}
    for key, values in table.items():
        if isinstance(values, dict) and not set(values) <= _RANGE:
            inner = _grid(values, path=path, where=f"{where}.{key}")
            grid |= {(key, *rest): found for rest, found in inner.items()}
            continue
        found = _steps(values) if isinstance(values, dict) else values
        if not isinstance(found, list) or not found:
            raise InputError(
                f"{path}: {where}.{key}: a list of values, or {{ from = 4, to = 12, step = 2 }} "
                f"of at most {_MOST_STEPS} steps; not {values!r}."
            )
        grid[key,] = found
    return grid


def _steps(told: Mapping[str, object]) -> list[int | float]:
    """Return the values of a range, its end included; nothing where it is no range."""
    start, stop, step = (told.get(name) for name in ("from", "to", "step"))
    numbers = [
        value for value in (start, stop, step)
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]  # fmt: skip
    if len(numbers) < len(_RANGE) or not numbers[2] > 0 or not numbers[0] <= numbers[1]:
        return []
    first, last, width = numbers
    count = int((last - first) / width + 1e-9) + 1
    if count > _MOST_STEPS:
        return []
    return [
        first + n * width if all(isinstance(v, int) for v in numbers)
        else round(first + n * width, 9) for n in range(count)
    ]  # fmt: skip


def _refuse_twice(
    shared: Mapping[tuple[str, ...], object], own: Mapping[tuple[str, ...], object], *, path: Path
) -> None:
    both = sorted(".".join(keys) for keys in set(shared) & set(own))
    if both:
        raise InputError(f"{path}: {', '.join(both)}: in two grids at once; keep one.")


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the base with some keys changed; tables are changed key by key."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = {**old, **value} if both else value  # type: ignore[dict-item] # both are tables
    return merged


def _set(content: Mapping[str, Any], keys: tuple[str, ...], value: object) -> dict[str, Any]:
    first, *rest = keys
    if not rest:
        return {**content, first: value}
    inner = content.get(first, {})
    return {**content, first: _set(inner if isinstance(inner, dict) else {}, tuple(rest), value)}


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, int | float):
        decimals = next((n for n in range(6) if round(value, n) == value), 6)
        return _format.number(value, decimals=decimals)
    return str(value)
