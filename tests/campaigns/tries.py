# SPDX-License-Identifier: GPL-2.0-only
"""Tries of a campaign: a seed's files are mutated and read, what must not come of it is a finding, figures are kept by reader.

Each try follows from its reader's name, the campaign's seed and its own number. Leaves out which readers there are.
"""

from __future__ import annotations

import gzip
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path, PurePosixPath
from random import Random
from typing import Any, Final

from mutations import mutated, packed

from slabdes.errors import SlabdesError

Files = Mapping[str, bytes]
"""A seed: the files that a reader is given, by their paths."""
Read = Callable[[Path], object]
"""Reads the files in a folder."""

GZIP: Final = b"\x1f\x8b"
MAX_MESSAGE: Final = 400
"""Characters of a message."""
MAX_SECONDS: Final = 10
"""Processor time that a try may take; it may last IDLE_TIMES that, if it waits."""
IDLE_TIMES: Final = 6
MAX_BYTES: Final = 2 << 30
"""Memory that a try may take."""
KEPT_OF_A_KIND: Final = 10
"""Findings of one kind whose files are kept."""


@dataclass(frozen=True)
class Reader:
    """One reader of the package. `share` is how many of the campaign's tries it gets beside the others."""

    name: str
    read: Read
    seeds: Callable[[], Iterable[Files]]
    share: int = 10


@dataclass(frozen=True)
class Finding:
    """What a try must not end in. `kind` is the same for all that one fault brings about, as far as one can tell."""

    reader: str
    number: int
    kind: str
    text: str


@dataclass
class Figures:
    """How a reader's tries ended."""

    tries: int = 0
    refused: int = 0
    findings: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_try: int = 0

    def add(self, other: Figures) -> None:
        """Take up those of other tries."""
        self.tries += other.tries
        self.refused += other.refused
        self.findings += other.findings
        self.seconds += other.seconds
        if other.slowest > self.slowest:
            self.slowest, self.slowest_try = other.slowest, other.slowest_try


class TooLong(BaseException):
    """A try that took more than its time: no Exception, so that no reader takes it for a fault of its file."""


@dataclass
class Campaign:
    """Tries of some readers by one seed, in a folder of its own."""

    readers: Sequence[Reader]
    seed: int
    folder: Path
    _seeds: dict[str, list[Files]] = field(default_factory=dict)

    def tries(self, total: int) -> Iterator[tuple[Reader, int]]:
        """Which reader reads next, and the number of its try: `total` of them, each reader's spread evenly over all."""
        turns = sorted(
            (place / reader.share, number) for number, reader in enumerate(self.readers) for place in range(reader.share)
        )
        done = [0] * len(self.readers)
        for _place, number in islice(cycle(turns), total):
            yield self.readers[number], done[number]
            done[number] += 1

    def files(self, reader: Reader, number: int) -> dict[str, bytes]:
        """What the reader is given in its try of that number."""
        random = Random(f"{self.seed} {reader.name} {number}")
        seeds = self.seeds_of(reader)
        files = dict(random.choice(seeds))
        others = [data for seed in seeds for data in seed.values()]
        for name in [random.choice(sorted(files)) for _file in range(random.choice((1, 1, 1, 1, 2)))]:
            is_packed = PurePosixPath(name).suffix == ".gz"
            if random.random() < (0.1 if is_packed else 0.01):
                files[name] = packed(files[name], random)
            else:
                files[name] = mutated(files[name], random, others)
        if random.random() < 0.005:
            del files[random.choice(sorted(files))]
        return files

    def seeds_of(self, reader: Reader) -> list[Files]:
        """The reader's seeds, gathered once; not packed."""
        if reader.name not in self._seeds:
            self._seeds[reader.name] = list(reader.seeds())
        return self._seeds[reader.name]

    def attempt(self, reader: Reader, number: int, figures: Figures, seconds: int | None) -> Finding | None:
        """One try. `seconds` is the time it may take, if any is set; one that takes longer is made again: others may work."""
        for again in (True, False):
            own = Figures()
            finding = self._once(reader, number, own, seconds)
            if not (again and finding and finding.kind == _too_long(seconds)):
                break
        figures.add(own)
        return finding

    def _once(self, reader: Reader, number: int, figures: Figures, seconds: int | None) -> Finding | None:
        place = lay_out(self.folder / "try", self.files(reader, number))
        begun = time.process_time()
        try:
            with _watched(seconds):
                finding = _read(reader, number, place, figures)
        except TooLong:
            finding = Finding(reader.name, number, _too_long(seconds), f"took more than {seconds} s")
        except MemoryError as error:
            finding = Finding(reader.name, number, f"memory at {_where(error)}", f"more than {MAX_BYTES >> 30} GiB")
        taken = time.process_time() - begun
        shutil.rmtree(place, ignore_errors=True)
        figures.add(Figures(1, 0, finding is not None, taken, taken, number))
        return finding


