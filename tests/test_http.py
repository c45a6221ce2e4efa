"""The downloader against a real server on this machine, and the cache it fills."""

import hashlib
import threading
import tomllib

import pytest
from servers import HTML, Reply, serving

from planner import InputError, NetworkError
from planner.sources._http import Polite, Request, cached, download, note_path

BODY = b"code;population\n01001;776\n" * 40
BY_HAND = "Download it by hand."


@pytest.fixture
def server():
    with serving() as one:
        yield one


@pytest.fixture
def get(server, tmp_path):
    """Ask with the given replies; return the receipt, and what was waited."""
    path = tmp_path / "data.csv"

    def getting(*replies, how=download, check=lambda _: None, clock=None, **options):
        server.replies["/data.csv"] = list(replies)
        getting.waited = []
        now = {"clock": clock} if clock else {}
        polite = Polite(sleep=getting.waited.append, **now, **options)
        return how(
            Request(f"{server.address}/data.csv?v=1", BY_HAND), path, check=check, polite=polite
        )

    getting.path = path
    return getting


def refuse(path):
    raise InputError(f"{path}: columns missing: population.")


def test_a_whole_file_is_stored_with_its_digest_and_day(get, server):
    receipt = get(Reply(BODY))
    assert get.path.read_bytes() == BODY
    assert receipt.sha256 == hashlib.sha256(BODY).hexdigest()
    assert (receipt.path, receipt.date) == (get.path, "2026-11-25")
    assert "planner" in server.asked[0][2]["User-Agent"]


def test_N2_a_server_that_asks_to_wait_is_obeyed(get):
    busy = Reply(status=429, headers=(("Retry-After", "40"),))
    later = Reply(status=503, headers=(("Retry-After", "Wed, 25 Nov 2026 12:01:30 GMT"),))
    odd = Reply(status=504, headers=(("Retry-After", "soon"),))
    get(busy, later, odd, Reply(BODY))
    assert get.waited == [40.0, 90.0, 20.0]


def test_N2_tries_and_time_are_bounded(get, server):
    with pytest.raises(NetworkError, match=r"HTTP 503\). Download it by hand"):
        get(Reply(status=503), tries=3)
    assert get.waited == [5.0, 10.0]
    assert len(server.asked) == 3
    hour = Reply(status=429, headers=(("Retry-After", "3600"),))
    with pytest.raises(NetworkError, match="would pass the 600 s allowed"):
        get(hour, total_s=600)
    assert get.waited == []
    moments = iter([0.0, 700.0])
    with pytest.raises(NetworkError, match="not finished after 600 s"):
        get(Reply(BODY), total_s=600, clock=lambda: next(moments))
    with pytest.raises(InputError, match="tries=0"):
        get(Reply(BODY), tries=0)
    assert not list(get.path.parent.iterdir())


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(HTML), "a web page"),
        (Reply(b"\xef\xbb\xbf \n<HTML lang=fr>"), "a web page"),
        (Reply(b"sorry", headers=(("Content-Type", "text/html; charset=utf-8"),)), "a web page"),
        (Reply(b""), "empty"),
        (Reply(status=404), "HTTP 404"),
        (Reply(BODY * 99), "above the 90,000 accepted"),
    ],
)
def test_N2_what_is_no_data_is_never_stored_nor_asked_twice(get, server, reply, said):
    get.path.write_bytes(b"before")
    with pytest.raises(NetworkError, match=said) as caught:
        get(reply, max_bytes=90_000)
    assert str(caught.value).endswith(BY_HAND)
    assert get.path.read_bytes() == b"before"
    assert list(get.path.parent.iterdir()) == [get.path]
    assert len(server.asked) == 1


def test_N2_a_file_cut_on_the_way_is_asked_again(get):
    get(Reply(BODY[:50], cut=True), Reply(BODY))
    assert get.waited == [5.0]
    assert get.path.read_bytes() == BODY
    with pytest.raises(NetworkError, match=r"ChunkedEncodingError|cut after"):
        get(Reply(BODY[:50], cut=True), tries=2)


def test_a_file_that_fails_its_check_is_told_as_the_servers_fault(get):
    with pytest.raises(NetworkError, match=r"the answer: columns missing: population\. Download"):
        get(Reply(BODY), check=refuse)
    assert not list(get.path.parent.iterdir())


def test_progress_is_told(server, tmp_path):
    server.replies["/data.csv"] = [Reply(BODY)]
    told = []
    download(
        Request(f"{server.address}/data.csv", BY_HAND),
        tmp_path / "data.csv",
        check=lambda _: None,
        progress=lambda *numbers: told.append(numbers),
    )
    assert told[-1] == (len(BODY), len(BODY))


def test_a_cached_file_is_not_asked_again(get, server):
    first = get(Reply(BODY), how=cached)
    assert get(Reply(b"other"), how=cached) == first
    assert len(server.asked) == 1
    note = tomllib.loads(note_path(get.path).read_text("utf-8"))
    assert note == {"url": first.url, "sha256": first.sha256, "date": "2026-11-25"}


@pytest.mark.parametrize("damage", [b"", BODY[:100], BODY + b"x", HTML])
def test_N3_a_damaged_cached_file_is_set_aside_and_fetched_again(get, server, damage):
    get(Reply(BODY), how=cached)
    get.path.write_bytes(damage)
    get(Reply(BODY), how=cached)
    assert get.path.read_bytes() == BODY
    assert get.path.with_name("data.csv.corrupt").read_bytes() == damage
    assert len(server.asked) == 2


@pytest.mark.parametrize("note", ["", "url = ", "sha256 = 3"])
def test_N3_a_damaged_note_costs_one_more_download(get, server, note):
    get(Reply(BODY), how=cached)
    note_path(get.path).write_text(note, encoding="utf-8")
    get(Reply(BODY), how=cached)
    assert len(server.asked) == 2
    assert get(Reply(BODY), how=cached).date == "2026-11-25"


def test_a_file_put_there_by_hand_is_taken_if_it_passes_the_check(get, server):
    get.path.write_bytes(BODY)
    receipt = get(Reply(b"other"), how=cached)
    assert (receipt.url, receipt.date, server.asked) == ("", "", [])
    with pytest.raises(NetworkError):
        get(Reply(b"other"), how=cached, check=refuse)
    assert get.path.with_name("data.csv.corrupt").read_bytes() == BODY


def test_the_note_is_there_before_the_file_so_that_a_kill_between_is_seen(get, server):
    get(Reply(BODY), how=cached)
    get.path.unlink()  # killed after the note, before the file took its place
    get(Reply(BODY), how=cached)
    assert len(server.asked) == 2
    assert get.path.read_bytes() == BODY


def test_N4_two_that_fetch_the_same_file_both_succeed(server, tmp_path):
    server.replies["/data.csv"] = [Reply(BODY)]
    request = Request(f"{server.address}/data.csv", BY_HAND)
    done = []

    def one():
        done.append(cached(request, tmp_path / "data.csv", check=lambda _: None))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(done)) == 1
    assert (tmp_path / "data.csv").read_bytes() == BODY
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "data.csv",
        "data.csv.source.toml",
    ]
