# SPDX-License-Identifier: GPL-2.0-only
"""What a replay's answer says of its trace, in a sentence each: how its times were taken, how copies begin, whose kernel it is.

Leaves out warnings, which `workload.trace` has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slabdes.config import Experiment, TraceWorkload
from slabdes.results.text import time_text
from slabdes.study.plan import PlannedPoint
from slabdes.units import PS_PER_NS
from slabdes.workload.trace.kernel import guess_kernel
from slabdes.workload.trace.replay import PHASE_DIVISOR, latest_ps
from slabdes.workload.trace.spool import Spool
from slabdes.workload.trace.think import Think


def about_traces(points: Sequence[PlannedPoint]) -> tuple[str, ...]:
    """The sentences of all points, each kind once."""
    told: dict[str, str] = {}
    for point in points:
        if isinstance(point.experiment.workload, TraceWorkload) and point.spool is not None:
            for kind, sentence in (*_about(point.experiment.workload, point.spool), *_kernel(point.experiment)):
                told.setdefault(kind, sentence)
    return tuple(told.values())


def _kernel(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """That another kernel's allocator runs than the trace's."""
    assert isinstance(experiment.workload, TraceWorkload)
    guess, runs = guess_kernel(experiment.workload.file), experiment.allocator.value
    if runs not in guess.of_these:
        of = f"The trace seems to be of a kernel {guess.versions} ({guess.why})"
        yield f"kernel of {experiment.workload.file} on {runs}", f"{of}, and runs on the allocator of {runs}"


def _about(config: TraceWorkload, spool: Spool) -> Iterator[tuple[str, str]]:
    if times := spool.index.recording.of_times(spool.index.clock):
        yield f"times of {config.file}", times
    if config.copies > 1:
        latest = time_text(latest_ps(spool, Think.parse(config.think)) / PS_PER_NS)
        span = f"within {latest} of each other, {100 // PHASE_DIVISOR} % of the trace's length"
        yield "copies", f"Copies begin by chance {span}: what comes together in the trace comes in all at nearly the same time"
