"""start_response: what it takes, what it refuses at the call, and when the head leaves."""


def test_headers_leave_as_they_are(serve):
    """In their order, the repeated ones too, in latin-1."""

    def application(environ, start_response):
        headers = [
            ("X-B", "1"),
            ("Set-Cookie", "a=b"),
            ("x-a", "caf\u00e9 \u00ff"),
            ("Set-Cookie", "c=d"),
            ("X-E", ""),
        ]
        start_response("299 Caf\u00e9 time", headers)
        return [b"ok"]

    response = serve(application).get()
    assert response.status == "299 Caf\u00e9 time"
    wanted = [("X-B", "1"), ("Set-Cookie", "a=b"), ("x-a", "caf\u00e9 \u00ff"), ("Set-Cookie", "c=d")]
    assert response.headers[:4] == wanted
    assert b"\r\nx-a: caf\xe9 \xff\r\n" in response.raw and b"\r\nX-E:" in response.raw


def test_bytes_are_latin_1(serve):
    """In status, names and values, and beside str."""

    def application(environ, start_response):
        start_response(b"200 Caf\xe9", [(b"X-A", b"\xff"), (b"X-B", "str"), ("X-C", b"bytes")])
        return [b"ok"]

    response = serve(application).get()
    assert response.status == "200 Caf\u00e9"
    assert response.headers[:3] == [("X-A", "\u00ff"), ("X-B", "str"), ("X-C", "bytes")]


def test_subclasses_of_str_and_list_are_taken(serve):
    """Frameworks mark strings as safe, and collect headers in lists of their own."""

    def application(environ, start_response):
        from wsgiref.headers import Headers

        class Safe(str):
            pass

        class Collected(list):
            pass

        start_response(
            Safe("200 OK"), Collected([(Safe("X-A"), Safe("safe")), *Headers([("X-B", "b")]).items()])
        )
        return [b"ok"]

    response = serve(application).get()
    assert (response["X-A"], response["X-B"]) == ("safe", "b")


def refuse(environ, start_response):
    """Calls start_response as a case of CASES has it; answers with the types of the exception, and its text."""
    wrong = CASES[int(environ["QUERY_STRING"])]
    try:
        start_response(*wrong)
    except Exception as error:
        bases = [base.__name__ for base in type(error).__mro__]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [" ".join(bases).encode(), b"|", str(error).encode("utf-8", "backslashreplace")]
    start_response("200 OK", [], (Exception, Exception(), None))
    return [b"it was taken|"]


def refusals(serve, cases):
    """What each of these arguments is answered with: the case, the response, the types, and the message."""
    client = serve(f"CASES = [{', '.join(cases)}]", refuse, "application = refuse")
    for number, case in enumerate(cases):
        response = client.get(f"/?{number}")
        kinds, _, message = response.body.decode().partition("|")
        assert response.status == "200 OK" and "evil" not in response.head.decode().lower(), (case, response)
        yield case, kinds.split(), message


WRONG_TYPES = [
    "(None, [])",
    "(200, [])",
    "((200, 'OK'), [])",
    "('200 OK',)",
    "('200 OK', None)",
    "('200 OK', 'X: y')",
    "('200 OK', {'X': 'y'})",
    "('200 OK', (('X', 'y'),))",
    "('200 OK', iter([('X', 'y')]))",
    "('200 OK', [None])",
    "('200 OK', ['xy'])",
    "('200 OK', [(None, 'x')])",
    "('200 OK', [(1, 'x')])",
    "('200 OK', [('X', None)])",
    "('200 OK', [('Content-Length', 3)])",
    "('200 OK', [('X', ['y'])])",
    "('200 OK', [('X', bytearray(b'y'))])",
    "('200 OK', [], 'error')",
    "('200 OK', [], ValueError())",
    "('200 OK', [], None, None)",
]


def test_a_wrong_type_is_a_type_error_at_the_call(serve):
    """The application sees it, and may answer otherwise."""
    seen = list(refusals(serve, WRONG_TYPES))
    assert [case for case, kinds, _ in seen if "TypeError" not in kinds] == []


