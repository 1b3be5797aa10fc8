"""An application that waits, as for a database, or computes, and says which host it is on."""

import os
import time

NAME = os.environ["HOST_NAME"].encode()
WORK = float(os.environ["HOST_WORK"])
SPIN = int(os.environ["HOST_SPIN"])


def application(environ, start_response):
    time.sleep(WORK)
    sum(range(SPIN))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(NAME)))])
    return [NAME]
