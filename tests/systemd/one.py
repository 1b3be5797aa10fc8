"""tidegate.service."""

from container import eventually
from service import Asked, Service


def tests(container):
    service = Service(container, "tidegate", "/run/tidegate/uwsgi.sock")
    service.configure('app = "demo"\nworkers = 2\n')
    service.enable()
    for test in (starts, reloads, loses_nothing, is_watched, comes_back, stops):
        yield test, service


def starts(service):
    assert service.show("ActiveState") == "active"
    assert service.show("StatusText") == "2 workers serve, 0 start, 0 finish what runs"
    assert service.answers()


def reloads(service):
    main = service.show("MainPID")
    service.systemctl("reload", "tidegate")
    assert service.show("MainPID") == main
    service.configure('app = "demo"\nworker = 2\n')
    assert service.reload().returncode != 0, "the command that asks is told what is wrong"
    assert (service.show("MainPID"), service.answers()) == (main, True)
    service.configure('app = "demo"\nworkers = 2\n')


def loses_nothing(service):
    """Restarts, reloads and upgrades under load; an upgrade keeps the process."""
    with Asked(service):
        for _ in range(3):
            main, workers = service.show("MainPID"), service.workers()
            service.systemctl("kill", "-s", "USR2", "--kill-whom=main", "tidegate")
            eventually("a new master's workers", lambda: service.workers() and not service.workers() & workers)
            assert service.show("MainPID") == main
            service.systemctl("restart", "tidegate")
            service.systemctl("reload", "tidegate")
    log = service.log()
    for words in ("reception only permitted", "not our child", "SIGKILL"):
        assert words not in log, log


def is_watched(service):
    """A master that is stuck is found by its watchdog, and another takes its place."""
    watch = "/run/systemd/system/tidegate.service.d/watch.conf"
    service.container.write(watch, "[Service]\nWatchdogSec=2\n")
    service.systemctl("daemon-reload")
    service.systemctl("restart", "tidegate")
    main = service.show("MainPID")
    service.run("kill", "-STOP", main)
    eventually("another master", lambda: service.show("MainPID") not in (main, "0") and service.answers())
    assert "Watchdog timeout" in service.log()
    service.run("rm", watch)
    service.systemctl("daemon-reload")


def comes_back(service):
    main = service.show("MainPID")
    service.run("kill", "-KILL", main)
    eventually("another master", lambda: service.show("MainPID") not in (main, "0") and service.answers())


def stops(service):
    main = service.show("MainPID")
    service.stop()
    assert (service.show("ActiveState"), service.show("Result")) == ("inactive", "success")
    assert not service.lives(main) and not service.answers()
