"""A reader that is slow holds no thread that another request waits for."""

import os
import re
import resource
from pathlib import Path

import pytest

from support.gate import LET_GO, wait_at_the_gate
from support.readers import read_together
from support.waiting import eventually

READERS, SMALL = 100, 200
# The same at scale, and what a reader may take of a worker's memory, bytes: what is kept of a response in memory, and beside
# it the chunk that is on its way, the connection, and the state of a request.
MANY_READERS, MANY_SMALL = 500, 1_000
READER_BYTES = (64 << 10) + (32 << 10)
# What is asked ahead of a slow reader in all, bytes: one that never reads is soon found out.
AHEAD = "--max-ahead=4m"


def application(environ, start_response):
    """/stream?NAME is 1 MiB, /fine?NAME the same in small chunks, /endless has no end, /waits waits at the gate, all else is small."""
    path, name = environ["PATH_INFO"], environ["QUERY_STRING"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/stream":
        return (f"{name} {number} ".ljust(16_384, ".").encode() for number in range(64))
    if path == "/fine":
        return (f"{name} {number} ".ljust(8_192, ".").encode() for number in range(128))
    if path == "/endless":
        return iter(lambda: bytes(16_384), None)
    if path == "/waits":
        return [wait_at_the_gate()]
    return [name.encode()]


APPLICATION = (wait_at_the_gate, application)


def stream(name):
    """What /stream answers."""
    return "".join(f"{name} {number} ".ljust(16_384, ".") for number in range(64)).encode()


@pytest.fixture(params=[1, 2], ids=["1-thread", "2-threads"])
def threads(request):
    """Two are enough: a reader is not to hold even one."""
    return request.param


def test_readers_that_never_read(threaded):
    """Each small request is answered beside them; when they read at last, all of it is there."""
    client = threaded(*APPLICATION)
    readers = [client.send("GET", f"/stream?reader{number}") for number in range(READERS)]
    for number in range(SMALL):
        assert client.get(f"/small?{number}").body == b"%d" % number
    responses = read_together(readers)
    assert all(response.is_complete for response in responses)
    assert [response.body for response in responses] == [stream(f"reader{n}") for n in range(READERS)]


def test_readers_that_never_read_and_leave(threaded):
    """What was kept for them is given back: no file is left."""
    client = threaded(*APPLICATION)
    readers = [client.send("GET", f"/stream?reader{number}") for number in range(READERS)]
    for number in range(SMALL):
        assert client.get(f"/small?{number}").body == b"%d" % number
    for reader in readers:
        reader.close()
    assert client.get("/small?after").body == b"after"
    eventually("no file is left", lambda: not kept_files(client.server))


@pytest.fixture
def many_descriptors():
    """Room for many connections in this process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_five_hundred_that_never_read(serve, scheme, socket_path, many_descriptors):
    """A thousand small requests are answered while all these streams are open, and memory and disk stay within bounds."""
    options = ["--threads=2", "--max-ahead=2m"]
    client = serve(*APPLICATION, options=options, listeners={scheme: str(socket_path)}, workers=1)
    (worker,) = children(client.server.process.pid)
    for number in range(20):
        client.get(f"/fine?{number}")
    before = resident_bytes(worker)
    readers = [client.send("GET", f"/fine?reader{number}") for number in range(MANY_READERS)]
    for number in range(MANY_SMALL):
        assert client.get(f"/small?{number}").body == b"%d" % number
    # None is over: of each the most is here still, or on a thread that nobody else has wanted.
    kept = kept_files(client.server)
    assert MANY_READERS - 2 <= len(kept) <= MANY_READERS
    assert max(map(os.path.getsize, kept)) <= 1 << 20
    grown = resident_bytes(worker) - before
    print(f"{grown / MANY_READERS / 1024:.1f} KiB a reader")
    assert grown <= MANY_READERS * READER_BYTES, f"{grown / MANY_READERS / 1024:.1f} KiB a reader"
    responses = read_together([], readers)
    assert all(response.is_complete for response in responses)
    want = ["".join(f"reader{n} {number} ".ljust(8_192, ".") for number in range(128)) for n in range(MANY_READERS)]
    assert [response.body for response in responses] == [body.encode() for body in want]
    eventually("no file is left", lambda: not kept_files(client.server))


def resident_bytes(process):
    """Its memory."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10


def kept_files(server):
    """The unlinked files of its processes, by paths that reach them."""
    kept = []
    for process in [server.process.pid, *children(server.process.pid)]:
        for entry in Path(f"/proc/{process}/fd").iterdir():
            try:
                target = os.readlink(entry)
            except FileNotFoundError:
                continue  # It was closed meanwhile.
            # Memory that the processes share has no place on any disk.
            is_memory = target.startswith(("/dev/", "/memfd:"))
            if target.startswith("/") and target.endswith(" (deleted)") and not is_memory:
                kept.append(entry)
    return kept


def children(process):
    """Of a process."""
    return map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())


def test_an_endless_stream_holds_its_thread_only(serve, scheme, socket_path, gate):
    """A request that waits gets another thread; and the log says once why the first one does not come free."""
    client = serve(*APPLICATION, options=["--threads=2", AHEAD], listeners={scheme: str(socket_path)})
    with client.send("GET", "/endless") as endless:
        endless.read_until(bytes(1_000))
        for turn in range(1, 4):
            waits = client.send("GET", "/waits")
            gate.wait_for(turn)
            # Both threads are taken: it is asked ahead for this one, up to the bound.
            small = client.send("GET", "/small?waited")
            client.logged("GET /endless: .*thread", level="WARN")
            # The chunk that reached the bound is kept too.
            (kept,) = kept_files(client.server)
            assert os.path.getsize(kept) <= (4 << 20) + 16_384
            gate.open()
            answers = [response.body for response in read_together([waits, small])]
            assert answers == [LET_GO, b"waited"]
        assert len(client.logged("GET /endless: .*thread", level="WARN")) == 1


def test_an_endless_stream_ends_with_its_reader(serve, scheme, socket_path):
    """Its thread serves the others again."""
    client = serve(*APPLICATION, options=["--threads=2", AHEAD], listeners={scheme: str(socket_path)})
    endless = [client.send("GET", "/endless") for _ in range(2)]
    for asked in endless:
        asked.read_until(bytes(1_000))
    small = client.send("GET", "/small?waited")
    client.logged("GET /endless: .*thread", 2, level="WARN")
    for asked in endless:
        asked.close()
    (response,) = read_together([small])
    assert response.body == b"waited"
