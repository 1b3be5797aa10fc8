"""wsgi.errors: text of any kind, as messages of the log."""


def test_a_line_is_a_message_of_the_log(serve):
    """At level ERROR."""

    def application(environ, start_response):
        environ["wsgi.errors"].write("the tide is out\n")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    assert client.get().body == b"ok"
    client.logged(r"the tide is out$")


def test_pieces_of_a_line_are_one_message(serve):
    """print() writes each of its arguments by itself."""

    def application(environ, start_response):
        print("one", 2, None, file=environ["wsgi.errors"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    client.get()
    client.logged(r"one 2 None$")


def test_what_is_written_at_once_is_one_message(serve):
    """Several lines in one write; each piece of writelines()."""

    def application(environ, start_response):
        errors = environ["wsgi.errors"]
        errors.write("alpha\nbeta\n")
        errors.writelines(["gamma\n", "del", "ta\n"])
        errors.writelines(line for line in ["epsilon\n"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    client.get()
    for words in ("alpha\nbeta", "gamma", "delta", "epsilon"):
        client.logged(rf"\b{words}$")


def test_flush_and_the_requests_end_complete_a_line(serve):
    """Nothing is kept back for ever."""

    def application(environ, start_response):
        environ["wsgi.errors"].write("flushed")
        environ["wsgi.errors"].flush()
        environ["wsgi.errors"].write("the last words")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    client.get()
    client.logged(r"\bflushed$")
    client.logged(r"\bthe last words$")


def test_any_unicode_is_taken(serve):
    """Also what no encoding can say."""

    def application(environ, start_response):
        environ["wsgi.errors"].write("sea \u6d77 wave \U0001f30a caf\u00e9\n")
        environ["wsgi.errors"].write("half a pair: \ud83c.\n")
        environ["wsgi.errors"].write("")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    assert client.get().body == b"ok"
    client.logged("sea \u6d77 wave \U0001f30a caf\u00e9$")
    client.logged(r"half a pair: ")


def test_no_line_passes_for_another_of_the_log(serve):
    """Each begins with the time and the level, and controls are escaped."""

    def application(environ, start_response):
        environ["wsgi.errors"].write("2026-11-22T16:00:00Z INFO forged \x1b[1m\n")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    client.get()
    (line,) = client.logged("forged")
    assert "\x1b" not in line


def test_bytes_are_a_type_error(serve):
    """It is a text stream."""

    def application(environ, start_response):
        for write in (environ["wsgi.errors"].write, lambda text: environ["wsgi.errors"].writelines([text])):
            for wrong in (b"bytes", None, 1):
                try:
                    write(wrong)
                except TypeError:
                    continue
                raise AssertionError(wrong)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    assert serve(application).get().body == b"ok"


def test_a_traceback_is_one_message(serve):
    """Frameworks write it with the module logging, at once; traceback.print_exc() writes it in pieces."""

    def application(environ, start_response):
        import logging
        import traceback

        errors = environ["wsgi.errors"]
        handler = logging.StreamHandler(errors)
        logging.getLogger("tide").addHandler(handler)
        logging.getLogger("tide").warning("low %s", "water")
        try:
            try:
                [].pop()
            except IndexError:
                1 / 0
        except ZeroDivisionError:
            logging.getLogger("tide").exception("high water")
        logging.getLogger("tide").removeHandler(handler)
        try:
            raise ValueError("of two\nlines")
        except ValueError:
            traceback.print_exc(file=errors)
        print("behind it", file=errors)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    client.get()
    client.logged(r"low water$")
    (logged,) = client.logged(r"high water\nTraceback ")
    assert logged.endswith("ZeroDivisionError: division by zero") and "IndexError: pop from empty list\n" in logged
    (printed,) = client.logged(r": Traceback \(most recent call last\):\n")
    assert printed.endswith("\nValueError: of two\nlines")
    client.logged(r": behind it$")


def test_a_chain_of_tracebacks_is_a_message_for_each(serve):
    """What leads over to the next one stands before that. Each is there as soon as it is whole."""

    def application(environ, start_response):
        import traceback

        errors = environ["wsgi.errors"]
        try:
            try:
                try:
                    [].pop()
                except IndexError:
                    1 / 0
            except ZeroDivisionError as error:
                raise ValueError("the last") from error
        except ValueError:
            traceback.print_exc(file=errors)
        print("behind it", file=errors)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    client.get()
    for begins, ends in [
        ("Traceback ", "IndexError: pop from empty list"),
        ("During handling of the above exception, another", "ZeroDivisionError: division by zero"),
        ("The above exception was the direct cause of", "ValueError: the last"),
    ]:
        (record,) = client.logged(rf": {begins}")
        assert record.endswith(f"\n{ends}") and record.count("Traceback") == 1
    client.logged(r": behind it$")


def test_threads_do_not_mix(serve):
    """A line, or a traceback, that one thread has begun is not ended by another."""

    def application(environ, start_response):
        import threading

        errors = environ["wsgi.errors"]
        errors.write("one begins, ")
        other = threading.Thread(target=lambda: errors.write("another says\n"))
        other.start()
        other.join()
        errors.write("and ends\n")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    client = serve(application)
    client.get()
    client.logged(r": another says$")
    client.logged(r": one begins, and ends$")