def _too_long(seconds: int | None) -> str:
    return f"more than {seconds} s"


def _read(reader: Reader, number: int, place: Path, figures: Figures) -> Finding | None:
    try:
        reader.read(place)
    except SlabdesError as error:
        figures.refused += 1
        line, where = str(error), _where(error)
        if len(line) > MAX_MESSAGE:
            return Finding(reader.name, number, f"message too long: {where}", repr(line))
        if not line.isprintable():
            return Finding(reader.name, number, f"message not printable: {where}", repr(line))
    except (TooLong, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # Polars' panics are no Exception
        kind = f"{type(error).__name__} at {_where(error)}"
        return Finding(reader.name, number, kind, "".join(traceback.format_exception(error, limit=-30)))
    return None


def _where(error: BaseException) -> str:
    """The innermost line of the package that an exception passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "slabdes" in Path(frame.filename).parts]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "no line of slabdes"


@contextmanager
def _watched(seconds: int | None) -> Iterator[None]:
    if seconds is None:
        yield
        return

    def stop(*_signal: Any) -> None:
        raise TooLong

    timers = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, IDLE_TIMES * seconds))
    for timer, number, after in timers:
        signal.signal(number, stop)
        signal.setitimer(timer, after, 1)  # again, if whoever was interrupted swallowed the first
    try:
        yield
    finally:
        for timer, _number, _after in timers:
            signal.setitimer(timer, 0)


def limit_memory() -> None:
    """Let this process take MAX_BYTES more than it has now, and no more."""
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + MAX_BYTES, resource.RLIM_INFINITY))


def lay_out(folder: Path, files: Files) -> Path:
    """Write files under a new folder, by their paths, packed where a name says so and they are not; return it."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data, 1, mtime=0) if path.suffix == ".gz" and not data.startswith(GZIP) else data)
    return folder


@dataclass
class Findings:
    """All findings of a campaign, by kind; the files of the first few of each are kept in a folder, if there is one."""

    campaign: Campaign
    keep: Path | None
    kinds: dict[tuple[str, str], list[Finding]] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Take one up."""
        known = self.kinds.setdefault((finding.reader, finding.kind), [])
        known.append(finding)
        if len(known) == 1:
            print(f"{finding.reader} --only {finding.number}: {finding.kind}", flush=True)
        if self.keep is None or len(known) > KEPT_OF_A_KIND:
            return
        reader = next(reader for reader in self.campaign.readers if reader.name == finding.reader)
        place = self.keep / f"{finding.reader}-{self.campaign.seed}-{finding.number}"
        if not place.exists():
            lay_out(place, self.campaign.files(reader, finding.number))
        (place / "FINDING").write_text(f"{finding.kind}\n{finding.text}\n", encoding="utf-8", errors="backslashreplace")

    def lines(self) -> Iterator[str]:
        """Each kind: how often, where it first came, and how to have it again."""
        for (reader, kind), found in sorted(self.kinds.items()):
            again = f"--reader {reader} --seed {self.campaign.seed} --only {found[0].number}"
            yield f"{reader}: {len(found)} x {kind}; first: {again}"
