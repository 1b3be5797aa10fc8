"""wsgi.file_wrapper: a class of iterables, and the fast way for files."""

import re
import shutil
from random import Random

from support.server import TIDEGATE
from support.waiting import eventually

DATA = Random(8192).randbytes(300_000)


def test_it_is_a_class_whose_instances_are_iterable(serve):
    """FileWrapper(filelike, block_size=8192), as PEP 3333's example."""

    def application(environ, start_response):
        import io

        wrapper = environ["wsgi.file_wrapper"]
        assert isinstance(wrapper, type)
        made = wrapper(io.BytesIO(b"x" * 20_000))
        assert isinstance(made, wrapper)
        assert [len(block) for block in made] == [8192, 8192, 3616]
        assert list(wrapper(io.BytesIO(b"abcdefg"), 3)) == [b"abc", b"def", b"g"]
        assert list(wrapper(filelike=io.BytesIO(b"abcdefg"), block_size=4)) == [b"abcd", b"efg"]
        assert list(wrapper(io.BytesIO(b""))) == []
        start_response("200 OK", [])
        return [b"all right"]

    assert serve(application).get().body == b"all right"


def test_its_close_is_the_files(serve):
    """Where the file has one."""

    def application(environ, start_response):
        import io

        wrapper = environ["wsgi.file_wrapper"]

        class Minimal:
            def read(self, size):
                return b""

        file = io.BytesIO(b"x")
        wrapper(file).close()
        assert file.closed
        minimal = wrapper(Minimal())
        if hasattr(minimal, "close"):
            minimal.close()
        start_response("200 OK", [])
        return [b"all right"]

    assert serve(application).get().body == b"all right"


FILES = """
    import contextlib
    import gzip
    import io
    import os
    import tempfile
    import threading

    def real():
        return open("data", "rb")

    def unbuffered():
        return open("data", "rb", buffering=0)

    def read_and_write():
        return open("data", "r+b")

    def filled(file):
        with open("data", "rb") as data:
            file.write(data.read())
        file.seek(0)
        return file

    def written():
        return filled(open("written", "w+b"))

    def bytes_io():
        with open("data", "rb") as file:
            return io.BytesIO(file.read())

    def temporary():
        return filled(tempfile.TemporaryFile())

    def named():
        return filled(tempfile.NamedTemporaryFile())

    def spooled():
        return filled(tempfile.SpooledTemporaryFile(max_size=1 << 30))

    def compressed():
        with gzip.open("data.gz", "wb") as file, open("data", "rb") as data:
            file.write(data.read())
        return gzip.open("data.gz", "rb")

    class Read:
        def __init__(self):
            self.file = open("data", "rb")

        def read(self, size):
            return self.file.read(size)

        def close(self):
            self.file.close()

    def only_read():
        return Read()

    class Number(Read):
        # Some delegate all that they have not.
        def __getattr__(self, name):
            return getattr(self.file, name)

    def delegating():
        return Number()

    class Sub(io.FileIO):
        pass

    def of_a_subclass():
        return Sub("data")

    def pipe():
        reader, writer = os.pipe()
        threading.Thread(target=fill, args=[writer]).start()
        return os.fdopen(reader, "rb")

    def fill(writer):
        # Closing the pipe writes, too.
        with contextlib.suppress(BrokenPipeError), open(writer, "wb") as pipe, open("data", "rb") as data:
            pipe.write(data.read())
            pipe.flush()
"""
KINDS = [
    "real",
    "unbuffered",
    "read_and_write",
    "written",
    "bytes_io",
    "temporary",
    "named",
    "spooled",
    "compressed",
]
KINDS += ["only_read", "delegating", "of_a_subclass", "pipe"]


def wrapped(environ, start_response):
    """Wraps the kind of file that the path says; the query: how much to read before, Content-Length, block size."""
    from urllib.parse import parse_qs

    query = {name: int(values[0]) for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    file = globals()[environ["PATH_INFO"][1:]]()
    if "read" in query:
        file.read(query["read"])
    headers = [("Content-Length", str(query["length"]))] if "length" in query else []
    start_response("200 OK", [("Content-Type", "application/octet-stream"), *headers])
    return environ["wsgi.file_wrapper"](file, query.get("block", 8192))


APPLICATION = (FILES, wrapped, "application = wrapped")


def test_each_kind_of_file_arrives_as_read_gives_it(serve, tmp_path):
    """Also one whose descriptor holds something else, as gzip's does."""
    (tmp_path / "data").write_bytes(DATA)
    client = serve(*APPLICATION)
    for kind in KINDS:
        response = client.get("/" + kind)
        assert (response.status, response.is_complete) == ("200 OK", True), kind
        assert response.body == DATA, (kind, len(response.body))


def test_what_read_changes_is_what_is_sent(serve, tmp_path):
    """A subclass of a file may read as it likes."""

    def application(environ, start_response):
        import io

        class Upper(io.FileIO):
            def read(self, size=-1):
                return super().read(size).upper()

        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](Upper("data"))

    (tmp_path / "data").write_bytes(b"lower case")
    assert serve(application).get().body == b"LOWER CASE"


