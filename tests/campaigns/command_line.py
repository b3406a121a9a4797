# SPDX-License-Identifier: GPL-2.0-only
"""Gives the command line broken files, wrong options and odd names, and tells what it must never do: crash, hang, or babble.

    python tests/campaigns/command_line.py --tries 1500 --seed 7 --workers 2 --keep found
    python tests/campaigns/command_line.py --seed 7 --only 123           one try again, with all that it printed

Each try runs in a process of its own: mostly forked from this one, where everything is imported, a few from the start. One that
is simulating is ended after a moment, since that is what was asked for. Exits with 1 if anything was found.
Leaves out whether what is printed is right.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

from lines import FOLDER, PIPE, ZERO, Line, Seeds, drawn

MAX_CHARACTERS: Final = 400
"""Of a message."""
MAX_SECONDS: Final = 10
"""Processor time of a try."""
MAX_WALL_SECONDS: Final = 300
"""For so long nothing hangs, whoever else keeps the processors busy."""
MAX_BYTES: Final = 2 << 30
QUIET: Final = {"SLABDES_PROGRESS": "off", "SLABDES_CELLS": "off"}
"""How fast the machine is decides whether it is said that a command is at work."""
AT_WORK_SECONDS: Final = 3
"""Processor time for which a simulation is left at work."""
TOLD_EVERY_S: Final = 15
CODES: Final = (0, 1, 2, 129, 130, 143)
FROM_THE_START: Final = 0.04
"""Share of the tries in an interpreter of their own."""
AT_WORK: Final = ".at-work"
"""A file that is there while what was asked for is simulated."""


@dataclass
class Outcome:
    """What a try left behind. `code` is negative for a signal's number."""

    code: int
    out: bytes
    err: bytes
    seconds: float
    most_bytes: int
    at_work: bool
    over_time: bool
    changed: tuple[str, ...] = ()


@dataclass
class Figures:
    """How the tries ended."""

    codes: dict[int, int] = field(default_factory=dict)
    at_work: int = 0
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, 0)
    most_bytes: tuple[int, int] = (0, 0)
    longest: tuple[int, int] = (0, 0)

    def add(self, number: int, outcome: Outcome) -> None:
        """Take up a try."""
        if outcome.at_work:
            self.at_work += 1
            return
        self.codes[outcome.code] = self.codes.get(outcome.code, 0) + 1
        self.seconds += outcome.seconds
        self.slowest = max(self.slowest, (outcome.seconds, number))
        self.most_bytes = max(self.most_bytes, (outcome.most_bytes, number))
        longest = max(map(len, outcome.err.decode("utf-8", "replace").splitlines()), default=0)
        self.longest = max(self.longest, (longest, number))

    def line(self) -> str:
        """The summary."""
        codes = ", ".join(f"{count} x {code}" for code, count in sorted(self.codes.items()))
        return (
            f"exit codes {codes}; {self.at_work} ended at work; {self.seconds:.0f} s of processors; "
            f"slowest {self.slowest[0]:.1f} s (try {self.slowest[1]}); "
            f"most memory {self.most_bytes[0] / (1 << 20):.0f} MiB (try {self.most_bytes[1]}); "
            f"longest message {self.longest[0]} (try {self.longest[1]})"
        )


def gathered() -> Seeds:
    """Files to begin with, by what they are."""
    import table

    runs = {f"run/{name}": data for name, data in table.whole_folder().items()}
    dumps = [seed for seed in table.seeds_kernel_trace() if any("dump" in name for name in seed)]
    return {
        "experiments": [{name: data for name, data in seed.items() if name != "settings"} for seed in table.seeds_plan()],
        "traces": [dict(seed) for seed in table.seeds_trace()],
        "slabinfo": [dict(seed) for seed in table.seeds_slabinfo()],
        "machines": [
            dict(seed)
            for seeds in (table.seeds_toml, table.seeds_hwloc, table.seeds_numactl, table.seeds_latencies)
            for seed in seeds()
        ],
        "latencies": [dict(seed) for seed in table.seeds_with_latencies()],
        "fits": [dict(seed) for seed in table.seeds_fit()],
        "recordings": [dict(seed) for seeds in (table.seeds_script, table.seeds_log) for seed in seeds()],
        "dumps": [{"dump.txt": next(data for name, data in seed.items() if "dump" in name)} for seed in dumps],
        "runs": [runs],
    }


