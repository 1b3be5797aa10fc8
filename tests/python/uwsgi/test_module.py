"""`import uwsgi` and `import uwsgidecorators`, as applications find them under `tidegate uwsgi`."""

import os
import signal
from urllib.parse import quote_plus

import pytest

from support.server import Client
from support.waiting import eventually

# Answers with what the expression of the query string comes to, in a namespace where each step is noted.
ASKED = """
import os, uwsgi
from urllib.parse import unquote_plus

def note(what):
    with open("notes", "a") as notes:
        notes.write(f"{what} {uwsgi.worker_id()}\\n")

def tried(code):
    try:
        exec(code, {})
    except Exception as error:
        return type(error).__name__, str(error)

note("load")

def application(environ, start_response):
    value = eval(unquote_plus(environ["QUERY_STRING"]), globals(), {"environ": environ})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(value).encode()]
"""


def ask(server, expression):
    """What the expression comes to in a worker."""
    response = Client(server, "http").get("/?" + quote_plus(expression))
    assert response.status == "200 OK", server.log()
    return eval(response.body.decode())


def notes(folder):
    path = folder / "notes"
    return sorted(path.read_text().splitlines()) if path.exists() else []


LAZY = pytest.mark.parametrize("lazy", ["lazy-apps = true", "threads = 2"], ids=["lazy", "loaded-before-the-fork"])


def test_there_is_none_without_uwsgis_configuration(start, folder):
    """`tidegate serve` is no uWSGI, and libraries that ask take their other way."""
    folder({"app.py": "try:\n    import uwsgi\n    raise SystemExit('it is there')\nexcept ImportError:\n    pass\n" + ASKED.replace(", uwsgi", "").replace('note("load")', "")})
    assert ask(start("app"), "1 + 1") == 2


@LAZY
def test_the_process_and_its_options(lazy, configured, folder, tmp_path):
    """uWSGI's types: bytes where it has bytes."""
    folder({"app.py": ASKED})
    server = configured("module = app", "master = true", "processes = 2", lazy, "pyargv = --name tide", "locks = 3", "env = A=1", "set = own=value")
    for expression, want in [
        ("uwsgi.version", b"2.0.31"),
        ("uwsgi.version_info", (2, 0, 31, 0, b"")),
        ("uwsgi.numproc", 2),
        ("uwsgi.cores", 1 if "lazy" in lazy else 2),
        ("uwsgi.hostname", os.uname().nodename.encode()),
        ("uwsgi.masterpid()", server.process.pid),
        ("uwsgi.masterpid() == os.getppid()", True),
        ("uwsgi.mule_id()", 0),
        ("uwsgi.is_a_reload", False),
        ("uwsgi.ready()", True),
        ("uwsgi.i_am_the_spooler()", None),
        ("uwsgi.accepting()", None),
        ("uwsgi.mem()[0] > 1000000 and uwsgi.mem()[1] > uwsgi.mem()[0]", True),
        ("abs(uwsgi.micros() / 1e6 - __import__('time').time()) < 5", True),
        ("abs(uwsgi.started_on - __import__('time').time()) < 600", True),
        ("uwsgi.setprocname('tide') or open('/proc/self/comm').read()", "tide\n"),
        ("uwsgi.logsize() > 0", True),
        ("uwsgi.log('a line') and uwsgi.log(b'another')", True),
        ("__import__('sys').argv", ["uwsgi", "--name", "tide"]),
        ("[uwsgi.opt[name] for name in ('module', 'processes', 'locks')]", [b"app", b"2", b"3"]),
        # What is so here in any case, and libraries ask for.
        ("[bool(uwsgi.opt[name]) for name in ('master', 'enable-threads', 'py-call-uwsgi-fork-hooks')]", [True] * 3),
        ("all(type(name) is str for name in uwsgi.opt)", True),
    ]:
        assert ask(server, expression) == want, expression
    assert "a line" in server.log() and "another" in server.log()


def test_options_without_a_value_and_several_times(configured, folder):
    """True, and the last, as uWSGI has it under Python 3."""
    folder({"app.py": ASKED})
    server = configured("module = app", "enable-threads", "pythonpath = /one", "pythonpath = /two")
    assert ask(server, "[uwsgi.opt[name] for name in ('enable-threads', 'pythonpath')]") == [True, b"/two"]


