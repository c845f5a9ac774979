from __future__ import annotations

import re

from mlwright.serve.metrics import BUCKETS, Metrics, label


def test_a_histogram_is_cumulative_and_ends_with_all():
    metrics = Metrics()
    for seconds in (0.0005, 0.0006, 100.0):
        metrics.observe(3, seconds)
    counts = [int(each) for each in re.findall(r"_bucket\{.*\} (\d+)", metrics.snapshot().text())]
    assert counts == [1] + [2] * (len(BUCKETS) - 1) + [3]
    assert 'mlwright_request_seconds_sum{version="3"} 100.001100' in metrics.snapshot().text()


def test_every_line_has_the_form_that_prometheus_reads():
    metrics = Metrics()
    metrics.count("unseen_categories_total", label("column", 'a"b\\c\nd<script>'))
    metrics.observe(1, 0.1)
    line = re.compile(r'[a-z_]+(\{[a-z_]+="([^"\\\n]|\\.)*"(,[a-z]+="[^"]*")*\})? [0-9.]+')
    for text in metrics.snapshot().text().splitlines():
        assert text.startswith("# ") or line.fullmatch(text), text
