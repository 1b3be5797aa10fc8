"""A server in this very process: `tidegate.serving()` beside the program, `tidegate.serve()` in its place."""

import asyncio
import gc
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

import tidegate
from support.server import TIDEGATE
from support.waiting import eventually
from tidegate import _tidegate

ANY = "127.0.0.1:0"


def hello(environ, start_response):
    """Says hello to who asks."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello from ", environ["PATH_INFO"].encode()]


def ask(server, path="/", method="GET", body=None):
    """Status and body of one request, by the standard library's client on this thread."""
    client = http.client.HTTPConnection(server.address("http"), timeout=30)
    try:
        client.request(method, path, body)
        response = client.getresponse()
        return response.status, response.read()
    finally:
        client.close()


def ours():
    """The names of a server's threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("tidegate")]


def test_a_client_in_the_same_process_is_answered():
    """The client holds the GIL when the server does not, and the other way round."""
    with tidegate.serving(hello, http=ANY) as server:
        assert server.addresses == [("http", server.address())]
        for number in range(50):
            assert ask(server, f"/{number}") == (200, b"hello from /%d" % number)
    assert ours() == []
    with pytest.raises(ConnectionRefusedError):
        ask(server)


def test_without_a_with_it_serves_until_close():
    """A second close() does nothing."""
    server = tidegate.serving(hello, http=ANY)
    assert ask(server)[0] == 200
    server.close()
    server.close()
    assert ours() == []


def test_several_servers_at_once():
    """Each has its own application and port."""

    def other(environ, start_response):
        start_response("404 Not Found", [])
        return []

    with tidegate.serving(hello, http=ANY) as one, tidegate.serving(other, http=ANY) as two:
        assert [ask(one)[0], ask(two)[0], ask(one)[0]] == [200, 404, 200]
        two.close()
        assert ask(one)[0] == 200


def test_a_request_may_ask_another_server():
    """A call that waits does not have the GIL."""
    with tidegate.serving(hello, http=ANY) as inner:

        def outer(environ, start_response):
            status, body = ask(inner, "/inner")
            start_response("200 OK", [("X-Status", str(status))])
            return [body]

        with tidegate.serving(outer, http=ANY) as server:
            assert ask(server) == (200, b"hello from /inner")


@pytest.mark.parametrize("count", [1, 3])
def test_threads_are_as_many_as_asked_for(count):
    """So many calls run at once, each on a thread that stays."""
    barrier, seen = threading.Barrier(count), set()

    def meet(environ, start_response):
        barrier.wait(30)
        seen.add((threading.current_thread().name, environ["wsgi.multithread"]))
        start_response("200 OK", [])
        return []

    with tidegate.serving(meet, http=ANY, threads=count) as server:
        clients = [threading.Thread(target=ask, args=(server,)) for _ in range(count)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(60)
    assert seen == {(name, count > 1) for name in ["tidegate", "tidegate-2", "tidegate-3"][:count]}


def test_options_are_the_command_s(tmp_path, socket_path):
    """Text, numbers, flags, paths, lists and tables."""
    (tmp_path / "a.txt").write_text("a file")
    log = tmp_path / "access.log"
    options = {
        "http": [ANY],
        "uwsgi": f"unix:{socket_path}",
        "static": {"/files": tmp_path},
        "max_body": "1k",
        "head_timeout": 0.5,
        "access_log": True,
        "access_log_file": log,
        "access_log_format": "{method} {uri} {status}",
        "socket_owner": None,
        "workers": 0,
    }
    with tidegate.serving(hello, **options) as server:
        assert server.address("uwsgi") == f"unix:{socket_path}" and socket_path.is_socket()
        assert ask(server, "/files/a.txt") == (200, b"a file")
        assert ask(server, "/", "POST", b"x" * 1025)[0] == 413
        with pytest.raises(LookupError, match="scgi is spoken nowhere"):
            server.address("scgi")
    assert not socket_path.exists()
    assert log.read_text().splitlines()[0] == "GET /files/a.txt 200"


@pytest.mark.parametrize(
    "options, kind, words",
    [
        ({"htp": ANY}, TypeError, "there is no option htp; did you mean http?"),
        ({"bind": ANY}, TypeError, "there is no option bind: bind is gunicorn's, here: http, as 127.0.0.1:8000"),
        ({"preload": True}, TypeError, "preload is for a process of the server's own: `tidegate serve --preload`"),
        ({"log_file": "x"}, TypeError, "log_file is for a process of the server's own"),
        ({"workers": 2}, ValueError, "workers: in another program's process there are none, as with 0"),
        ({"http": "8000"}, ValueError, "the host is missing"),
        ({"max_body": 1.5}, ValueError, "max_body: write a number of bytes"),
        ({"access_log": 1}, ValueError, "access_log: give True or False"),
        ({"verbose": 1, "quiet": 1}, ValueError, "cannot be used with"),
        ({"http": object()}, TypeError, "is neither text, a number nor a path"),
        ({"static": {"/s": "/nowhere"}}, ValueError, "static /s=/nowhere: "),
        ({"http": "0.0.0.0:0"}, OSError, "who may connect, addresses or networks, in allow_from (or"),
        ({"http": "unix:/nowhere/s"}, OSError, "make its directory first"),
    ],
)
def test_what_will_not_do_says_why(options, kind, words):
    """With the kind of exception that Python has for it, and no thread left."""
    with pytest.raises(kind, match=re.escape(words)) as raised:
        tidegate.serving(hello, **options)
    assert ours() == []
    # What is not the command's business has no options.
    assert "`tidegate serve --" in str(raised.value) or "--" not in str(raised.value)


def test_a_port_that_is_taken():
    """Is the other server's."""
    with tidegate.serving(hello, http=ANY) as server:
        with pytest.raises(OSError, match="Address already in use"):
            tidegate.serving(hello, http=server.address())
        assert ask(server)[0] == 200


