"""tidegate.service with `drain`: what it is told at the start, and a stop under load."""

from container import eventually
from service import TIDEGATE, Asked, Service

# drain and grace fit into the unit's TimeoutStopSec=45; a test that runs does not wait for so long.
FITTING = 'app = "demo"\nworkers = 2\nhttp = ["127.0.0.1:8080"]\nstats = "127.0.0.1:9191"\ndrain = 20\ngrace = 20\n'


def tests(container):
    service = Service(container, "tidegate", "/run/tidegate/uwsgi.sock")
    service.configure(FITTING.replace("drain = 20\ngrace = 20", "drain = 1\ngrace = 45"))
    service.enable()
    for test in (is_told_of_a_bound_that_is_too_short, is_there_until_it_is_left_alone, is_stopped_and_started_by_its_socket):
        yield test, service
    service.stop()


def is_told_of_a_bound_that_is_too_short(service):
    """systemd itself has told it, over D-Bus and through all of the unit's locks."""
    words = "systemd kills tidegate.service after 45 s: set TimeoutStopSec=51 there"
    assert service.log().count(words) == 1, service.log()
    service.configure(FITTING)
    service.systemctl("restart", "tidegate")
    assert service.log().count(words) == 1, service.log()


def is_there_until_it_is_left_alone(service):
    """As by a balancer that is slow to notice that /ready says no. The rest of the drain is skipped by another signal."""
    asked = Asked(service, lambda: get(service, 8080, "/hello") == "Hello, World\n")
    with asked:
        service.systemctl("stop", "--no-block", "tidegate.socket", "tidegate.service")
        eventually("/ready says no", lambda: get(service, 9191, "/ready").startswith("draining"))
        seen = asked.counts[True]
        eventually("answers after that", lambda: asked.counts[True] > seen + 20)
    assert service.show("ActiveState") == "deactivating"
    service.systemctl("kill", "-s", "TERM", "--kill-whom=main", "tidegate")
    eventually("its end", lambda: service.show("ActiveState") == "inactive")
    assert service.show("Result") == "success" and not get(service, 8080, "/hello")


def is_stopped_and_started_by_its_socket(service):
    """`systemctl stop` of the service alone: what comes after it waits at systemd's socket for another."""
    service.configure(FITTING.replace("drain = 20", "drain = 2"))
    service.enable()
    with Asked(service):
        service.upgrade(lambda: service.systemctl("stop", "tidegate.service"))
        for _ in range(20):
            assert service.answers()


def get(service, port, path):
    return service.run(TIDEGATE, "request", "--http", f"127.0.0.1:{port}", path).stdout
