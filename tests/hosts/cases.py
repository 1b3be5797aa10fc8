"""What happens to hosts, and what must hold then. Each case leaves all as it was, and returns what it has seen."""

import os
import socket
import subprocess
import threading
import time

from host import CAPACITY, ROOT, WORK, eventually

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
    load = scene.load(rate=RATE)
    flows(scene, 50)
    host = scene.hosts[0]
    host.stop()
    time.sleep(scene.seconds(5))
    host.start()
    eventually("it is asked again", lambda: host.answered() > 20)
    return none_failed(load)


def killed(scene):
    load = scene.load(rate=RATE)
    flows(scene, 50)
    host = scene.hosts[0]
    host.kill()
    time.sleep(scene.seconds(3))
    host.start()
    eventually("it is asked again", lambda: host.answered() > 20)
    return few_failed(load)


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
    """Twenty times slower. With turns alone it would have a third of all requests."""
    load = scene.load(rate=RATE)
    flows(scene, 200)
    before = load.end()
    slow = scene.hosts[0]
    slow.restart(work=20 * WORK)
    scene.settle()
    shares, after = with_a_slow_one(scene)
    assert shares[0] < 0.1, f"the slow host had {shares[0]:.0%} of the requests"
    assert not after.failed, f"{after}: {after.statuses}"
    scene.proxy.reload(scene.proxy.in_turns())
    turns, worse = with_a_slow_one(scene)
    scene.proxy.reload(scene.proxy.text)
    assert turns[0] > 2 * shares[0], f"in turns it has {turns[0]:.0%}, so what has helped before?"
    slow.restart()
    scene.settle()
    return (
        f"it has {shares[0]:.1%} of the requests, p95 of all {before.p95 * 1e3:.0f} ms before, {after.p95 * 1e3:.0f} ms with it; "
        f"in turns {turns[0]:.0%}, {worse}"
    )


def with_a_slow_one(scene):
    """What part each host has, and what comes of all. New connections: with kept ones a proxy's reload would fail some."""
    load = scene.load(rate=RATE, keep=False)
    shares = scene.shares(lambda: time.sleep(scene.seconds(4)))
    return shares, load.end()


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
    part = figures.per_second() / capacity.per_second()
    assert part >= 0.9, f"{part:.2f} of {capacity.per_second():.0f}/s, where three hosts could do {3 * CAPACITY:.0f}/s"
    return f"{capacity.per_second():.0f}/s is what they take; of twice that {part:.0%} of it is answered, {figures.statuses['503']} are 503"


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
    return f"{none_failed(load)}; shares {', '.join(f'{share:.0%}' for share in shares)}"


ALL = (rolling_update, stopped_and_back, killed, cut_off, one_is_slow, too_much, a_fourth_joins, far_away)
