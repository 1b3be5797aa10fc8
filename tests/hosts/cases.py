"""What happens to hosts, and what must hold then. Each case leaves all as it was, and returns what it has seen."""

import os
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

from answers import percentile
from host import CAPACITY, PATIENCE, ROOT, WORK, Host, eventually
from load import Figures

RATE = 200


def flows(load_of, count):
    """Lets so many more requests be answered by all hosts together."""
    before = sum(load_of.answered())
    eventually(f"{count} more answers", lambda: sum(load_of.answered()) >= before + count)


def none_failed(load):
    figures = load.end()
    assert not figures.failed, f"{figures}: {figures.statuses}"
    return str(figures)


def rolling_update(scene):
    """deploy/hosts/roll.sh, with `ssh HOST sudo systemctl restart tidegate` done by this test."""
    by_address = {host.machine.address: host for host in scene.hosts}
    path = scene.folder / "restarts"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def restarts():
            for _ in by_address:
                peer, _ = listener.accept()
                with peer:
                    by_address[peer.recv(100).decode()].restart()

        threading.Thread(target=restarts, daemon=True).start()
        programs = scene.folder / "bin"
        programs.mkdir(exist_ok=True)
        ssh = programs / "ssh"
        ssh.write_text(f"#!/usr/bin/env python3\nimport socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect({str(path)!r})\n"
                       "s.sendall(sys.argv[1].encode())\ns.recv(1)\n")
        ssh.chmod(0o755)
        load = scene.load(rate=RATE)
        flows(scene, 50)
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "SETTLE": "1"}
        roll = scene.source.command(ROOT / "deploy" / "hosts" / "roll.sh", *by_address)
        subprocess.run(roll, check=True, timeout=120, env=environment)
    path.unlink()
    flows(scene, 50)
    return none_failed(load)


def stopped_and_back(scene):
    return none_failed(load_while_away(scene, Host.stop, 5))


def killed(scene):
    return few_failed(load_while_away(scene, Host.kill, 3))


def load_while_away(scene, leave, seconds):
    """The load during which a host leaves, and is back after so many seconds."""
    load = scene.load(rate=RATE)
    flows(scene, 50)
    host = scene.hosts[0]
    leave(host)
    time.sleep(scene.seconds(seconds))
    host.start()
    eventually("it is asked again", lambda: host.answered() > 20)
    return load


def cut_off(scene):
    load = scene.load(rate=RATE)
    flows(scene, 50)
    host, others = scene.hosts[0], scene.hosts[1:]
    host.machine.cut()
    before = sum(other.answered() for other in others)
    time.sleep(scene.seconds(10))
    during = sum(other.answered() for other in others) - before
    host.machine.join()
    then = host.answered()
    eventually("it is asked again", lambda: host.answered() > then + 20)
    figures = few_failed(load)
    assert during > scene.seconds(10) * RATE / 2, f"only {during} answers of the others while one was cut off"
    return f"{figures}; {during} by the others meanwhile"


def few_failed(load):
    """No more than what was inside the host: it has four threads, and a queue."""
    figures = load.end()
    inside = 4 + RATE / 10
    assert sum(figures.failed.values()) <= inside, f"{figures}: {figures.statuses}"
    return str(figures)


def one_is_slow(scene):
    """Twenty times slower: what the others answer is as quick as before. In turns it would have a third of all requests."""
    slow = scene.hosts[0]
    answers = scene.proxy.reload_telling(scene.proxy.text)
    # On a busy machine something else may be slow meanwhile: then it is looked at again.
    before = min((beside_one(scene, answers) for _ in range(2)), key=lambda seen: seen.p99)
    slow.restart(work=20 * WORK)
    scene.settle()

    def is_well(during):
        return during.p99 <= 2 * before.p99 and during.share < 0.1 and not during.load.failed

    until = time.monotonic() + 2 * PATIENCE
    while not is_well(during := beside_one(scene, answers)):
        assert time.monotonic() < until, f"with the slow host: {during}; before: {before}"
    turns = beside_one(scene, scene.proxy.reload_telling(scene.proxy.in_turns()))
    assert turns.share > 2 * during.share, f"in turns: {turns}; so what has helped before?"
    told = f"before: {before}; with it: {during}; in turns: {turns}"
    if scene.proxy.has_agents:
        for host in scene.hosts:
            host.start_agent()
        answers = scene.proxy.reload_telling(scene.proxy.asking_agents(scene.proxy.in_turns()))
        until = time.monotonic() + PATIENCE
        # Before the agents are asked first, each host has the same weight.
        while (weighted := beside_one(scene, answers)).share > turns.share / 2:
            assert time.monotonic() < until, f"in turns, with agent-check: {weighted}; without: {turns}"
        told += f"; in turns with agent-check: {weighted}"
    scene.proxy.reload(scene.proxy.text)
    slow.restart()
    scene.settle()
    return told


