"""How the application is called, and what the server touches of what it returns."""

from support.waiting import eventually


def test_the_arguments_are_positional(serve):
    """The application's parameters may have any name."""

    def application(*arguments, **keywords):
        environ, start_response = arguments
        assert not keywords
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["REQUEST_METHOD"].encode()]

    assert serve(application).get().body == b"GET"


def test_start_response_may_be_called_as_late_as_in_the_first_iteration(serve):
    """What is returned may call it in its first step, whatever it is."""

    def application(environ, start_response):
        class Body:
            def __init__(self):
                self.chunks = iter([b"one, ", b"two"])

            def __iter__(self):
                return self

            def __next__(self):
                if start_response:
                    self.start()
                return next(self.chunks)

            def start(self):
                nonlocal start_response
                start_response("201 Created", [("X-Late", "yes")])
                start_response = None

        return Body()

    response = serve(application).get()
    assert (response.status, response["X-Late"], response.body) == ("201 Created", "yes", b"one, two")


def test_nothing_of_the_iterable_is_used_but_iteration_len_and_close(serve):
    """No other attribute is even looked for."""

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/touched":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [" ".join(sorted(touched)).encode()]

        class Body:
            def __getattribute__(self, name):
                touched.add(name)
                return object.__getattribute__(self, name)

            def __iter__(self):
                return iter([b"body"])

            def __len__(self):
                return 1

            def close(self):
                pass

        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body()

    client = serve("touched = set()", application)
    assert client.get().body == b"body"
    assert set(client.get("/touched").body.decode().split()) <= {"__class__", "__iter__", "__len__", "close"}


def test_an_iterable_need_not_have_len_or_close(serve):
    """Any object with __iter__ will do, or with __getitem__."""

    def application(environ, start_response):
        class Iterable:
            def __iter__(self):
                yield b"iter"

        class Sequence:
            def __getitem__(self, at):
                return [b"get", b"item"][at]

        start_response("200 OK", [("Content-Type", "text/plain")])
        return Iterable() if environ["PATH_INFO"] == "/iter" else Sequence()

    client = serve(application)
    assert client.get("/iter").body == b"iter"
    assert client.get("/getitem").body == b"getitem"


def test_each_kind_of_callable_is_an_application(serve):
    """Functions, classes, instances, methods, partial objects."""

    kinds = """
        import functools

        def function(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"function"]

        class Class:
            def __init__(self, environ, start_response):
                self.start_response = start_response

            def __iter__(self):
                self.start_response("200 OK", [("Content-Type", "text/plain")])
                yield b"class"

        class Instance:
            def __call__(self, environ, start_response):
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [b"instance"]

            def method(self, environ, start_response):
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [b"method"]

            @staticmethod
            def static(environ, start_response):
                start_response("200 OK", [("Content-Type", "text/plain")])
                return [b"static"]

        def more(word, environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [word]

        KINDS = {
            "/function": function,
            "/class": Class,
            "/instance": Instance(),
            "/method": Instance().method,
            "/static": Instance.static,
            "/partial": functools.partial(more, b"partial"),
        }

        class Application:
            def __call__(self, environ, start_response):
                return KINDS[environ["PATH_INFO"]](environ, start_response)

        application = Application().__call__
    """
    client = serve(kinds)
    for kind in ("function", "class", "instance", "method", "static", "partial"):
        assert client.get("/" + kind).body == kind.encode()


def test_each_chunk_is_handed_over_before_the_next_is_asked_for(serve, tmp_path):
    """The client has the first chunk while the second is still being made."""

    def application(environ, start_response):
        import os
        import time

        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"first"
        deadline = time.monotonic() + 20
        while not os.path.exists("the-client-has-it") and time.monotonic() < deadline:
            time.sleep(0.001)
        yield b"second" if os.path.exists("the-client-has-it") else b"it never came"

    with serve(application).send() as asked:
        asked.read_until(b"first")
        (tmp_path / "the-client-has-it").touch()
        assert asked.response().body == b"firstsecond"


def test_a_client_that_does_not_read_is_not_made_chunks_for_until_others_wait(serve, any_threads):
    """The next chunk is asked for when the last is gone. Another request has the thread, once the body is all taken."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        if environ["PATH_INFO"] == "/steps":
            return [b"%d" % len(steps)]
        return chunks()

    def chunks():
        for _ in range(5):
            steps.append(None)
            yield bytes(8 << 20)

    client = serve("steps = []", application, chunks)
    # Others wait only where no thread is idle; else there is the chunk that is on its way, and one behind it at most.
    counts = (b"5",) if any_threads == 1 else (b"1", b"2")
    with client.send(receive_buffer=4096) as asked:
        eventually("the first bytes", asked.has_more)
        for _ in range(20):
            assert client.get("/steps").body in counts
        assert len(asked.response().body) == 5 * (8 << 20)
    assert client.get("/steps").body == b"5"


def test_it_runs_in_the_main_thread(serve):
    """Only there may an application use what Python keeps to the main thread."""

    def application(environ, start_response):
        import threading

        start_response("200 OK", [("Content-Type", "text/plain")])
        assert threading.current_thread() is threading.main_thread()
        yield threading.current_thread().name.encode()

    assert serve(application).get().body == b"MainThread"


def test_wsgirefs_demo_application_runs(serve):
    """The standard library's own."""
    client = serve("from wsgiref.simple_server import demo_app as application")
    response = client.get("/here?a=b")
    assert (response.status, response["Content-Type"]) == ("200 OK", "text/plain; charset=utf-8")
    assert response.body.startswith(b"Hello world!\n")
    assert b"QUERY_STRING = 'a=b'" in response.body