def test_a_field_is_a_pair(serve):
    """Neither more nor less."""
    cases = [f"('200 OK', [{field}])" for field in ("()", "('X',)", "('X', 'y', 'z')")]
    seen = list(refusals(serve, cases))
    assert [case for case, kinds, _ in seen if not {"TypeError", "ValueError"} & set(kinds)] == []


STATUSES = [
    "",
    "200",
    "200OK",
    "2000 OK",
    "20 OK",
    "OK",
    " 200 OK",
    "200\tOK",
    "x00 OK",
    "\u0662\u0660\u0660 OK",
]
STATUSES += ["100 Continue", "101 Switching Protocols", "103 Early Hints", "000 Nothing"]
INJECTIONS = ["a\r\nX-Evil: b", "a\rb", "a\nb", "a\0b", "a\r\n", "\r\nX-Evil: b", "a\x7f", "a\x1b"]
NAMES = ["", " ", "X Y", "X:", "X\r\nY", "X\nY", "X\0", "caf\u00e9", "(X)", "X\t"]
HOP_BY_HOP = [
    "Connection",
    "keep-alive",
    "Proxy-Authenticate",
    "PROXY-AUTHORIZATION",
    "TE",
    "Trailers",
    "Upgrade",
]
HOP_BY_HOP += ["Trailer", "transfer-encoding"]
LENGTHS = ["", "-1", "+1", "1.0", "0x1", "1 1", "1, 1", "one", "\u0661", str(1 << 64)]
BAD = (
    [(status, []) for status in STATUSES]
    + [("200 " + text, []) for text in INJECTIONS]
    + [("200 OK", [("X", text)]) for text in INJECTIONS]
    + [("200 OK", [("X", text.encode())]) for text in INJECTIONS]
    + [("200 OK", [(name, "x")]) for name in NAMES + HOP_BY_HOP]
    + [("200 OK", [("Content-Length", length)]) for length in LENGTHS]
    + [("200 OK", [("Content-Length", "1"), ("content-length", "1")])]
    + [("200 OK", [("X", "\u6d77")]), ("200 \u6d77", []), ("200 OK", [("\u6d77", "x")])]
    + [("200 OK", [("X", "\udcff")]), ("200 \udcff", [])]
)


def test_bad_content_is_a_value_error_at_the_call(serve):
    """CR, LF, NUL, hop-by-hop, not latin-1, a bad status or length; the message says what is wrong."""
    seen = list(refusals(serve, [ascii(case) for case in BAD]))
    assert [case for case, kinds, message in seen if "ValueError" not in kinds or not message] == []


def test_non_latin_1_header(serve):
    """A UnicodeEncodeError, which is a ValueError, as encode('latin-1') has it."""
    cases = ["('200 OK', [('X', '\\u6d77')])", "('200 OK', [('X', '\\udcff')])", "('200 \\u6d77', [])"]
    seen = list(refusals(serve, cases))
    assert [case for case, kinds, _ in seen if "UnicodeEncodeError" not in kinds] == []


def test_cr_lf_in_a_header_or_the_status_that_nobody_catches_is_a_500(serve):
    """And nothing of it reaches the client."""

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/status":
            start_response("200 OK\r\nX-Evil: yes", [])
        start_response("200 OK", [("Location", "/\r\nX-Evil: yes")])
        return [b"never"]

    client = serve(application)
    for path in ("/status", "/header"):
        response = client.get(path)
        assert response.status == "500 Internal Server Error"
        assert "X-Evil" not in response and b"never" not in response.body
    client.logged("Traceback", 2)


def test_a_list_that_is_changed_later_changes_nothing(serve):
    """What was checked is what is sent."""

    def application(environ, start_response):
        headers = [("X-A", "1")]
        start_response("200 OK", headers)
        headers[0] = ("X-A", "2\r\nX-Evil: 3")
        headers.append(("X-Evil", "4"))
        yield b"body"

    response = serve(application).get()
    assert response["X-A"] == "1" and "X-Evil" not in response