@dataclass
class Beside:
    """What comes of all while one host is looked at, and what the others have answered beside it."""

    share: float
    p99: float
    of_all: float
    load: Figures

    def __str__(self):
        return (
            f"p99 of the others {self.p99 * 1e3:.0f} ms, of all {self.of_all * 1e3:.0f} ms, "
            f"the first has {self.share:.1%}, {self.load}"
        )


def beside_one(scene, answers):
    """Four seconds. New connections: with kept ones the proxy's reload would fail some."""
    load = scene.load(rate=RATE, keep=False)
    flows(scene, 20)
    answers.begin_here()
    time.sleep(scene.seconds(4))
    seen = answers.all()
    first = scene.hosts[0].machine.address
    share = sum(host == first for host, _, _ in seen) / len(seen)
    # A 503 comes after --queue-timeout, which says nothing of how quick a host is.
    good = [(host, seconds) for host, seconds, status in seen if status == "200"]
    others = [seconds for host, seconds in good if host != first]
    return Beside(share, percentile(others, 0.99), percentile([seconds for _, seconds in good], 0.99), load.end())


def far_away(scene):
    """20 ms each way, and of frames each way 2% are lost."""
    for host in scene.hosts:
        host.kill()
        host.machine.plug_wire(delay=0.02, loss=0.02)
        host.start()
    scene.settle()
    load = scene.load(rate=RATE / 2)
    flows(scene, 100 * scene.seconds(5))
    lost = sum(wire.lost for wire in scene.network.wires)
    assert lost > 10, f"only {lost} frames were lost: that shows nothing"
    return f"{none_failed(load)}; {lost} frames lost"


def too_much(scene):
    until = time.monotonic() + 2 * PATIENCE
    # On a busy machine something else may have its processors meanwhile: then it is looked at again.
    while (seen := goodput(scene))[1] < 0.9:
        assert time.monotonic() < until, f"{seen[1]:.2f} of {seen[0]:.0f}/s, where three hosts could do {3 * CAPACITY:.0f}/s"
    return "{:.0f}/s is what they take; of twice that {:.0%} of it is answered, {} are 503".format(*seen)


def goodput(scene):
    """What they take a second, what part of that they answer of twice as much, and how many were turned away."""
    # Two for each thread, so that none waits for long.
    load = scene.load(connections=24)
    time.sleep(scene.seconds(4))
    capacity = load.end()
    assert not capacity.failed, f"{capacity}: {capacity.statuses}"
    load = scene.load(rate=2 * capacity.per_second(), connections=1024)
    time.sleep(scene.seconds(6))
    figures = load.end()
    others = {status for status in figures.statuses if status not in ("200", "503")}
    assert not others and set(figures.failed) <= {"wrong_status"}, f"{figures}: {figures.statuses}"
    assert figures.statuses["503"] > 0
    return capacity.per_second(), figures.per_second() / capacity.per_second(), figures.statuses["503"]


def a_fourth_joins(scene):
    """With a line more in the proxy's file, and its reload, in which it closes its clients' kept connections: so these keep none."""
    load = scene.load(rate=RATE, keep=False)
    flows(scene, 50)
    scene.add_host(14).start()
    scene.proxy.reload(scene.proxy.with_fourth())
    eventually("it is asked", lambda: scene.hosts[3].answered() > 20)
    shares = []

    def are_even():
        shares[:] = scene.shares(lambda: flows(scene, 400))
        return all(0.15 < share < 0.35 for share in shares)

    # On a busy machine what one host has had no time for goes to the others first.
    eventually("the load evens out", are_even)
    # At its own reload HAProxy takes back the FastCGI requests that run (FCGI_ABORT_REQUEST), and answers 502.
    as_wanted = few_failed if scene.way == "haproxy-fastcgi" else none_failed
    return f"{as_wanted(load)}; shares {', '.join(f'{share:.0%}' for share in shares)}"


ALL = (rolling_update, stopped_and_back, killed, cut_off, one_is_slow, too_much, a_fourth_joins, far_away)
