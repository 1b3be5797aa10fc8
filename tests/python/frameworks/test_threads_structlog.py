"""structlog's bindings are context variables: what a request binds is in its own messages."""

import json

from support.readers import read_together

APPLICATION = """
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars

structlog.configure(
    processors=[merge_contextvars, structlog.processors.JSONRenderer()],
    logger_factory=structlog.WriteLoggerFactory(open("messages", "a", buffering=1)),
)
log = structlog.get_logger()


def application(environ, start_response):
    clear_contextvars()
    word = environ["PATH_INFO"][1:]
    bind_contextvars(request=word)
    start_response("200 OK", [("Content-Type", "text/plain")])
    log.info("called", word=word)
    return stream(word, int(environ["QUERY_STRING"]))


def stream(word, chunks):
    for number in range(chunks):
        bind_contextvars(number=number)
        log.info("yields", word=word)
        yield f"{word} {number} ".ljust(16_384, ".").encode()
    log.info("ended", word=word)
"""


def begin(client, word):
    """A stream of which a reader has taken a little: it stands between two chunks."""
    asked = client.send("GET", f"/{word}?96")
    asked.read_until(b"%s 0 ..." % word.encode())
    return asked


def wanted(word, chunks):
    """What a request of this word logs."""
    steps = [{"word": word, "request": word, "number": n, "event": "yields"} for n in range(chunks)]
    ended = {"word": word, "request": word, "number": chunks - 1, "event": "ended"}
    return [{"word": word, "request": word, "event": "called"}, *steps, ended]


def test_bindings_are_of_the_request(threaded, tmp_path):
    """In each message of two streams that are read slowly, and of quick requests beside them."""
    client = threaded(APPLICATION)
    slow = [begin(client, "ebb"), begin(client, "flow")]
    fast = [client.send("GET", f"/fast{number}?2") for number in range(6)]
    assert all(response.is_complete for response in read_together(slow, fast))
    messages = [json.loads(line) for line in (tmp_path / "messages").read_text().splitlines()]
    for word, chunks in [("ebb", 96), ("flow", 96), *((f"fast{number}", 2) for number in range(6))]:
        assert [message for message in messages if message["word"] == word] == wanted(word, chunks)
