"""Flask keeps the request in a context variable: two streams at once are each about their own request."""

import json

from support.readers import read_together
from support.waiting import eventually

APPLICATION = """
from flask import Flask, g, request, stream_with_context

application = Flask(__name__)
torn = []

@application.get("/stream/<word>")
def stream(word):
    g.word = word

    def chunks():
        for number in range(int(request.args.get("chunks", 96))):
            yield f"{request.path} {g.word} {number} ".ljust(16_384, ".")

    return stream_with_context(chunks()), {"Content-Type": "text/plain"}

@application.get("/word/<word>")
def word(word):
    return word

@application.get("/torn")
def tell():
    return torn

@application.teardown_request
def tear_down(error):
    torn.append(request.path)
"""


def stream(word, chunks=96):
    """What the application yields for this word."""
    return b"".join(f"/stream/{word} {word} {number} ".ljust(16_384, ".").encode() for number in range(chunks))


def begin(client, word):
    """A stream of which a reader has taken a little: it stands between two chunks."""
    asked = client.send("GET", f"/stream/{word}")
    asked.read_until(f"/stream/{word} {word} 0 ".encode())
    return asked


def torn(client):
    """The paths of the requests that Flask has torn down, but for those that ask."""
    return set(json.loads(client.get("/torn").body)) - {"/torn"}


def test_two_streams_that_are_read_slowly(threaded):
    """Each is whole and its own, and is torn down."""
    client = threaded(APPLICATION)
    ebb, flow = read_together([begin(client, "ebb"), begin(client, "flow")])
    assert ebb.is_complete and ebb.body == stream("ebb")
    assert flow.is_complete and flow.body == stream("flow")
    assert torn(client) == {"/stream/ebb", "/stream/flow"}


def test_slow_readers_beside_fast_ones(threaded):
    """A view that is quick, and a stream whose reader is, end before the slow ones and take nothing from them."""
    client = threaded(APPLICATION)
    slow = [begin(client, "ebb"), begin(client, "flow")]
    fast = []
    for number in range(8):
        fast.append(client.send("GET", f"/stream/fast{number}?chunks=3"))
        fast.append(client.send("GET", f"/word/quick{number}"))
    responses = read_together(slow, fast)
    assert all(response.is_complete for response in responses), responses
    assert [response.body for response in responses[:2]] == [stream("ebb"), stream("flow")]
    assert [response.body for response in responses[2::2]] == [stream(f"fast{n}", 3) for n in range(8)]
    assert [response.body for response in responses[3::2]] == [b"quick%d" % number for number in range(8)]


def test_a_reader_that_leaves(threaded):
    """Its context is popped where it was pushed, so the stream beside it and the next one have their own."""
    client = threaded(APPLICATION)
    leaves, stays = begin(client, "leaves"), begin(client, "stays")
    leaves.close()
    eventually("it is torn down", lambda: "/stream/leaves" in torn(client))
    (response,) = read_together([stays])
    assert response.is_complete and response.body == stream("stays")
    assert client.get("/stream/next").body == stream("next")
    assert torn(client) == {"/stream/leaves", "/stream/next", "/stream/stays"}


def test_with_four_workers(threaded):
    """As with one."""
    client = threaded(APPLICATION, workers=4)
    words = [f"word{number}" for number in range(12)]
    responses = read_together([begin(client, word) for word in words])
    assert all(response.is_complete for response in responses), responses
    assert [response.body for response in responses] == [stream(word) for word in words]