def test_file_wrappers_position_and_length(serve, tmp_path):
    """It begins where the file stands, though a buffer has read ahead, and stops at Content-Length."""
    (tmp_path / "data").write_bytes(DATA)
    client = serve(*APPLICATION)
    for kind in KINDS:
        response = client.get(f"/{kind}?read=1000")
        assert response.body == DATA[1000:], kind
        response = client.get(f"/{kind}?read=1000&length=150000")
        assert response["Content-Length"] == "150000", kind
        assert response.body == DATA[1000:151_000] and response.is_complete, kind
    assert client.get(f"/real?read={len(DATA)}").body == b""
    client.server.ignore_log()  # That there is more may be worth a warning.


def test_the_block_size_is_a_suggestion(serve, tmp_path):
    """Whatever it is, all of the file comes."""
    (tmp_path / "data").write_bytes(DATA[:5_000])
    client = serve(*APPLICATION)
    for block in (1, 7, 5_000, 1 << 30):
        for kind in ("real", "bytes_io", "only_read"):
            assert client.get(f"/{kind}?block={block}").body == DATA[:5_000], (kind, block)


def test_a_file_that_is_shorter_than_content_length(serve, tmp_path):
    """The client sees it."""
    (tmp_path / "data").write_bytes(b"12345")
    client = serve(*APPLICATION)
    for kind in ("real", "bytes_io"):
        response = client.get(f"/{kind}?length=10")
        assert not (response.status == "200 OK" and response.is_complete), response
        client.logged(f"GET /{kind}")


def test_transmission_starts_when_it_is_returned(serve, tmp_path):
    """What happens to the file's position before counts, what happens to it after does not matter."""

    def application(environ, start_response):
        file = open("data", "rb")
        body = environ["wsgi.file_wrapper"](file)
        file.seek(7)
        start_response("200 OK", [])
        return body

    (tmp_path / "data").write_bytes(b"before after")
    assert serve(application).get().body == b"after"


def test_a_wrapper_that_was_begun_goes_on(serve, tmp_path):
    """A middleware may have taken the first blocks."""

    def application(environ, start_response):
        body = environ["wsgi.file_wrapper"](open("data", "rb"), 10)
        if environ["PATH_INFO"] == "/begun":
            next(iter(body))
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/yielded":
            return (block for block in body)
        return body

    (tmp_path / "data").write_bytes(DATA)
    client = serve(application)
    assert client.get("/begun").body == DATA[10:]
    assert client.get("/yielded").body == DATA


def test_write_before_it_is_sent_before_it(serve, tmp_path):
    """In the order in which they happened."""

    def application(environ, start_response):
        start_response("200 OK", [])(b"head ")
        return environ["wsgi.file_wrapper"](open("data", "rb"))

    (tmp_path / "data").write_bytes(b"file")
    response = serve(application).get()
    assert (response.body, response.is_complete) == (b"head file", True)


def counting(environ, start_response):
    """Counts how often the file is closed; the path says how it ends."""
    import io

    class Counted(io.FileIO):
        def close(self):
            if not self.closed:
                closed.append(1)
            super().close()

    class Plain:
        def __init__(self, size):
            self.left = size

        def read(self, size):
            if environ["PATH_INFO"] == "/fails":
                raise OSError("the disk is gone")
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

        def close(self):
            closed.append(1)

    path = environ["PATH_INFO"]
    if path == "/closed":
        start_response("200 OK", [])
        return [b"%d" % len(closed)]
    start_response("204 No Content" if path == "/no-content" else "200 OK", [])
    file = Counted("data") if path == "/real" else Plain(1 << 40 if path == "/endless" else 100_000)
    return environ["wsgi.file_wrapper"](file)