def seeds_from_a_process() -> Seeds:
    """The same, made where Polars may start its threads: nothing is forked from there."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(gathered)


def line_of(seed: int, number: int, seeds: Seeds) -> Line:
    """The try of that number."""
    return drawn(Random(f"{seed} command line {number}"), seeds)


def lay_out(folder: Path, line: Line) -> None:
    """The files of a try, and what is in their places."""
    root = os.fsencode(folder)
    for name, data in line.files.items():
        path = os.path.join(root, os.fsencode(name))  # noqa: PTH118 -- names that are not UTF-8
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 -- likewise
        with open(path, "wb") as file:  # noqa: PTH123 -- likewise
            file.write(data)
    for name, what in line.places.items():
        path = os.path.join(root, os.fsencode(name))  # noqa: PTH118 -- likewise
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 -- likewise
        if what == FOLDER:
            os.makedirs(path, exist_ok=True)  # noqa: PTH103 -- likewise
        elif what == PIPE:
            os.mkfifo(path)
        elif what == ZERO:
            os.symlink("/dev/zero", path)  # noqa: PTH211 -- likewise


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, by its name: to see that nothing was changed."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    }


def attempt(line: Line, from_the_start: bool, scratch: Path) -> Outcome:
    """Run one command line in a process of its own."""
    shutil.rmtree(scratch, ignore_errors=True)
    folder = scratch / "here"
    folder.mkdir(parents=True)
    lay_out(folder, line)
    before = contents(folder)
    with (scratch / "out").open("wb") as out, (scratch / "err").open("wb") as err:
        process = started(line, folder, out.fileno(), err.fileno()) if from_the_start else forked(line, scratch, out, err)
        code, seconds, usage, over_time, at_work = watched(process, scratch / AT_WORK)
    after = contents(folder)
    changed = [name for name, data in before.items() if after.get(name) != data]
    left = [name for name in after if name not in before and name.endswith(".tmp") and not at_work]
    return Outcome(
        code,
        (scratch / "out").read_bytes(),
        (scratch / "err").read_bytes(),
        seconds,
        usage.ru_maxrss * 1024,
        at_work,
        over_time,
        tuple(changed + left),
    )


def started(line: Line, folder: Path, out: int, err: int) -> int:
    """A try from the start; its process."""
    process = subprocess.Popen(
        [sys.executable.encode(), b"-m", b"slabdes", *line.arguments],
        cwd=folder,
        env={**os.environ, **QUIET, **line.environment},
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        start_new_session=True,
    )
    process.returncode = 0  # it is waited for by its number
    return process.pid


def forked(line: Line, scratch: Path, out: Any, err: Any) -> int:
    """A try that goes on from here; its process."""
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setsid()
        os.chdir(scratch / "here")
        os.environ.update({**QUIET, **line.environment})
        for number, stream in ((1, out), (2, err)):
            os.dup2(stream.fileno(), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + 2 * MAX_BYTES, resource.RLIM_INFINITY))
        sys.stdout, sys.stderr = (as_python_opens(number, line.environment) for number in (1, 2))
        sys.argv = ["slabdes", *map(os.fsdecode, line.arguments)]
        told_when_at_work(scratch / AT_WORK)
        code = ended(sys.modules["slabdes.__main__"].main)
    finally:
        os._exit(code)
    return 0


def as_python_opens(number: int, environment: Mapping[str, str]) -> io.TextIOWrapper:
    """A stream as Python would have it in this environment."""
    encoding, _, errors = environment.get("PYTHONIOENCODING", "ascii" if environment.get("LC_ALL") == "C" else "utf-8").partition(
        ":"
    )
    return io.TextIOWrapper(io.FileIO(number, "w"), encoding, errors or ("strict" if number == 1 else "backslashreplace"))


def ended(main: Callable[[], None]) -> int:
    """The exit code that Python would end with."""
    try:
        main()
        code: Any = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return int(code or 0)


def told_when_at_work(mark: Path) -> None:
    """Have the file `mark` be there while tasks run, are compiled, or are drawn; benches and validations are not begun."""
    import slabdes.engine.compiled.run
    import slabdes.plots.save
    import slabdes.study.bench
    import slabdes.study.run
    import slabdes.validation.report
    import slabdes.validation.simulate

    run_tasks, prepare = slabdes.validation.simulate.run_tasks, slabdes.engine.compiled.run.prepare
    of_a_study = slabdes.study.run._Study._run
    save_figures = slabdes.plots.save.save_figures

    def marked(*given: Any) -> Iterator[Any]:
        mark.touch()
        yield from run_tasks(*given)
        mark.unlink()

    def marked_study(*given: Any) -> Iterator[Any]:
        mark.touch()
        yield from of_a_study(*given)
        mark.unlink()

    def compiled(*given: Any) -> None:
        mark.touch()
        prepare(*given)
        mark.unlink()

    def drawn(*given: Any, **more: Any) -> Any:
        mark.touch()
        saved = save_figures(*given, **more)
        mark.unlink()
        return saved

    def not_begun(*_given: Any, **_more: Any) -> Any:
        raise SystemExit(0)

    slabdes.validation.simulate.run_tasks = marked
    slabdes.study.run._Study._run = marked_study  # type: ignore[method-assign]  # a stand-in
    slabdes.engine.compiled.run.prepare = slabdes.validation.simulate.prepare = compiled
    slabdes.plots.save.save_figures = drawn
    slabdes.study.bench.bench = slabdes.study.bench.bench_long = not_begun
    slabdes.validation.report.validate = not_begun


def watched(process: int, mark: Path) -> tuple[int, float, Any, bool, bool]:
    """Wait for a process, which is ended when its time is over.

    Its code, the seconds that it took but for those at work, all that it took, whether its time was over, and over at work.
    """
    begun, last, at_work = time.monotonic(), 0.0, 0.0
    while True:
        ended_one, status, usage = os.wait4(process, os.WNOHANG)
        if ended_one:
            return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime - at_work, usage, False, False
        spent = processor_seconds(process)
        if mark.exists():
            at_work += spent - last
        last = spent
        enough = at_work > AT_WORK_SECONDS
        if enough or spent - at_work > 2 * MAX_SECONDS or time.monotonic() - begun > MAX_WALL_SECONDS:
            os.killpg(process, signal.SIGKILL)
            _one, status, usage = os.wait4(process, 0)
            return os.waitstatus_to_exitcode(status), spent - at_work, usage, not enough, enough
        time.sleep(0.005)


def processor_seconds(process: int) -> float:
    """What a process has taken so far."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def found(line: Line, outcome: Outcome) -> Iterator[str]:
    """What must not have happened: a word or two for the kind, then what it was."""
    if outcome.at_work:
        return
    if outcome.over_time or outcome.seconds > MAX_SECONDS:
        yield f"over time: {outcome.seconds:.1f} s of a processor"
    if outcome.most_bytes > MAX_BYTES:
        yield f"memory: {outcome.most_bytes / (1 << 30):.1f} GiB"
    if outcome.code not in CODES and not outcome.over_time:
        yield f"exit code: {outcome.code}"
    if b"Traceback (most recent call last)" in outcome.err + outcome.out:
        last = outcome.err.rstrip().splitlines()[-1:] or [b""]
        yield f"traceback: {last[0][:200].decode('utf-8', 'replace')}"
        return
    if outcome.changed and outcome.code == 2:
        yield f"changed or left: {', '.join(map(ascii, outcome.changed))}"
    plain = line.environment.get("PYTHONIOENCODING", "").startswith("ascii") or line.environment.get("LC_ALL") == "C"
    for name, data in (("output", outcome.out), ("errors", outcome.err)):
        try:
            text = data.decode(line.environment.get("PYTHONIOENCODING", "utf-8").partition(":")[0])
        except UnicodeDecodeError as error:
            yield f"encoding of {name}: {error}"
            continue
        odd = [one for one in text.split("\n") if not one.isprintable()]
        if odd:
            yield f"control character in {name}: {odd[0][:200]!a}"
        if plain and not text.isascii():
            yield f"not ASCII in {name}"
    told = outcome.err.decode("utf-8", "replace").splitlines()
    if any(len(one) > MAX_CHARACTERS for one in told):
        yield f"message of {max(map(len, told))} characters: {max(told, key=len)[:80]}"
    helped = outcome.err.startswith(b"Usage: ")
    if not helped and any(not one.startswith("slabdes: ") for one in told):
        yield f"a line that is none of ours: {next(one for one in told if not one.startswith('slabdes: '))[:200]}"
    if outcome.code == 2 and not told:
        yield "nothing said"
    if outcome.code == 2 and len(told) > 1 and not helped and line.arguments[:1] != (b"conform",):
        yield f"{len(told)} lines: {told[1][:100]}"
    if b"--json" in line.arguments and outcome.code == 0 and b"--help" not in line.arguments and not is_json(outcome.out):
        yield "not JSON"


