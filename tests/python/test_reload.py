"""`--reload`: what is saved is served, and what cannot be loaded is a page, until the next save."""

import base64
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap

import pytest

from support.browser import Browser
from support.remote import Asked
from support.waiting import eventually

pytestmark = pytest.mark.usefixtures("any_threads")

WARNING = "--reload is for development and not for production"
APP = """
import os
import words

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/lazy":
        import lazy
        return answer(start_response, lazy.WORD)
    if path == "/pid":
        return answer(start_response, str(os.getpid()))
    if path == "/raise":
        raise ValueError("<b>" + words.WORD)
    if path == "/generator":
        return generator(start_response)
    if path == "/late":
        start_response("200 OK", [])
        return late()
    if path == "/stream":
        start_response("200 OK", [])
        return iter(lambda: b"x" * 65536, b"")
    if path == "/write":
        open(environ["QUERY_STRING"], "a").close()
        os.utime(environ["QUERY_STRING"])
    return answer(start_response, words.WORD)

def answer(start_response, word):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [word.encode()]

def generator(start_response):
    1 / 0
    yield b""

def late():
    yield b"begun"
    1 / 0
"""


class Development:
    """A folder, and a server of it that reloads."""

    def __init__(self, folder, server):
        self.folder = folder
        self.server = server
        server.logged(WARNING, level="WARN")

    def ask(self, path="/", **how):
        """What a client gets by then."""
        return self.server.listeners["http"].ask("GET", path, **how)

    def body(self, path="/"):
        """The same, as text."""
        return self.ask(path).body.decode()

    @contextlib.contextmanager
    def in_one_moment(self):
        """What is done within is one moment for the master: on a busy machine it may last beyond what the master takes for one."""
        self.server.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.server.process.send_signal(signal.SIGCONT)

    def save(self, name, text):
        """As an editor does that writes into the file."""
        with self.in_one_moment():
            (self.folder / name).write_text(textwrap.dedent(text))

    def save_by_rename(self, name, text):
        """As one that puts a new file in its place."""
        new = self.folder / f".{name}.new"
        new.write_text(textwrap.dedent(text))
        new.replace(self.folder / name)

    def comes(self, word, path="/"):
        """Waits until this is served."""
        eventually(f"{word} of {path}", lambda: self.body(path) == word)

    def reloads(self):
        """How many there were."""
        return self.server.log().count("INFO reload (")

    def fails(self, pattern):
        """Waits until the page is served, and takes its message."""
        eventually("the page", lambda: self.ask().status.startswith("500"))
        return self.server.logged(f"(?s)cannot be served; a page says so.*{pattern}")


@pytest.fixture
def develop(start, folder):
    """`develop(*options)` serves the application above."""

    def develop(*options, files=(), app="app", **how):
        path = folder({"app.py": APP, "words.py": "WORD = 'one'", **dict(files)})
        # The tests' own servers write no .pyc; a developer's do.
        how["environment"] = {"PYTHONDONTWRITEBYTECODE": "", **dict(how.get("environment", ()))}
        server = start(app, "--reload", *options, **how)
        return Development(path, server)

    return develop


@pytest.mark.parametrize("workers", [1, 4])
def test_every_way_to_save(develop, workers):
    """Each is one reload, with several workers too; saves of one length in one second are told apart."""
    dev = develop(workers=workers)
    assert dev.body() == "one"
    dev.save("words.py", "WORD = 'two'")
    dev.comes("two")
    eventually("one reload", lambda: dev.reloads() == 1)
    dev.save_by_rename("words.py", "WORD = 'six'")
    dev.comes("six")
    # A worker that the reload before had still to start may have it already: the next save would be one with this.
    eventually("a reload for each", lambda: dev.reloads() == 2)
    # As vim does.
    with dev.in_one_moment():
        (dev.folder / "words.py").rename(dev.folder / "words.py~")
        (dev.folder / "words.py").write_text("WORD = 'ten'")
        (dev.folder / "words.py~").unlink()
    dev.comes("ten")
    eventually("a reload for each", lambda: dev.reloads() == 3)
    os.utime(dev.folder / "words.py")
    eventually("a touch is a reload", lambda: dev.reloads() == 4)
    assert dev.body() == "ten"


def test_several_files_at_once_are_one_reload(develop):
    """And it is told with the first."""
    dev = develop(files={"more.py": "WORD = 'one'", "words.py": "from more import WORD"})
    with dev.in_one_moment():
        (dev.folder / "more.py").write_text("WORD = 'two'")
        (dev.folder / "words.py").write_text("from more import WORD\nWORD += '!'")
    dev.comes("two!")
    assert dev.reloads() == 1
    dev.server.logged(r"reload \(.*more.py and another file\)", level="INFO")


