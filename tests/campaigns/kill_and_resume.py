# SPDX-License-Identifier: GPL-2.0-only
"""Kills studies at random moments in every way, goes on with them, and tells what must never happen: anything lost or left.

    python tests/campaigns/kill_and_resume.py --kills 200 --disks 20 --seed 7

Then fills disks beneath them. Exits with 1 if anything was found. Needs Linux's /proc, and to be root for small file systems.
Leaves out power cuts: what was written is taken to be on disk.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from command_line import QUIET
from commands import run_content
from processes import session, within
from studies import Study, change, inputs, studies

from slabdes.results.journal import Journal
from slabdes.study.workers import UNTAKEN

HERE: Final = Path(__file__).parent
PACKAGE: Final = Path(__file__).parents[2] / "slabdes"
GONE_S: Final = 2.0
"""When no process may be left."""
HUNG_S: Final = 600
"""When a command that does not end has hung."""
TOLD_EVERY_S: Final = 15
SIGNALS: Final = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "ended by SIGTERM",
    signal.SIGHUP: "ended by SIGHUP",
}
KEPT: Final = "; finished replications are kept, go on with --resume"
REPLACED: Final = "slabdes: a worker process was ended from outside (signal 9); its task is begun again\n"
MOST_KILLS: Final = 12
"""Of one study."""
FULL: Final = "a full disk"
OF_WORKER: Final = "-9 of a worker"
WAYS: Final = ("-9 of the group", "-9 of the parent", OF_WORKER, *(number.name for number in SIGNALS))


@dataclass
class Figures:
    """What a campaign has done."""

    kills: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    in_flight: int = 0
    """Replications that were begun and had to be begun again."""
    slowest_s: float = 0.0
    """The longest that any process was left."""
    refused: Counter[str] = field(default_factory=Counter)
    disks: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield f"{self.kills.total()} kills in {self.studies} studies; {self.in_flight} replications were in flight"
        yield "  " + ", ".join(f"{way}: {count}" for way, count in sorted(self.kills.items()))
        yield "  while " + ", ".join(f"{place}: {count}" for place, count in sorted(self.places.items()))
        yield f"  the last process was gone after {self.slowest_s:.2f} s at most"
        if self.refused:
            yield f"changed inputs refused: {self.refused['refused']} of {self.refused.total()}"
        if self.disks:
            yield "full disks: " + ", ".join(f"{what}: {count}" for what, count in sorted(self.disks.items()))
        yield f"{len(self.findings)} findings"
        yield from self.findings


class Campaign:
    """The studies, where they are run, and a copy of slabdes that nobody changes meanwhile."""

    def __init__(self, folder: Path, seed: int, points: int, gone_s: float = GONE_S) -> None:
        self.folder, self.points, self.gone_s = folder, points, gone_s
        self.random = random.Random(seed)
        self.figures = Figures()
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        shutil.copytree(PACKAGE, folder / "package" / "slabdes", ignore=shutil.ignore_patterns("__pycache__"))
        self._whole: dict[str, tuple[dict[str, Any], float]] = {}

    def start(self, study: Study, folder: Path) -> subprocess.Popen[str]:
        """Begin a study, or go on with it, as the leader of a group and session of its own; notes are begun anew."""
        notes_of(folder).unlink(missing_ok=True)
        command = [sys.executable, str(HERE / "noted.py"), str(notes_of(folder))]
        command += ["run", "e.toml", "--out", "out", "--resume", "--jobs", str(study.jobs)]
        command += [] if study.drawn else ["--no-figures"]
        path = [str(self.folder / "package"), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | QUIET | {"PYTHONPATH": os.pathsep.join(path), "TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, study: Study, folder: Path) -> tuple[int, str]:
        """Go on with a study to its end: exit code and error stream."""
        process = self.start(study, folder)
        _out, err = process.communicate(timeout=HUNG_S)
        return process.returncode, err

    def whole(self, study: Study) -> tuple[dict[str, Any], float]:
        """The run folder of the study that nobody disturbs, and how long it takes."""
        if study.name not in self._whole:
            folder = self.folder / f"whole-{len(self._whole)}"
            study.lay_out(folder)
            began = time.monotonic()
            code, err = self.finish(study, folder)
            if code or err:
                raise SystemExit(f"{study.name}: undisturbed, it ends with {code}: {err}")
            self._whole[study.name] = run_content(folder / "out"), time.monotonic() - began
        return self._whole[study.name]

    def found(self, study: Study, what: str) -> None:
        """Note a finding, and tell it at once."""
        self.figures.findings.append(f"{study.name}: {what}")
        print(self.figures.findings[-1], file=sys.stderr, flush=True)

    def kill_and_resume(self, study: Study, number: int, most: int) -> None:
        """One study: killed up to `most` times, then gone on with to its end, and looked at."""
        folder = self.folder / f"study-{number}"
        study.lay_out(folder)
        duration = self.whole(study)[1]
        for _round in range(most):
            if self._round(study, folder, self.random.uniform(0, duration)):
                break
        self.finished(study, folder)
        self.figures.studies += 1
        shutil.rmtree(folder)

    def finished(self, study: Study, folder: Path) -> None:
        """Go on with it to its end, which there must be, with nothing beside it."""
        code, err = self.finish(study, folder)
        if code or err:
            self.found(study, f"the last resume ends with {code}: {err}")
        else:
            here, whole = run_content(folder / "out"), self.whole(study)[0]
            if different := sorted(name for name in {*whole, *here} if whole.get(name) != here.get(name)):
                self.found(study, f"not the bytes of an undisturbed run: {', '.join(different[:5])}")
        if left := {entry.name for entry in folder.iterdir()} - {"out", "e.toml", *study.files}:
            self.found(study, f"left beside it: {', '.join(sorted(left))}")
        if left := {entry.name for entry in self.temporary.iterdir()}:
            self.found(study, f"left in the temporary folder: {', '.join(sorted(left))}")

    def _round(self, study: Study, folder: Path, moment: float) -> bool:
        """Start it, kill it after so many seconds, and see what that leaves; whether it came to its end."""
        way = self.random.choice([way for way in WAYS if study.jobs > 1 or way != OF_WORKER])
        before = Kept(folder)
        process = self.start(study, folder)
        wait_for(process, moment)
        place = where(folder)
        killed = kill_worker(process, self.random) if way == OF_WORKER else kill(process, way, self.random)
        if killed:
            self.figures.kills[way] += 1
            self.figures.places[place] += 1
            if way != OF_WORKER:
                self._gone(study, process, way)
        _out, err = process.communicate(timeout=HUNG_S)
        if what := wrong_end(way if killed else None, process.returncode, err):
            self.found(study, f"{way} while {place}: {what}")
        self.compare(study, way, before, Kept(folder))
        return process.returncode == 0

    def _gone(self, study: Study, process: subprocess.Popen[str], way: str) -> None:
        """See how long any process is left."""
        began = time.monotonic()
        process.wait(HUNG_S)
        within(lambda: not session(process.pid), HUNG_S)
        left_s = time.monotonic() - began
        self.figures.slowest_s = max(self.figures.slowest_s, left_s)
        if left_s > self.gone_s:
            self.found(study, f"{way}: processes were left for {left_s:.1f} s")

    def compare(self, study: Study, way: str, before: Kept, after: Kept) -> None:
        """Nothing that was finished may be lost or begun again; what was begun and is not finished was in flight."""
        if twice := [one for one in after.begun if one in before.finished]:
            self.found(study, f"{way}: {twice[:3]} were finished and are run again")
        again = [one for one, count in Counter(after.begun).items() if count > 1]
        if len(again) > (way == OF_WORKER):
            self.found(study, f"{way}: {again[:3]} are run twice")
        if after.done:
            return
        if list(after.finished.items())[: len(before.finished)] != list(before.finished.items()):
            self.found(study, f"{way}: finished replications are lost")
        lost = len(set(after.begun) - after.finished.keys())
        self.figures.in_flight += lost
        most = study.jobs * (UNTAKEN if study.jobs > 1 else 1)
        if lost > most:
            self.found(study, f"{way}: {lost} replications are to be run again; {most} can have been in flight")

    def fill_disks(self, disks: int) -> None:
        """Studies on file systems that are too small, each made larger by and by until the study has its end."""
        kinds = studies(self.points)
        for number in range(disks):
            folder, study = self.folder / f"disk-{number}", kinds[number % len(kinds)]
            self.whole(study)
            folder.mkdir()
            size = self.random.randint(16, 400)
            if subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", str(folder)], capture_output=True
            ).returncode:
                self.figures.disks["left out, since nothing can be mounted"] += 1
                return
            try:
                study.lay_out(folder)
                self._fill_disk(study, folder, size)
            finally:
                subprocess.run(["umount", "-l", str(folder)], check=True)

    def _fill_disk(self, study: Study, folder: Path, size: int) -> None:
        while True:
            before = Kept(folder)
            code, err = self.finish(study, folder)
            self.compare(study, FULL, before, Kept(folder))
            if code == 0:
                break
            self.figures.disks["filled"] += 1
            if code != 2 or err.count("\n") != 1 or not err.startswith("slabdes: "):
                self.found(study, f"{FULL}: ends with {code}: {err}")
            size += self.random.randint(16, 400)
            subprocess.run(["mount", "-o", f"remount,size={size}k", str(folder)], check=True)
        self.figures.disks["ended"] += 1
        # Nothing is left to do: it is found.
        self.finished(study, folder)

    def change_inputs(self) -> None:
        """Every way of changing an input between a kill and going on with the study: refused, and not if it is changed back."""
        for number, (study, name) in enumerate(inputs().values()):
            folder = self.folder / f"changed-{number}"
            study.lay_out(folder)
            process = self.start(study, folder)
            within(lambda kept=folder, ended=process: Kept(kept).finished or ended.poll() is not None, HUNG_S)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=HUNG_S)
            place = next(path for path in (folder / name, self.folder / "package" / "slabdes" / name) if path.exists())
            raw, kept = place.read_bytes(), Kept(folder).finished
            change(place)
            code, err = self.finish(study, folder)
            told = "seed was 1, is 2" if name == "e.toml" else name
            if code != 2 or err.count("\n") != 1 or told not in err or Kept(folder).finished != kept:
                self.found(study, f"not refused: {code}, {err}")
                self.figures.refused["not refused"] += 1
            else:
                self.figures.refused["refused"] += 1
            place.write_bytes(raw)
            self.finished(study, folder)
            shutil.rmtree(folder)

    def run(self, kills: int, tell: Callable[[str], object]) -> None:
        """So many kills."""
        kinds, told = studies(self.points), time.monotonic()
        while self.figures.kills.total() < kills:
            number = self.figures.studies
            most = min(self.random.randint(1, MOST_KILLS), kills - self.figures.kills.total())
            self.kill_and_resume(kinds[number % len(kinds)], number, most)
            if time.monotonic() - told > TOLD_EVERY_S:
                told = time.monotonic()
                tell(f"{self.figures.kills.total()} of {kills} kills, {len(self.figures.findings)} findings")


class Kept:
    """What a working folder keeps, and what was begun in the last round."""

    def __init__(self, folder: Path) -> None:
        self.finished = dict(Journal(folder / "out.partial" / "replications").finished)
        self.done = (folder / "out").exists()
        notes = notes_of(folder)
        lines = notes.read_text().splitlines() if notes.exists() else []
        self.begun = [(int(point), int(replication)) for point, replication in map(str.split, lines)]


def notes_of(folder: Path) -> Path:
    """Where the replications are noted that are begun."""
    return folder.with_name(f"{folder.name}-notes")


def where(folder: Path) -> str:
    """What the command is doing, as far as its folders tell."""
    working = folder / "out.partial"
    if (folder / "out").exists():
        return "ending"
    if any(working.glob("tmp/*/manifest.json")):
        return "writing and drawing"
    if (working / "replications").exists():
        return "simulating"
    return "planning" if working.exists() else "starting"


def wait_for(process: subprocess.Popen[str], seconds: float) -> None:
    """Sleep, but not longer than the process lives."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def kill(process: subprocess.Popen[str], way: str, draws: random.Random) -> bool:
    """Kill it that way; False if it has ended. Signals go to the group, as a terminal sends them, or to the parent alone."""
    if process.poll() is not None:
        return False
    if way.startswith("-9"):
        (os.killpg if way == "-9 of the group" else os.kill)(process.pid, signal.SIGKILL)
    else:
        draws.choice([os.killpg, os.kill])(process.pid, signal.Signals[way])
    return True