@LAZY
def test_what_runs_in_each_worker(lazy, configured, folder, tmp_path):
    """@postfork and post_fork_hook, where the application was loaded before the fork and where it was not; atexit at the end, before
    Python's own; and all of it again at a reload."""
    folder(
        {
            "app.py": ASKED
            + """
import atexit
from uwsgidecorators import postfork

@postfork
def every():
    note("every")

@postfork(2)
def second():
    note("second")

order = []
atexit.register(lambda: note("python-atexit after " + "".join(order)))

def at_exit():
    order.append("uwsgi")
    note("atexit")

uwsgi.atexit = at_exit
"""
        }
    )
    server = configured("module = app", "master = true", "processes = 2", lazy)
    loads = ["load 1", "load 2"] if "lazy" in lazy else ["load 0"]
    begun = ["every 1", "every 2", *loads, "second 2"]
    assert notes(tmp_path) == begun
    assert ask(server, "uwsgi.worker_id() in (1, 2)")
    if "lazy" in lazy:
        (tmp_path / "notes").unlink()
        assert ask(server, "uwsgi.reload()") is True
        ended = ["atexit 1", "atexit 2", "python-atexit after uwsgi 1", "python-atexit after uwsgi 2"]
        eventually("the workers of before", lambda: notes(tmp_path) == sorted(begun + ended))
        assert ask(server, "uwsgi.is_a_reload") is True
    (tmp_path / "notes").unlink()
    assert ask(server, "uwsgi.stop()") is True
    assert server.wait() == 0
    ended = ["atexit 1", "atexit 2", "python-atexit after uwsgi 1", "python-atexit after uwsgi 2"]
    # A master that has loaded the application has Python's functions of its own, and nothing of uWSGI's.
    rest = [] if "lazy" in lazy else ["python-atexit after  0"]
    assert notes(tmp_path) == sorted(ended + rest)


def test_a_hook_that_raises(configured, folder):
    """It is told, and the worker serves."""
    folder({"app.py": ASKED + "\ndef hook():\n    raise RuntimeError('low tide')\n\nuwsgi.post_fork_hook = hook\n"})
    server = configured("module = app")
    assert ask(server, "uwsgi.worker_id()") == 1
    assert "uwsgi.post_fork_hook: Traceback" in server.log() and "RuntimeError: low tide" in server.log()


def test_what_runs_after_each_request(configured, folder, tmp_path):
    """after_req_hook: once, behind close(), after an exception too; its own failure is told, and is no client's."""
    folder(
        {
            "app.py": """
import uwsgi

class Body(list):
    def close(self):
        note("close")

def note(what):
    with open("notes", "a") as notes:
        notes.write(what + "\\n")

def after():
    note("after")
    raise RuntimeError("low tide")

uwsgi.after_req_hook = after

def application(environ, start_response):
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("no")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return {"/body": Body([b"one", b"two"]), "/file": environ["wsgi.file_wrapper"](open(__file__, "rb"))}.get(environ["PATH_INFO"], [b"whole"])
"""
        }
    )
    server = configured("module = app", "threads = 2")
    client = Client(server, "http")
    for path, status, said in [
        ("/whole", "200 OK", ["after"]),
        ("/body", "200 OK", ["close", "after"]),
        ("/file", "200 OK", ["after"]),
        ("/fails", "500 Internal Server Error", ["after"]),
    ]:
        assert client.get(path).status == status
        eventually(path, lambda said=said: (tmp_path / "notes").exists() and (tmp_path / "notes").read_text().split() == said)
        (tmp_path / "notes").unlink()
    assert server.log().count("uwsgi.after_req_hook: Traceback") == 4


