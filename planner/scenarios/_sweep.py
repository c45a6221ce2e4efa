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
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from planner.scenarios._reading import refusal, toml_content, tried
from planner.scenarios._scenario import Scenario
from planner.scenarios._words import SEVERAL, value_in_words

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
    base = toml_content(path)
    base.setdefault("name", path.stem)
    faults: list[str] = []
    grids = _grids(base, faults)
    count = sum(math.prod(map(len, one.values.values())) for one in grids)
    if count > MOST_SCENARIOS:
        faults.append(f"{count:,} scenarios, more than {MOST_SCENARIOS:,}; take fewer values")
        grids = []
    found = list(_expanded(grids, faults))
    names = Counter(one.name for one in found)
    twice = sorted(name for name, uses in names.items() if uses > 1)
    if twice:
        faults.append(f"scenarios with one name: {', '.join(twice)}; rename them")
    if faults:
        raise refusal(path, list(dict.fromkeys(faults)))
    return tuple(found)


class _Grid(NamedTuple):
    """A scenario, and the values that some of its keys take, each with all of the others.

    Attributes
    ----------
    content
        Keys and values, as TOML has them.
    values
        By the path of a key.
    places
        By key, where in the file it stands; by "", the scenario.
    """

    content: Mapping[str, Any]
    values: Mapping[tuple[str, ...], list[Any]]
    places: Mapping[str, str]


def _grids(content: Mapping[str, Any], faults: list[str]) -> list[_Grid]:
    """Return the scenarios of a file, each with its grid; note what cannot be."""
    base = {key: value for key, value in content.items() if key not in SEVERAL}
    shared = _values(content.get("sweep", {}), where="sweep", faults=faults)
    if "scenario" not in content:
        return [_Grid(base, shared, {first: "sweep" for first, *_ in shared})]
    changes = content["scenario"]
    if not (isinstance(changes, list) and changes and all(isinstance(c, dict) for c in changes)):
        faults.append("scenario: write [[scenario]] before each of them")
        changes = []
    grids = []
    for number, told in enumerate(changes, start=1):
        change = {key: value for key, value in told.items() if key != "sweep"}
        where = _place(number, change, among=len(changes))
        if "name" not in change:
            faults.append(f"{where} has no name; give it one")
        own = _values(told.get("sweep", {}), where=f"{where}, sweep", faults=faults)
        both = sorted(".".join(keys) for keys in set(shared) & set(own))
        if both:
            faults.append(f"{', '.join(both)}: in two grids at once; keep one")
        places = {"": where} | dict.fromkeys(change, where)
        places |= {first: "sweep" for first, *_ in shared}
        places |= {first: f"{where}, sweep" for first, *_ in own}
        grids.append(_Grid(_merged(base, change), {**shared, **own}, places))
    return grids


def _place(number: int, change: Mapping[str, Any], *, among: int) -> str:
    """Return how a message calls one of the scenarios of a file."""
    if isinstance(change.get("name"), str):
        return f"scenario {change['name']}"
    return f"scenario {number}" if among > 1 else "scenario"


def _expanded(grids: Iterable[_Grid], faults: list[str]) -> Iterator[Scenario]:
    """Yield a scenario for each combination of the values of each grid; note what cannot be."""
    for content, values, places in grids:
        for chosen in itertools.product(*values.values()):
            one = dict(content)
            for keys, value in zip(values, chosen, strict=True):
                one = _set(one, keys, value)
            said = ", ".join(
                f"{keys[-1]} {value_in_words(value)}"
                for keys, value in zip(values, chosen, strict=True)
            )
            if said and isinstance(content["name"], str):
                one["name"] = f"{content['name']} · {said}"
            found = tried(one, places)
            if isinstance(found, Scenario):
                yield found
            else:
                faults += found


def _values(table: object, *, where: str, faults: list[str]) -> dict[tuple[str, ...], list[Any]]:
    """Return the values of each key of a grid, by its path; note what cannot be."""
    if not isinstance(table, dict):
        faults.append(f"{where}: write a table, such as [sweep]")
        return {}
    grid: dict[tuple[str, ...], list[Any]] = {}
    for key, values in table.items():
        if isinstance(values, dict) and not set(values) <= _RANGE:
            inner = _values(values, where=f"{where}.{key}", faults=faults)
            grid |= {(key, *rest): found for rest, found in inner.items()}
            continue
        found = _steps(values) if isinstance(values, dict) else values
        if isinstance(found, list) and found:
            grid[key,] = found
            continue
        faults.append(
            f"{where}.{key}: a list of values, or {{ from = 4, to = 12, step = 2 }} of at most "
            f"{_MOST_STEPS} steps; not {values!r}"
        )
    if where.endswith("sweep") and grid.pop(("name",), []):
        faults.append(f"{where}.name: the scenarios of a grid are named after their values")
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
