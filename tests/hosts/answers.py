"""What a proxy's log tells of its answers: by which host, and after what time."""

import math
import re


class Answers:
    """The lines of a log that begin with a word, then the host, the time in units of `unit` seconds, and the status."""

    def __init__(self, log, word, unit):
        self.log, self.unit, self.begin = log, unit, 0
        # nginx names each host that was asked, and the last one has answered.
        self.line = re.compile(rf"^{word} (?:.*, )?([\d.]+)(?::\d+)? ([\d.]+) (\d+)$", re.MULTILINE)

    def all(self):
        """Those since `begin_here`: host, seconds, status."""
        with open(self.log) as log:
            log.seek(self.begin)
            found = self.line.findall(log.read())
        return [(host, float(time) * self.unit, status) for host, time, status in found]

    def begin_here(self):
        self.begin = self.log.stat().st_size


def percentile(times, part):
    """The time within which so large a part is over."""
    return sorted(times)[math.ceil(part * len(times)) - 1]
