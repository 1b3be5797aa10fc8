"""What may be a chunk, and what an application may return."""

GOOD = """
    import array
    import ctypes
    import mmap

    class Sub(bytes):
        def __len__(self):
            return 1
        def __bytes__(self):
            return b"not asked"

    memory = mmap.mmap(-1, 4)
    memory[:] = b"mmap"

    GOOD = {
        "bytes": [b"abc", b"", b"def"],
        "bytes subclass": [Sub(b"abc"), b"d"],
        "bytearray": [bytearray(b"abc"), bytearray(), bytearray(b"def")],
        "memoryview": [memoryview(b"abc"), memoryview(b""), memoryview(bytearray(b"def"))],
        "slice": [memoryview(b"abcdef")[2:4]],
        "every second": [memoryview(b"abcdef")[::2], b"."],
        "backwards": [memoryview(b"abcdef")[::-1]],
        "ints": [memoryview(array.array("i", [1, 2, 3]))],
        "doubles": [memoryview(array.array("d", [1.5, 2.5])), b"."],
        "every second int": [memoryview(array.array("i", [1, 2, 3, 4]))[::2]],
        "two dimensions": [memoryview(bytes(range(12))).cast("B", [3, 4])],
        "chars": [memoryview(b"abc").cast("c")],
        "read-only": [memoryview(bytearray(b"abc")).toreadonly()],
        "of mmap": [memoryview(memory)],
        "of ctypes": [memoryview((ctypes.c_char * 3)(b"a", b"b", b"c"))],
        "mixed": [b"a", bytearray(b"b"), memoryview(b"c")],
    }
"""


def test_bytes_bytearray_and_memoryview_are_taken(serve):
    """Each as the bytes that it stands for, whatever its format, its stride and its dimensions."""

    def application(environ, start_response):
        from urllib.parse import unquote

        kind = unquote(environ["QUERY_STRING"])
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/wanted":
            return [repr([bytes(memoryview(chunk).tobytes()) for chunk in GOOD[kind]]).encode()]
        return GOOD[kind] if environ["PATH_INFO"] == "/list" else iter(GOOD[kind])

    scope = {}
    import textwrap
    from urllib.parse import quote

    exec(textwrap.dedent(GOOD), scope)
    client = serve(GOOD, application)
    for kind, chunks in scope["GOOD"].items():
        wanted = b"".join(memoryview(chunk).tobytes() for chunk in chunks)
        for path in ("/list", "/iterator"):
            response = client.get(f"{path}?{quote(kind)}")
            assert (response.status, response.body, response.is_complete) == ("200 OK", wanted, True), (
                path,
                kind,
            )


def test_a_bytearray_may_be_used_again(serve):
    """When the next chunk is asked for, the last one is the application's again: to fill, and to resize."""

    def application(environ, start_response):
        start_response("200 OK", [])
        buffer = bytearray(b"first")
        yield buffer
        buffer[:] = b"second, longer"
        yield buffer
        yield memoryview(buffer)[:6]
        buffer.clear()
        buffer += b"third" * 100_000
        yield buffer
        buffer.clear()

    response = serve(application).get()
    assert response.is_complete
    assert response.body == b"first" + b"second, longer" + b"second" + b"third" * 100_000


def test_a_large_bytearray_stays_whole_while_the_client_is_slow(serve):
    """It is the application's only when it is gone, not when it is half gone."""

    def application(environ, start_response):
        buffer = bytearray(b"a" * (6 << 20))
        start_response("200 OK", [])
        yield buffer
        buffer[:] = b"b" * len(buffer)
        yield buffer

    response = serve(application).get_slowly()
    assert response.body == b"a" * (6 << 20) + b"b" * (6 << 20)


def test_bare_bytes_are_one_chunk(serve):
    """As with uWSGI; their length is known."""

    def application(environ, start_response):
        start_response("200 OK", [])
        return b"bare bytes"

    response = serve(application).get()
    assert (response.body, response["Content-Length"]) == (b"bare bytes", "10")


WRONG = {
    "str": '"text"',
    "NoneType": "None",
    "int": "5",
    "float": "1.5",
    "list": '[b"nested"]',
    "tuple": '(b"nested",)',
    "dict": "{}",
    "object": "object()",
    "generator": "(chunk for chunk in [b'x'])",
    "Custom": "Custom()",
    "type": "bytes",
}
CASES = """
    class Custom:
        def __bytes__(self):
            return b"not asked"
"""


def test_a_chunk_of_another_type_is_a_500_that_names_it(serve):
    """With nothing sent; where bytes have been sent, it is a visible abort."""

    def application(environ, start_response):
        start_response("200 OK", [])
        wrong = eval(WRONG[environ["QUERY_STRING"]])
        return iter([b"sent", wrong]) if environ["PATH_INFO"] == "/late" else [b"", wrong, b"more"]

    client = serve(CASES, f"WRONG = {WRONG!r}", application)
    for name in WRONG:
        response = client.get(f"/early?{name}")
        assert (response.status, response.is_complete) == ("500 Internal Server Error", True), name
        client.logged(rf"GET /early\?{name}: answered with 500: (.|\n)*\b{name}\b(.|\n)*")
        response = client.get(f"/late?{name}")
        assert (response.status, response.body, response.is_complete) == ("200 OK", b"sent", False), name
        client.logged(rf"GET /late\?{name}: broken off (.|\n)*\b{name}\b")


def test_a_body_of_another_type_is_a_500_that_names_it(serve):
    """A bare str is the classic, and a view that forgot its return."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return {"str": "text", "NoneType": None, "int": 5, "object": object(), "bool": False}[
            environ["QUERY_STRING"]
        ]

    client = serve(application)
    for name in ("str", "NoneType", "int", "object", "bool"):
        response = client.get(f"/?{name}")
        assert response.status == "500 Internal Server Error" and b"text" not in response.body, name
        client.logged(rf"GET /\?{name}: answered with 500: (.|\n)*\b{name}\b")


def test_a_dict_or_a_list_of_str_names_str(serve):
    """What is iterated is what is wrong."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return {"text": 1} if environ["PATH_INFO"] == "/dict" else ["text"]

    client = serve(application)
    for path in ("/dict", "/list"):
        assert client.get(path).status == "500 Internal Server Error"
        client.logged(rf"GET {path}: answered with 500: (.|\n)*\bstr\b")


def test_an_array_says_how_it_becomes_bytes(serve):
    """Its items are numbers, which would be named instead; as would those of a list."""

    def application(environ, start_response):
        import array

        numbers = array.array("B", b"abc")
        start_response("200 OK", [])
        return {
            "/returned": numbers,
            "/yielded": iter([numbers]),
            "/listed": [numbers],
            "/numbers": [104, 105],
            "/text": ["text"],
        }[environ["PATH_INFO"]]

    client = serve(application)
    for path, words in (
        ("/returned", r"not array\.array, whose items are none; return \[array\.tobytes\(\)\]"),
        ("/yielded", r"not array\.array; its tobytes\(\) makes bytes of it"),
        ("/listed", r"not array\.array; its tobytes\(\) makes bytes of it"),
        ("/numbers", r"not int; bytes\(\[\.\.\.\]\) makes bytes of numbers"),
        ("/text", r"not str; encode\(\) makes bytes of text"),
    ):
        assert client.get(path).status == "500 Internal Server Error", path
        client.logged(rf"GET {path}: answered with 500: (.|\n)*{words}")
