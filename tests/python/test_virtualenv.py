"""Another virtual environment's packages: --virtualenv; and what else an application finds of its process, --pyargv and --import."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from support.server import TIDEGATE, Client, clean_environment
from support.waiting import eventually

# What an interpreter finds, and whether it has these modules.
TOLD = """
import importlib.util, json, os, site, sys, sysconfig

def told():
    here = os.path.abspath("")
    return {
        "path": [entry for entry in sys.path if os.path.abspath(entry) != here],
        "prefixes": [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.executable],
        "site": [site.PREFIXES, bool(site.ENABLE_USER_SITE), site.getsitepackages()],
        "purelib": [sysconfig.get_path("purelib"), sysconfig.get_config_var("prefix")],
        "has": {name: bool(importlib.util.find_spec(name)) for name in ["tide_pool", "beside", "pytest"]},
    }
"""

APP = (
    TOLD
    + """
def application(environ, start_response):
    import tidegate
    from tidegate import _modules
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({**told(), "argv": sys.argv[1:], "tidegate": tidegate.__version__}).encode()]
"""
)


@pytest.fixture
def environment(tmp_path):
    """`environment(*options)` makes a virtual environment with a package `tide_pool`, and a .pth file that leads to `beside`."""

    def make(*options):
        made = tmp_path / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", *options, made], check=True)
        packages = packages_of(made)
        (packages / "tide_pool.py").write_text("DEPTH = 1\n")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "beside.py").write_text("")
        (packages / "beside.pth").write_text(f"{tmp_path / 'elsewhere'}\nimport sys; sys.beside = True\n")
        return made

    return make


def packages_of(environment):
    return next((environment / "lib").glob("python*/site-packages"))


def told(server):
    response = Client(server, "http").get("/")
    assert response.status == "200 OK", server.log()
    return json.loads(response.body)


@pytest.mark.parametrize("options", [[], ["--system-site-packages"]])
def test_what_is_found_is_what_the_environments_interpreter_finds(options, environment, start, folder):
    """The packages, with what .pth files name; sys.path, sys.prefix and site are as there."""
    made = environment(*options)
    folder({"app.py": APP})
    own = subprocess.run(
        [made / "bin" / "python", "-c", TOLD + "print(json.dumps(told()))"],
        cwd=made.parent,
        env=clean_environment(),
        check=True,
        capture_output=True,
    )
    own = json.loads(own.stdout)
    ours = told(start("app", f"--virtualenv={made}"))
    assert ours["has"]["tide_pool"] and ours["has"]["beside"]
    assert {key: ours[key] for key in own} == own
    assert ours["tidegate"]


def test_of_an_environment_nothing_else_is_found(environment, start, folder):
    """Not what is installed beside the command."""
    made = environment()
    folder({"app.py": APP})
    assert told(start("app"))["has"] == {"tide_pool": False, "beside": False, "pytest": True}
    server = start("app", f"--virtualenv={made}", "--preload", "--workers=2")
    assert told(server)["has"] == {"tide_pool": True, "beside": True, "pytest": False}


@pytest.fixture
def installation(tmp_path):
    """A Python of its own with a package `tide_pool`, as conda makes one: no pyvenv.cfg, and its standard library below it. The
    library is this interpreter's, file by file."""
    made = tmp_path / "installation"
    name = "python{}.{}".format(*sys.version_info)
    library = made / "lib" / name
    library.mkdir(parents=True)
    for entry in Path(sysconfig.get_path("stdlib")).iterdir():
        if entry.name not in {"site-packages", "dist-packages"}:
            (library / entry.name).symlink_to(entry)
    (made / "lib" / "python3.1").symlink_to(name)
    (library / "site-packages").mkdir()
    (library / "site-packages" / "tide_pool.py").write_text("DEPTH = 1\n")
    return made


def test_a_whole_installation_is_an_environment_too(installation, start, folder):
    """What an interpreter finds there whose home it is, as uWSGI has it; nothing of the command's own."""
    folder({"app.py": APP})
    program = os.path.realpath(sys.executable)
    own = subprocess.run(
        [program, "-c", TOLD + "print(json.dumps(told()))"],
        cwd=installation,
        env={**clean_environment(), "PYTHONHOME": str(installation)},
        check=True,
        capture_output=True,
    )
    own, ours = json.loads(own.stdout), told(start("app", f"--virtualenv={installation}"))
    assert ours["has"] == own["has"] == {"tide_pool": True, "beside": False, "pytest": False}
    assert ours["prefixes"][:2] == own["prefixes"][:2] == [str(installation)] * 2
    packages = [entry for entry in own["path"] if entry.endswith("-packages")]
    assert packages and [entry for entry in ours["path"] if entry.endswith("-packages")] == packages


