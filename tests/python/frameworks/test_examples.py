"""examples/ does what its READMEs say: their commands are run, in their order."""

import re
import shlex
import shutil
import subprocess

import pytest
import requests
from compose_spec import PyCompose

from support.nginx import Nginx, debians_params
from support.recipe import Recipe
from support.server import ROOT, TIDEGATE
from support.waiting import PATIENCE, eventually

LOCAL = "127.0.0.1:8080"
ADA = {"username": "ada", "password": "a long secret"}
SUPERUSER = {"DJANGO_SUPERUSER_PASSWORD": ADA["password"]}


@pytest.fixture
def recipe(tmp_path):
    """`recipe(name)` is that example; all that it has started is over at the end."""
    recipes = []

    def recipe(name):
        recipes.append(Recipe(name, tmp_path))
        return recipes[-1]

    yield recipe
    for one in recipes:
        one.end()


@pytest.fixture
def running():
    """What has a kill(), and is killed at the end."""
    running = []
    yield running
    for one in reversed(running):
        one.kill()
        if isinstance(one, subprocess.Popen):
            one.wait()


class Browser(requests.Session):
    """A client that fills in Django's forms as a browser does, which names the page's origin."""

    def __init__(self, url):
        super().__init__()
        self.trust_env = False
        self.url = url

    def submit(self, path, data=(), **how):
        """Asks for the page and sends its form."""
        page = self.get(self.url + path, timeout=PATIENCE)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text).group(1)
        headers = {"Origin": self.url, "Referer": page.url}
        return self.post(page.url, {**dict(data), "csrfmiddlewaretoken": token}, headers=headers, timeout=PATIENCE, **how)


def use_django(url):
    """Logs in, uploads, reads it again, and has none of it without the login."""
    with Browser(url) as ada:
        assert "Nothing yet" in ada.submit("/", ADA).text
        data = bytes(range(256)) * 8_000
        page = ada.submit("/", files={"file": ("t\u00e4ble.bin", data)})
        assert page.status_code == 200 and "t\u00e4ble.bin" in page.text
        assert ada.get(url + "/1/", timeout=PATIENCE).content == data
        style = re.search(r'href="(/static/\S+)"', page.text).group(1)
        assert "color-scheme" in requests.get(url + style, timeout=PATIENCE).text
        assert "Site administration" in ada.get(url + "/admin/", timeout=PATIENCE).text
    without = requests.get(url + "/1/", allow_redirects=False, timeout=PATIENCE)
    assert (without.status_code, without.headers["Location"]) == (302, "/accounts/login/?next=/1/")


def test_django(recipe, start, running, tmp_path, socket_path):
    """By itself and behind nginx, with Debian's list of variables."""
    django = recipe("django")
    django.pip()
    django.run("mkdir")
    django.run("python manage.py migrate")
    django.run("python manage.py createsuperuser", "--noinput", "--username=ada", "--email=a@example.com", **SUPERUSER)
    django.run("python manage.py collectstatic")
    assert "mysite.wsgi" in django.run("tidegate check")
    server = django.serve(start, LOCAL)
    url = f"http://{django.here(LOCAL)}"
    use_django(url)
    big = requests.post(f"{url}/", data=b"x" * (20 * 1024 * 1024 + 1), timeout=PATIENCE)
    assert big.status_code == 413
    server.ignore_log()
    assert server.stop() == 0
    shutil.rmtree(django.folder / "data" / "uploads")
    subprocess.run(
        ["python", "manage.py", "flush", "--noinput"], cwd=django.folder, env=django.environment(), check=True
    )
    subprocess.run(
        ["python", "manage.py", "createsuperuser", "--noinput", "--username=ada", "--email=a@example.com"],
        cwd=django.folder,
        env={**django.environment(), **SUPERUSER},
        check=True,
    )
    django.places = {"/srv/mysite": django.folder, "/run/mysite.sock": socket_path}
    assert django.take("cd") == f"cd {django.folder}"
    django.serve(start)
    nginx = django.nginx(tmp_path / "nginx", uwsgi_params=debians_params())
    running.append(nginx)
    use_django(nginx.url)


