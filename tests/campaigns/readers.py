# SPDX-License-Identifier: GPL-2.0-only
"""Breaks the files of every reader of the package at random, and tells what they must never do: crash, hang, or babble.

    python tests/campaigns/readers.py --tries 200000 --seed 7 --workers 2 --keep found
    python tests/campaigns/readers.py --reader numactl --seed 7 --only 1234        one try again, with its traceback

Exits with 1 if anything was found. Leaves out what is done with a file that was read well: simulating is not tried.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))

from table import READERS
from tries import IDLE_TIMES, MAX_SECONDS, Campaign, Figures, Finding, Findings, Reader, lay_out, limit_memory

TOLD_EVERY_S: Final = 15
BATCH_S: Final = 1.0
"""How often a worker tells how far it is, seconds."""
LOST_S: Final = 2 * IDLE_TIMES * MAX_SECONDS
"""A worker that is in one try for so long does not heed its alarms: it is ended."""
START: Final = "start"


def chosen(names: Sequence[str]) -> list[Reader]:
    """The readers of those names, or all."""
    known = {reader.name: reader for reader in READERS}
    for name in names:
        if name not in known:
            sys.exit(f"no reader {name!r}; there are {', '.join(known)}")
    return [reader for reader in READERS if not names or reader.name in names]


def run(readers: Sequence[Reader], tries: int, seed: int, folder: Path, seconds: int | None = None) -> tuple[Findings, Figures]:
    """A small campaign in this process, one try after the other."""
    campaign, total = Campaign(readers, seed, folder), Figures()
    findings = Findings(campaign, None)
    for reader, number in campaign.tries(tries):
        if finding := campaign.attempt(reader, number, total, seconds):
            findings.add(finding)
    return findings, total


def work(names: Sequence[str], seed: int, mine: range, tries: int, at: Synchronized[int], told: Connection) -> None:
    """A worker's process: the tries of its numbers, from where `at` says; tells (figures by reader, findings) now and then."""
    with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as folder:
        campaign = Campaign(chosen(names), seed, Path(folder))
        for reader in campaign.readers:
            campaign.seeds_of(reader)
        told.send(START)
        limit_memory()
        figures: dict[str, Figures] = {}
        last = time.monotonic()
        for place, (reader, number) in enumerate(campaign.tries(tries)):
            if place not in mine or place <= at.value:
                continue
            at.value = place
            found = campaign.attempt(reader, number, figures.setdefault(reader.name, Figures()), MAX_SECONDS)
            if found or time.monotonic() - last > BATCH_S:
                told.send((figures, found))
                figures, last = {}, time.monotonic()
        told.send((figures, None))


class Worker:
    """A process with its share of the tries; it is started again behind a try that ended it."""

    def __init__(self, names: Sequence[str], seed: int, mine: range, tries: int) -> None:
        self.arguments = (names, seed, mine, tries)
        self.context = multiprocessing.get_context("spawn")
        self.at: Any = self.context.Value("q", -1)
        self.start()

    def start(self) -> None:
        self.told, far = self.context.Pipe(duplex=False)
        self.process = self.context.Process(target=work, args=(*self.arguments, self.at, far))
        self.process.start()
        far.close()
        self.seen, self.since = -1, time.monotonic()

    def is_lost(self) -> bool:
        """Whether it has been in one try for too long."""
        if self.at.value != self.seen:
            self.seen, self.since = self.at.value, time.monotonic()
        return time.monotonic() - self.since > LOST_S


def run_in_workers(readers: Sequence[Reader], args: argparse.Namespace) -> tuple[Findings, dict[str, Figures]]:
    """The whole campaign, in processes that may die."""
    names = [reader.name for reader in readers]
    findings = Findings(Campaign(readers, args.seed, Path()), args.keep)
    figures = {name: Figures() for name in names}
    workers = [Worker(names, args.seed, range(w, args.tries, args.workers), args.tries) for w in range(args.workers)]
    running, begun, last = list(workers), time.monotonic(), time.monotonic()
    try:
        while running:
            for ready in wait([worker.told for worker in running], timeout=1):
                worker = next(worker for worker in running if worker.told is ready)
                if not _heard(worker, figures, findings):
                    running.remove(worker)
            for worker in running:
                if worker.is_lost():
                    worker.process.kill()
            if time.monotonic() - last > TOLD_EVERY_S:
                last = time.monotonic()
                done = sum(figure.tries for figure in figures.values())
                found = sum(map(len, findings.kinds.values()))
                print(f"{done:,} of {args.tries:,} tries, {done / (last - begun):,.0f} a second, {found} findings", flush=True)
    except KeyboardInterrupt:
        print("interrupted; this far:")
    finally:
        for worker in workers:
            worker.process.kill()
    return findings, figures


def _heard(worker: Worker, figures: dict[str, Figures], findings: Findings) -> bool:
    """Take up what a worker tells; whether it goes on."""
    try:
        said = worker.told.recv()
    except EOFError:
        worker.process.join()
        if worker.process.exitcode == 0:
            return False
        _names, _seed, _mine, tries = worker.arguments
        place = worker.at.value
        if place < 0:
            sys.exit("a worker ended before its first try")
        reader, number = next(entry for at, entry in enumerate(findings.campaign.tries(tries)) if at == place)
        findings.add(Finding(reader.name, number, f"the process ended with {worker.process.exitcode}", "it said nothing"))
        figures[reader.name].add(Figures(tries=1, findings=1))
        worker.start()
        return True
    if said != START:
        parts, found = said
        for name, part in parts.items():
            figures[name].add(part)
        if found is not None:
            findings.add(found)
    return True


def summary(figures: dict[str, Figures]) -> Iterator[str]:
    """A line a reader, and one for all."""
    yield f"{'reader':<16} {'tries':>8} {'refused':>8} {'read':>8} {'found':>6} {'a second':>9} {'slowest':>9}  in try"
    total = Figures()
    for name, figure in [*figures.items(), ("all", total)]:
        if figure is not total:
            total.add(figure)
        read = figure.tries - figure.refused - figure.findings
        speed = figure.tries / figure.seconds if figure.seconds else 0.0
        yield (
            f"{name:<16} {figure.tries:>8,} {figure.refused:>8,} {read:>8,} {figure.findings:>6,} {speed:>9,.0f} "
            f"{figure.slowest:>7.2f} s  {figure.slowest_try:,}"
        )


def again(reader: Reader, args: argparse.Namespace) -> int:
    """One try, with all that it says; its files are kept if a folder is given."""
    with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as folder:
        campaign, figures = Campaign([reader], args.seed, Path(folder)), Figures()
        if args.keep is not None:
            lay_out(args.keep, campaign.files(reader, args.only))
        finding = campaign.attempt(reader, args.only, figures, MAX_SECONDS)
    print(f"{figures.seconds:.2f} s", "refused" if figures.refused else "read" if finding is None else "")
    if finding is not None:
        print(finding.kind, finding.text, sep="\n")
    return int(finding is not None)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--reader", action="append", default=[], metavar="NAME", help=", ".join(one.name for one in READERS))
    parser.add_argument("--only", type=int, metavar="N", help="a single try of a single reader, by its number")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the files of findings are put")
    args = parser.parse_args()
    readers = chosen(args.reader)
    if args.only is not None:
        return again(readers[0], args)
    findings, figures = run_in_workers(readers, args)
    print("\n".join([*summary(figures), *findings.lines()]))
    return int(bool(findings.kinds))


if __name__ == "__main__":
    sys.exit(main())
