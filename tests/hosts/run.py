"""Many hosts behind a proxy, as docs/scale.md tells of them: `make hosts`, as root. With --quick less time for each case, as in
`make test`, and two of the ways. Words are ways or cases: run.py nginx-http killed.

It needs network namespaces, nginx, HAProxy, and the project in .venv (tests/python.sh puts it there); and Envoy and Traefik, which
`make hosts` gets.
"""

import shutil
import sys

import cases
from host import TIDEGATE
from network import why_not
from proxy import PROGRAMS
from scene import Scene

WAYS = ("nginx-uwsgi", "nginx-http", "nginx-fastcgi", "haproxy-http", "haproxy-fastcgi", "envoy-http", "traefik-http")
QUICK = ("nginx-uwsgi", "haproxy-http")


def main(words):
    reason = why_not()
    if reason:
        print(f"hosts: left out, as this machine has no network namespaces for them: {reason}")
        return 0 if "--quick" in words else 1
    missing = [name for name in ("nginx", "haproxy", "curl") if not shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")]
    if missing or not TIDEGATE.exists():
        print(f"hosts: missing: {', '.join(missing) or TIDEGATE}; run make setup, then tests/python.sh")
        return 1
    quick = "--quick" in words
    ways = [way for way in WAYS if way in words] or (QUICK if quick else WAYS)
    if not PROGRAMS.exists() and {"envoy-http", "traefik-http"} & set(ways):
        print("hosts: there is no Envoy and no Traefik in target/proxies: make hosts gets them")
        return 1
    chosen = [case for case in cases.ALL if case.__name__ in words] or cases.ALL
    return 1 if any([run(way, chosen, quick) for way in ways]) else 0


def run(way, chosen, quick):
    """Whether a case has failed. In `make test` the machine may be busy with something else: there it has failed if it does so again
    and again, each time in a scene of its own.
    """
    left, failed, tries = list(chosen), 0, 3 if quick else 1
    while left and failed < tries:
        with Scene(way, quick) as scene:
            try:
                while left:
                    print(f"hosts: {way}: {left[0].__name__} ... ok: {left[0](scene)}", flush=True)
                    del left[0]
                    failed = 0
            except Exception as error:
                failed += 1
                what = "FAILED" if failed == tries else "once more"
                print(f"hosts: {way}: {left[0].__name__} ... {what}: {type(error).__name__}: {error}", flush=True)
                scene.tell()
    return bool(left)


sys.exit(main(sys.argv[1:]))
