# SPDX-License-Identifier: GPL-2.0-only
"""What is finished of a study, in the working folder `<out>.partial`: to go on from after an interruption, with the same only.

Every replication is kept as it ends. Leaves out holding the folder (`folders`) and what is left to run.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from slabdes.engine.records import Records
from slabdes.errors import InputError, shown
from slabdes.folders import WorkingFolder, input_errors, working_path
from slabdes.results.event_log import LOG
from slabdes.results.journal import Journal

STUDY: Final = "study.json"
"""What the replications are of: see `open_partial`."""
JOURNAL: Final = "replications"
_LOG_NAME: Final = re.compile(r"point-(\d+)-replication-(\d+)-part-\d+\.parquet")


class Partial:
    """The finished replications of a study, in the working folder that this process holds."""

    def __init__(self, working: WorkingFolder) -> None:
        self.working = working
        self._journal = Journal(working.path / JOURNAL)

    @property
    def done(self) -> Collection[tuple[int, int]]:
        """Point and replication of each that is finished."""
        return self._journal.finished.keys()

    @property
    def log(self) -> Path:
        """Where the event logs of finished replications lie."""
        return self.working.path / LOG

    def save(self, point: int, replication: int, records: Records | bytes, log: Path | None = None) -> None:
        """Keep a finished replication, packed or not, and the event log that it has written to `log`.

        Raises InputError if it cannot be kept.
        """
        if log is not None:
            with input_errors(log):
                for part in sorted(log.glob("*/*")):
                    place = self.log / part.parent.name
                    place.mkdir(parents=True, exist_ok=True)
                    part.replace(place / part.name)
        # The log first: a replication in the journal is finished.
        self._journal.add(point, replication, records)

    def load(self, point: int, replication: int) -> Records:
        """The records of a finished replication. Raises InputError if they are damaged."""
        return self._journal.load(point, replication)

    def remove(self) -> None:
        """Remove it all: once the run is written, or where nothing is finished."""
        with input_errors(self.working.path):
            # The journal first: without it nothing is finished, whatever else is left.
            self.working.drop(JOURNAL, LOG, STUDY)


def is_begun(out: Path) -> bool:
    """Whether anything is finished of the run that is to be written at `out`."""
    return (working_path(out) / JOURNAL).is_file()


def open_partial(working: WorkingFolder, study: Mapping[str, Any], *, resume: bool) -> Partial:
    """Begin a study in the working folder, or with `resume` go on with it.

    `study` is what must be the same, as JSON: `experiment`, `inputs` (SHA-256 by file), `sources` (likewise, slabdes's own),
    `slabdes` (its version), `versions` (of what it counts with, by name). Raises InputError, and changes nothing, if
    replications of another study are finished, which says what differs, or of this one and `resume` is not set.
    """
    partial = Partial(working)
    with input_errors(working.path):
        if finished := len(partial.done):
            check_same(working.path / STUDY, study)
            if not resume:
                raise InputError(
                    str(working.path), f"holds {finished} finished replications of this experiment", "--resume, or to remove it"
                )
            _drop_unfinished(partial)
        else:
            shutil.rmtree(partial.log, ignore_errors=True)
            text = working.new() / STUDY
            text.write_text(json.dumps(study, indent=1) + "\n", encoding="utf-8")
            text.replace(working.path / STUDY)
    return partial


def _drop_unfinished(partial: Partial) -> None:
    """Remove parts of event logs of replications that are not in the journal."""
    for part in partial.log.glob("*/*"):
        named = _LOG_NAME.fullmatch(part.name)
        if named is None or (int(named[1]), int(named[2])) not in partial.done:
            part.unlink()


def check_same(path: Path, study: Mapping[str, Any]) -> None:
    """Raise InputError if the file `path` of a working folder tells of another study, which says what differs, or is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    check_begun(path, found, study)


def check_begun(path: Path, found: Any, study: Mapping[str, Any]) -> None:
    """The same of what the file was `found` to hold."""
    try:
        other = difference(found, json.loads(json.dumps(study)))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(str(path), "damaged", allowed=f"to remove {path.parent.name} and start again") from None
    if other is not None:
        raise InputError(
            str(path.parent),
            f"was begun with {other[0]}",
            allowed=f"{other[1]}, or another output folder (--out), or to remove this one",
        )


def difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, str] | None:
    """What a study found has otherwise than the one wanted, and what would do; None where it is the same study."""
    if found["slabdes"] != wanted["slabdes"]:
        return f"slabdes {found['slabdes']}, this is {wanted['slabdes']}", "the same version"
    if changed := _changed(found["sources"], wanted["sources"]):
        return f"another slabdes: {changed} is not what it was", "the same slabdes"
    if name := _changed(found["versions"], wanted["versions"]):
        was, now = (versions.get(name, "not installed") for versions in (found["versions"], wanted["versions"]))
        return f"{name} {was}, this is {now}", f"{name} {was}"
    if key := _other_key(found["experiment"], wanted["experiment"]):
        return f"another experiment: {key}", "the same experiment"
    if changed := _changed(found["inputs"], wanted["inputs"]):
        return f"another content of {changed}", "the content that it had"
    return None


def _changed(found: Mapping[str, str], wanted: Mapping[str, str]) -> str | None:
    return next((name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)), None)


def _other_key(found: Any, wanted: Any, key: str = "") -> str | None:
    """The first key of two experiments, dotted, under which they differ, with both values."""
    if found == wanted:
        return None
    pairs = None
    if isinstance(found, dict) and isinstance(wanted, dict):
        pairs = [(name, found.get(name), wanted.get(name)) for name in sorted({*found, *wanted})]
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        pairs = [(str(number), *both) for number, both in enumerate(zip(found, wanted, strict=True))]
    if pairs is None:
        return f"{key} was {_told(found)}, is {_told(wanted)}"
    return next(other for name, one, two in pairs if (other := _other_key(one, two, f"{key}.{name}".lstrip("."))))


def _told(value: Any) -> str:
    return shown(json.dumps(value, ensure_ascii=False), 40)
