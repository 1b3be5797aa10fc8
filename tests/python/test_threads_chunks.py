"""A body that is asked ahead of its reader: what is sent is what was yielded, not what became of it."""

from support.readers import read_together


def application(environ, start_response):
    """One buffer for all chunks: it is filled anew, and shrinks and grows, as soon as the next chunk is asked for."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/quick":
        return [b"quick"]
    return VIEWS[environ["PATH_INFO"]](bytearray(1 << 16))


def whole(buffer):
    for number in range(32):
        buffer[:] = bytes([number]) * len(buffer)
        yield buffer
    buffer[:] = b"!" * len(buffer)


def views(buffer):
    for number in range(32):
        buffer[:] = bytes([number]) * len(buffer)
        yield memoryview(buffer)
    buffer[:] = b"!" * len(buffer)


def resized(buffer):
    for number in range(32):
        buffer.clear()
        buffer += bytes([number]) * (1 << 16)
        yield buffer
    buffer.clear()


APPLICATION = (whole, views, resized, 'VIEWS = {"/whole": whole, "/views": views, "/resized": resized}', application)
WANTED = b"".join(bytes([number]) * (1 << 16) for number in range(32))


def test_memory_that_is_used_again(threaded):
    """By more slow readers than there are threads, with quick requests that want a thread."""
    client = threaded(*APPLICATION)
    slow = []
    for path in ("/whole", "/views", "/resized") * 2:
        slow.append(client.send("GET", path))
        slow[-1].read_until(bytes(1_000))
    fast = [client.send("GET", "/quick") for _ in range(10)]
    responses = read_together(slow, fast)
    for response in responses[: len(slow)]:
        assert response.is_complete and response.body == WANTED
    assert [response.body for response in responses[len(slow) :]] == [b"quick"] * 10
