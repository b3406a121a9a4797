# SPDX-License-Identifier: GPL-2.0-only
"""Simulates experiments drawn at random, extremes included, and tells what must never be of them: engines that differ, accounts
that do not add up, holds of a lock that overlap, times of a CPU that go back.

    python tests/campaigns/experiments.py --examples 1000 --seed 7 --workers 2 --keep found
    python tests/campaigns/experiments.py --seed 7 --only 123        one example again

Exits with 1 if anything was found. Leaves out traces, and readers of files (`readers`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "machine"))
sys.path.insert(0, str(Path(__file__).parents[1] / "workload/trace"))
sys.path.insert(0, str(Path(__file__).parents[1] / "engine/compiled"))

import equality
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slabdes.config import Experiment
from slabdes.engine.compiled.run import prepare, run_compiled
from slabdes.engine.records import Records
from slabdes.engine.reference.run import run_reference
from slabdes.errors import InputError
from slabdes.machine.topology import Machine
from slabdes.results.accounting import check_accounting
from slabdes.results.log_accounting import check_log
from slabdes.study.plan import machine_of, plan
from slabdes.workload.programs import Workload
from slabdes.workload.synthetic import build_synthetic

BYTES: Final = 4000
"""Random ones that an experiment is drawn from: what is beyond them is drawn as the simplest."""
PROGRAMS: Final = 0.4
"""The part of experiments whose programs are none that a preset workload has."""
TOLD_EVERY_S: Final = 15
SENTENCES: Final = 5
"""Of one finding, that are told."""


@dataclass(frozen=True)
class Example:
    """One experiment. `listed`: its programs are not what its workload says, but drawn step by step."""

    number: int
    experiment: Experiment
    machine: Machine
    workload: Workload
    listed: bool


@dataclass
class Verdict:
    """What is wrong with an example, if anything, and some figures of it."""

    number: int
    sentences: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of processor time, both engines and the checks together."""
    toml: str = ""
    machine_file: str | None = None


def draw(seed: int, number: int, folder: Path) -> Example:
    """An example, always the same of a seed and a number: the first that is not refused before it runs."""
    random = Random(f"{seed}/{number}")
    while True:
        experiment = _drawn(random.randbytes(BYTES), folder)
        if experiment is not None and (example := _made(number, experiment, random, folder)):
            return example


def _drawn(chance: bytes, folder: Path) -> Experiment | None:
    drawn: list[Experiment] = []

    @settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def keep(data: st.DataObject) -> None:
        drawn.append(data.draw(equality.experiments(folder)))

    keep.hypothesis.fuzz_one_input(chance)
    return next(iter(drawn), None)


def _made(number: int, experiment: Experiment, random: Random, folder: Path) -> Example | None:
    try:
        plan(experiment, folder)
        machine = machine_of(experiment)
        workload = build_synthetic(experiment, machine, 0)
    except InputError:
        return None
    listed = random.random() < PROGRAMS
    if listed:
        workload = equality.random_workload(experiment, machine, random)
    return Example(number, experiment, machine, workload, listed)


def judge(example: Example) -> Verdict:
    """Simulate an example on both engines. The reference keeps a log of each; the compiled one where the experiment says so."""
    verdict = Verdict(example.number)
    experiment, machine, workload = example.experiment, example.machine, example.workload
    begun = time.process_time()
    try:
        logging = experiment.model_copy(update={"log": True})
        one = equality.outcome(run_reference, logging, machine, workload)
        other = equality.outcome(run_compiled, experiment, machine, workload)
        verdict.sentences = list(_differences(one, other))
        if not isinstance(one, str):
            records, rows = one
            verdict.sentences += check_log(rows) + check_accounting(records)
            verdict.figures = _figures(records, rows)
        verdict.figures["refused while they ran"] = isinstance(one, str)
    except Exception as error:  # whatever it is, it is a finding
        verdict.sentences.append(f"{type(error).__name__}: {error}")
    verdict.seconds = time.process_time() - begun
    verdict.figures["examples"] = 1
    verdict.figures["with programs of their own"] = example.listed
    if verdict.sentences:
        verdict.toml = as_toml(example)
        verdict.machine_file = experiment.machine.file and experiment.machine.file.read_text(encoding="utf-8")
    return verdict


def _differences(one: Any, other: Any) -> Iterator[str]:
    if isinstance(one, str) or isinstance(other, str):
        if one != other:
            yield f"engines differ: {_ending(one)} / {_ending(other)}"
        return
    (records, rows), (others, other_rows) = one, other
    yield from (f"engines differ in {name}" for name in equality.fields_that_differ(records, others))
    yield from (f"engines differ in logged {kind}" for kind in other_rows if not np.array_equal(rows[kind], other_rows[kind]))