def test_a_module_that_a_request_imports_is_watched_too(develop):
    """From then on; before, a save of it changes nothing."""
    dev = develop(files={"lazy.py": "WORD = 'a'"})
    dev.save("lazy.py", "WORD = 'b'")
    assert dev.body("/lazy") == "b"
    dev.save("lazy.py", "WORD = 'c'")
    dev.comes("c", "/lazy")


@pytest.mark.parametrize("scheme", ["http", "uwsgi"])
def test_a_syntax_error_is_a_page_until_it_is_mended(develop, scheme):
    """The server serves again by itself."""
    dev = develop(listeners=["http", "uwsgi"])
    for text, error in [
        ("WORD = (", "SyntaxError"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("WORD = '\0'", "null bytes"),
    ]:
        dev.save("words.py", text)
        dev.fails(error)
        remote = dev.server.listeners[scheme]
        plain = remote.ask("GET", "/any?path")
        assert dict(plain.headers)["Content-Type"] == "text/plain; charset=utf-8"
        assert re.search(error, plain.body.decode()) and 'app.py", line 3' in plain.body.decode()
        page = remote.ask("GET", "/", [("Accept", "text/html,*/*;q=0.8")])
        assert page.status == "500 Internal Server Error"
        assert dict(page.headers)["Content-Type"] == "text/html; charset=utf-8"
        assert "app.py:3" in page.body.decode() and "X-Tidegate-Load" in page.body.decode()
        assert remote.ask("HEAD", "/").body == b""
        dev.server.ignore_log()
        dev.save("words.py", "WORD = 'mended'")
        dev.comes("mended")


def test_it_starts_with_code_that_does_not_load(develop):
    """And with a module that is not there yet."""
    dev = develop(files={"app.py": "import missing.deep\n" + APP})
    dev.fails("No module named 'missing'")
    (dev.folder / "missing").mkdir()
    dev.save("missing/__init__.py", "")
    dev.fails("No module named 'missing.deep'")
    dev.save("missing/deep.py", "")
    dev.comes("one")


def test_the_application_itself_is_not_there_yet(launch, folder):
    """It is served once it is."""
    path = folder({})
    for app, file in [("app", "app.py"), ("./site/main.py", "site/main.py")]:
        (path / file).parent.mkdir(exist_ok=True)
        dev = Development(path, launch(app, "--reload").wait_until_it_listens())
        assert dev.ask().status.startswith("500")
        dev.save(file, APP.replace("import words", "class words: WORD = 'here'"))
        dev.comes("here")
        assert dev.server.stop() == 0


def test_a_module_that_is_deleted(develop):
    """Is told, and comes back."""
    dev = develop()
    (dev.folder / "words.py").unlink()
    shutil.rmtree(dev.folder / "__pycache__", ignore_errors=True)
    dev.fails("No module named 'words'")
    dev.save("words.py", "WORD = 'back'")
    dev.comes("back")


def test_what_is_no_code_reloads_nothing(develop):
    """Databases, logs, caches, editors' files, what was not loaded; and what the application writes by itself."""
    dev = develop(files={"test_app.py": "", "lazy.py": "WORD = 'lazy'"})
    pid = dev.body("/pid")
    for name in ("db.sqlite3", "db.sqlite3-journal", "server.log", ".words.py.swp", "words.py~", "4913", "page.html", "test_app.py"):
        dev.save(name, "x")
        dev.ask(f"/write?{name}")
    (dev.folder / "media" / "deep").mkdir(parents=True)
    dev.save("media/deep/upload.py", "")
    # What comes behind is seen, so all that was before was seen too.
    assert dev.body("/pid") == pid and dev.reloads() == 0
    dev.save("words.py", "WORD = 'two'")
    dev.comes("two")
    assert dev.reloads() == 1


def test_a_database_in_the_folder_reloads_nothing(develop):
    """sqlite3 makes and deletes a journal beside it."""
    database = """
    import sqlite3
    connection = sqlite3.connect("db.sqlite3", check_same_thread=False)
    connection.execute("create table if not exists pages (text)")
    connection.execute("insert into pages values ('x')")
    connection.commit()
    WORD = "one"
    """
    dev = develop(files={"words.py": textwrap.dedent(database)})
    assert dev.body() == "one"
    dev.save("words.py", database.replace('"one"', '"two"'))
    dev.comes("two")
    assert dev.reloads() == 1


def test_other_files_by_patterns(develop):
    """A folder, a file, a name; not what editors leave there."""
    files = {"templates/deep/page.html": "", ".env": "", "conf/site.ini": ""}
    dev = develop("--reload-include=templates", "--reload-include=.env", "--reload-include", "*.ini", files=files)
    for count, name in enumerate(["templates/deep/page.html", ".env", "conf/site.ini", "templates/new.html"], 1):
        dev.save(name, "saved")
        eventually(name, lambda count=count: dev.reloads() == count)
        eventually("it serves", lambda count=count: dev.server.log().count("answered again") == count)
    dev.save("templates/.page.html.swp", "x")
    dev.save("other.html", "x")
    dev.save("words.py", "WORD = 'two'")
    dev.comes("two")
    assert dev.reloads() == 5


def test_a_kept_connection_meets_the_new_code(develop):
    """An idle one is closed, and no request is answered by the code of before."""
    dev = develop()
    remote = dev.server.listeners["http"]
    with Asked("http", "GET", remote.connect()) as idle, Asked("http", "GET", remote.connect()) as silent:
        idle.connection.sendall(remote.encode("GET", "/", keep_alive=True))
        idle.read_until(b"one")
        dev.save("words.py", "WORD = 'two'")
        dev.comes("two")
        while idle.read_some(4096):
            pass
        assert idle.raw.count(b"HTTP/1.1 200") == 1
        while silent.read_some(4096):
            pass


@pytest.mark.parametrize("workers", [1, 4])
def test_a_stream_and_its_slow_reader_hold_nothing_up(develop, workers):
    """It is ended soon, and the new code serves at once."""
    dev = develop(workers=workers)
    remote = dev.server.listeners["http"]
    with remote.send("GET", "/stream", receive_buffer=4096) as slow:
        slow.read_until(b"x")
        dev.save("words.py", "WORD = 'two'")
        dev.comes("two")
        while slow.read_some(1 << 20):
            pass
    dev.server.ignore_log()  # The stream has been broken off.


def test_a_call_that_does_not_come_back_holds_nothing_up(develop):
    """Its process is ended, and the new code serves at once."""
    stuck = """
    import os, threading
    def stick():
        open("stuck", "w").write(str(os.getpid()))
        threading.Event().wait()
    WORD = "one"
    """
    app = APP.replace('if path == "/pid"', 'if path == "/stick":\n        words.stick()\n    if path == "/pid"')
    dev = develop(files={"app.py": app, "words.py": textwrap.dedent(stuck)})
    with dev.server.listeners["http"].send("GET", "/stick"):
        pid = int(eventually("it is stuck", lambda: (dev.folder / "stuck").exists() and (dev.folder / "stuck").read_text()))
        dev.save("words.py", "WORD = 'two'")
        # The one thread of the worker before is stuck, and this is answered.
        dev.comes("two")
        eventually("its end", lambda: not os.path.exists(f"/proc/{pid}"))
    dev.server.ignore_log()


def test_saves_while_the_code_loads(develop, folder):
    """The last one is served, and what hangs is given up."""
    dev = develop()
    hanging = "import time\nopen('hangs', 'w').close()\ntime.sleep(600)\n"
    dev.save("words.py", hanging)
    eventually("it hangs", (dev.folder / "hangs").exists)
    with dev.server.listeners["http"].send("GET", "/") as waiting:
        dev.save("words.py", "WORD = 'two'")
        assert waiting.response().body == b"two", "it was asked before, and has waited"
    for number in range(10):
        dev.save("words.py", f"WORD = 'number {number}'")
    dev.comes("number 9")
    dev.server.ignore_log()  # A file that is just being written has been loaded, or not.


def test_a_stop_while_the_code_loads(develop):
    """Ends it well."""
    dev = develop()
    dev.save("words.py", "import time\nopen('hangs', 'w').close()\ntime.sleep(600)\n")
    eventually("it hangs", (dev.folder / "hangs").exists)
    assert dev.server.stop() == 0


def test_code_that_ends_the_process(develop):
    """Is a page too, and is not loaded again and again."""
    dev = develop()
    dev.save("words.py", "import os\nopen('loads', 'a').write('x')\nos._exit(7)")
    eventually("the page", lambda: dev.ask().status.startswith("500"))
    assert "the process that loaded the code has ended: a worker ended before it served: exit status 7" in dev.body()
    assert (dev.folder / "loads").read_text() == "x"
    dev.server.ignore_log()
    dev.save("words.py", "WORD = 'two'")
    dev.comes("two")


def test_a_child_that_lives_holds_nothing_up(develop):
    """It keeps no port, no connection and no report."""
    forking = """
    import os, time
    if os.fork() == 0:
        open("child", "w").write(str(os.getpid()))
        time.sleep(600)
        os._exit(0)
    WORD = "one"
    """
    dev = develop(files={"words.py": textwrap.dedent(forking)})
    child = int(eventually("the child", lambda: (dev.folder / "child").exists() and (dev.folder / "child").read_text()))
    try:
        dev.save("words.py", "WORD = 'two'")
        dev.comes("two")
        dev.save("words.py", "WORD = 'three'")
        dev.comes("three")
        assert dev.server.stop() == 0
        assert os.path.exists(f"/proc/{child}")
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_request_that_fails_is_shown(develop):
    """Before its head is sent; and the log has it."""
    dev = develop()
    for path, error in [("/raise", "ValueError: &lt;b&gt;one"), ("/generator", "ZeroDivisionError")]:
        page = dev.server.listeners["http"].ask("GET", path, [("Accept", "text/html")])
        assert page.status.startswith("500") and page.is_complete
        assert error in page.body.decode() and "app.py" in page.body.decode()
        dev.server.logged(f"GET {path}: answered with 500, and a page that shows it")
    late = dev.ask("/late")
    assert not late.is_complete and late.body == b"begun"
    dev.server.logged("GET /late: broken off")


def test_words_of_a_visitor_show_no_file(develop):
    """An exception's message may look like a place in the code; the frames' own source is shown."""
    app = APP.replace('ValueError("<b>" + words.WORD)', 'ValueError(bytes.fromhex(environ["QUERY_STRING"]).decode())')
    dev = develop(files={"app.py": app, "key": "BEGIN\nsecret\n", "settings.py": "import os\nSECRET = 'secret'\n"})
    for file, line in [("key", "BEGIN"), ("settings.py", "import sys")]:
        words = f'x\n  File "{dev.folder / file}", line 1, in f\n    {line}\n'
        page = dev.server.listeners["http"].ask("GET", "/raise?" + words.encode().hex(), [("Accept", "text/html")])
        assert page.status.startswith("500") and str(dev.folder / file) in page.body.decode()
        assert "secret" not in page.body.decode()
        assert "<mark>" in page.body.decode(), "the application's own line"
        dev.server.logged(f"{words.encode().hex()}: answered with 500, and a page that shows it")


def test_the_page_runs_its_own_script_alone(develop):
    """Its policy has the hash of it. Where this fails, src/cli/reload/page.rs is to have the hash that is printed."""
    dev = develop()
    page = dev.server.listeners["http"].ask("GET", "/raise", [("Accept", "text/html")])
    script = re.search("(?s)<script data-load=[^>]*>(.*?)</script>", page.body.decode())[1]
    hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = dict(page.headers)["Content-Security-Policy"]
    assert f"script-src 'sha256-{hash}';" in policy and "default-src 'none'" in policy
    dev.server.logged("GET /raise: answered with 500, and a page that shows it")


def test_code_that_writes_itself_is_not_loaded_without_end(develop):
    """It serves meanwhile."""
    writes = "import words, time\nopen(words.__file__, 'w').write(f'WORD = {time.time()}  # made anew')\n"
    dev = develop(files={"app.py": writes + APP.replace("words.WORD)", "'served')")})
    dev.server.logged("words.py has changed again, 10 loads in a row: does the code write it", level="WARN")
    assert dev.body() == "served"
    assert dev.reloads() == 10


def test_a_page_asks_in_silence(develop):
    """Neither the application nor the access log hears of it; each other request is a line."""
    dev = develop()
    field = [("X-Tidegate-Load", "before")]
    response = dev.server.listeners["http"].ask("HEAD", "/raise", field)
    assert response.status == "204 No Content"
    load = dict(response.headers)["X-Tidegate-Load"]
    assert dict(dev.server.listeners["http"].ask("HEAD", "/", field).headers)["X-Tidegate-Load"] == load
    dev.save("words.py", "WORD = 'two'")
    dev.comes("two")
    assert dict(dev.server.listeners["http"].ask("HEAD", "/", field).headers)["X-Tidegate-Load"] != load
    assert dev.ask("/last").status == "200 OK"
    lines = eventually("its line", lambda: " GET /last 200 " in (out := dev.server.stdout.read_text()) and out)
    assert " GET / 200 " in lines and "HEAD" not in lines


def test_a_browser_shows_what_is_wrong_until_it_is_mended(develop, tmp_path):
    """The page reloads by itself: from one mistake to the next, and to the application; a request's failure too."""
    dev = develop()
    address = dev.server.listeners["http"].address
    dev.save("words.py", "def broken():\n    return 1 +\n")
    dev.fails("SyntaxError")
    browser = Browser()
    try:
        browser.open(f"http://{address}/")
        browser.shows("SyntaxError: invalid syntax")
        browser.shows(f"{dev.folder / 'words.py'}:2")
        browser.value("window.isTheFirst = true")
        for scheme in ("light", "dark"):
            browser.picture(tmp_path / f"{scheme}.png", scheme)
        dev.save("words.py", "def broken():\n    return 1 / 0\n\nWORD = broken()\n")
        browser.shows("ZeroDivisionError: division by zero")
        assert browser.value("window.isTheFirst") is None
        dev.server.ignore_log()
        dev.save("words.py", "WORD = 'mended'")
        browser.shows("mended")
        browser.open(f"http://{address}/raise")
        browser.shows("ValueError: <b>mended")
        assert browser.value("document.querySelectorAll('b').length") == 1, "the function's name alone"
        dev.save("app.py", APP.replace("raise ValueError", "return answer(start_response, 'ok') #"))
        browser.shows("ok")
    finally:
        browser.close()
    dev.server.logged("GET /raise: answered with 500, and a page that shows it")


def test_warm_up_is_part_of_the_load(develop):
    """What it finds is a page."""
    dev = develop("--warm-up=/")
    dev.save("words.py", "")
    dev.fails("--warm-up /")
    assert "module 'words' has no attribute 'WORD'" in dev.body()
    dev.save("words.py", "WORD = 'two'")
    dev.comes("two")


def test_sighup_loads_anew(develop):
    """In the same way."""
    dev = develop()
    pid = dev.body("/pid")
    dev.server.signal(signal.SIGHUP)
    eventually("a new worker", lambda: dev.body("/pid") != pid)
    assert dev.reloads() == 1


def test_a_link_to_another_release(develop, folder):
    """Is followed, though the kernel does not tell of it."""
    path = folder({"one/words.py": "WORD = 'one'", "two/words.py": "WORD = 'two'"})
    (path / "current").symlink_to("one")
    dev = develop("--pythonpath=current", files={"words.py": ""})
    (dev.folder / "next").symlink_to("two")
    (dev.folder / "next").replace(dev.folder / "current")
    dev.comes("two")


def test_packages_that_are_installed_are_not_watched(develop):
    """Those of the environment change with it alone; one that is installed in place is watched where it is."""
    files = {
        "site-packages/installed.py": "WORD = 'one'",
        "elsewhere/editable.py": "WORD = 'two'",
        "words.py": "from installed import WORD as one\nfrom editable import WORD as two\nWORD = one + two",
    }
    dev = develop("--pythonpath=elsewhere", "--env=A=B", files=files, environment={"PYTHONPATH": "site-packages"})
    assert dev.body() == "onetwo"
    dev.save("site-packages/installed.py", "WORD = 'a'")
    assert dev.reloads() == 0
    dev.save("elsewhere/editable.py", "WORD = 'b'")
    dev.comes("ab")
    assert dev.reloads() == 1


def test_it_refuses_what_cannot_be(launch, folder):
    """In a sentence."""
    folder({"app.py": APP, "words.py": "WORD = ''"})
    for options, words in [
        (["--reload", "--preload"], "take one of them out"),
        (["--reload", "--workers=0"], "with --workers 0 there is none"),
        (["--reload-include=x"], "says what --reload watches too"),
    ]:
        server = launch("app", *options)
        assert server.wait() == 1 and words in server.log(), server.log()
    assert launch("app", "--reload", "--reload-include=a[").wait() == 2


def test_lazy_modules_stay_so():
    """Asking for files loads nothing, and survives what stands in sys.modules."""
    program = """
    import importlib.util, sys
    spec = importlib.util.find_spec("antigravity")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["antigravity"] = module
    spec.loader.exec_module(module)

    class Wrong:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    sys.modules["wrong"], sys.modules["none"], sys.modules["number"] = Wrong(), None, 3
    from tidegate import _modules
    files = _modules.new_files()
    assert type(module).__name__ == "_LazyModule", type(module)
    assert not [file for file in files if "site-packages" in file or "antigravity" in file], files
    assert _modules.new_files() == []
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)
