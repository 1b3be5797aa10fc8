"""OpenTelemetry's WSGI middleware attaches a span to the thread's context from the call to close()."""

import json

from support.gate import LET_GO, wait_at_the_gate
from support.readers import read_together
from support.waiting import eventually

APPLICATION = """
import json

from opentelemetry import trace
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter


class Exporter(SpanExporter):
    def export(self, spans):
        with open("spans", "a") as file:
            for span in spans:
                told = {
                    "name": span.name,
                    "kind": span.kind.name,
                    "trace": format(span.context.trace_id, "032x"),
                    "span": format(span.context.span_id, "016x"),
                    "parent": format(span.parent.span_id, "016x") if span.parent else None,
                }
                file.write(json.dumps(told) + "\\n")


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Exporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("tide")


def plain(environ, start_response):
    word, chunks = environ["PATH_INFO"][1:], environ["QUERY_STRING"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    if not chunks:
        return iter([wait_at_the_gate()])
    return stream(word, int(chunks))


def stream(word, chunks):
    for number in range(chunks):
        with tracer.start_as_current_span(f"{word} {number}"):
            chunk = f"{word} {number} ".ljust(16_384, ".").encode()
        yield chunk


application = OpenTelemetryMiddleware(plain)
"""
FRONT = "00f067aa0ba902b7"  # The span of whoever is in front, of each trace.


def send(client, number, target):
    """A request of trace `number`."""
    return client.send("GET", target, [("traceparent", f"00-{number:032x}-{FRONT}-01")])


def begin(client, number, word):
    """A stream of which a reader has taken a little: it stands between two chunks."""
    asked = send(client, number, f"/{word}?96")
    asked.read_until(b"%s 0 ..." % word.encode())
    return asked


def spans(folder):
    """All that have ended."""
    path = folder / "spans"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def of_requests(folder):
    """Those of the middleware."""
    return [span for span in spans(folder) if span["name"].startswith("GET")]


def test_spans_have_the_parents_of_their_own_request(threaded, tmp_path):
    """Of two streams that are read slowly, and of quick requests beside them."""
    client = threaded(APPLICATION)
    slow = [begin(client, 1, "ebb"), begin(client, 2, "flow")]
    fast = [send(client, 10 + number, f"/fast{number}?2") for number in range(6)]
    assert all(response.is_complete for response in read_together(slow, fast))
    eventually("all requests' spans have ended", lambda: len(of_requests(tmp_path)) == 8)
    told = spans(tmp_path)
    cases = [(1, "ebb", 96), (2, "flow", 96), *((10 + number, f"fast{number}", 2) for number in range(6))]
    for number, word, chunks in cases:
        of_trace = [span for span in told if span["trace"] == f"{number:032x}"]
        (server,) = (span for span in of_trace if span["name"].startswith("GET"))
        assert (server["kind"], server["parent"]) == ("SERVER", FRONT)
        children = [(span["name"], span["parent"]) for span in of_trace if span is not server]
        assert children == [(f"{word} {step}", server["span"]) for step in range(chunks)]
    assert len(told) == 8 + 96 + 96 + 12
    assert "Failed to detach context" not in client.server.log()


def test_readers_that_leave(threaded, tmp_path):
    """Their spans end on the thread that began them, and no later request has one of them as its parent."""
    client = threaded(APPLICATION)
    for asked in [begin(client, 1, "ebb"), begin(client, 2, "flow")]:
        asked.close()
    eventually("their spans have ended", lambda: len(of_requests(tmp_path)) == 2)
    for _ in range(8):
        client.get("/next?1")
    eventually("all requests' spans have ended", lambda: len(of_requests(tmp_path)) == 10)
    assert [span["parent"] for span in of_requests(tmp_path)] == [FRONT] * 2 + [None] * 8
    assert "Failed to detach context" not in client.server.log()


def test_a_reader_that_leaves_during_the_call(threaded, gate, tmp_path):
    """The middleware detaches its context in its generator: so that has to be begun, or never to be called."""
    client = threaded(wait_at_the_gate, APPLICATION)
    leaves = send(client, 1, "/leaves")
    gate.wait_for()
    leaves.close()
    gate.open()
    stays = client.send("GET", "/stays")
    gate.wait_for(2)
    gate.open()
    with stays:
        assert stays.response().body == LET_GO
    eventually("both spans have ended", lambda: len(of_requests(tmp_path)) == 2)
    assert sorted(span["parent"] or "" for span in of_requests(tmp_path)) == ["", FRONT]
    assert "Failed to detach context" not in client.server.log()