def is_json(data: bytes) -> bool:
    """Whether output is JSON, or a line of it each."""
    try:
        text = data.decode("ascii", "replace") if data.isascii() else data.decode("utf-8", "replace")
        try:
            json.loads(text)
        except ValueError:
            for one in text.splitlines():
                json.loads(one)
    except ValueError:
        return False
    return True


def tried(line: Line, from_the_start: bool, scratch: Path) -> Outcome:
    """A try; one from the start that takes long is made again where it is seen what it is at."""
    outcome = attempt(line, from_the_start, scratch)
    if from_the_start and (outcome.over_time or outcome.seconds > MAX_SECONDS):
        return attempt(line, False, scratch)
    return outcome


Result = tuple[int, Outcome, list[str]]


def worked(seed: int, numbers: range, seeds: Seeds, send: Callable[[Result | None], object]) -> None:
    """The tries of these numbers, one after the other; each is sent when it has ended, and None at the end."""
    try:
        with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as place:
            for number in numbers:
                line = line_of(seed, number, seeds)
                outcome = tried(line, is_from_the_start(seed, number), Path(place) / "try")
                send((number, outcome, list(found(line, outcome))))
    finally:
        send(None)


def is_from_the_start(seed: int, number: int) -> bool:
    """Whether a try gets an interpreter of its own."""
    return Random(f"{seed} start {number}").random() < FROM_THE_START