def test_the_file_is_closed_once_on_every_path(serve, tmp_path):
    """A whole response, HEAD, 204, an error of read(), a client that goes."""
    (tmp_path / "data").write_bytes(DATA)
    client = serve("closed = []", counting, "application = counting")
    requests = ["GET /real", "HEAD /real", "GET /plain", "HEAD /plain", "GET /no-content", "GET /fails"]
    for count, request in enumerate(requests, 1):
        response = client.ask(*request.split())
        assert response.is_complete
        assert client.get("/closed").body == b"%d" % count, request
    assert response.status == "500 Internal Server Error"
    client.logged("OSError: the disk is gone")
    asked = client.send("GET", "/endless")
    asked.read_until(bytes(1_000))
    asked.reset()
    eventually("it is closed", lambda: client.get("/closed").body == b"%d" % (len(requests) + 1))


def test_a_real_file_is_closed_when_it_is_taken(serve, tmp_path):
    """So that the thread is free for others, who do not wait for its reader. The server has a descriptor of its own."""

    def application(environ, start_response):
        import os

        if environ["PATH_INFO"] == "/open":
            start_response("200 OK", [])
            return [str(file and file.closed).encode()]
        globals()["file"] = open("data", "rb")
        os.truncate("data", 1 << 30)
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    (tmp_path / "data").write_bytes(b"")
    client = serve("file = None", application)
    asked = client.send()
    asked.read_until(bytes(1_000))
    assert client.get("/open").body == b"True"
    asked.read_until(bytes(10_000_000))
    asked.reset()


def test_text_and_other_things_that_are_no_binary_files(serve, tmp_path):
    """A 500 that says what is wrong."""

    def application(environ, start_response):
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/text":
            return environ["wsgi.file_wrapper"](open("data"))
        if environ["PATH_INFO"] == "/object":
            return environ["wsgi.file_wrapper"](object())
        file = open("data", "rb")
        file.close()
        return environ["wsgi.file_wrapper"](file)

    (tmp_path / "data").write_bytes(b"x")
    client = serve(application)
    for path, words in (("/text", r"\bstr\b"), ("/object", "read"), ("/closed", "closed")):
        assert client.get(path).status == "500 Internal Server Error", path
        client.logged(rf"GET {path}: answered with 500: (.|\n)*{words}")


def test_a_large_file_arrives_whole(serve, tmp_path):
    """To a client that reads little at a time, beside others."""
    data = Random(1).randbytes(20 << 20)
    (tmp_path / "data").write_bytes(data)
    client = serve(*APPLICATION)
    with client.send("GET", "/real", receive_buffer=8192) as asked:
        asked.read_until(b"\r\n\r\n")
        assert len(client.get("/bytes_io").body) == len(data)
        response = asked.response()
    assert response.is_complete and response.body == data


def test_a_file_is_sent_by_sendfile(start, folder):
    """Its bytes never come into the process; strace sees it."""
    strace = shutil.which("strace")
    assert strace, "strace is not installed: apt-get install strace, or run make test as root"

    def application(environ, start_response):
        file = open("data", "rb")
        file.read(10)
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    path = folder({"app.py": application})
    (path / "data").write_bytes(DATA)
    # -D: the server, and not strace, is our child.
    command = [strace, "-D", "-f", "-o", path / "trace", "-e", "trace=sendfile,sendfile64", TIDEGATE]
    server = start("app", listeners=["uwsgi"], command=command)
    assert server.listeners["uwsgi"].ask("GET", "/").body == DATA[10:]
    assert server.stop() == 0

    def bytes_sent():
        calls = (path / "trace").read_text()
        return sum(int(count) for count in re.findall(r"sendfile(?:64)?\(.*\) = (\d+)", calls))

    eventually("strace has told of all bytes", lambda: bytes_sent() == len(DATA) - 10)


def test_a_file_that_does_not_know_its_length(serve, tmp_path):
    """Those of /proc have 0 bytes, those of /sys 4,096, whatever is read from them; an empty file is empty even so."""

    def application(environ, start_response):
        file = open(environ["PATH_INFO"], "rb", buffering=0 if environ["QUERY_STRING"] else -1)
        file.read(len(environ["QUERY_STRING"]))
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    (tmp_path / "empty").write_bytes(b"")
    client = serve(application)
    for path in ("/proc/version", "/proc/self/status", "/sys/devices/system/cpu/possible"):
        response = client.get(path)
        assert (response.status, response.is_complete) == ("200 OK", True), path
        with open(path, "rb") as file:
            wanted = file.read()
        # Another process's status is not the same, but as long as it is of the same form.
        same = response.body.count(b"\n") == wanted.count(b"\n") if "self" in path else response.body == wanted
        assert same, (path, response.body)
        if "self" not in path:
            assert client.get(f"{path}?123").body == wanted[3:], path
    response = client.get(f"{tmp_path}/empty")
    assert (response.body, response["Content-Length"], response.is_complete) == (b"", "0", True)