def test_flask(recipe, start, running, tmp_path, socket_path):
    """The factory, the upload and the stream; the same behind nginx."""
    flask = recipe("flask")
    flask.pip()
    server = flask.serve(start, LOCAL)
    assert "Nothing yet" in flask.run("curl")
    assert flask.run("curl") == (flask.folder / "requirements.txt").read_text()
    assert flask.run("curl") == "2, 127.0.0.1\n1, 127.0.0.1\nlift-off\n"
    assert server.stop() == 0
    start("board:create_app()", "--threads=4", listeners={"uwsgi": str(socket_path)}, folder=flask.folder)
    flask.places = {"/run/board.sock": socket_path}
    nginx = flask.nginx(tmp_path / "nginx", uwsgi_params=debians_params())
    running.append(nginx)
    assert ">requirements.txt</a>" in requests.get(nginx.url, timeout=PATIENCE).text
    assert requests.get(f"{nginx.url}/files/none", timeout=PATIENCE).status_code == 404
    with open(flask.folder / "nginx.conf", "rb") as file:
        # A name that leads elsewhere is made plain.
        told = requests.post(f"{nginx.url}/files/", files={"file": ("../../up.txt", file)}, timeout=PATIENCE)
    assert told.url.endswith("/files/up.txt") and (flask.folder / "instance" / "uploads" / "up.txt").exists()
    with requests.get(f"{nginx.url}/countdown/60", stream=True, timeout=PATIENCE) as stream:
        # Were the lines collected, the first would come with the last, after a minute.
        assert next(stream.iter_lines()) == b"60, 127.0.0.1"