def kill_worker(process: subprocess.Popen[str], draws: random.Random) -> bool:
    """Kill one of its workers, as soon as it has any; False if it comes to its end before."""
    while process.poll() is None:
        workers = [number for number in session(process.pid) if b"spawn_main" in command_of(number)]
        if workers:
            try:
                os.kill(draws.choice(workers), signal.SIGKILL)
            except ProcessLookupError:
                continue
            return True
        time.sleep(0.01)
    return False


def command_of(number: int) -> bytes:
    """A process's command line; nothing of one that has ended."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def wrong_end(way: str | None, code: int, err: str) -> str | None:
    """What is wrong with how a command has ended that was killed that way, or was not."""
    told = f"ends with {code}: {err}"
    if code == 0:
        fine = not err or (way == OF_WORKER and err == REPLACED)
    elif way is None or way == OF_WORKER:
        fine = False
    elif way.startswith("-9"):
        fine = code == -signal.SIGKILL and not err
    else:
        number = signal.Signals[way]
        lines = {f"slabdes: {SIGNALS[number]}{kept}\n" for kept in ("", KEPT)}
        # Python itself has to start, and does not know of us before it has.
        before = code == -number and "slabdes/" not in err
        fine = before or (code == 128 + number and err in lines)
    return None if fine else told


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--disks", type=int, default=20, help="studies on file systems that are too small")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--points", type=int, default=60, help="of each study")
    args = parser.parse_args()
    # A shell's & and nohup have children ignore these, and theirs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as folder:
        campaign = Campaign(Path(folder), args.seed, args.points)
        campaign.run(args.kills, lambda line: print(line, file=sys.stderr, flush=True))
        campaign.change_inputs()
        campaign.fill_disks(args.disks)
    print("\n".join(campaign.figures.lines()))
    return int(bool(campaign.figures.findings))


if __name__ == "__main__":
    sys.exit(main())
