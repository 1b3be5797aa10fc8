"""An application that writes down what it does, and on which thread: its source is given to the module of a test."""

import json

from support.waiting import eventually


def recorded(environ, start_response):
    """The path is the request's name; the query says how many chunks; /events tells what has happened."""
    import json
    import threading

    name, query = environ["PATH_INFO"][1:], environ["QUERY_STRING"]

    def happens(what):
        events.append((threading.get_ident(), name, what))

    class Body:
        def __init__(self, chunks):
            self.chunks = chunks
            self.number = 0

        def __iter__(self):
            happens("iter")
            return self

        def __next__(self):
            happens("step")
            self.number += 1
            if query == "fails" and self.number == 2:
                raise ValueError("in a step")
            if self.number > self.chunks:
                raise StopIteration
            return f"{name} {self.number} ".ljust(16_384, ".").encode()

        def close(self):
            happens("close")

    if name == "events":
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps([main_thread, events]).encode()]
    happens("call")
    environ["wsgi.input"].read()
    if query == "waits":
        wait_at_the_gate()
    happens("start")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Body(int(query) if query.isdigit() else 3)


RECORDED = ("import threading\nevents = []\nmain_thread = threading.get_ident()", recorded, "application = recorded")


def body(name, chunks=3):
    """What that application answers."""
    return "".join(f"{name} {number + 1} ".ljust(16_384, ".") for number in range(chunks)).encode()


class Events:
    """What has happened so far: (thread, request, what), in this order."""

    def __init__(self, client):
        self.main_thread, self.all = json.loads(client.get("/events").body)

    def of(self, name):
        """Of one request, without the threads."""
        return [what for _, other, what in self.all if other == name]

    def threads(self):
        """The events of each thread: (request, what)."""
        threads = {}
        for thread, name, what in self.all:
            threads.setdefault(thread, []).append((name, what))
        return threads


def events(client, *closed):
    """What has happened, once these requests are closed."""

    def look():
        seen = Events(client)
        return seen if all("close" in seen.of(name) for name in closed) else None

    return eventually(f"{closed} are closed", look)


def assert_one_request_a_thread(seen):
    """Each request is on one thread, which does nothing for another one from its call to its close()."""
    owners = {}
    for thread, name, _ in seen.all:
        assert owners.setdefault(name, thread) == thread, f"{name} is on two threads: {seen.all}"
    for happened in seen.threads().values():
        running = None
        for name, what in happened:
            if what == "call":
                assert running is None, f"{name} is called while {running} is not closed: {happened}"
                running = name
            assert name == running, f"{what} of {name}, while {running} is not closed: {happened}"
            if what == "close":
                running = None
