"""Debian's package: it comes, it is upgraded, it goes."""

import re

from container import ROOT
from service import Asked, Service
from sites import site

# What grows by itself, or is not the package's.
NOT = ("/var/lib/dpkg", "/var/lib/systemd", "/var/lib/logrotate", "/var/log/journal", "/var/log/dpkg.log", "/var/cache/man", "/root")
OF_USERS = {"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/.pwd.lock"}
SITES = "(shop|blog|news)"
FOLDERS = f"/var/(lib|log|cache)/(private$|(private/)?tidegate-{SITES}(/|$))"
OF_SITES = re.compile(rf"/etc/tidegate(/{SITES}\.toml)?$|/srv/(myproject|news)(/|$)|{FOLDERS}")


class Package:
    def __init__(self, container, path):
        self.container = container
        self.path = "/root/tidegate.deb"
        container.write(self.path, path.read_bytes())
        # Where it is, as on machines that build, no package starts or stops a service.
        container.run("rm", "-f", "/usr/sbin/policy-rc.d")
        self.before = container.changed()

    def dpkg(self, action, of):
        done = self.container.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", action, of)
        assert done.returncode == 0, (done.stdout, done.stderr)


def is_installed_and_waits(package):
    """It is known to systemd, and nothing runs, or would after the next boot."""
    package.dpkg("--install", package.path)
    container = package.container
    for unit in ("tidegate.service", "tidegate.socket"):
        assert container.run("systemctl", "is-enabled", unit).stdout.strip() == "disabled", unit
        assert container.run("systemctl", "is-active", unit).stdout.strip() == "inactive", unit
    assert container.run("test", "-e", "/run/tidegate").returncode != 0
    assert container.run("getent", "passwd", "tidegate").stdout.endswith(":/var/lib/tidegate:/usr/sbin/nologin\n")
    for page in ("tidegate", "tidegate-serve"):
        assert container.run("man", "-w", page).stdout.strip() == f"/usr/share/man/man1/{page}.1.gz"


def is_upgraded_under_load(package):
    """What runs takes up the new program, and no request is lost; what does not run stays so."""
    service = Service(package.container, "tidegate", "/run/tidegate/uwsgi.sock")
    blog, still = site(package.container, "blog"), site(package.container, "shop")
    service.configure('app = "demo"\nworkers = 2\n')
    service.enable()
    still.stop()
    main = blog.show("MainPID")
    with Asked(service):
        service.upgrade(lambda: package.dpkg("--install", package.path))
        for _ in range(20):
            assert service.answers()
    assert blog.show("MainPID") not in (main, "0") and blog.answers()
    assert still.show("ActiveState") == "inactive"
    # The settings are the operator's.
    assert "workers = 2" in package.container.run("cat", service.config).stdout


def is_removed(package):
    """All stops, and the settings stay."""
    service = Service(package.container, "tidegate", "/run/tidegate/uwsgi.sock")
    mains = [service.show("MainPID"), site(package.container, "blog").show("MainPID")]
    package.dpkg("--remove", "tidegate")
    for main in mains:
        assert main != "0" and not service.lives(main)
    assert package.container.run("systemctl", "list-units", "--plain", "--no-legend", "tidegate*").stdout == ""
    assert package.container.run("test", "-e", service.config).returncode == 0
    assert package.container.run("test", "-e", "/run/tidegate").returncode != 0


def is_purged(package):
    """Nothing is left but the user, and what an operator has made beside the package: the sites."""
    package.dpkg("--purge", "tidegate")
    run = package.container.run
    new = {path for path in package.container.changed() - package.before if not path.startswith(NOT)}
    left = {path for path in new if path.rstrip("-") not in OF_USERS and not OF_SITES.match(path)}
    assert not left, sorted(left)
    assert run("test", "-e", "/run/tidegate").returncode != 0
    assert run("getent", "passwd", "tidegate").returncode == 0


def built():
    """The package that `make deb` has made."""
    packages = list((ROOT / "target/deb").glob("tidegate_*.deb"))
    assert len(packages) == 1, f"one package in target/deb, and not {packages}: make deb"
    return packages[0]
