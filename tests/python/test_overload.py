"""Twice as many requests as the threads can answer, from clients that give up after a second."""

import asyncio
import collections
import time

from support.waiting import eventually

CALL_SECONDS = 0.05
THREADS = 4
RATE = 2 * THREADS / CALL_SECONDS
SECONDS = 4


def application(environ, start_response):
    """Waits, as for a database."""
    time.sleep(0.05)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


async def ask(port):
    """The status, or what else became of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1)
        status = head.split()[1].decode()
        if status == "503":
            assert b"\r\nRetry-After: " in head
        return status
    except asyncio.TimeoutError:
        return "gave up"
    finally:
        writer.close()


async def offer(port):
    """Sends at the rate, whatever comes back; what became of all."""
    begin, tasks = time.monotonic(), []
    while (since := time.monotonic() - begin) < SECONDS:
        while len(tasks) < since * RATE:
            tasks.append(asyncio.ensure_future(ask(port)))
        await asyncio.sleep(0.002)
    return collections.Counter(await asyncio.gather(*tasks))


def test_the_threads_stay_busy_with_requests_that_somebody_waits_for(start, folder):
    """The rest is told at once to come again."""
    folder({"app.py": ("import time", application)})
    server = start("app", f"--threads={THREADS}", "--queue-timeout=0.5", listeners=["http"], workers=1)
    port = int(server.listeners["http"].address.rpartition(":")[2])

    def most_are_answered():
        became = asyncio.run(offer(port))
        print(became)
        assert set(became) <= {"200", "503", "gave up"}
        # First come, first served without a bound would answer nearly all of them too late. The half leaves room for a
        # machine that does other things beside.
        return became["200"] >= SECONDS * THREADS / CALL_SECONDS / 2 and became["503"] >= became["gave up"]

    # A machine that does nothing here for a second may need another try.
    eventually("most are answered", most_are_answered)
    server.ignore_log()
    assert server.listeners["http"].ask("GET", "/").status == "200 OK"
