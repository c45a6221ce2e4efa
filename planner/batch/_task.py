"""One run of a batch, as text that any process can be sent; and the doing of it."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from planner import dossier, scenarios
from planner import territory as territories
from planner._errors import InputError, PlannerError
from planner._files import slug
from planner._language import speaking
from planner.batch._store import is_done, open_store, record, sealed
from planner.scenarios import Scenario, Shared
from planner.territory import Territory

SHARED_STAGES = ("roads", "minutes", "isochrones")
"""Stages whose work is kept from one scenario of a territory to the next."""

_READER = "2"  # raise it when the same question would be answered with other files
_AT_ONCE = 1  # territories that a process keeps in memory

Report = Callable[[str, str, int, int], None]
"""Called with the run ("" for the batch), a stage of it, what is done of this and its total."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every run of a batch is written with.

    Attributes
    ----------
    out
        Folder or URL.
    cache
        Folder for roads and minutes; "" keeps them in memory alone.
    dossier
        Whether the dossier is written beside the map and the tables.
    lang
        Language of the map and the dossier.
    """

    out: str
    cache: str = ""
    dossier: bool = False
    lang: Literal["fr", "en"] = "fr"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One run.

    Attributes
    ----------
    territory, territory_digest
        Name or folder, and what it held when the batch began.
    scenario
        As JSON.
    name, digest
        Of the run: what a reader recognises, and the content of all that is asked.
    options
        What it is written with.
    """

    territory: str
    territory_digest: str
    scenario: str
    name: str
    digest: str
    options: Options


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a run.

    Attributes
    ----------
    name
        Of the run.
    state
        ``done``, ``kept`` (an earlier batch did it) or ``failed``.
    why
        Of a failure, in one sentence.
    proven
        Whether its optimum is proven; None of a failure.
    seconds
        By stage, and ``files`` for writing; empty where nothing was done.
    """

    name: str
    state: str
    why: str = ""
    proven: bool | None = None
    seconds: tuple[tuple[str, float], ...] = ()


def task(territory: str, scenario: Scenario, options: Options, *, called: str, digest: str) -> Task:
    """Return a run, named after its territory, its scenario and the content of both.

    Parameters
    ----------
    territory
        Name or folder.
    scenario
        The numbers.
    options
        What it is written with.
    called, digest
        Name of the territory in those of its runs, and its content.
    """
    told = scenario.model_dump_json()
    asked = json.dumps(
        [_READER, version("planner"), digest, told, options.dossier, options.lang],
        ensure_ascii=False,
    )
    key = hashlib.sha256(asked.encode()).hexdigest()
    name = f"{slug(called, longest=40)}-{slug(scenario.name, longest=60)}-{key[:12]}"
    return Task(
        territory=territory, territory_digest=digest, scenario=told, name=name, digest=key,
        options=options,
    )  # fmt: skip


def execute(asked: Task, report: Report | None = None) -> Outcome:
    """Do a run, unless it is done; a failure is an outcome like another.

    Parameters
    ----------
    asked
        The run.
    report
        How far it is.
    """
    try:
        return _executed(asked, report)
    except (PlannerError, OSError) as error:
        return Outcome(name=asked.name, state="failed", why=" ".join(str(error).split()))
    except MemoryError:
        why = "not enough memory for this territory and this scenario."
        return Outcome(name=asked.name, state="failed", why=why)
    except Exception as error:  # noqa: BLE001 - one run that breaks must not take the others along
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Outcome(name=asked.name, state="failed", why=why)
    finally:
        if report is not None:  # of one that failed too: nothing more will be told of it
            report(asked.name, "files", 1, 1)


def _executed(asked: Task, report: Report | None) -> Outcome:
    store = open_store(asked.options.out)
    if is_done(store, asked.name, digest=asked.digest):
        proven = (record(store, asked.name) or {}).get("proven")
        return Outcome(name=asked.name, state="kept", proven=bool(proven))
    shared = homes().get(asked)
    scenario = Scenario.model_validate_json(asked.scenario)

    def told(stage: str, done: int, total: int) -> None:
        if report is not None:
            report(asked.name, stage, done, total)

    with speaking(asked.options.lang):
        plan = scenarios.run(shared.territory, scenario, shared=shared, progress=told)
        told("files", 0, 1)
        began = time.perf_counter()
        files = plan.files()
        if asked.options.dossier:
            files |= dossier.files(plan)
    inputs = plan.sources[plan.sources["sha256"] != ""]
    about = {
        "digest": asked.digest,
        "planner": version("planner"),
        "territory": {"name": plan.territory, "title": plan.title, "digest": plan.digest},
        "inputs": dict(zip(inputs["file"], inputs["sha256"], strict=True)),
        "scenario": scenario.model_dump(mode="json"),
        "proven": plan.proven,
    }
    store.put(asked.name, sealed(files, about))
    seconds = {**plan.seconds, "files": time.perf_counter() - began}
    return Outcome(
        name=asked.name, state="done", proven=plan.proven, seconds=tuple(seconds.items())
    )


class _Homes:
    """The territories that this process has at hand, with what their scenarios share."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Shared] = OrderedDict()

    def get(self, asked: Task) -> Shared:
        """Return the territory of a run, from memory where it was the last one.

        Raises
        ------
        InputError
            When it cannot be read, or is no longer what it was when the batch began.
        """
        key = f"{asked.territory_digest} {asked.options.cache} {asked.territory}"
        if key not in self._kept:
            home = territories.read(asked.territory)
            if home.digest != asked.territory_digest:
                raise InputError(
                    f"{asked.territory} changed while the batch was running. Run it again."
                )
            self.keep(home, asked.territory, asked.options)
        self._kept.move_to_end(key)
        return self._kept[key]

    def keep(self, home: Territory, path: str, options: Options) -> None:
        """Keep a territory at hand, and let go of the one that was used longest ago."""
        key = f"{home.digest} {options.cache} {path}"
        folder = Path(options.cache) if options.cache else None
        self._kept[key] = Shared(home, folder=folder)
        while len(self._kept) > _AT_ONCE:
            self._kept.popitem(last=False)


@cache
def homes() -> _Homes:
    """Return what this process has at hand."""
    return _Homes()