def test_what_is_no_wsgi_application():
    """Is told before anything listens."""

    async def asgi(scope, receive, send):
        pass

    with pytest.raises(TypeError, match="a WSGI application is callable"):
        tidegate.serving("app:app", http=ANY)
    with pytest.raises(TypeError, match="is an ASGI application"):
        tidegate.serving(asgi, http=ANY)


def test_an_exception_is_a_500_and_its_traceback_is_on_stderr(capfd):
    """And the next request is answered."""

    def faulty(environ, start_response):
        if environ["PATH_INFO"] == "/broken":
            raise ValueError("a mistake of mine")
        environ["wsgi.errors"].write("said by the application\n")
        return hello(environ, start_response)

    with tidegate.serving(faulty, http=ANY) as server:
        assert ask(server, "/broken")[0] == 500
        assert ask(server)[0] == 200
    err = capfd.readouterr().err
    assert "ValueError: a mistake of mine" in err and "said by the application" in err


def test_close_finishes_what_runs():
    """Within the time of grace."""
    entered, go = threading.Event(), threading.Event()

    def slow(environ, start_response):
        entered.set()
        assert go.wait(30)
        return hello(environ, start_response)

    server = tidegate.serving(slow, http=ANY)
    answers = []
    client = threading.Thread(target=lambda: answers.append(ask(server)))
    client.start()
    assert entered.wait(30)
    closing = threading.Thread(target=server.close)
    closing.start()
    go.set()
    client.join(30)
    closing.join(30)
    assert answers == [(200, b"hello from /")] and not closing.is_alive()


@pytest.mark.parametrize("threads", [1, 2])
def test_close_now_breaks_off_what_runs(threads, capfd):
    """Even a call that never comes back, or that catches what it is told the first time; its client has a broken connection."""
    entered, caught, ended = threading.Event(), threading.Event(), threading.Event()

    def endless(environ, start_response):
        entered.set()
        try:
            while True:
                try:
                    while True:
                        pass
                except SystemExit:
                    if caught.is_set():
                        raise
                    caught.set()
        finally:
            ended.set()

    failures = []

    def client():
        try:
            ask(server)
        except (OSError, http.client.HTTPException) as error:
            failures.append(error)

    server = tidegate.serving(endless, http=ANY, threads=threads)
    asking = threading.Thread(target=client)
    asking.start()
    assert entered.wait(30)
    server.close(now=True)
    asking.join(30)
    assert len(failures) == 1 and caught.is_set() and ended.is_set() and ours() == []
    capfd.readouterr()


def test_close_after_grace_gives_up_what_runs():
    """And returns, though the call still waits in C; the thread is left behind until it has."""
    entered, go = threading.Event(), threading.Event()

    def slow(environ, start_response):
        entered.set()
        go.wait(30)
        return hello(environ, start_response)

    server = tidegate.serving(slow, http=ANY, grace=0.1)
    client = http.client.HTTPConnection(server.address())
    client.request("GET", "/")
    assert entered.wait(30)
    closing = threading.Thread(target=server.close)
    closing.start()
    with pytest.raises((OSError, http.client.HTTPException)):
        client.getresponse()
    client.close()
    go.set()
    closing.join(30)
    assert not closing.is_alive() and ours() == []


