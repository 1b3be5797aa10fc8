"""docs/uwsgi.md's two sites, which have come from uWSGI: their files and the unit as they stand there, side by side."""

import re

from container import ROOT, eventually
from service import Service

PAGE = (ROOT / "docs/uwsgi.md").read_text(encoding="utf-8")
SHOP, NOTES = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
#: What the unit has once its line is another.
UNIT = "".join(line[1:] for line in re.search(r"```diff\n(.*?)```", PAGE, re.DOTALL)[1].splitlines(keepends=True) if line[0] != "-")
FILES = {
    "shop/uwsgi.ini": SHOP,
    "shop/reload": "",
    "shop/static/a.css": "p {}\n",
    "shop/shop/__init__.py": "",
    "shop/shop/settings.py": "SECRET_KEY = 'x'\nROOT_URLCONF = 'shop.urls'\nALLOWED_HOSTS = ['*']\n",
    "shop/shop/wsgi.py": "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\n"
    "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n",
    "notes/uwsgi.ini": NOTES,
    "notes/notes.py": "from flask import Flask\napp = Flask(__name__)\n@app.get('/hi')\ndef hi():\n    return 'flask'\n",
}


def tests(container):
    for path, text in FILES.items():
        container.write(f"/srv/{path}", text)
    say(container, "django")
    for site in ("shop", "notes"):
        # The environment with both frameworks in it is the tests' own.
        container.run("ln", "-s", str(ROOT / ".venv"), f"/srv/{site}/venv")
        container.write(f"/etc/systemd/system/{site}.service", UNIT.replace("shop", site))
    container.systemctl("daemon-reload")
    shop, notes = Service(container, "shop", "/run/shop/uwsgi.sock"), Service(container, "notes", "")
    container.systemctl("start", "shop", "notes")
    for test in (both_serve, a_touch_reloads, a_broken_load_serves_on, a_restart_serves, both_stop):
        yield test, shop, notes


def say(container, word):
    container.write(
        "/srv/shop/shop/urls.py",
        "from django.http import HttpResponse\nfrom django.urls import path\n"
        f"urlpatterns = [path('hi', lambda request: HttpResponse('{word}'))]\n",
    )


def http(service, path):
    return service.run(str(ROOT / ".venv/bin/tidegate"), "request", "--http", "127.0.0.1:8000", path).stdout


def both_serve(shop, notes):
    for service in (shop, notes):
        assert service.show("ActiveState") == "active", service.log()
    assert (shop.ask("/hi"), shop.ask("/static/a.css"), http(notes, "/hi")) == ("django", "p {}\n", "flask")
    socket = shop.run("stat", "-c", "%a", shop.socket).stdout
    assert socket == "660\n", socket
    assert '"GET /hi ' in shop.run("cat", "/run/shop/uwsgi.log").stdout


def a_touch_reloads(shop, notes):
    """It loads the new code, and the process is the same to systemd."""
    mains = [service.show("MainPID") for service in (shop, notes)]
    for word in ("tide", "ebb"):
        say(shop.container, word)
        shop.run("touch", "/srv/shop/reload")
        eventually(f"the new code, {word}", lambda word=word: shop.ask("/hi") == word)
        eventually("an active unit", lambda: shop.show("ActiveState") == "active")
    assert [service.show("MainPID") for service in (shop, notes)] == mains and http(notes, "/hi") == "flask"


def a_broken_load_serves_on(shop, _):
    shop.container.write("/srv/shop/shop/urls.py", "1 +")
    shop.container.write("/srv/shop/shop/settings.py", "1 +")
    shop.run("touch", "/srv/shop/reload")
    eventually("its traceback", lambda: "SyntaxError" in shop.run("cat", "/run/shop/uwsgi.log").stdout)
    assert shop.ask("/hi") == "ebb" and shop.show("ActiveState") == "active"
    shop.container.write("/srv/shop/shop/settings.py", FILES["shop/shop/settings.py"])
    say(shop.container, "flood")


def a_restart_serves(shop, notes):
    main = shop.show("MainPID")
    shop.systemctl("restart", "shop")
    assert shop.ask("/hi") == "flood" and shop.show("MainPID") != main
    main = notes.show("MainPID")
    notes.run("kill", "-HUP", main)
    eventually("new workers", lambda: "the new code serves" in notes.log())
    assert notes.show("MainPID") == main and http(notes, "/hi") == "flask"


def both_stop(shop, notes):
    shop.systemctl("stop", "shop", "notes")
    for service in (shop, notes):
        assert (service.show("ActiveState"), service.show("Result")) == ("inactive", "success"), service.log()
    assert shop.run("test", "-e", shop.socket).returncode != 0
    # What comes behind looks at what the package has left.
    shop.run("rm", "-r", "/srv/shop", "/srv/notes", *(f"/etc/systemd/system/{site}.service" for site in ("shop", "notes")))
    shop.systemctl("daemon-reload")
