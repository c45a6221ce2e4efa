"""The client of Overpass against a real server on this machine, which lies as real ones do."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from planner import InputError, NetworkError, network
from planner.sources import overpass

BOX = (4.59, 46.09, 4.62, 46.12)
WHOLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6" generator="Overpass API">
<node id="1" lat="46.10" lon="4.60"/><node id="2" lat="46.10" lon="4.61"/>
<way id="7"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way>
</osm>"""
REMARK = WHOLE.replace(
    b"</osm>", b"<remark>runtime error: Query timed out in &quot;query&quot;</remark></osm>"
)
EMPTY = b'<?xml version="1.0"?><osm version="0.6"></osm>'
HTML = b"<html><body>Proxy: please log in</body></html>"


class Server(ThreadingHTTPServer):
    """Answers each request with the next of the replies it was given, and keeps the requests."""

    def __init__(self):
        self.replies, self.asked = [], []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/api/interpreter"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((dict(self.headers), parse_qs(body)["data"][0]))
        status, content = self.server.replies.pop(0)
        if status is None:  # hang up in the middle
            self.send_response(200)
            self.send_header("Content-Length", str(len(content) + 100))
            self.end_headers()
            self.wfile.write(content)
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Keep the terminal quiet."""


@pytest.fixture
def server():
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, tmp_path):
    """Fetch with the given replies; return what was waited, and where the roads would be."""
    path = tmp_path / "roads.osm"

    def fetching(*replies, **options):
        server.replies[:] = replies
        waited = []
        overpass.fetch_roads(BOX, path, server=server.address, sleep=waited.append, **options)
        return waited

    fetching.path = path
    return fetching


def test_a_whole_answer_is_stored_and_can_be_read(fetch, server):
    assert fetch((200, WHOLE)) == []
    assert network.read_osm(fetch.path).start.size == 1
    headers, query = server.asked[0]
    assert "planner" in headers["User-Agent"]
    assert "way[highway](46.09,4.59,46.12,4.62)" in query


def test_N1_a_remark_beside_a_part_is_refused_and_nothing_is_stored(fetch):
    with pytest.raises(NetworkError, match="answered in part: runtime error: Query timed out"):
        fetch((200, REMARK))
    assert not fetch.path.exists()


@pytest.mark.parametrize("reply", [EMPTY, HTML, b"", WHOLE[:120], WHOLE[:-8]])
def test_N2_an_empty_cut_or_foreign_answer_is_never_stored(fetch, reply):
    fetch.path.write_bytes(b"what lay there before")
    with pytest.raises(NetworkError, match="--pbf"):
        fetch((200, reply))
    assert fetch.path.read_bytes() == b"what lay there before"
    assert list(fetch.path.parent.iterdir()) == [fetch.path]


def test_N2_load_is_waited_out_with_longer_and_longer_pauses(fetch, server):
    assert fetch((429, b""), (504, b""), (200, WHOLE)) == [5.0, 10.0]
    assert len(server.asked) == 3
    assert fetch.path.exists()


def test_N2_tries_are_bounded(fetch, server):
    with pytest.raises(NetworkError, match="HTTP 504"):
        fetch(*[(504, b"")] * 9, tries=3)
    assert len(server.asked) == 3
    assert not fetch.path.exists()


def test_N2_a_refusal_is_not_asked_again(fetch, server):
    with pytest.raises(NetworkError, match="HTTP 400"):
        fetch((400, b""), (200, WHOLE))
    assert len(server.asked) == 1


def test_N2_an_answer_cut_on_the_way_is_asked_again(fetch):
    assert fetch((None, WHOLE[:100]), (200, WHOLE)) == [5.0]
    assert fetch.path.read_bytes() == WHOLE


def test_N2_a_server_that_is_not_there_says_how_to_go_on(tmp_path):
    with pytest.raises(NetworkError, match="by hand"):
        overpass.fetch_roads(
            BOX,
            tmp_path / "roads.osm",
            server="http://127.0.0.1:9/",
            tries=2,
            sleep=lambda _: None,
        )
    assert not list(tmp_path.iterdir())


def test_entities_are_refused(fetch):
    bomb = b'<!DOCTYPE osm [<!ENTITY a "b">]>' + WHOLE.split(b"?>", 1)[1]
    with pytest.raises(NetworkError, match="not OpenStreetMap"):
        fetch((200, bomb))


@pytest.mark.parametrize("box", [(46.0, 4.0, 45.0, 5.0), (4.0, 46.0, 5.0, 96.0)])
def test_G2_a_box_that_is_none_is_refused(tmp_path, box):
    with pytest.raises(InputError, match="west, south, east, north"):
        overpass.fetch_roads(box, tmp_path / "roads.osm")
