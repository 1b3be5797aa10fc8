"""What a configuration comes to: uWSGI's own `--show-config`, and that of `tidegate uwsgi`."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

# Of PyPI, in the tests' virtual environment.
UWSGI = Path(sys.executable).with_name("uwsgi")
BEGIN, END = b";uWSGI instance configuration\n[uwsgi]\n", b";end of configuration\n"


def shown(command, words, folder, variables):
    """The lines that `command` shows of these arguments in `folder`; what it says instead, if it shows none."""
    known = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ}
    # Both begin to serve, if nothing keeps them from it.
    ran = subprocess.run(
        [*map(str, command), *words, "--show-config", "--no-server"],
        cwd=folder,
        env={**known, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    _, begin, rest = ran.stderr.partition(BEGIN)
    lines, end, _ = rest.partition(END)
    if not (begin and end):
        return f"exit status {ran.returncode}: " + ran.stderr.decode(errors="replace").strip()
    return lines.decode(errors="replace").split("\n")


# Options that keep uWSGI from coming so far as to show anything, or have it show it elsewhere: they are read under another
# name by both.
KEPT_AWAY = (
    "daemonize daemonize2 logto logto2 logger req-logger logger-req log-master log-route plugin plugins need-plugin "
    "need-plugins emperor strict hook-asap exec-asap early-envdir ini-paste ini-paste-logged attach-daemon spooler mule "
    "cron gevent umask uid gid flock alarm cache2 log-encoder log-req-encoder log-date logdate log-prefix log-maxsize"
).split()
_NAMES = "|".join(map(re.escape, KEPT_AWAY))


def harmless(text):
    """The text of a configuration with other names for these options, and without the time."""
    text = re.sub(rf"(?m)^([ \t]*)({_NAMES})([ \t]*[=:\r\n]|$)", r"\1x-\2\3", text)
    text = re.sub(r"(?<!%)%[tT]", "%V", text)
    return re.sub(rf"<(/?)({_NAMES})>", r"<\1x-\2>", text)


def without(words):
    """A command line without these options and their values."""
    kept, rest = [], iter(words)
    for word in rest:
        name, equals, _ = word.lstrip("-").partition("=")
        if not word.startswith("--") or name not in KEPT_AWAY:
            kept.append(word)
        elif not equals and name not in {"strict", "log-master"}:
            next(rest, None)
    return kept


def command_line(script):
    """The arguments of the first uwsgi that a shell script starts."""
    for line in script.replace("\\\n", " ").splitlines():
        # CMD ["uwsgi", "--master"] of a Dockerfile.
        is_list = '["' in line
        line = line.strip().removeprefix("CMD").removeprefix("ENTRYPOINT")
        lexer = shlex.shlex(line, posix=True, punctuation_chars="&;|<>()" + "[]," * is_list)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:
            continue
        found = [at for at, word in enumerate(words) if word.rsplit("/", 1)[-1] == "uwsgi"]
        if found and not line.startswith("#"):
            rest = [word for word in words[found[0] + 1 :] if not is_list or word not in "[],"]
            ends = [at for at, word in enumerate(rest) if word[0] in "&;|<>()"]
            return rest[: ends[0]] if ends else rest
    return []
