"""The same batch on a real local scheduler: workers are lost, and it ends whole and equal."""

import os
import signal

import distributed
import pytest
from test_batch import FEW, HOME, tree

from planner import Scenario
from planner._errors import InputError
from planner.batch import batch

# Its scheduler, in this process, leaves sockets to the garbage collector, and warns of its own
# deprecated calls: both are the library's to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:distributed", "ignore::ResourceWarning"
)

MANY = tuple(Scenario(name=f"mini {n}", mini_sites_max=n) for n in range(1, 9))


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    out = tmp_path_factory.mktemp("serial") / "lot"
    batch([HOME, "liechtenstein"], MANY, out=out)
    return out


@pytest.fixture
def scheduler():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as local:
        yield local


def _pids(cluster) -> list[int]:
    with distributed.Client(cluster) as client:
        return sorted(client.run(os.getpid).values())


def test_a_worker_that_is_killed_is_survived_and_the_batch_is_equal(serial, scheduler, tmp_path):
    pids = _pids(scheduler)
    killed = []

    def killing(run, stage, done, _total):
        if run == "" and stage == "runs" and done == 3 and not killed:
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])

    found = batch(
        [HOME, "liechtenstein"], MANY, out=tmp_path / "lot", cluster=scheduler.scheduler_address,
        progress=killing,
    )  # fmt: skip
    assert killed
    assert found.failed.empty
    assert pids[0] not in _pids(scheduler)
    assert tree(tmp_path / "lot") == tree(serial)


def test_two_processes_give_what_one_gives(serial, tmp_path):
    told = []
    found = batch(
        [HOME, "liechtenstein"], MANY, out=tmp_path / "lot", workers=2,
        progress=lambda *event: told.append(event),
    )  # fmt: skip
    assert found.failed.empty
    assert tree(tmp_path / "lot") == tree(serial)
    assert told[-1] == ("", "runs", 16, 16)
    assert any(run and stage == "optimum" for run, stage, _, _ in told)


def test_nobody_at_the_address_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setattr("planner.batch._cluster._PATIENCE_S", 1)
    with pytest.raises(InputError, match="no scheduler answers"):
        batch([HOME], FEW, out=tmp_path / "lot", cluster="tcp://127.0.0.1:9")
    assert not (tmp_path / "lot").exists()