@pytest.mark.parametrize("threads", [1, 3])
def test_the_application_may_close_its_own_server(threads):
    """It cannot wait for itself, and is answered."""

    def last(environ, start_response):
        servers[0].close()
        return hello(environ, start_response)

    servers = [tidegate.serving(last, http=ANY, threads=threads)]
    assert ask(servers[0]) == (200, b"hello from /")
    servers[0].wait()
    assert ours() == []


def test_one_after_another_at_the_same_address():
    """The port is free as soon as close() is back, in a program that has had several servers."""
    with tidegate.serving(hello, http=ANY) as server:
        address = server.address()
    for number in range(5):
        with tidegate.serving(hello, http=address, threads=1 + number % 2) as server:
            assert server.address() == address and ask(server, f"/{number}")[0] == 200


def test_beside_an_event_loop_in_a_thread_as_notebooks_have_one():
    """A cell starts the server while the kernel's loop runs, and asks it from there."""

    async def cells():
        loop = asyncio.get_running_loop()
        server = tidegate.serving(hello, http=ANY)
        try:
            return await asyncio.gather(*(loop.run_in_executor(None, ask, server, f"/{number}") for number in range(8)))
        finally:
            server.close()

    answers = []
    kernel = threading.Thread(target=lambda: answers.extend(asyncio.run(cells())))
    kernel.start()
    kernel.join(30)
    assert answers == [(200, b"hello from /%d" % number) for number in range(8)] and ours() == []


def test_the_application_is_let_go_of():
    """A server that has ended holds nothing."""

    class Application:
        def __call__(self, environ, start_response):
            return hello(environ, start_response)

    application = Application()
    watched = weakref.ref(application)
    with tidegate.serving(application, http=ANY, threads=2) as server:
        assert ask(server)[0] == 200
    del application, server
    gc.collect()
    assert watched() is None


def test_the_typed_options_are_those_that_there_are():
    """Every option of the command is either typed or refused as none of a server in another's process."""
    help_text = subprocess.run([TIDEGATE, "serve", "--help"], capture_output=True, text=True, timeout=30).stdout
    names = set(re.findall(r"^ +(?:-., )?--([a-z-]+)", help_text, re.MULTILINE)) - {"help", "config"}
    assert len(names) > 40
    fit = set()
    for name in names:
        try:
            # A list of none; anything else wants a value.
            _tidegate.Embedded(hello, [("http", [ANY]), (name, [])])
            fit.add(name.replace("-", "_"))
        except ValueError:
            fit.add(name.replace("-", "_"))
        except TypeError as error:
            assert "is for a process of the server's own" in str(error)
    assert fit == set(tidegate.Options.__annotations__)


def test_the_documentation_s_example_runs():
    """docs/python.md, word by word."""
    text = (Path(__file__).parents[2] / "docs/python.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(import http.client\n.*?)```", text, re.DOTALL).group(1)
    ran = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, timeout=30)
    assert (ran.stdout, ran.stderr) == ("b'Hello from here\\n'\n", "")


