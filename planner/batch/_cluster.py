"""The same runs on a dask.distributed cluster, or on a local one: lost workers are survived."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from types import ModuleType
from typing import Any

from planner._errors import InputError
from planner.batch._survey import Found, survey
from planner.batch._task import Options, Outcome, Report, Task, execute

_TOPIC = "planner-stages"
_RETRIES = 3  # of a run whose worker was lost under it
_PATIENCE_S = 30
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


class Cluster:
    """Workers that do runs.

    Parameters
    ----------
    client
        Of a scheduler of dask.distributed.
    report
        How far each run is.
    """

    def __init__(self, client: Any, report: Report | None) -> None:  # noqa: ANN401 - untyped library
        self._client = client
        if report is not None:
            client.subscribe_topic(_TOPIC, lambda event: report(*event[1]))

    def survey(
        self, paths: Sequence[str], *, scenarios: Sequence[str], options: Options
    ) -> Iterator[Found]:
        """Yield what each territory holds, as they are read."""
        going = {
            self._client.submit(
                survey, path, scenarios=scenarios, options=options, pure=False
            ): path
            for path in paths
        }
        results = _distributed().as_completed(list(going), with_results=True, raise_errors=False)
        try:
            for future, found in results:
                path = going.pop(future)
                lost = Found(territory=path, why=f"its worker was lost ({_kind(found)}).")
                yield found if isinstance(found, Found) else lost
        finally:
            _cancel(going)

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Yield the outcome of each run, as they come.

        The first run of each territory goes before its others: it leaves the roads and the minutes
        where they will look for them.
        """
        waiting: dict[str, list[tuple[int, Task]]] = {}
        for place, task in enumerate(tasks):
            waiting.setdefault(task.territory, []).append((place, task))
        going: dict[Any, Task] = {}

        def submitted(place: int, task: Task) -> Any:  # noqa: ANN401 - untyped library
            future = self._client.submit(
                _reported, task, priority=-place, retries=_RETRIES, pure=False
            )
            going[future] = task
            return future

        firsts = [submitted(*queue.pop(0)) for queue in waiting.values()]
        results = _distributed().as_completed(firsts, with_results=True, raise_errors=False)
        try:
            for future, found in results:
                task = going.pop(future)
                for place, other in waiting.pop(task.territory, ()):
                    results.add(submitted(place, other))
                yield _outcome(task, found)
        finally:
            _cancel(going)


@contextmanager
def connected(
    *, workers: int, address: str, memory_bytes: int, report: Report | None
) -> Iterator[Cluster]:
    """Give a cluster: the one at an address, or one of processes of this machine.

    Parameters
    ----------
    workers
        Processes of a local cluster.
    address
        Of a scheduler, such as ``tcp://10.0.0.1:8786``; "" for a local cluster.
    memory_bytes
        What a process of a local cluster may take before it is restarted.
    report
        How far each run is.

    Raises
    ------
    InputError
        When dask.distributed is not installed, or nobody answers at the address.
    """
    distributed = _distributed()
    with ExitStack() as closing:
        if address:
            try:
                client = distributed.Client(address, timeout=_PATIENCE_S)
            except (OSError, ValueError, TimeoutError) as error:
                raise InputError(
                    f"--cluster {address}: no scheduler answers ({error}). Start one with "
                    "`dask scheduler`, and workers with `dask worker ADDRESS`."
                ) from error
        else:
            closing.enter_context(_environment(_ONE_THREAD))
            local = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=memory_bytes,
                dashboard_address=None,
            )
            closing.enter_context(local)
            client = distributed.Client(local)
        closing.enter_context(client)
        yield Cluster(client, report)


def _reported(task: Task) -> Outcome:
    """Do a run on a worker, and say there how far it is."""
    worker = _distributed().get_worker()

    def report(run: str, stage: str, done: int, total: int) -> None:
        if done in {0, total}:
            worker.log_event(_TOPIC, (run, stage, done, total))

    return execute(task, report)


def _outcome(task: Task, found: object) -> Outcome:
    if isinstance(found, Outcome):
        return found
    why = f"its worker was lost {_RETRIES} times ({_kind(found)})."
    return Outcome(name=task.name, state="failed", why=why)


def _kind(found: object) -> str:
    """Return the name of an exception, alone or as `sys.exc_info` gives it."""
    kind = found[0] if isinstance(found, tuple) else type(found)
    return str(getattr(kind, "__name__", kind))


def _cancel(futures: Iterable[Any]) -> None:
    for future in futures:
        with suppress(Exception):  # the scheduler may be gone: there is nothing left to cancel
            future.cancel()


def _distributed() -> ModuleType:
    try:
        return import_module("distributed")
    except ImportError as error:
        raise InputError(
            f"{error}. Several workers need dask.distributed: pip install 'planner[cluster]'."
        ) from error


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes that are started meanwhile, where nobody set them."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
