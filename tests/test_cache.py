"""Kept networks: the same as read, never half, never trusted when damaged."""

import dataclasses
import logging
import multiprocessing

import numpy as np
import pytest

from planner import network, territory
from planner.network import _cache


@pytest.fixture(scope="module")
def path():
    return territory.read("liechtenstein").roads_path


@pytest.fixture
def kept(path, tmp_path):
    """Return the one file that holds a kept network."""
    network.read_cached(path, folder=tmp_path)
    return next(tmp_path.glob("roads-*.npz"))


def test_a_kept_network_is_the_same(path, tmp_path):
    fresh = network.read_osm(path)
    first = network.read_cached(path, folder=tmp_path)
    again = network.read_cached(path, folder=tmp_path)
    assert fresh.digest == first.digest == again.digest
    assert again.names == fresh.names
    assert again.assumed == fresh.assumed
    assert len(list(tmp_path.iterdir())) == 1


def test_each_profile_and_each_file_has_its_own(path, tmp_path):
    faster = dataclasses.replace(network.PROFILES["car"], junction_s=0.0)
    for profile in ("car", "car_slow", faster):
        network.read_cached(path, folder=tmp_path, profile=profile)
    assert len(list(tmp_path.glob("*.npz"))) == 3
    slow = network.read_cached(path, folder=tmp_path, profile="car_slow")
    assert slow.digest == network.read_osm(path, profile="car_slow").digest


@pytest.mark.parametrize("sixteenth", range(0, 16, 3))
def test_N3_a_truncated_network_is_set_aside(path, kept, sixteenth, caplog):
    data = kept.read_bytes()
    kept.write_bytes(data[: len(data) * sixteenth // 16])
    with caplog.at_level(logging.WARNING):
        again = network.read_cached(path, folder=kept.parent)
    assert again.digest == network.read_osm(path).digest
    assert "set aside" in caplog.text
    assert kept.with_suffix(".damaged").exists()
    assert _cache.load(kept, profile=again.profile).digest == again.digest


def test_N3_flipped_bytes_are_noticed(path, kept):
    good = network.read_osm(path).digest
    data = kept.read_bytes()
    rng = np.random.default_rng(2)
    for at in rng.integers(0, len(data), 12):
        broken = bytearray(data)
        broken[at] ^= 0xFF
        kept.write_bytes(bytes(broken))
        assert network.read_cached(path, folder=kept.parent).digest == good


def test_N3_a_foreign_network_cannot_send_the_search_astray(path, kept):
    roads = network.read_osm(path)
    wild = dataclasses.replace(roads, end=roads.end + 10_000_000)
    _cache.save(wild, kept)
    assert network.read_cached(path, folder=kept.parent).digest == roads.digest


def test_a_folder_that_cannot_be_written_is_no_error(path, tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        roads = network.read_cached(path, folder=blocked)
    assert roads.digest == network.read_osm(path).digest
    assert "not kept" in caplog.text


def _read(arguments):
    path, folder = arguments
    return network.read_cached(path, folder=folder).digest


def test_N4_processes_that_write_at_once_leave_one_whole_file(path, tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        digests = pool.map(_read, [(path, tmp_path)] * 6)
    assert len(set(digests)) == 1
    assert [file.suffix for file in tmp_path.iterdir()] == [".npz"]


def test_N3_a_network_changed_by_hand_is_not_taken(path, kept):
    roads = network.read_osm(path)
    for wild in (
        dataclasses.replace(roads, forward_ds=np.full_like(roads.forward_ds, -5)),
        dataclasses.replace(roads, surface=roads.surface + 100),
        dataclasses.replace(roads, turn_end=roads.turn_end[:-1]),
    ):
        _cache.save(wild, kept)
        assert network.read_cached(path, folder=kept.parent).digest == roads.digest
    content = dict(np.load(kept))
    np.savez(kept, **(content | {"forward_ds": np.ones_like(content["forward_ds"])}))
    assert network.read_cached(path, folder=kept.parent).digest == roads.digest