SCRIPT = """
import sys, tidegate

def app(environ, start_response):
    if environ["PATH_INFO"] in ("/slow", "/busy"):
        print("entered", flush=True)
    while environ["PATH_INFO"] == "/busy":
        pass
    if environ["PATH_INFO"] == "/slow":
        sys.stdin.readline()
    start_response("200 OK", [])
    return [b"served"]

try:
    tidegate.serve(app, http="127.0.0.1:0")
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


class Remote:
    """A server in a process of its own, which a script makes."""

    def __init__(self, script):
        self.process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        found = re.search(r"http://([0-9.:]+)", self.process.stdout.readline())
        self.place = found.group(1)

    def address(self, protocol):
        """Where it listens."""
        assert protocol == "http"
        return self.place


@pytest.fixture
def blocking():
    """A script that calls serve()."""
    remote = Remote(SCRIPT)
    yield remote
    remote.process.kill()
    remote.process.communicate()


def test_ctrl_c_is_a_keyboard_interrupt(blocking):
    """At once, where nothing runs."""
    assert ask(blocking) == (200, b"served")
    blocking.process.send_signal(signal.SIGINT)
    out, _ = blocking.process.communicate(timeout=30)
    assert (out, blocking.process.returncode) == ("interrupted\n", 0)


def test_ctrl_c_is_heard_though_it_does_not_wake_the_program():
    """As when it comes just before the program begins to wait: here another thread gets it."""
    told = "signal.pthread_kill(threading.get_ident(), signal.SIGINT)"
    script = SCRIPT.replace("import sys", "import signal, sys, threading")
    script = script.replace("    start_response", f"    {told}\n    start_response")
    remote = Remote(script)
    try:
        assert ask(remote) == (200, b"served")
        out, _ = remote.process.communicate(timeout=30)
        assert (out, remote.process.returncode) == ("interrupted\n", 0)
    finally:
        remote.process.kill()
        remote.process.communicate()


def test_ctrl_c_finishes_what_runs(blocking):
    """The request has its response, and then the program has its exception."""
    answers = []
    client = threading.Thread(target=lambda: answers.append(ask(blocking, "/slow")))
    client.start()
    assert blocking.process.stdout.readline() == "entered\n"
    blocking.process.send_signal(signal.SIGINT)
    out, _ = blocking.process.communicate("go\n", timeout=30)
    client.join(30)
    assert answers == [(200, b"served")] and out == "interrupted\n"


@pytest.mark.parametrize("path", ["/slow", "/busy"])
def test_a_second_ctrl_c_breaks_that_off(blocking, path):
    """Whether the call waits or computes: the program goes on, and ends as it likes."""
    broken = threading.Event()

    def client():
        try:
            ask(blocking, path)
        except (OSError, http.client.HTTPException):
            broken.set()

    asking = threading.Thread(target=client)
    asking.start()
    assert blocking.process.stdout.readline() == "entered\n"
    blocking.process.send_signal(signal.SIGINT)

    def accepts():
        host, _, port = blocking.place.rpartition(":")
        with socket.socket() as connection:
            return connection.connect_ex((host, int(port))) == 0

    # The first has been heard.
    eventually("it accepts no more", lambda: not accepts())
    blocking.process.send_signal(signal.SIGINT)
    # Its stdin stays open: a call that waits for a line is left behind.
    assert blocking.process.stdout.readline() == "interrupted\n"
    assert blocking.process.wait(30) == 0
    asking.join(30)
    assert broken.is_set()


def test_a_program_that_ends_ends_its_servers():
    """Without close(), and with a status of its own."""
    script = SCRIPT.split("try:")[0] + (
        "server = tidegate.serving(app, http='127.0.0.1:0')\n"
        "import http.client\n"
        "client = http.client.HTTPConnection(server.address())\n"
        "client.request('GET', '/')\n"
        "print(client.getresponse().read())\n"
        "sys.exit(3)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "b'served'\n", "")


def test_a_child_that_is_forked_meanwhile_is_the_program_s():
    """It ends as it likes, and the server serves on."""
    with tidegate.serving(hello, http=ANY) as server:
        child = os.fork()
        if child == 0:
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert ask(server)[0] == 200


FORKS = """
import multiprocessing, os, sys, subprocess, tidegate

def app(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]

def sockets():
    paths = []
    for name in os.listdir("/proc/self/fd"):
        try:
            paths.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            pass
    return paths

def listeners():
    inodes = {line.split()[9] for line in open("/proc/net/tcp") if line.split()[3] == "0A"}
    return [path for path in sockets() if path.startswith("socket:") and path[8:-1] in inodes]

def has_none(queue):
    queue.put(listeners())

def closes(queue):
    server.close()
    server.wait()
    queue.put("closed")

def serves_too(queue):
    import http.client
    with tidegate.serving(app, http="127.0.0.1:0") as own:
        client = http.client.HTTPConnection(own.address())
        client.request("GET", "/")
        queue.put((os.getpid(), int(client.getresponse().read())))

server = tidegate.serving(app, http="127.0.0.1:0")
print("http://" + server.address(), flush=True)
assert len(listeners()) == 1
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
for work, right in [(has_none, lambda said: said == []), (closes, lambda said: said == "closed"),
                    (serves_too, lambda said: said[0] == said[1] != os.getpid())]:
    child = context.Process(target=work, args=(queue,))
    child.start()
    child.join()
    assert child.exitcode == 0 and right(queue.get()), work
# A child that ends as a program does, with its atexit.
child = os.fork()
if child == 0:
    sys.exit(5)
assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 5
# A program that is begun with all descriptors.
shown = subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, capture_output=True, text=True).stdout
assert not set(listeners()) & set(shown.split()), shown
print("done", flush=True)
sys.stdin.readline()
"""


def test_children_of_the_program_have_no_part_in_it():
    """They hold no listener, may close what they have inherited, and serve for themselves; the server serves on."""
    remote = Remote(FORKS)
    try:
        assert remote.process.stdout.readline() == "done\n"
        assert ask(remote) == (200, str(remote.process.pid).encode())
        remote.process.communicate("end\n", timeout=30)
        assert remote.process.returncode == 0
        with pytest.raises(ConnectionRefusedError):
            ask(remote)
    finally:
        remote.process.kill()
        remote.process.communicate()
