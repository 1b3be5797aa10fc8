"""What each setting of a proxy, and of Tidegate, is worth: the same event with it and without, into the table of docs/scale.md.
As root, on a quiet machine: python3 -B tests/hosts/worth.py
"""

import re
import time
from dataclasses import dataclass, field

from cases import RATE, beside_one, flows
from host import CAPACITY, ROOT, SETTINGS, WORK, Host, eventually
from scene import Scene

HEADING = "### With and without"


@dataclass
class Trial:
    """An event, and what of the files in deploy/hosts and of the hosts' settings is another."""

    event: object
    what: str
    edits: tuple = ()
    settings: dict = field(default_factory=dict)
    agents: bool = False


def slow(scene, trial):
    """One host is 20 times slower."""
    scene.hosts[0].restart(work=20 * WORK)
    seen = beside_one(scene, scene.proxy.reload_telling(edited(scene, trial)))
    return (
        f"{seen.share:.0%} of the requests are its; p99 of the others {seen.p99 * 1e3:.0f} ms, of all {seen.of_all * 1e3:.0f} ms; "
        f"{lost(seen.load)}"
    )


def stopped(scene, trial):
    """One host after the other is stopped by SIGTERM, and started again; half of the load are POSTs."""
    return gone(scene, trial, Host.stop)


def killed(scene, trial):
    """One host after the other is killed with -9, and started again; half of the load are POSTs."""
    return gone(scene, trial, Host.kill)


def gone(scene, trial, leave):
    scene.proxy.reload(edited(scene, trial))
    time.sleep(1)
    loads = [scene.load(rate=RATE / 2), scene.load(rate=RATE / 2, method="POST")]
    flows(scene, 50)
    for host in scene.hosts:
        leave(host)
        host.start()
        eventually("it is asked again", lambda: host.answered() > 20)
    gets, posts = (load.end() for load in loads)
    return f"GETs: {lost(gets)}; POSTs: {lost(posts)}"


def cut(scene, trial):
    """The line to one host is cut for 10 s."""
    scene.proxy.reload(edited(scene, trial))
    time.sleep(1)
    load = scene.load(rate=RATE)
    flows(scene, 50)
    machine = scene.hosts[0].machine
    machine.cut()
    time.sleep(10)
    machine.join()
    time.sleep(2)
    figures = load.end()
    return f"p99 {figures.p99 * 1e3:.0f} ms, the longest {figures.longest:.1f} s; {lost(figures)}"


def too_much(scene, trial):
    """Twice the load that three hosts take, for 5 s."""
    scene.proxy.reload(edited(scene, trial))
    time.sleep(1)
    load = scene.load(rate=6 * CAPACITY, connections=1900)
    time.sleep(5)
    figures = load.end()
    return f"{figures.per_second():.0f}/s answered, p99 {figures.p99 * 1e3:.0f} ms; {lost(figures)}"


NO_READY = (r"\n.*option httpchk.*", r"\n.*http-check.*", r" check port 9191", r" check inter", r" inter 300ms fall 2 rise 1")
NO_RETRY = ((r"next_upstream error timeout;", "next_upstream off;"), (r"\n.*(retry-on|option redispatch).*", ""), (r"retries 3", "retries 0"))
TURNS = ((r"\n *least_conn;", ""), (r"balance leastconn", "balance roundrobin"))
TRIALS = {
    "nginx-http": (
        Trial(slow, "as it is, with `least_conn`"),
        Trial(slow, "without: in turns", TURNS),
        Trial(slow, "in turns, without `--queue-timeout`", TURNS, {"queue-timeout": None}),
        Trial(stopped, "as it is"),
        Trial(stopped, "without `--drain`", settings={"drain": None}),
        Trial(stopped, "`proxy_next_upstream off`", NO_RETRY),
        Trial(killed, "as it is"),
        Trial(killed, "`proxy_next_upstream off`", NO_RETRY),
        Trial(cut, "as it is, `proxy_connect_timeout 3s`"),
        Trial(cut, "nginx's own, 60 s", ((r"\n.*connect_timeout.*", ""),)),
        Trial(too_much, "as it is, `--queue-timeout 1`"),
        Trial(too_much, "without `--queue-timeout`", settings={"queue-timeout": None}),
        Trial(too_much, "503 asked of another host: `proxy_next_upstream error timeout http_503`", ((r"error timeout;", "error timeout http_503;"),)),
    ),
    "haproxy-http": (
        Trial(slow, "as it is, with `balance leastconn`"),
        Trial(slow, "without: in turns", TURNS),
        Trial(slow, "in turns, with `agent-check`", TURNS, agents=True),
        Trial(slow, "`leastconn` and `agent-check`", agents=True),
        Trial(stopped, "as it is"),
        Trial(stopped, "without `--drain`", settings={"drain": None}),
        Trial(stopped, "`/ready` not asked", tuple((pattern, "") for pattern in NO_READY)),
        Trial(stopped, "neither `retry-on` nor `redispatch`", NO_RETRY),
        Trial(stopped, "none of the three", (*NO_RETRY, *((pattern, "") for pattern in NO_READY)), {"drain": None}),
        Trial(killed, "as it is"),
        Trial(killed, "neither `retry-on` nor `redispatch`", NO_RETRY),
    ),
}


def edited(scene, trial):
    text = scene.proxy.text
    for pattern, new in trial.edits:
        text = re.sub(pattern, new, text)
    assert not trial.edits or text != scene.proxy.text, trial.what
    return scene.proxy.asking_agents(text) if trial.agents else text


def lost(figures):
    statuses = {status: count for status, count in figures.statuses.items() if status != "200"}
    others = sum(count for kind, count in figures.failed.items() if kind != "wrong_status")
    told = [f"{count} × {status}" for status, count in statuses.items()] + ([f"{others} without an answer"] if others else [])
    return f"lost {', '.join(told) or 'nothing'} of {figures.good + sum(figures.failed.values()):,}"


def measured(scene, trial):
    settings = {**SETTINGS, **trial.settings}
    settings = {option: value for option, value in settings.items() if value is not None}
    for host in scene.hosts:
        if host.settings != settings:
            host.settings = settings
            host.restart()
        if trial.agents and not host.agent:
            host.start_agent()
    scene.settle()
    told = trial.event(scene, trial)
    scene.proxy.reload(scene.proxy.text)
    if trial.event is slow:
        scene.hosts[0].restart()
    return told


def main():
    lines = ["| what happens | what is set | what comes of it |", "| --- | --- | --- |"]
    for way, trials in TRIALS.items():
        with Scene(way, quick=False) as scene:
            for trial in trials:
                event = trial.event.__doc__.rstrip(".")
                event = event[0].lower() + event[1:]
                lines.append(f"| {way.split('-')[0]}: {event} | {trial.what} | {measured(scene, trial)} |")
                print(lines[-1], flush=True)
    page = ROOT / "docs" / "scale.md"
    text = page.read_text(encoding="utf-8")
    before, heading, behind = text.partition(f"\n{HEADING}\n")
    text = before + heading + re.sub(r"(?:^\|.*\n)+", lambda _: "\n".join(lines) + "\n", behind, count=1, flags=re.MULTILINE)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
