"""The forms of APP: which module is imported, and what of it is the application."""

import sys

import pytest

from support.server import TIDEGATE


def says(words):
    """The source of a callable that answers with these words and the name of its module."""
    return f"""
def NAME(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Module", __name__)])
    return [{words!r}.encode()]
"""


def answer(server):
    response = server.listeners["http"].ask("GET", "/")
    assert response.status == "200 OK", response
    return response.body.decode()


def test_a_module_has_an_application(start, folder):
    """`module` means its callable `application`."""
    folder({"tide.py": says("application").replace("NAME", "application")})
    assert answer(start("tide")) == "application"


def test_a_module_has_an_app(start, folder):
    """If it has no `application`."""
    folder({"tide.py": says("app").replace("NAME", "app")})
    assert answer(start("tide")) == "app"


def test_application_comes_before_app(start, folder):
    """Where a module has both."""
    folder(
        {"tide.py": says("app").replace("NAME", "app") + says("application").replace("NAME", "application")}
    )
    assert answer(start("tide")) == "application"


def test_a_module_of_a_package(start, folder):
    """With dots, and relative imports in it."""
    folder(
        {
            "sea/__init__.py": "",
            "sea/deep/__init__.py": "",
            "sea/words.py": "WORDS = 'from a sibling'",
            "sea/deep/wsgi.py": "from ..words import WORDS\nfrom . import __name__ as near\n"
            + says("x").replace("NAME", "application").replace("'x'", "(WORDS + ' of ' + near)"),
        }
    )
    assert answer(start("sea.deep.wsgi")) == "from a sibling of sea.deep"


def test_a_package_itself(start, folder):
    """Its __init__ is the module."""
    folder({"sea/__init__.py": says("package").replace("NAME", "app")})
    assert answer(start("sea")) == "package"


def test_a_callable_by_name(start, folder):
    """`module:callable`."""
    folder({"tide.py": says("mine").replace("NAME", "mine") + says("not").replace("NAME", "application")})
    assert answer(start("tide:mine")) == "mine"


@pytest.mark.parametrize(
    "call, told",
    [
        ("create_app()", "() {}"),
        ("create_app( )", "() {}"),
        ("create_app('test')", "('test',) {}"),
        ("create_app('a', 2, debug=True)", "('a', 2) {'debug': True}"),
        (
            "create_app(config={'x': [1, None, -2.5]}, word=b'y')",
            "() {'config': {'x': [1, None, -2.5]}, 'word': b'y'}",
        ),
        ("create_app('a:b()')", "('a:b()',) {}"),
    ],
)
def test_a_factory(call, told, start, folder):
    """`module:factory()` is called, with the literals that stand there."""
    folder(
        {
            "tide.py": """
def create_app(*arguments, **keywords):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{arguments} {keywords}".encode()]
    return application
"""
        }
    )
    assert answer(start("tide:" + call)) == told


def test_a_factory_of_a_file(start, folder):
    """Files have them as well."""
    source = "def create_app(word):\n" + "".join(
        "    " + line + "\n" for line in says("made").replace("NAME", "inner").splitlines()
    )
    folder({"tide.py": source + "    return inner\n"})
    assert answer(start("./tide.py:create_app('x')")) == "made"


def test_a_file_of_another_ending(start, folder):
    """Apache's mod_wsgi has them end in .wsgi."""
    folder({"some/tide-app.wsgi": says("file").replace("NAME", "application")})
    assert answer(start("./some/tide-app.wsgi")) == "file"


def test_a_file(start, folder):
    """`./path/to/file.py`, and its callable by name."""
    folder(
        {
            "some/where/tide.py": says("file").replace("NAME", "application")
            + says("mine").replace("NAME", "mine")
        }
    )
    assert answer(start("./some/where/tide.py")) == "file"
    assert answer(start("some/where/tide.py")) == "file"
    assert answer(start("./some/where/tide.py:mine")) == "mine"


def test_an_absolute_file(start, folder, tmp_path):
    """From any folder."""
    path = folder({"some/where/tide.py": says("file").replace("NAME", "app")}) / "some" / "where" / "tide.py"
    (tmp_path / "else").mkdir()
    assert answer(start(str(path), folder=tmp_path / "else")) == "file"


def test_a_file_whose_name_is_no_module_name(start, folder):
    """Such as hello-world.wsgi.py."""
    folder({"hello-world.wsgi.py": says("odd").replace("NAME", "application")})
    assert answer(start("./hello-world.wsgi.py")) == "odd"


def test_a_file_imports_its_neighbours(start, folder):
    """As `python file.py` would."""
    folder(
        {
            "some/tide.py": "from words import WORDS\n"
            + says("x").replace("NAME", "app").replace("'x'", "WORDS"),
            "some/words.py": "WORDS = 'neighbour'",
        }
    )
    assert answer(start("./some/tide.py")) == "neighbour"


def test_a_file_in_a_package_has_relative_imports(start, folder):
    """The package is found by its __init__.py files."""
    folder(
        {
            "some/sea/__init__.py": "",
            "some/sea/words.py": "WORDS = 'relative'",
            "some/sea/deep/__init__.py": "",
            "some/sea/deep/tide.py": "from ..words import WORDS\n"
            + says("x").replace("NAME", "app").replace("'x'", "(WORDS + ' ' + __name__)"),
        }
    )
    assert answer(start("./some/sea/deep/tide.py")) == "relative sea.deep.tide"