def test_a_refused_call_leaves_the_response_unstarted(serve):
    """The next one needs no exc_info, and nothing of the first is left."""

    def application(environ, start_response):
        try:
            start_response("404 Not Found", [("X-First", "1"), ("X-Bad", "\n")])
        except ValueError:
            start_response("200 OK", [("X-Second", "2")])
        return [b"ok"]

    response = serve(application).get()
    assert (response.status, response["X-Second"]) == ("200 OK", "2") and "X-First" not in response


def test_a_head_may_be_long_but_not_endless(serve):
    """Many large cookies pass, 64 KiB do not."""

    def application(environ, start_response):
        count = int(environ["QUERY_STRING"])
        try:
            start_response("200 OK", [("Set-Cookie", "x" * 1000) for _ in range(count)])
        except ValueError:
            start_response("200 OK", [("X-Refused", "yes")])
        return [b"ok"]

    client = serve(application)
    assert len(client.get("/?50").all("Set-Cookie")) == 50
    assert "X-Refused" in client.get("/?70")


def test_the_head_is_withheld_until_a_non_empty_chunk(serve):
    """Empty chunks send nothing: start_response may still come, and so may a 500."""

    def application(environ, start_response):
        if environ["PATH_INFO"] != "/late":
            start_response("200 OK", [("X-A", "1")])
        yield b""
        yield b""
        if environ["PATH_INFO"] == "/fails":
            raise ValueError("before the first byte")
        if environ["PATH_INFO"] == "/late":
            start_response("201 Created", [("X-A", "1")])
        yield b""
        yield b"body"

    client = serve(application)
    assert client.get("/fails").status == "500 Internal Server Error"
    client.logged("before the first byte")
    response = client.get("/late")
    assert (response.status, response["X-A"], response.body) == ("201 Created", "1", b"body")


def test_empty_bytes_before_start_response(serve):
    """A middleware that knows nothing yet yields b'' to pass the turn on."""

    def application(environ, start_response):
        yield b""
        start_response("200 OK", [("X-A", "1")])
        yield b"body"

    response = serve(application).get()
    assert (response.status, response["X-A"], response.body) == ("200 OK", "1", b"body")


def test_generator_calls_start_response(serve):
    """In its first step, with all its headers."""

    def application(environ, start_response):
        start_response("418 I'm a teapot", [("X-A", "1"), ("X-B", "2")])
        yield b"tea"

    response = serve(application).get()
    assert (response.status, response["X-A"], response["X-B"]) == ("418 I'm a teapot", "1", "2")
    assert response.body == b"tea"


def test_start_response_never_called(serve):
    """A 500, whether there is a body or not; nothing of the body is sent as if it were a head."""

    def application(environ, start_response):
        kinds = {"/list": [b"HTTP/1.1 200 OK\r\n\r\nraw"], "/empty": [], "/generator": (x for x in [b"raw"])}
        return kinds[environ["PATH_INFO"]]

    client = serve(application)
    for path in ("/list", "/empty", "/generator"):
        response = client.get(path)
        assert response.status == "500 Internal Server Error" and b"raw" not in response.body, path
    client.logged("start_response", 3)


def test_a_body_before_start_response_is_an_error(serve):
    """It cannot be called any more once bytes have come."""

    def application(environ, start_response):
        yield b"too early"
        start_response("200 OK", [])

    client = serve(application)
    response = client.get()
    assert response.status == "500 Internal Server Error" and b"too early" not in response.body
    client.logged("start_response")


def test_a_second_call_without_exc_info_is_an_assertion_error(serve):
    """exc_info=None is without; the first call's head stays."""

    def application(environ, start_response):
        start_response("200 OK", [("X-A", "first")])
        for more in ((), (None,)):
            try:
                start_response("500 Oops", [("X-B", "second")], *more)
            except AssertionError:
                continue
            raise ValueError("it was taken")
        yield b"body"
        try:
            start_response("500 Oops", [])
        except AssertionError:
            yield b" and more"

    response = serve(application).get()
    assert (response.status, response["X-A"], response.body) == ("200 OK", "first", b"body and more")


