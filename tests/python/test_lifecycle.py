"""The process: how it ends, what its threads and handlers do, what it looks like to the application."""

import functools
import signal
import sys

import pytest

from support.server import TIDEGATE
from support.waiting import eventually

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
STOPS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]


@pytest.fixture(params=[0, 1], ids=["in-one-process", "in-a-worker"])
def start(start, request):
    """Each test runs in the command's own process, and in a worker of the master."""
    return functools.partial(start, workers=request.param)


@pytest.mark.parametrize("number", STOPS, ids=[number.name for number in STOPS])
def test_a_signal_ends_it_well(number, start, folder):
    """Exit status 0, no traceback of KeyboardInterrupt, atexit handlers have run, stdout is flushed."""
    path = folder(
        {
            "app.py": "import atexit\n"
            "atexit.register(lambda: open('ended', 'a').write('atexit\\n'))\n"
            "print('printed at import')\n" + HELLO
        }
    )
    server = start("app")
    assert server.listeners["http"].ask("GET", "/").body == b"hello"
    server.signal(number)
    assert server.wait() == 0
    assert (path / "ended").read_text() == "atexit\n"
    assert "printed at import\n" in server.stdout.read_text()
    assert "Traceback" not in server.log() and "KeyboardInterrupt" not in server.log()


def test_atexit_runs_where_it_may_import_and_log(start, folder):
    """The interpreter is whole: modules can be imported, threads joined, the log written."""
    folder(
        {
            "app.py": """
import atexit, logging, sys

def goodbye():
    import xml.dom.minidom
    logging.basicConfig(stream=sys.stdout, level="INFO")
    logging.info("goodbye %s", xml.dom.minidom.__name__)

atexit.register(goodbye)
"""
            + HELLO
        }
    )
    server = start("app")
    assert server.stop() == 0
    assert "INFO:root:goodbye xml.dom.minidom" in server.stdout.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_running_request_is_finished(number, start, folder):
    """Though the signal comes inside the application: nothing is raised there, and no sleep is cut short."""

    def application(environ, start_response):
        import os
        import time

        open("begun", "w").close()
        started = time.monotonic()
        time.sleep(0.3)
        slept = time.monotonic() - started
        assert slept >= 0.3, slept
        deadline = time.monotonic() + 20
        while not os.path.exists("signalled") and time.monotonic() < deadline:
            time.sleep(0.001)
        start_response("200 OK", [])
        yield b"finished, "
        yield b"all of it"

    path = folder({"app.py": application})
    server = start("app")
    with server.listeners["http"].send("GET", "/") as asked:
        eventually("it has begun", (path / "begun").exists)
        server.signal(number)
        (path / "signalled").touch()
        response = asked.response()
    assert (response.body, response.is_complete) == (b"finished, all of it", True)
    assert server.wait() == 0


def test_a_slow_client_gets_all(start, folder):
    """A response that is on its way goes on within the time of grace, and nothing new is accepted."""

    def application(environ, start_response):
        start_response("200 OK", [])
        for _ in range(20):
            yield bytes(1 << 20)

    folder({"app.py": application})
    server = start("app")
    with server.listeners["http"].send("GET", "/", receive_buffer=4096) as asked:
        asked.read_until(bytes(1_000))
        server.signal(signal.SIGTERM)
        eventually("it listens no more", lambda: not listens(server.listeners["http"]))
        response = asked.response()
    assert response.is_complete and len(response.body) == 20 << 20
    assert server.wait() == 0


def listens(listener):
    try:
        listener.connect().close()
        return True
    except ConnectionRefusedError:
        return False


def test_threads_run_while_it_is_idle(start, folder):
    """A thread of the application's ticks on though no request comes."""

    def tick():
        import threading
        import time

        def run():
            for number in range(1_000_000):
                with open("ticks", "w") as file:
                    file.write(str(number))
                time.sleep(0.001)

        threading.Thread(target=run, daemon=True).start()

    path = folder({"app.py": [tick, "tick()", HELLO]})
    start("app")

    def ticks():
        text = (path / "ticks").read_text() if (path / "ticks").exists() else ""
        return int(text or 0)

    before = ticks()
    eventually("fifty ticks", lambda: ticks() > before + 50)


def test_threads_run_while_a_client_is_slow(start, folder):
    """Waiting for a socket is waiting without the GIL."""

    def application(environ, start_response):
        import threading

        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/stream":
            threading.Thread(target=lambda: open("ran", "w").close(), daemon=True).start()
            return iter([bytes(8 << 20), b"end"])
        return [b"hello"]

    path = folder({"app.py": application})
    server = start("app", listeners=["uwsgi"])
    with server.listeners["uwsgi"].send("GET", "/stream", receive_buffer=4096):
        eventually("the thread has run", (path / "ran").exists)


def test_timers_and_pools_run_while_it_is_idle(start, folder):
    """threading.Timer, concurrent.futures, asyncio in a thread, logging from all of them."""
    path = folder(
        {
            "app.py": """
import asyncio, logging, threading
from concurrent.futures import ThreadPoolExecutor
logging.basicConfig(filename="words", format="%(threadName)s %(message)s", level="INFO")
threading.Timer(0.01, logging.info, ["timer"]).start()
pool = ThreadPoolExecutor()
pool.submit(logging.info, "pool")
async def later():
    await asyncio.sleep(0.01)
    logging.info("asyncio")
threading.Thread(target=asyncio.run, args=[later()]).start()
"""
            + HELLO
        }
    )
    server = start("app")
    words = path / "words"
    for word in ("timer", "pool", "asyncio"):
        eventually(word, lambda word=word: word in words.read_text())
    assert server.listeners["http"].ask("GET", "/").body == b"hello"


