"""tidegate@.service: two sites at once."""

from container import eventually
from service import Service

BLOG = 'app = "demo"\nworkers = 2\naccess-log-file = "/var/log/tidegate-blog/access.log"\n'


def site(container, name):
    return Service(container, f"tidegate@{name}", f"/run/tidegate/{name}.sock")


def tests(container):
    shop, blog = site(container, "shop"), site(container, "blog")
    shop.configure('app = "hello"\nworkers = 1\nstats = "/run/tidegate-shop/stats.sock"\n')
    blog.configure(BLOG)
    for one in (shop, blog):
        one.enable()
    for test in (each_has_its_own, a_reload_is_of_one, a_mistake_is_of_one, logs_are_rotated, a_stop_is_of_one):
        yield test, shop, blog


def each_has_its_own(shop, blog):
    assert shop.answers() and blog.answers()
    # hello says it everywhere, demo has pages.
    assert shop.ask("/echo") == "Hello, World\n" and blog.ask("/echo") != "Hello, World\n"
    assert (len(shop.workers()), len(blog.workers())) == (1, 2)
    assert (shop.user(), blog.user()) == ("tidegate-shop", "tidegate-blog")
    for one in ("shop", "blog"):
        for folder in ("lib", "cache", "log"):
            assert shop.run("test", "-d", f"/var/{folder}/tidegate-{one}/").returncode == 0, (one, folder)
    table = shop.run("/usr/bin/tidegate", "top", "--once", "/run/tidegate-shop/stats.sock")
    assert "workers 1 of 1" in table.stdout, table


def a_reload_is_of_one(shop, blog):
    mains, workers = [shop.show("MainPID"), blog.show("MainPID")], [shop.workers(), blog.workers()]
    assert shop.reload().returncode == 0
    eventually("another worker of the one", lambda: shop.workers() and not shop.workers() & workers[0])
    assert [shop.show("MainPID"), blog.show("MainPID")] == mains
    assert blog.workers() == workers[1]
    assert shop.answers() and blog.answers()


def a_mistake_is_of_one(shop, blog):
    blog.configure('app = "demo"\nworker = 2\n')
    assert blog.reload().returncode != 0 and shop.reload().returncode == 0
    assert shop.answers() and blog.answers()
    blog.configure(BLOG)


def logs_are_rotated(shop, blog):
    """By the file that the package has for logrotate, as its timer would."""
    log = "/var/log/tidegate-blog/access.log"
    assert blog.answers() and "/hello" in blog.run("cat", log).stdout
    done = blog.run("logrotate", "--force", "/etc/logrotate.d/tidegate")
    assert done.returncode == 0, done
    assert "/hello" in blog.run("cat", log + ".1").stdout

    def is_written():
        return blog.answers() and "/hello" in blog.run("cat", log).stdout

    eventually("a line in the new file", is_written)


def a_stop_is_of_one(shop, blog):
    shop.stop()
    assert not shop.answers() and blog.answers()
    shop.enable()
    assert shop.answers()
