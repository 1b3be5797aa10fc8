#!/bin/sh
# Brings new code or a new version to one host after the other: roll.sh 10.0.0.11 10.0.0.12 10.0.0.13
# It goes on once a host is ready, and ends at the first that is not within a minute. The proxy needs to know nothing.
set -eu
for host in "$@"; do
    ssh "$host" sudo systemctl restart tidegate
    curl --fail --silent --show-error --output /dev/null --retry 60 --retry-delay 1 --retry-all-errors "http://$host:9191/ready"
    # The proxies come to know that it is back: a probe's time, or nginx's fail_timeout.
    sleep "${SETTLE:-3}"
done
