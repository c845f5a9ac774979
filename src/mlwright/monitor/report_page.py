"""A report as a page: the verdict, then what drifted, since when, how it looks, what it costs."""

from __future__ import annotations

from dataclasses import replace

from mlwright.core import clock
from mlwright.report import timeline
from mlwright.report.page import (
    Cell,
    Figure,
    Items,
    Part,
    Preformatted,
    Section,
    Table,
    Text,
    render,
)
from mlwright.stats.intervals import Interval

from . import wording
from .begin import Begin
from .joint_page import over_time
from .performance import JUDGED
from .report import Report
from .sections import sections
from .shift import Shift
from .slices_page import WEAK, of_segments

_MOST_NAMED = 3
_MOST_METRICS = 4
_OF_THE_MODEL = ("Performance", WEAK, "Estimated without labels")


def page(made: Report) -> str:
    """Return the report as one HTML file that opens offline.

    Raises:
        UserError: it would be larger than 2 MB.
    """
    check = made.check
    lead, *rest = sections(check)
    # The second part is the period, which stands under the title already.
    lead = replace(lead, parts=[*lead.parts[:1], *_takeaways(made), *lead.parts[2:]])
    drift = [section for section in rest if section.title not in _OF_THE_MODEL]
    judged = [section for section in rest if section.title in _OF_THE_MODEL]
    return render(
        f"{check.environment}: {check.model}:{check.version}",
        [
            lead,
            *drift,
            *over_time(made.joint),
            *_shifts(made),
            *judged,
            *_trend(made),
            *_concept(made),
            *of_segments(made.by_segment),
            _service(made),
        ],
        subtitle=f"{_moment(check.since)} to {_moment(check.until)}, UTC",
    )


def _takeaways(made: Report) -> list[Part]:
    said = [_takeaway(made, shift) for shift in made.shifts[:_MOST_NAMED]]
    loss = made.concept.loss
    if loss:
        verb = "rose" if loss.after > loss.before else "fell"
        said.append(f"The loss {verb} from {loss.before:.3g} to {loss.after:.3g} {_since(loss)}.")
    for slice_ in made.check.slices.weak.weak[:1] if made.check.slices else ():
        said.append(
            f"It errs most where {slice_.name}: mean loss {slice_.loss.value:.3g}, elsewhere "
            f"{slice_.elsewhere.value:.3g}."
        )
    parts: list[Part] = [Items(said)] if said else []
    if made.check.verdict in ("drift", "degraded"):
        parts.append(Preformatted(wording.action(made.check)))
    return parts


def _takeaway(made: Report, shift: Shift) -> str:
    finding = shift.finding
    what = "missing values of " if finding.kind == "missing_values" else ""
    when = _since(shift.begin) if shift.begin else "from the period's first day on"
    price = f"; it costs {_cost(made, shift.cost)}" if shift.cost else ""
    return f"{what}{finding.feature} moved by {finding.effect:.0%} of the rows {when}{price}."


def _cost(made: Report, cost: Interval) -> str:
    name = "squared error" if made.check.performance.metrics.keys() & {"mae"} else "log loss"
    return f"{cost.value:+.3g} ({cost.low:+.3g} to {cost.high:+.3g}) of {name}"


def _since(begin: Begin) -> str:
    return f"since {_moment(begin.time)} ({_between(begin)})"


def _between(begin: Begin) -> str:
    return f"{_moment(begin.low)} to {_moment(begin.high)}"


def _moment(seconds: float) -> str:
    """Write a time to the minute, in UTC as all of the page is."""
    return clock.iso(seconds)[:16].replace("T", " ")


def _shifts(made: Report) -> list[Section]:
    if not made.shifts:
        return []
    rows: list[list[Cell]] = [
        [
            shift.finding.feature,
            _moment(shift.begin.time) if shift.begin else "before the period",
            _between(shift.begin) if shift.begin else "-",
            shift.cost,
        ]
        for shift in made.shifts
    ]
    words = (
        "Cost: by how much the mean loss of the labelled rows is higher because more rows lie on "
        "the side to which the feature moved; below 0, to easier rows. It says nothing of a "
        "relation that has changed."
    )
    head = ["feature", "since", "95% interval", "cost in mean loss"]
    return [Section("Since when, and what it costs", parts=[Table(head, rows), Text(words)])]


def _trend(made: Report) -> list[Section]:
    metrics = made.check.performance.metrics
    shown = [name for name in JUDGED if name in metrics and _points(made, name)]
    if not shown:
        return []
    loss = made.concept.loss
    figures = [
        Figure(
            timeline.measured(
                _points(made, name),
                baseline=metrics[name].baseline or metrics[name].current,
                label=wording.metric_name(name),
                since=loss.time if loss else None,
            ),
            f"{wording.metric_name(name)} by {made.trend.span} with 95% intervals; the band is the "
            "interval when the model was trained.",
        )
        for name in shown[:_MOST_METRICS]
    ]
    return [Section(f"Performance by {made.trend.span}", _labels(made), parts=figures)]


def _points(made: Report, name: str) -> list[tuple[float, Interval]]:
    points = made.trend.points
    return [(point.since, point.metrics[name]) for point in points if name in point.metrics]


def _labels(made: Report) -> str:
    performance = made.check.performance
    said = f"{performance.coverage:.0%} of the rows are labelled"
    if performance.lag_seconds:
        lag = performance.lag_seconds
        said += f"; half of the labels came within {_span(lag['p50'])}, 95% in {_span(lag['p95'])}"
    return f"{said}."


def _span(seconds: float) -> str:
    for width, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * width:
            return f"{seconds / width:.0f} {unit}"
    return f"{max(seconds, 0):.0f} seconds"


def _concept(made: Report) -> list[Section]:
    concept = made.concept
    said = [
        f"The {name} changed from {found.before:.3g} to {found.after:.3g} on average "
        f"{_since(found)}."
        for name, found in (("answers", concept.predictions), ("loss", concept.loss))
        if found
    ]
    if concept.together:
        value = concept.together
        said.append(
            f"Rank correlation of how far the answers have moved and the loss, over {value.n} "
            f"spans: {value.value:.2f} ({value.low:.2f} to {value.high:.2f})."
        )
    if not said:
        return []
    return [Section("Predictions and loss over time", parts=[Items(said)])]


def _service(made: Report) -> Section:
    service = made.service
    latency = ", ".join(
        f"{name} {value:.1f} ms" for name, value in service.latency_ms.items() if value is not None
    )
    errors = (
        f"{service.errors.value:.2%} ({service.errors.low:.2%} to {service.errors.high:.2%}) of "
        f"{service.errors.n:,} requests of rollouts failed."
        if service.errors
        else "No rollout was under way; requests that failed are in the server's own counters."
    )
    parts: list[Part] = [Text(errors)]
    if service.rows:
        width = f"{service.width / 3600:.0f} h"
        parts += [
            Figure(
                timeline.amounts(service.times, service.traffic, label="rows answered"),
                f"Rows answered every {width}.",
            ),
            Figure(
                timeline.amounts(service.times, service.p95_ms, label="p95 latency, ms"),
                f"95th percentile of the latency, every {width}.",
            ),
        ]
    return Section(
        "Service", f"{service.rows:,} rows answered; {latency or 'no latency'}.", parts=parts
    )
