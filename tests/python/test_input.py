"""wsgi.input: the body, read exactly as io.BytesIO would be."""

import io
import json
import random
from urllib.parse import quote

import pytest

from support.server import Client, Server
from support.source import module

LINES = b"first\nsecond line\n\n\r\nno end of line \xff\x00"


def take(source, steps):
    """What each step gives: ["read", [3]], ["readline", []], ["next", []] …"""
    results = []
    for name, arguments in steps:
        try:
            if name == "next":
                results.append(next(source))
            elif name == "list":
                results.append(list(source))
            else:
                results.append(getattr(source, name)(*arguments))
        except Exception as error:
            results.append(type(error).__name__)
    return results


def application(environ, start_response):
    """Takes the steps that the query says."""
    import json
    from urllib.parse import unquote

    results = take(environ["wsgi.input"], json.loads(unquote(environ["QUERY_STRING"])))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(results).encode()]


@pytest.fixture(scope="module", params=[("uwsgi", "64m"), ("http", "64m"), ("uwsgi", "256k")])
def taker(request, tmp_path_factory):
    """One server for all that only compares."""
    folder = tmp_path_factory.mktemp("input")
    (folder / "app.py").write_text(module(take, application), encoding="utf-8")
    protocol, memory = request.param
    server = Server(folder, "app", "--body-memory", memory, listeners=[protocol]).wait_until_it_listens()
    yield Client(server, protocol)
    try:
        assert server.stop() == 0
        server.assert_nothing_unexpected()
    finally:
        server.kill()


def same_as_io(client, body, steps):
    """The steps give the same as with io.BytesIO, and then the rest of the body is the same."""
    steps = [*steps, ["read", []], ["read", []]]
    response = client.post("/?" + quote(json.dumps(steps)), body)
    assert response.body.decode() == repr(take(io.BytesIO(body), steps)), steps


@pytest.mark.parametrize("size", [None, -1, -7, 0, 1, 5, 6, 7, 100, 1 << 40])
@pytest.mark.parametrize("method", ["read", "readline", "readlines"])
def test_each_method_with_each_size(method, size, taker):
    """None, negative, 0, less and more than there is."""
    same_as_io(taker, LINES, [[method, [size]], [method, [size]], ["readline", []]])


@pytest.mark.parametrize("method", ["read", "readline", "readlines", "next", "list"])
def test_each_method_without_a_size(method, taker):
    """To the end, or of the line."""
    same_as_io(taker, LINES, [[method, []], [method, []]])


@pytest.mark.parametrize("method", ["read", "readline", "readlines", "next", "list"])
def test_at_the_end_of_the_body(method, taker):
    """The end is told again and again, and an empty body is at its end."""
    same_as_io(taker, b"", [[method, []], [method, []]])
    same_as_io(taker, b"some", [["read", []], [method, []], [method, []]])


@pytest.mark.parametrize("method", ["read", "readline", "readlines"])
@pytest.mark.parametrize("argument", ["5", 1.5, [], {}, True])
def test_a_size_of_another_type(method, argument, taker):
    """A TypeError where io has one, and nothing is consumed."""
    same_as_io(taker, LINES, [[method, [argument]], [method, [1, 2]]])


def test_mixed(taker):
    """Whatever is called after what."""
    steps = [
        ["read", [3]],
        ["readline", [1]],
        ["next", []],
        ["readline", [4]],
        ["readlines", [2]],
        ["list", []],
    ]
    same_as_io(taker, LINES, steps)


def test_at_random(taker):
    """Many bodies, many ways."""
    chance = random.Random(3333)
    for _ in range(150):
        body = bytes(chance.choice(b"ab\n\r\0\xff") for _ in range(chance.randrange(60)))
        names = ["read", "readline", "readlines", "next"]
        steps = []
        for _ in range(chance.randrange(8)):
            name = chance.choice(names)
            size = [] if name == "next" else chance.choice([[], [None], [-1], [0], [chance.randrange(30)]])
            steps.append([name, size])
        same_as_io(taker, body, steps)


# With 256 KiB of memory what is longer than 64 KiB lies in a file; blocks are as long.
@pytest.mark.parametrize("length", [16_385, 65_536, 65_537, 131_072, 1_000_000])
def test_a_long_body(length, taker):
    """In memory or in a file, it is the same."""
    body = random.Random(length).randbytes(length)
    steps = [["readline", []], ["read", [70_000]], ["next", []], ["readline", [5]], ["readlines", [50_000]]]
    same_as_io(taker, body, steps)