def test_fastapi(recipe, start, running, tmp_path):
    """It is refused; the two ways on are no dead ends."""
    fastapi = recipe("fastapi")
    fastapi.pip()
    told = fastapi.run("tidegate check", fails=True)
    assert "main:app is an ASGI application" in told and "uvicorn" in told and "a2wsgi" in told

    words = shlex.split(fastapi.take("uvicorn").replace("8001", "0"))
    with open(tmp_path / "uvicorn", "w") as log:
        uvicorn = subprocess.Popen(
            words, cwd=fastapi.folder, env=fastapi.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    running.append(uvicorn)
    listens = re.compile(r"running on http://(\S+)")
    address = eventually("uvicorn listens", lambda: listens.search((tmp_path / "uvicorn").read_text())).group(1)
    fastapi.places["127.0.0.1:8001"] = address
    fastapi.serve(start, "127.0.0.1:3031")
    nginx = fastapi.nginx(tmp_path / "nginx", uwsgi_params=debians_params())
    running.append(nginx)
    assert "an item" in requests.get(nginx.url, timeout=PATIENCE).text
    assert requests.get(f"{nginx.url}/api/items/5?q=lamp", timeout=PATIENCE).json() == {"number": 5, "q": "lamp"}

    adapted = fastapi.serve(start, LOCAL)
    assert fastapi.run("curl") == '{"number":5,"q":"lamp"}'
    assert adapted.stop() == 0
    # What README says of a stop.
    assert all("Task" in entry.text for entry in adapted.unexpected())
    adapted.ignore_log()


def test_fastapi_adapted_and_preloaded_answers_nothing(recipe, launch, tmp_path):
    """As its README says: once that is mended, the README is to be."""
    fastapi = recipe("fastapi")
    fastapi.lines.clear()
    server = launch("adapted", "--preload", "--workers=1", folder=fastapi.folder).wait_until_it_listens()
    with server.listeners["http"].send("GET", "/api/items/5") as asked:
        asked.connection.settimeout(1)
        with pytest.raises(TimeoutError):
            asked.connection.recv(1)


class Stage:
    """The steps of a Containerfile's stage."""

    def __init__(self, text):
        text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
        self.steps = [line.split(None, 1) for line in text.splitlines() if line]

    @staticmethod
    def all(path):
        """Those of a file."""
        return [Stage("FROM " + text) for text in re.split(r"^FROM ", path.read_text(), flags=re.MULTILINE)[1:]]

    def of(self, kind):
        """The arguments of the steps of this kind."""
        return [" ".join(argument.split()) for step, argument in self.steps if step == kind]

    def variables(self):
        """What ENV sets."""
        return dict(pair.split("=", 1) for argument in self.of("ENV") for pair in argument.split() if "=" in pair)


def test_compose_is_valid():
    """By the Compose Specification, and what it names is there."""
    folder = ROOT / "examples" / "compose"
    text = (folder / "compose.yaml").read_text()
    compose = PyCompose.from_yaml(text)
    compose.validate()
    with pytest.raises(ValueError, match="tmfps"):
        PyCompose.from_yaml(text.replace("tmpfs", "tmfps"))
    stages = [stage.of("FROM")[0].rpartition(" AS ")[2] for stage in Stage.all(folder / "Containerfile")]
    for service in compose.to_dict()["services"].values():
        context = folder / service["build"]["context"]
        assert (context / service["build"]["dockerfile"]).samefile(folder / "Containerfile")
        assert service["build"]["target"] in stages
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in compose.volumes or (folder / source).exists(), volume


def test_compose(recipe, start, running, tmp_path, socket_path):
    """What the containers do, done here: the image's steps, its variables, its check, nginx's block."""
    compose = recipe("compose")
    django = recipe("django")
    build = shlex.split(compose.take("docker build"))
    assert (compose.home / build[build.index("-f") + 1]).samefile(ROOT / "deploy" / "Containerfile.python")
    assert (compose.home / build[-1]).samefile(ROOT)
    compose.take("export DJANGO_SECRET_KEY=")
    compose.take("docker compose up --build")

    base = Stage.all(ROOT / "deploy" / "Containerfile.python")[-1]
    app, web = Stage.all(compose.folder / "Containerfile")
    assert app.of("FROM")[0] == f"{build[build.index('-t') + 1]} AS app"
    variables = {**base.variables(), **app.variables()}
    service = PyCompose.from_yaml((compose.folder / "compose.yaml").read_text()).to_dict()["services"]["app"]
    django.places = {
        "/run/tidegate/uwsgi.sock": socket_path,
        "/srv/app": django.folder,
        "/srv/data": django.folder / "data",
    }
    environment = {name: django.here(value) for name, value in variables.items()}
    environment["DJANGO_SECRET_KEY"] = "of this test"
    environment["DJANGO_ALLOWED_HOSTS"] = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", service["environment"]["DJANGO_ALLOWED_HOSTS"])
    (django.folder / "data").mkdir()
    django.lines = [*app.of("RUN")]
    pip = django.lines.pop(0).split()
    assert (django.home / pip[-1]).exists() and pip[-2] == "-r"
    # The second half of it is root's.
    django.lines = [django.lines[0].partition(" && ")[0]]
    django.run("python manage.py collectstatic", **environment)
    for manage in ("migrate", "createsuperuser"):
        command = compose.take("docker compose exec app ")
        django.lines = [command.removeprefix("docker compose exec app ")]
        more = ["--noinput", "--username=ada", "--email=a@example.com"] if manage == "createsuperuser" else []
        django.run(f"python manage.py {manage}", *more, **{**environment, **SUPERUSER})

    server = start("--quiet", listeners=[], folder=django.folder, environment=environment)
    assert list(server.listeners) == ["uwsgi"]
    check = service["healthcheck"]["test"]
    assert check[0] == "CMD"
    check = [django.here(word) for word in check[1:]]
    subprocess.run([TIDEGATE, *check[1:]], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)

    site = django.here((compose.folder / "nginx.conf").read_text()).replace("/srv/static", str(django.folder / "static"))
    site = site.replace("listen 8000;", "listen 127.0.0.1:PORT;")
    assert web.of("COPY") == ["--from=app /srv/app/static/ /srv/static/"]
    (tmp_path / "nginx").mkdir()
    nginx = Nginx(tmp_path / "nginx", "uwsgi", "", server=site, uwsgi_params=debians_params())
    running.append(nginx)
    use_django(nginx.url)