def _ending(outcome: Any) -> str:
    return outcome if isinstance(outcome, str) else "it ended well"


def _figures(records: Records, rows: equality.Rows) -> Counter[str]:
    figures = Counter({f"logged {kind}": len(some) for kind, some in rows.items()})
    figures["interrupts"] = sum(cpu.interrupts for cpu in records.cpus)
    figures["contended acquisitions"] = sum(lock.contended for lock in records.locks)
    figures["CPUs"] = len(records.cpus)
    figures["on more than 256 CPUs"] = len(records.cpus) > 256
    return figures


def as_toml(example: Example) -> str:
    """The experiment as a file; its machine file, if it has one, lies beside it."""
    raw = example.experiment.model_dump(mode="json", exclude_unset=True)
    if "file" in raw["machine"]:
        raw["machine"]["file"] = f"{example.number}.machine"
    comment = "# Its programs were drawn step by step: see --only.\n" if example.listed else ""
    return comment + "\n".join(_toml(raw, ())) + "\n"


def _toml(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Lines of a table: its plain values, then the tables in it."""
    inner = {key: value for key, value in table.items() if isinstance(value, dict) or _is_tables(value)}
    yield from (f"{key} = {json.dumps(value)}" for key, value in table.items() if key not in inner and value is not None)
    for key, value in inner.items():
        for part in value if _is_tables(value) else [value]:
            name = ".".join((*path, key))
            yield f"\n[[{name}]]" if _is_tables(value) else f"\n[{name}]"
            yield from _toml(part, (*path, key))


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def run(seed: int, numbers: range | list[int]) -> Iterator[Verdict]:
    """Examples one after the other, in this process."""
    with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as folder:
        for number in numbers:
            yield judge(draw(seed, number, Path(folder)))


def _one(seed: int, number: int) -> Verdict:
    return next(run(seed, [number]))


def run_in_workers(seed: int, examples: int, workers: int) -> Iterator[Verdict]:
    """The same in processes, in any order; one that dies is a finding of each example that was under way."""
    waiting = iter(range(examples))
    running: dict[Future[Verdict], int] = {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        while True:
            for number in waiting:
                running[pool.submit(_one, seed, number)] = number
                if len(running) > workers:
                    break
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(done)
                try:
                    yield done.result()
                except BrokenProcessPool:
                    lost = sorted([number, *running.values()])
                    yield Verdict(number, [f"a worker died in one of the examples {', '.join(map(str, lost))}"])
                    return


def keep(verdict: Verdict, folder: Path) -> None:
    """Leave a finding's experiment where one can run it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{verdict.number}.toml").write_text(verdict.toml, encoding="utf-8")
    if verdict.machine_file is not None:
        (folder / f"{verdict.number}.machine").write_text(verdict.machine_file, encoding="utf-8")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn (default 1)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--keep", type=Path, help="a folder for the experiments in which something was found")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="this example alone, its experiment printed")
    args = parser.parse_args()
    for slub, logged in product((False, True), repeat=2):
        prepare(lambda _done: None, slub=slub, logged=logged)
    if args.only is not None:
        with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as folder:
            print(as_toml(draw(args.seed, args.only, Path(folder))))
        verdicts: Iterator[Verdict] = run(args.seed, [args.only])
    elif args.workers > 1:
        verdicts = run_in_workers(args.seed, args.examples, args.workers)
    else:
        verdicts = run(args.seed, range(args.examples))
    return _tell(verdicts, args.examples, args.keep)


def _tell(verdicts: Iterator[Verdict], examples: int, folder: Path | None) -> int:
    begun = last = time.monotonic()
    figures: Counter[str] = Counter()
    found, slowest = 0, (0.0, -1)
    for verdict in verdicts:
        figures += verdict.figures
        slowest = max(slowest, (verdict.seconds, verdict.number))
        if verdict.sentences:
            found += 1
            print(f"example {verdict.number}:", *verdict.sentences[:SENTENCES], sep="\n    ", flush=True)
            if folder is not None:
                keep(verdict, folder)
        if time.monotonic() - last > TOLD_EVERY_S:
            last = time.monotonic()
            print(f"{figures['examples']:,} of {examples:,} examples in {last - begun:,.0f} s, {found} findings", flush=True)
    print(f"{time.monotonic() - begun:,.0f} s, {found} findings", *(f"{n:,} {what}" for what, n in figures.items()), sep="\n    ")
    print(f"the slowest, example {slowest[1]}, took {slowest[0]:,.1f} s of processor time")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