def test_an_installation_of_another_python_is_refused(installation, folder, tmp_path):
    """It is told which it is of."""
    folder({"app.py": APP})
    library = installation / "lib" / "python{}.{}".format(*sys.version_info)
    library.rename(library.with_name("python3.4"))
    line = refused(tmp_path, f"--virtualenv={installation}")
    assert f"{installation}: it is of python3.4, and this command is of python" in line


def test_a_relative_environment_is_looked_for_from_chdir(environment, start, folder, tmp_path):
    """As all paths are."""
    environment()
    (tmp_path / "code").mkdir()
    folder({"code/app.py": APP})
    server = start("app", "--chdir=code", "--virtualenv=../environment")
    assert told(server)["prefixes"][0] == str(tmp_path / "environment")


def test_the_commands_own_environment_is_no_change(start, folder):
    """uWSGI's users name it in any case."""
    folder({"app.py": APP})
    plain, named = told(start("app")), told(start("app", f"--virtualenv={sys.prefix}"))
    assert {**named, "argv": plain["argv"]} == plain


def test_a_reload_finds_new_packages(environment, start, folder):
    """Each new worker enters the environment anew."""
    made = environment()
    folder({"app.py": "import tide_pool\n" + APP.replace('"argv": sys.argv', '"argv": [0, tide_pool.DEPTH]')})
    server = start("app", f"--virtualenv={made}")
    assert told(server)["argv"] == [1]
    (packages_of(made) / "tide_pool.py").write_text("DEPTH = 22\n")
    server.signal(signal.SIGHUP)
    eventually("the new code", lambda: told(server)["argv"] == [22])


def refused(folder, *options, app="app"):
    """The line that the server ends with, and that of `tidegate check`."""
    lines = []
    for command in (["serve", "--http=127.0.0.1:0"], ["check"]):
        done = subprocess.run(
            [TIDEGATE, command[0], app, *command[1:], *options],
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout) == (1, ""), done
        lines.append(done.stderr)
    assert lines[0] == lines[1] and lines[0].count("\n") == 1, lines
    return lines[0]


def test_what_is_no_environment_of_this_python_is_refused(environment, folder, tmp_path):
    """In one line, before anything is bound, that says what to do; also where an application need not be there."""
    folder({"app.py": APP})
    version = "{}.{}".format(*sys.version_info)
    line = refused(tmp_path, "--virtualenv=nowhere", "--need-app=false")
    assert line == f"tidegate: --virtualenv {tmp_path}/nowhere: there is no such folder\n"
    (tmp_path / "empty").mkdir()
    assert re.search(r"/empty: it has neither a pyvenv.cfg nor a Python, .* -m venv makes one", refused(tmp_path, "--virtualenv=empty"))

    made = environment()
    settings = made / "pyvenv.cfg"
    before = settings.read_text()
    for key in ("version", "version_info"):
        settings.write_text(re.sub(r"(?m)^version = .*", f"{key} = 3.4.10.final.0", before))
        line = refused(tmp_path, f"--virtualenv={made}")
        assert f"{made}: it is of CPython 3.4, and this command is of python{version}" in line
        assert f"{made}/bin/pip install tidegate" in line
    settings.write_text(before + "implementation = PyPy\n")
    assert "it is of PyPy" in refused(tmp_path, f"--virtualenv={made}")
    settings.write_text(before)
    (made / "lib").rename(made / "library")
    assert f"it has no packages for python{version}" in refused(tmp_path, f"--virtualenv={made}")


def test_the_applications_arguments(start, folder):
    """A shell's words, in the place of the command's own."""
    folder({"app.py": APP})
    assert told(start("app", "--pyargv=--config 'a b.ini' -v"))["argv"] == ["--config", "a b.ini", "-v"]
    assert told(start("app", "--pyargv="))["argv"] == []


def test_arguments_that_are_no_words(folder, tmp_path):
    """A quotation that does not end."""
    folder({"app.py": APP})
    assert refused(tmp_path, "--pyargv='a") == 'tidegate: --pyargv "\'a": No closing quotation\n'


def test_modules_are_imported_first(start, folder):
    """By their names, or their files, in the order in which they are given; each once, however many applications there are."""
    note = "import sys\nsys.argv.append(__name__)\n"
    folder({"app.py": note + APP, "one.py": note, "sub/two-2.py": note, "pack/__init__.py": "", "pack/three.py": note})
    options = ["--import=one", "--import=./sub/two-2.py", "--import=pack.three", "--pyargv="]
    server = start("app", *options, "--mount=/other=app", "--mount=/third=./app.py")
    assert told(server)["argv"] == ["one", "two-2", "pack.three", "app"]


def test_a_module_that_cannot_be_imported_first(launch, folder):
    """It is as if the application could not be loaded."""
    folder({"app.py": APP, "broken.py": "raise RuntimeError('low tide')\n"})
    for name, words in [("broken", "RuntimeError: low tide"), ("missing", "there is no module 'missing'")]:
        server = launch("app", f"--import={name}")
        assert server.wait() == 1
        assert words in server.log()