def test_a_long_line(taker):
    """A line may be longer than any buffer."""
    same_as_io(taker, b"x" * 300_000 + b"\ny", [["readline", [200_000]], ["readline", []], ["next", []]])


def test_an_object_with_index_is_a_size(serve):
    """As io takes it."""

    def application(environ, start_response):
        class Three:
            def __index__(self):
                return 3

        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read(Three()), b"|", environ["wsgi.input"].readline(Three())]

    assert serve(application).post("/", b"abcdefgh").body == b"abc|def"


def test_it_iterates_over_itself(serve):
    """iter() of it is it, as with every file."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        assert iter(environ["wsgi.input"]) is environ["wsgi.input"]
        for line in environ["wsgi.input"]:
            assert type(line) is bytes
            yield line.upper()

    assert serve(application).post("/", b"a\nb\nc").body == b"A\nB\nC"


def test_there_is_no_way_to_the_servers_socket(serve):
    """It has no file descriptor to show."""

    def application(environ, start_response):
        import io

        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            environ["wsgi.input"].fileno()
        except (AttributeError, io.UnsupportedOperation):
            return [b"none"]
        return [b"one"]

    client = serve(application)
    assert client.post("/", b"x").body == b"none"
    assert client.post("/", bytes(200_000)).body == b"none"


def test_what_is_not_read_does_no_harm(serve):
    """The next request is the next request."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read(2)]

    client = serve(application)
    for body in (b"abcdef", bytes(1_000_000), b"xyz"):
        assert client.post("/", body).body == body[:2]


def test_it_may_be_read_while_the_response_is_made(serve):
    """A generator echoes line by line."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return iter(environ["wsgi.input"].readline, b"")

    body = b"".join(b"line %d\n" % number for number in range(5_000)) + b"end"
    assert serve(application).post("/", body).body == body


def test_it_may_be_read_in_another_thread(serve):
    """Some applications hand their work to a thread and wait for it."""

    def application(environ, start_response):
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor() as pool:
            got = pool.submit(environ["wsgi.input"].read).result()
            pool.submit(environ["wsgi.errors"].write, "").result()
            pool.submit(start_response, "200 OK", [("X-Thread", "another")]).result()
            assert pool.submit(environ["tidegate.disconnected"]).result() is False
        return [got]

    response = serve(application).post("/", b"body")
    assert (response.body, response["X-Thread"]) == (b"body", "another")


@pytest.mark.parametrize("length", [20_000, 2_000_000], ids=["in-memory", "in-a-file"])
def test_threads_that_read_it_together_share_it(length, serve):
    """Each byte is had once, and no call fails because another is in hand."""

    def application(environ, start_response):
        from concurrent.futures import ThreadPoolExecutor

        body = environ["wsgi.input"]

        def take_part(number):
            reads = [lambda: body.read(50), body.readline, lambda: b"".join(body.readlines(90)), lambda: next(body, b"")]
            return b"".join(iter(reads[number % 4], b""))

        with ThreadPoolExecutor(8) as pool:
            parts = list(pool.map(take_part, range(8)))
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return [bytes(sorted(b"".join(parts)))]

    body = b"".join(b"line %d\n" % number for number in range(length // 10))
    assert serve(application).post("/", body).body == bytes(sorted(body))


def test_a_chunked_upload_has_its_length(start, folder):
    """On the HTTP listener the body is complete, and CONTENT_LENGTH is its real length."""

    def application(environ, start_response):
        start_response("200 OK", [("X-Length", environ["CONTENT_LENGTH"])])
        return [environ["wsgi.input"].read()]

    folder({"app.py": application})
    chunks = b"5\r\nhello\r\n3\r\n, s\r\n2\r\nea\r\n0\r\n\r\n"
    response = start("app").listeners["http"].ask("POST", "/", [("Transfer-Encoding", "chunked")], chunks)
    assert (response.body, response["X-Length"]) == (b"hello, sea", "10")


def test_the_standard_librarys_readers_take_it(serve):
    """email and json parse what they read of it."""

    def application(environ, start_response):
        import json

        start_response("200 OK", [("Content-Type", "text/plain")])
        return [json.load(environ["wsgi.input"])["tide"].encode()]

    assert serve(application).post("/", b'{"tide": "high"}').body == b"high"
