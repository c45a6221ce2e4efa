"""Scenarios × territories: each run once, whole, and never again."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import pandas as pd

from planner._errors import InputError
from planner._files import slug
from planner.batch._cluster import connected
from planner.batch._memory import free_bytes, refuse_too_large
from planner.batch._store import open_store
from planner.batch._survey import Found, survey
from planner.batch._task import SHARED_STAGES, Options, Outcome, Report, Task, execute, task
from planner.scenarios import Scenario

RECORD = "lot.json"
FORMAT = "planner-batch-1"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What became of the runs of a batch.

    Attributes
    ----------
    runs
        Index name (that of the run's folder), in the order asked; territory, scenario, state
        (``done``, ``kept`` or ``failed``), why (of a failure), proven (missing of a failure).
    seconds
        Index name, one column a stage and ``files``: what the runs done now took; never written.
    out
        Folder or URL that holds them.
    """

    runs: pd.DataFrame
    seconds: pd.DataFrame = field(repr=False)
    out: str

    @property
    def failed(self) -> pd.DataFrame:
        """The runs that gave no plan."""
        return self.runs[self.runs["state"] == "failed"]

    @property
    def shared_seconds(self) -> float:
        """Seconds spent in stages that scenarios of one territory share."""
        known = [name for name in SHARED_STAGES if name in self.seconds]
        return float(self.seconds[known].sum().sum())


def batch(
    territories: Sequence[str | Path],
    scenarios: Sequence[Scenario] = (),
    *,
    out: str | Path,
    workers: int = 1,
    cluster: str = "",
    cache: str | Path | None = None,
    dossier: bool = False,
    lang: Literal["fr", "en"] = "fr",
    memory_bytes: int | None = None,
    progress: Report | None = None,
) -> Batch:
    """Run every scenario on every territory, each into a folder named by its content.

    A run whose folder is whole is kept; one that was cut short is done again. One that fails
    leaves the others be. What the scenarios of a territory share (roads, minutes, isochrones) is
    found once.

    Parameters
    ----------
    territories
        Names of territories that ship, or folders.
    scenarios
        All defaults when there are none; each with a name of its own.
    out
        Folder, or a URL of fsspec.
    workers
        Runs at a time, each in a process of its own: more than one needs ``planner[cluster]``.
    cluster
        Address of a dask.distributed scheduler, instead of local processes. Its workers see the
        same folders and have the same version of the planner.
    cache
        Folder for roads and minutes, shared by all workers; ``.cache`` in `out` when left out, and
        only in memory where `out` is a URL.
    dossier
        Whether the dossier is written beside the map and the tables.
    lang
        Language of maps and dossiers.
    memory_bytes
        What runs may take together on this machine; nine tenths of what is free when left out.
    progress
        Called with a run, a stage, what is done of it and its total; and with "",
        ``territories`` or ``runs``, how many are done, and their total.

    Returns
    -------
    Batch
        Every run, those that failed too. ``lot.json`` in `out` says the same.

    Raises
    ------
    InputError
        When there is no territory, one is given twice or two scenarios have one name; when memory
        would not do, with the estimate; when `out` or the cluster cannot be reached.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     found = batch(["saone-beaujolais"], [Scenario(name="base")], out=folder)
    >>> found.runs["state"].to_list()
    ['done']
    """
    asked = tuple(scenarios) or (Scenario(),)
    paths = [_everywhere(path) for path in territories]
    _check(paths, asked, workers=workers)
    store = open_store(out)
    options = Options(out=_whole(out), cache=_cache(out, cache), dossier=dossier, lang=lang)
    tell: Tell = partial(progress, "") if progress else _silent
    room = free_bytes() if memory_bytes is None else memory_bytes
    with ExitStack() as open_:
        hands: _Hands
        if cluster or workers > 1:
            hands = open_.enter_context(
                connected(
                    workers=workers, address=cluster, memory_bytes=room // max(workers, 1),
                    report=progress,
                )
            )  # fmt: skip
        else:
            hands = _Here(progress)
        found = _surveyed(hands, paths, asked, options, tell=tell)
        if not cluster:  # a cluster's own machines know what they have
            sizes = {
                f"{one.territory} × {scenario.name}": size
                for one in found
                for scenario, size in zip(asked, one.sizes, strict=False)
            }
            refuse_too_large(sizes, workers=workers, memory_bytes=room)
        tasks = [
            task(one.territory, scenario, options, called=one.name, digest=one.digest)
            for one in found if not one.why for scenario in asked
        ]  # fmt: skip
        outcomes = _done(hands, tasks, tell)
    runs = _runs(found, asked, tasks, outcomes)
    store.write(RECORD, _record(runs))
    store.tidy()
    seconds = pd.DataFrame.from_dict(
        {name: dict(one.seconds) for name, one in outcomes.items() if one.seconds}, orient="index"
    )
    return Batch(runs=runs, seconds=seconds, out=str(out))


