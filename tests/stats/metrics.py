"""Reads the metrics of the URL with Prometheus's own parser, after as many requests as the second argument says."""

import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

url, requests = sys.argv[1], float(sys.argv[2])
with urllib.request.urlopen(url, timeout=30) as response:
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", response.headers
    text = response.read().decode()

families = list(text_string_to_metric_families(text))
names = [family.name for family in families]
assert len(names) == len(set(names)), "a family stands twice"
samples = {}
for family in families:
    assert family.name.startswith("tidegate_"), family.name
    assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
    for sample in family.samples:
        key = (sample.name, frozenset(sample.labels.items()))
        assert key not in samples, f"{key} stands twice"
        samples[key] = sample.value
# What the parser does not take for a sample, it leaves out.
assert len(samples) == sum(1 for line in text.splitlines() if line and not line.startswith("#")), text


def total(name, **labels):
    return sum(value for (one, its), value in samples.items() if one == name and labels.items() <= dict(its).items())


assert total("tidegate_requests_total") == requests
assert total("tidegate_application_exceptions_total") == 1
assert total("tidegate_request_duration_seconds_count") == requests
assert total("tidegate_request_duration_seconds_bucket", le="+Inf") == requests
assert total("tidegate_processes", state="ready") == 2
for worker in ("1", "2"):
    buckets = [
        (float(dict(labels)["le"]), value)
        for (name, labels), value in samples.items()
        if name == "tidegate_request_duration_seconds_bucket" and dict(labels)["worker"] == worker
    ]
    assert len(buckets) == 20
    values = [value for _, value in sorted(buckets)]
    assert values == sorted(values), "a histogram's buckets are cumulative"
addresses = {dict(labels)["address"] for (name, labels) in samples if name == "tidegate_listener_backlog_max"}
assert len(addresses) == 2, addresses
print("passed")