def test_exc_info_may_be_a_keyword(serve):
    """As in the signature."""

    def application(environ, start_response):
        import sys

        try:
            1 / 0
        except ZeroDivisionError:
            start_response("503 Later", [("X-A", "1")], exc_info=sys.exc_info())
        return [b"sorry"]

    response = serve(application).get()
    assert (response.status, response["X-A"], response.body) == ("503 Later", "1", b"sorry")


def test_exc_info_unsent(serve):
    """Status and all headers are replaced, though empty chunks have been yielded."""

    def application(environ, start_response):
        import sys

        start_response("200 OK", [("X-Old", "1"), ("Content-Length", "5"), ("Set-Cookie", "old=1")])
        yield b""
        try:
            1 / 0
        except ZeroDivisionError:
            start_response("503 Later", [("X-New", "2")], sys.exc_info())
        yield b"sorry, later"

    response = serve(application).get()
    assert (response.status, response["X-New"], response.body) == ("503 Later", "2", b"sorry, later")
    assert "X-Old" not in response and "Set-Cookie" not in response and "Content-Length" not in response


def test_exc_info_unsent_is_checked_as_well(serve):
    """A head that replaces another has to be as good."""

    def application(environ, start_response):
        import sys

        start_response("200 OK", [])
        try:
            1 / 0
        except ZeroDivisionError:
            try:
                start_response("500 Oops", [("X-A", "a\r\nb")], sys.exc_info())
            except ValueError:
                start_response("500 Oops", [("X-A", "good")], sys.exc_info())
        return [b"sorry"]

    response = serve(application).get()
    assert (response.status, response["X-A"]) == ("500 Oops", "good")


def test_exc_info_sent(serve):
    """The very exception is raised again, with its traceback, and the response is seen to be broken off."""

    def application(environ, start_response):
        import sys
        import traceback

        def deep():
            raise ValueError("mid-body")

        start_response("200 OK", [("X-A", "1")])
        yield b"sent"
        try:
            deep()
        except ValueError as error:
            try:
                start_response("500 Oops", [("X-B", "2")], sys.exc_info())
            except ValueError as again:
                assert again is error
                assert "deep" in [frame.name for frame in traceback.extract_tb(again.__traceback__)]
                raise
        yield b"not sent"

    client = serve(application)
    response = client.get()
    assert (response.status, response.body, response.is_complete) == ("200 OK", b"sent", False)
    assert "X-B" not in response
    (text,) = client.logged("ValueError: mid-body")
    assert "GET /: broken off after " in text and "in deep" in text


def test_exc_info_sent_without_a_traceback(serve):
    """(type, value, None) re-raises as well, and so does a type that was not instantiated."""

    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"sent"
        for info in ((KeyError, KeyError("given"), None), (KeyError, None, None)):
            try:
                start_response("500 Oops", [], info)
            except KeyError as error:
                yield repr(error).encode()

    assert serve(application).get().body == b"sentKeyError('given')KeyError()"


def test_it_may_be_kept_after_the_request(serve):
    """A late call is an error of the caller, and no one else's response."""

    def application(environ, start_response):
        for old in kept:
            for arguments in (("299 Late", []), ("299 Late", [], (ValueError, ValueError("x"), None))):
                try:
                    old(*arguments)
                except (AssertionError, ValueError, RuntimeError):
                    continue
                raise SystemError("it was taken")
        write = start_response("200 OK", [])
        kept.append(start_response)
        for old in writes:
            try:
                old(b"late")
            except Exception:
                continue
            raise SystemError("it was written")
        writes.append(write)
        return [b"ok"]

    client = serve("kept, writes = [], []", application)
    for _ in range(5):
        response = client.get()
        assert (response.status, response.body) == ("200 OK", b"ok")