def warm_up() -> None:
    """Import what commands import, and use nothing that starts threads: a fork would be without them."""

    import slabdes.__main__
    import slabdes.api
    import slabdes.cli
    import slabdes.conformance.recordings
    import slabdes.engine.compiled.run
    import slabdes.engine.reference.run
    import slabdes.study.bench
    import slabdes.validation.fit
    import slabdes.validation.fit_sheets
    import slabdes.validation.report  # noqa: F401 -- all of these are imported to have been


def results(seed: int, tries: int, workers: int, seeds: Seeds) -> Iterator[Result]:
    """All tries, as they end."""
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue()
    processes = [
        context.Process(target=worked, args=(seed, range(worker, tries, workers), seeds, queue.put)) for worker in range(workers)
    ]
    for process in processes:
        process.start()
    left = workers
    while left:
        result = queue.get()
        if result is None:
            left -= 1
        else:
            yield result
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError("a worker of the campaign failed: not all tries were made")


def main() -> None:
    """Run a campaign, or one try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=int, help="this try alone, with what it printed")
    parser.add_argument("--keep", type=Path, help="a folder for the files of the findings")
    given = parser.parse_args()
    seeds = seeds_from_a_process()
    warm_up()
    if given.only is not None:
        sys.exit(once(given.seed, given.only, seeds))
    figures, findings, told = Figures(), 0, time.monotonic()
    for done, (number, outcome, faults) in enumerate(results(given.seed, given.tries, given.workers, seeds), 1):
        figures.add(number, outcome)
        if time.monotonic() - told > TOLD_EVERY_S:
            told = time.monotonic()
            print(f"{done:,} of {given.tries:,} tries, {findings} findings", file=sys.stderr, flush=True)
        findings += len(faults)
        for fault in faults:
            line = line_of(given.seed, number, seeds)
            print(f"try {number}: {fault!a}\n    {line.shown()[:500]}", flush=True)
            if given.keep is not None:
                place = given.keep / f"{given.seed}-{number}"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir(parents=True)
                lay_out(place, line)
    print(f"{given.tries} tries of seed {given.seed}: {findings} findings; {figures.line()}")
    sys.exit(1 if findings else 0)


def once(seed: int, number: int, seeds: Seeds) -> int:
    """One try again, with all that it printed."""
    line = line_of(seed, number, seeds)
    with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as place:
        outcome = tried(line, is_from_the_start(seed, number), Path(place) / "try")
    print(line.shown())
    print(ascii(outcome.out.decode("utf-8", "replace"))[:3000].replace("\\n", "\n"))
    print(outcome.err.decode("utf-8", "backslashreplace"))
    faults = list(found(line, outcome))
    print(f"exit code {outcome.code}, {outcome.seconds:.1f} s, at work: {outcome.at_work}; {faults or 'nothing found'}")
    return 1 if faults else 0


if __name__ == "__main__":
    main()
