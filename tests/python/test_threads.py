"""One request owns one thread, from its call to the return of close()."""

from support.events import RECORDED, assert_one_request_a_thread, body, events
from support.gate import wait_at_the_gate
from support.readers import read_together


def begin(client, name, chunks=96):
    """A request of which a reader has taken a little: it stands between two chunks."""
    asked = client.send("POST", f"/{name}?{chunks}", body=b"read by the call")
    asked.read_until(b"%s 1 ..." % name.encode())
    return asked


def test_the_call_each_step_and_close_are_on_one_thread(threaded):
    """Though slow readers and fast ones ask at once; no other request's code runs there in between."""
    client = threaded(wait_at_the_gate, *RECORDED)
    slow = [begin(client, f"slow{number}") for number in range(3)]
    fast = [client.send("GET", f"/fast{number}?3") for number in range(20)]
    responses = read_together(slow, fast)
    assert all(response.is_complete for response in responses), responses
    names = [*(f"slow{number}" for number in range(3)), *(f"fast{number}" for number in range(20))]
    assert [response.body for response in responses] == [body(name, 96) for name in names[:3]] + [
        body(name) for name in names[3:]
    ]
    seen = events(client, *names)
    assert_one_request_a_thread(seen)
    for name in names:
        assert seen.of(name)[:3] == ["call", "start", "iter"] and seen.of(name).count("close") == 1


def test_though_steps_fail_and_clients_leave(threaded):
    """Such a request keeps its thread to its close() too."""
    client = threaded(wait_at_the_gate, *RECORDED)
    stays = begin(client, "stays")
    leaves = begin(client, "leaves")
    leaves.close()
    with client.send("GET", "/broken?fails") as broken:
        assert broken.response().body == body("broken", 1)
    client.logged("ValueError: in a step")
    (response,) = read_together([stays])
    assert response.is_complete and response.body == body("stays", 96)
    assert client.get("/next?3").body == body("next")
    assert_one_request_a_thread(events(client, "stays", "leaves", "broken", "next"))


def test_one_thread_is_the_main_thread(threaded, threads):
    """It is where an application with one thread has always run; there are never more threads than asked for."""
    client = threaded(wait_at_the_gate, *RECORDED)
    asked = [client.send("GET", f"/{number}?96") for number in range(10)]
    read_together(asked[:5], asked[5:])
    seen = events(client, *map(str, range(10)))
    used = set(seen.threads())
    assert len(used) <= threads
    if threads == 1:
        assert used == {seen.main_thread}


def test_as_many_calls_run_at_once_as_there_are_threads(threaded, threads, gate):
    """Each on a thread of its own."""
    client = threaded(wait_at_the_gate, *RECORDED)
    asked = [client.send("GET", f"/{number}?waits") for number in range(threads)]
    gate.wait_for(threads)
    gate.open(threads)
    assert [response.body for response in read_together(asked)] == [body(str(n)) for n in range(threads)]
    seen = events(client, *map(str, range(threads)))
    assert_one_request_a_thread(seen)
    assert len(seen.threads()) == threads


def test_multithread_says_whether_there_are_more_threads_than_one(threaded, threads):
    """So that an application knows what may run beside it."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [repr(environ["wsgi.multithread"]).encode()]

    assert threaded(application).get().body == repr(threads > 1).encode()


def test_a_thread_local_lives_as_long_as_its_thread(threaded, gate, threads):
    """Connections that are kept there are used again: it counts the requests of its thread, and never begins anew."""

    def application(environ, start_response):
        local.count = getattr(local, "count", 0) + 1
        if environ["PATH_INFO"] == "/waits":
            wait_at_the_gate()
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield f"{threading.get_ident()} {local.count}".encode()

    client = threaded("import threading\nlocal = threading.local()", wait_at_the_gate, application)
    told = []
    for turn in range(1, 4):
        asked = [client.send("GET", "/waits") for _ in range(threads)]
        gate.wait_for(threads * turn)
        gate.open(threads)
        told += [response.body.split() for response in read_together(asked)]
        told += [client.get("/").body.split() for _ in range(10)]
    for thread in {thread for thread, _ in told}:
        counts = [int(count) for other, count in told if other == thread]
        assert sorted(counts) == list(range(1, len(counts) + 1))
    assert len({thread for thread, _ in told}) == threads