def test_a_file_is_a_module_like_any(start, folder):
    """It stands in sys.modules, so that its classes can be pickled; its __file__ is its path; it is not __main__."""
    folder(
        {
            "tide.py": """
import pickle, sys
class Low: pass
ran_as_main = __name__ == "__main__"
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    assert sys.modules[__name__].application is application
    assert type(pickle.loads(pickle.dumps(Low()))) is Low
    assert not ran_as_main
    return [__file__.encode()]
"""
        }
    )
    assert answer(start("./tide.py")).endswith("/tide.py")


def test_the_current_folder_is_searched(start, folder, tmp_path):
    """First, as with `python -m`."""
    folder(
        {"tide.py": "import colorsys\n" + says("x").replace("NAME", "app").replace("'x'", "colorsys.WORDS")}
    )
    folder({"colorsys.py": "WORDS = 'ours'"})
    assert answer(start("tide")) == "ours"


def test_chdir(start, folder, tmp_path):
    """--chdir is where it is run, and where modules and files are looked for."""
    source = "import os\n" + says("x").replace("NAME", "application").replace("'x'", "os.getcwd()")
    folder({"project/tide.py": source})
    wanted = str((tmp_path / "project").resolve())
    assert answer(start("tide", "--chdir=project")) == wanted
    assert answer(start("./tide.py", "--chdir", str(tmp_path / "project"))) == wanted


def test_pythonpath(start, folder, tmp_path):
    """Each --pythonpath is searched, the first first, before what is installed."""
    source = "import words, colorsys\n" + says("x").replace("NAME", "application").replace(
        "'x'", "(words.WORDS + colorsys.WORDS)"
    )
    folder(
        {
            "one/words.py": "WORDS = 'one '",
            "two/words.py": "WORDS = 'two '",
            "two/colorsys.py": "WORDS = 'ours'",
            "two/tide.py": source,
        }
    )
    options = [f"--pythonpath={tmp_path / name}" for name in ("one", "two")]
    assert answer(start("tide", *options)) == "one ours"


def test_env(start, folder):
    """--env is there before the application is imported, in os.environ; a value may hold anything."""
    source = "import os\nSEEN = [os.environ.get(name) for name in ('A', 'B', 'C', 'PLAIN')]\n"
    folder({"tide.py": source + says("x").replace("NAME", "application").replace("'x'", "repr(SEEN)")})
    server = start(
        "tide", "--env=A=1", "--env", "B=x=y z", "--env=C=", environment={"A": "old", "PLAIN": "kept"}
    )
    assert answer(server) == "['1', 'x=y z', '', 'kept']"


def test_env_may_name_the_settings_of_the_modules_import(start, folder, tmp_path):
    """PYTHONPATH comes too late there, but libraries that read their variables at import see them."""
    folder(
        {"tide.py": "import settings\n" + says("x").replace("NAME", "app").replace("'x'", "settings.NAME")}
    )
    folder({"settings.py": "import os\nNAME = os.environ['TIDE_SETTINGS']"})
    assert answer(start("tide", "--env=TIDE_SETTINGS=production")) == "production"


def test_python_m(start, folder):
    """`python -m tidegate` is the same command."""
    folder({"tide.py": says("by -m").replace("NAME", "application")})
    assert answer(start("tide", command=[sys.executable, "-m", "tidegate"])) == "by -m"


def test_the_built_in_applications_are_still_there(start):
    """By their names."""
    assert answer(start("hello")) == "Hello, World\n"
    assert "environ" in answer(start("demo")).lower()


def test_several_listeners(start, folder):
    """One application behind all of them, and a unix socket."""
    path = folder({"tide.py": says("everywhere").replace("NAME", "application")})
    socket = path / "t.sock"
    listeners = {"uwsgi": str(socket), "http": "127.0.0.1:0", "fastcgi": "127.0.0.1:0", "scgi": "127.0.0.1:0"}
    server = start("tide", listeners=listeners)
    assert server.listeners["uwsgi"].address == f"unix:{socket}"
    for listener in server.listeners.values():
        assert listener.ask("GET", "/").body == b"everywhere", listener.scheme
    assert server.stop() == 0
    assert not socket.exists()


def test_the_access_log(start, folder):
    """A line for each request on stdout."""
    folder({"tide.py": says("seen").replace("NAME", "application")})
    server = start("tide", "--access-log")
    server.listeners["http"].ask("GET", "/some/path?query")
    assert server.stop() == 0
    (line,) = [line for line in server.stdout.read_text().splitlines() if "/some/path" in line]
    assert "GET" in line and "/some/path?query" in line and "200" in line


def test_the_help_names_the_forms(tmp_path):
    """`tidegate serve --help` of the installed command says what APP may be."""
    import subprocess

    for command in ([TIDEGATE], [sys.executable, "-m", "tidegate"]):
        told = subprocess.run([*command, "serve", "--help"], capture_output=True, text=True, timeout=30)
        assert told.returncode == 0 and told.stderr == ""
        for word in ("module", "--chdir", "--pythonpath", "--env", "--need-app"):
            assert word in told.stdout, word