def test_workers_and_requests(configured, folder):
    """uWSGI's keys, of each worker, and sums of all."""
    folder({"app.py": ASKED})
    server = configured("module = app", "master = true", "processes = 3")
    for _ in range(5):
        ask(server, "1")
    # A request is counted when its response has ended, a moment after its client has it.
    eventually("five", lambda: ask(server, "uwsgi.total_requests()") >= 5)
    workers = ask(server, "uwsgi.workers()")
    assert [worker["id"] for worker in workers] == [1, 2, 3]
    assert {worker["status"] for worker in workers} <= {b"busy", b"idle"}
    assert any(worker["status"] == b"busy" for worker in workers)
    assert sum(worker["requests"] for worker in workers) >= 5
    assert all(os.path.exists(f"/proc/{worker['pid']}") for worker in workers)
    assert ask(server, "uwsgi.request_id()") >= 0
    victim = workers[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    after = eventually("another worker", lambda: replaced(server, victim))
    assert after["respawn_count"] == 1
    assert ask(server, "uwsgi.total_requests()") >= 5


def replaced(server, victim):
    worker = ask(server, "uwsgi.workers()[0]")
    return worker if worker["pid"] not in (0, victim) else None


def test_names_that_are_not_here(configured, folder):
    """Each says what it was and what to use, however it is asked for."""
    folder({"app.py": ASKED})
    server = configured("module = app")

    for code, kind in [
        ("import uwsgi; uwsgi.cache_get", "AttributeError"),
        ("from uwsgi import cache_get", "ImportError"),
        ("from uwsgidecorators import spool", "ImportError"),
        ("import uwsgidecorators; uwsgidecorators.cron", "AttributeError"),
        ("import uwsgi; uwsgi.websocket_handshake", "AttributeError"),
        ("import uwsgi; uwsgi.SPOOL_OK", "AttributeError"),
    ]:
        got, words = ask(server, f"tried({code!r})")
        assert got == kind and " is not here. It was " in words and "; use " in words, (code, got, words)
    for code, kind in [("import uwsgi; uwsgi.tide", "AttributeError"), ("from uwsgi import tide", "ImportError")]:
        assert ask(server, f"tried({code!r})") == (kind, "there is no uwsgi.tide")
    for name in ("cache_get", "websocket_handshake", "spooler", "atexit", "post_fork_hook", "tide"):
        assert ask(server, f"hasattr(uwsgi, {name!r})") is False
    assert ask(server, "getattr(uwsgi, 'atexit', None)") is None


COUNTING = (
    ASKED
    + """
import time, uwsgidecorators

def count():
    uwsgi.lock(2)
    try:
        return count_unlocked()
    finally:
        uwsgi.unlock(2)

@uwsgidecorators.lock
def count_decorated():
    return count_unlocked()

def count_unlocked():
    before = int(open("counter").read())
    time.sleep(0.002)
    with open("counter", "w") as counter:
        counter.write(str(before + 1))
    return before

def fork_and_ask():
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str([uwsgi.is_locked(), uwsgi.is_locked(1)]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(reader, 100).decode()
"""
)


@LAZY
@pytest.mark.parametrize("function", ["count", "count_decorated"])
def test_locks_exclude_workers_and_threads(lazy, function, configured, folder, tmp_path):
    """One thread of all workers has it at a time."""
    folder({"app.py": COUNTING})
    (tmp_path / "counter").write_text("0")
    server = configured("module = app", "master = true", "processes = 3", "threads = 2", "locks = 2", *[lazy] * ("lazy" in lazy))
    client = Client(server, "http")
    asked = [client.send("GET", f"/?{function}()") for _ in range(60)]
    seen = []
    for one in asked:
        with one:
            seen.append(int(one.response().body))
    assert sorted(seen) == list(range(60))


def test_locks_of_a_worker_that_dies_and_of_a_child(configured, folder):
    """What it had is free; a child that the application forks has none of its parent's."""
    folder({"app.py": COUNTING})
    server = configured("module = app", "master = true", "processes = 2", "locks = 2")
    assert ask(server, "[uwsgi.lock(), uwsgi.is_locked(), uwsgi.is_locked(1)]") == [None, True, False]
    eventually("the other worker", lambda: ask(server, "[uwsgi.worker_id(), uwsgi.is_locked()]")[1])
    child = eval(ask(server, "fork_and_ask()"))
    assert child == [True, False]
    for worker in ask(server, "uwsgi.workers()"):
        os.kill(worker["pid"], signal.SIGKILL)
    eventually("new workers", lambda: free(server))
    assert ask(server, "[uwsgi.unlock(), uwsgi.unlock(1)]") == [None, None]


def free(server):
    try:
        return ask(server, "uwsgi.is_locked()") is False
    except OSError:
        return False


def test_a_lock_that_is_not_there(configured, folder):
    """As many as `locks` says, beside the first."""
    folder({"app.py": ASKED})
    server = configured("module = app")
    for call in ("uwsgi.lock(1)", "uwsgi.unlock(-1)", "uwsgi.is_locked(7)"):
        assert ask(server, f"tried('import uwsgi; {call}')") == ("ValueError", "Invalid lock number")


def test_whether_the_client_is_there(configured, folder, tmp_path):
    """By the number of the request, on any thread; which is no descriptor of the process."""
    folder(
        {
            "app.py": ASKED
            + """
import threading, time

def watch():
    number, seen = uwsgi.connection_fd(), []

    def look():
        while uwsgi.is_connected(number):
            time.sleep(0.01)
        note("gone")

    thread = threading.Thread(target=look)
    thread.start()
    note("watched" if uwsgi.is_connected(number) else "lost")
    thread.join(30)
    note("own" if uwsgi.is_connected(number) else "own-gone")

def elsewhere():
    said = []

    def look():
        try:
            uwsgi.connection_fd()
        except RuntimeError as error:
            said.append(str(error))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return said[0]
"""
        }
    )
    server = configured("module = app", "processes = 1", "master = true")
    assert "this thread has no request" in ask(server, "elsewhere()")
    assert ask(server, "os.path.exists(f'/proc/self/fd/{uwsgi.connection_fd()}')") is False
    assert ask(server, "uwsgi.connection_fd() == uwsgi.connection_fd() and uwsgi.is_connected(uwsgi.connection_fd())") is True
    first, second = ask(server, "uwsgi.connection_fd()"), ask(server, "uwsgi.connection_fd()")
    assert first != second and ask(server, f"uwsgi.is_connected({first})") is False
    sent = Client(server, "http").send("GET", "/?watch()")
    eventually("the call", lambda: "watched 1" in notes(tmp_path))
    sent.close()
    eventually("its end", lambda: "own-gone 1" in notes(tmp_path))
    assert "gone 1" in notes(tmp_path)


def test_variables_of_the_access_log(configured, folder):
    """What set_logvar() says of a request, as log-format names it."""
    folder({"app.py": ASKED})
    server = configured("module = app", "log-format = %(method) %(uri) member=%(member) end")
    assert ask(server, "[uwsgi.set_logvar('member', 'tide'), uwsgi.get_logvar('member'), uwsgi.get_logvar('x')]") == [None, b"tide", None]
    assert ask(server, "uwsgi.get_logvar('member')") is None
    assert ask(server, "[uwsgi.set_logvar(b'member', b'sea'), uwsgi.get_logvar('member')][1]") == b"sea"

    def told():
        lines = [line for line in (server.log() + server.stdout.read_text()).splitlines() if " member=" in line]
        return [line.partition("member=")[2] for line in lines]

    eventually("three lines", lambda: told() == ["tide end", "- end", "sea end"])


def test_a_request_that_wants_its_line(configured, folder):
    """log_this_request(), where the log leaves out all but failures."""
    folder({"app.py": ASKED})
    server = configured("module = app", "disable-logging = true", "log-5xx = true")
    ask(server, "'other'")
    ask(server, "uwsgi.log_this_request()")

    def told():
        return [line for line in (server.log() + server.stdout.read_text()).splitlines() if " => generated " in line]

    eventually("a line", told)
    assert len(told()) == 1 and "log_this_request" in told()[0]


def test_a_thread_of_the_decorator(configured, folder, tmp_path):
    """@thread begins one at each call."""
    folder({"app.py": ASKED + "\nfrom uwsgidecorators import thread\n\n@thread\ndef later(what):\n    note(what)\n"})
    server = configured("module = app")
    ask(server, "bool(later('later'))")
    eventually("its note", lambda: "later 1" in notes(tmp_path))


def test_a_file_of_the_module_s_name(configured, folder):
    """The application's own uwsgi.py, by its path, and the server's module within it."""
    folder({"uwsgi.py": ASKED})
    server = configured("wsgi-file = uwsgi.py")
    assert ask(server, "uwsgi.version") == b"2.0.31"


def test_modules_beside_the_folder_of_a_file(configured, folder):
    """The folder of the start is searched, as in uWSGI, wherever the file stands."""
    folder({"code/site.wsgi": "import beside\n" + ASKED, "beside.py": "TIDE = 1\n"})
    server = configured("wsgi-file = code/site.wsgi")
    assert ask(server, "beside.TIDE") == 1
