"""What a proxy's log tells of its answers: by which host, and after what time."""

import math
import re


class Answers:
    """The lines of a log of this form, which has the host, the time in units of `unit` seconds, and the status."""

    def __init__(self, log, line, unit):
        self.log, self.unit, self.begin = log, unit, 0
        self.line = re.compile(line, re.MULTILINE)

    def all(self):
        """Those since `begin_here`: host, seconds, status."""
        with open(self.log) as log:
            log.seek(self.begin)
            found = self.line.finditer(log.read())
        return [(line["host"], float(line["time"]) * self.unit, line["status"]) for line in found]

    def begin_here(self):
        self.begin = self.log.stat().st_size


def percentile(times, part):
    """The time within which so large a part is over."""
    return sorted(times)[math.ceil(part * len(times)) - 1]
