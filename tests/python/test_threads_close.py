"""close() is called once on every path, and what a request held is finalised on its own thread."""

import json

import pytest

from support.events import RECORDED, assert_one_request_a_thread, body, events
from support.gate import wait_at_the_gate
from support.readers import read_together
from support.waiting import eventually


def test_once_when_the_client_leaves_during_the_call(threaded, gate):
    """The body that the call returns afterwards is closed as any other."""
    client = threaded(wait_at_the_gate, *RECORDED)
    leaves = client.send("GET", "/leaves?waits")
    gate.wait_for()
    leaves.close()
    gate.open()
    seen = events(client, "leaves")
    assert client.get("/next?3").body == body("next")
    assert events(client, "next").of("leaves").count("close") == 1
    assert_one_request_a_thread(seen)


def test_once_when_the_client_leaves_between_two_chunks(threaded):
    """Also while another request's body stands between two."""
    client = threaded(wait_at_the_gate, *RECORDED)
    stays, leaves = client.send("GET", "/stays?96"), client.send("GET", "/leaves?1000")
    stays.read_until(b"stays 1 ...")
    leaves.read_until(b"leaves 1 ...")
    leaves.close()
    (response,) = read_together([stays])
    assert response.body == body("stays", 96)
    seen = events(client, "stays", "leaves")
    assert [seen.of(name).count("close") for name in ("stays", "leaves")] == [1, 1]
    assert seen.of("leaves")[-1] == "close"


def test_once_after_an_error(threaded):
    """Of a step; beside responses that end well."""
    client = threaded(wait_at_the_gate, *RECORDED)
    names = [f"fails{number}" for number in range(5)]
    asked = [client.send("GET", f"/{name}?fails") for name in names] + [client.send("GET", "/ends?96")]
    *failed, ended = read_together(asked)
    client.logged("ValueError: in a step", len(names))
    assert [response.body for response in failed] == [body(name, 1) for name in names]
    assert ended.body == body("ends", 96)
    seen = events(client, "ends", *names)
    assert all(seen.of(name).count("close") == 1 for name in names)


def held(environ, start_response):
    """A request that holds objects in each place where a server could keep one; they tell where they end."""

    class Traced:
        def __init__(self, what):
            self.told = what, threading.get_ident()
            begun.append(self.told)

        def __del__(self):
            ended.append((*self.told, threading.get_ident()))

    class Chunk(bytes, Traced):
        def __new__(cls, content, what):
            return bytes.__new__(cls, content)

        def __init__(self, content, what):
            Traced.__init__(self, what)

    class Failure(Exception, Traced):
        def __init__(self, what):
            Exception.__init__(self, "in a step")
            Traced.__init__(self, what)

    def chunks():
        local = Traced("local")
        try:
            for number in range(96):
                if number == 5 and query == "fails":
                    raise Failure("exception")
                yield Chunk(bytes(16_384), "chunk")
                yield memoryview(Chunk(bytes(100), "view"))
        finally:
            begun.append(("finally", here))
            ended.append(("finally", here, threading.get_ident()))

    if environ["PATH_INFO"] == "/told":
        start_response("200 OK", [])
        return [json.dumps([begun, ended]).encode()]
    here, query = threading.get_ident(), environ["QUERY_STRING"]
    environ["tide.traced"] = Traced("environ")
    environ["tide.close"] = lambda traced=Traced("closure"): None
    start_response("200 OK", [("Content-Type", "text/plain")])
    return chunks()


@pytest.mark.parametrize("how", ["whole", "fails", "leaves"])
def test_objects_are_finalised_on_the_thread_of_their_request(how, threaded):
    """Environ, chunks, exceptions, a generator's finally: a __del__ may ask for what is its thread's."""
    client = threaded("import json, threading\nbegun, ended = [], []", held, "application = held")
    asked = []
    for _ in range(4):
        asked.append(client.send("GET", f"/?{how}"))
        asked[-1].read_until(bytes(1_000))
    if how == "leaves":
        for one in asked:
            one.close()
    else:
        read_together(asked)
    if how == "fails":
        client.logged("in a step", 4)

    def finalised():
        begun, ended = json.loads(client.get("/told").body)
        is_all = sum(what == "finally" for what, _ in begun) == 4 and len(begun) == len(ended)
        return ended if is_all else None

    ended = eventually("all have ended", finalised)
    assert [each for each in ended if each[1] != each[2]] == []
    wanted = {"local", "finally", "environ", "closure", "chunk", "view"}
    if how == "fails":
        wanted.add("exception")
    assert {what for what, _, _ in ended} == wanted


def test_what_is_written_on_a_thread_of_the_applications_own_ends_there(threaded):
    """It is not kept for a thread that may be over by then."""

    class Chunk(bytes):
        def __del__(self):
            ended.append((self.thread, threading.get_ident()))

    def application(environ, start_response):
        def write_some():
            for _ in range(10):
                chunk = Chunk(16_384)
                chunk.thread = threading.get_ident()
                write(chunk)

        if environ["PATH_INFO"] == "/told":
            start_response("200 OK", [])
            return [json.dumps(ended).encode()]
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        writer = threading.Thread(target=write_some)
        writer.start()
        writer.join()
        return [b"end"]

    client = threaded("import json, threading\nended = []", Chunk, application)
    for _ in range(5):
        assert client.get("/").body == bytes(163_840) + b"end"
    ended = json.loads(client.get("/told").body)
    assert len(ended) == 50
    assert [each for each in ended if each[0] != each[1]] == []