Tell = Callable[[str, int, int], None]


def _silent(_what: str, _done: int, _total: int) -> None:
    """Say nothing of how far the batch is."""


class _Hands(Protocol):
    """Who does the work: this process, or a cluster."""

    def survey(
        self, paths: Sequence[str], *, scenarios: Sequence[str], options: Options
    ) -> Iterator[Found]:
        """Yield what each territory holds, in any order."""

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield the outcome of each run, in any order."""


class _Here:
    """The process we are in: one run after the other."""

    def __init__(self, report: Report | None) -> None:
        self._report = report

    def survey(
        self, paths: Sequence[str], *, scenarios: Sequence[str], options: Options
    ) -> Iterator[Found]:
        yield from map(partial(survey, scenarios=scenarios, options=options), paths)

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        yield from (execute(one, self._report) for one in tasks)


def _check(paths: Sequence[str], scenarios: Sequence[Scenario], *, workers: int) -> None:
    if not paths:
        raise InputError("no territory: give the name of one that ships, or a folder.")
    if workers < 1:
        raise InputError(f"workers={workers}: give 1 or more.")
    for what, names in (("territory", paths), ("scenario", [one.name for one in scenarios])):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"{what} given twice: {', '.join(twice)}.")


def _everywhere(territory: str | Path) -> str:
    """Return a territory as workers with other folders of their own find it."""
    return _whole(territory) if Path(territory).is_dir() else str(territory)


def _whole(where: str | Path) -> str:
    return str(where) if "://" in str(where) else str(Path(where).absolute())


def _cache(out: str | Path, cache: str | Path | None) -> str:
    if cache is not None:
        return _whole(cache)
    return "" if "://" in str(out) else _whole(Path(out) / ".cache")


def _surveyed(
    hands: _Hands, paths: list[str], scenarios: Sequence[Scenario], options: Options, *, tell: Tell
) -> list[Found]:
    """Return a first look at every territory, in the order asked."""
    told = [one.model_dump_json() for one in scenarios]
    found: dict[str, Found] = {}
    tell("territories", 0, len(paths))
    for one in hands.survey(paths, scenarios=told, options=options):
        found[one.territory] = one
        tell("territories", len(found), len(paths))
    return [found[path] for path in paths]


def _done(hands: _Hands, tasks: Sequence[Task], tell: Tell) -> dict[str, Outcome]:
    """Return the outcome of every run, by name."""
    outcomes: dict[str, Outcome] = {}
    tell("runs", 0, len(tasks))
    for one in hands.run(tasks):
        outcomes[one.name] = one
        tell("runs", len(outcomes), len(tasks))
    return outcomes


def _runs(
    found: Sequence[Found],
    scenarios: Sequence[Scenario],
    tasks: Sequence[Task],
    outcomes: dict[str, Outcome],
) -> pd.DataFrame:
    """Return every run with what became of it; those of a territory that cannot be read too."""
    named = iter(tasks)
    rows = {}
    for one in found:
        for scenario in scenarios:
            if one.why:
                key = hashlib.sha256(f"{one.territory} {scenario.name}".encode()).hexdigest()[:12]
                name = f"{slug(Path(one.territory).name)}-{slug(scenario.name, longest=60)}-{key}"
                end = Outcome(name=name, state="failed", why=one.why)
            else:
                end = outcomes[next(named).name]
            rows[end.name] = {
                "territory": one.name or one.territory, "scenario": scenario.name,
                "state": end.state, "why": end.why, "proven": end.proven,
            }  # fmt: skip
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="name")
    return frame.astype({"proven": "boolean"})


def _record(runs: pd.DataFrame) -> bytes:
    """Return the runs as JSON; one that was kept reads like one that was done now."""
    rows = [
        {
            "run": name,
            "territory": row["territory"],
            "scenario": row["scenario"],
            "state": "failed" if row["state"] == "failed" else "done",
            "why": row["why"],
            "proven": None if pd.isna(row["proven"]) else bool(row["proven"]),
        }
        for name, row in sorted(runs.iterrows())
    ]
    content = {"format": FORMAT, "runs": rows}
    return (json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