def test_a_thread_that_works_is_waited_for(start, folder):
    """As any Python program waits for threads that are no daemons."""
    path = folder(
        {
            "app.py": """
import atexit, threading, time, os
def work():
    open("begun", "w").close()
    while not os.path.exists("signalled"):
        time.sleep(0.001)
    time.sleep(0.1)
    open("finished", "w").close()
threading.Thread(target=work).start()
"""
            + HELLO
        }
    )
    server = start("app")
    eventually("it has begun", (path / "begun").exists)
    server.signal(signal.SIGTERM)
    (path / "signalled").touch()
    assert server.wait() == 0
    assert (path / "finished").exists()


def test_a_daemon_thread_is_not(start, folder):
    """It ends with the process, whatever it does."""
    folder(
        {
            "app.py": """
import threading, time
def work():
    while True:
        sum(range(1000))
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
"""
            + HELLO
        }
    )
    server = start("app")
    assert server.listeners["http"].ask("GET", "/").body == b"hello"
    assert server.stop() == 0


def test_the_applications_own_signal_handlers_run(start, folder):
    """At once, though the server is idle; Python allows them in the main thread only."""
    path = folder(
        {
            "app.py": "import signal\n"
            "signal.signal(signal.SIGALRM, lambda *_: open('handled', 'w').close())\n"
            "signal.setitimer(signal.ITIMER_REAL, 0.2)\n" + HELLO
        }
    )
    server = start("app")
    eventually("the handler has run", (path / "handled").exists)
    assert server.listeners["http"].ask("GET", "/").body == b"hello"


def test_sys_argv_and_main(start, folder):
    """As of the command that was given: argv[0] is the command, the rest its arguments; the module is not __main__."""
    folder(
        {
            "app.py": """
import sys
if __name__ == "__main__":
    raise AssertionError("it is no script here")
MAIN = sys.modules["__main__"]
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr([sys.argv, MAIN.__name__, __name__, sys.prefix]).encode()]
"""
        }
    )
    server = start("app", "--chdir=.")
    argv, main, module, prefix = eval(server.listeners["http"].ask("GET", "/").body)
    assert argv == server.process.args and argv[0] == str(TIDEGATE)
    assert (main, module) == ("__main__", "app")
    assert prefix == sys.prefix, "it is the virtual environment's Python"


def test_a_child_process_is_as_in_any_program(start, folder):
    """subprocess works, and a child has no socket of the server's."""

    def application(environ, start_response):
        import subprocess
        import sys

        # The descriptor of the listing itself is closed when its name is looked at.
        code = """if True:
            import os
            paths = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
            print([os.readlink(path) for path in paths if os.path.lexists(path)])
        """
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, close_fds=False)
        start_response("200 OK", [])
        return [told.stdout.encode(), told.stderr.encode()]

    folder({"app.py": application})
    server = start("app", listeners=["uwsgi", "http"])
    told = server.listeners["http"].ask("GET", "/").body
    assert told.startswith(b"[") and b"socket:" not in told and b"eventpoll" not in told, told


def test_multiprocessing_works(start, folder):
    """A pool of spawned processes finds the module again."""

    def application(environ, start_response):
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            result = pool.submit(square, 12).result()
        start_response("200 OK", [])
        return [str(result).encode()]

    folder({"app.py": ["def square(x):\n    return x * x", application]})
    server = start("app")
    assert server.listeners["http"].ask("GET", "/").body == b"144"


def test_asyncio_runs_inside_a_request(start, folder):
    """As Django runs asynchronous views of a synchronous server."""

    def application(environ, start_response):
        import asyncio

        async def later():
            await asyncio.sleep(0)
            return b"awaited"

        body = asyncio.run(later())
        start_response("200 OK", [])
        return [body]

    folder({"app.py": application})
    server = start("app")
    for _ in range(3):
        assert server.listeners["http"].ask("GET", "/").body == b"awaited"


def test_context_and_thread_locals_do_not_mix_requests_up(start, folder):
    """A contextvar that a generator sets is as in any one thread: the framework's to reset."""

    def application(environ, start_response):
        from decimal import getcontext, localcontext

        start_response("200 OK", [])
        with localcontext() as context:
            context.prec = 5
            body = str(getcontext().prec).encode()
        return [body, b" ", str(getcontext().prec).encode()]

    folder({"app.py": application})
    server = start("app")
    for _ in range(3):
        assert server.listeners["http"].ask("GET", "/").body == b"5 28"


def test_stdout_and_stderr_are_pythons(start, folder):
    """print() and logging go where they go in any program."""

    def application(environ, start_response):
        import logging

        print("printed", flush=True)
        logging.getLogger("tide").warning("logged")
        start_response("200 OK", [])
        return [b"ok"]

    folder({"app.py": application})
    server = start("app")
    assert server.listeners["http"].ask("GET", "/").body == b"ok"
    assert "printed\n" in server.stdout.read_text()
    assert "\nlogged\n" in "\n" + server.log()  # by logging's handler of last resort
    server.ignore_log()
