# SPDX-License-Identifier: GPL-2.0-only
"""Compares what a script's run gives with what was recorded from the real allocator, record by record, every field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from slabdes.conformance.driver import GeneratorDriver, MakeDriver
from slabdes.conformance.render import Record
from slabdes.conformance.runner import ScriptRunner
from slabdes.conformance.script import parse_script, read_text
from slabdes.conformance.verdict import Verdict
from slabdes.errors import InputError
from slabdes.files import is_there

OPS_ENDINGS = (".ops", ".ops.gz")
OUT_ENDINGS = (".out.jsonl", ".out.jsonl.gz")


def script_stem(script: Path) -> str:
    """A script's name without its endings."""
    return script.name.removesuffix(".gz").removesuffix(".ops")


def recorded_output(script: Path) -> Path | None:
    """The recording beside a script, if there is one."""
    for ending in OUT_ENDINGS[::-1]:
        candidate = script.with_name(script_stem(script) + ending)
        if is_there(candidate):
            return candidate
    return None


def read_records(path: Path) -> list[Record]:
    """A recording's JSON lines; InputError with the line's number where one is not an object."""
    records = []
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except RecursionError:
            raise InputError(f"{path}:{number}", "nested too deeply", allowed="JSON lines of records") from None
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise InputError(f"{path}:{number}", "not a JSON object")
        records.append(record)
    return records


def run_script(script: Path, recorded: list[Record] | None = None, make_driver: MakeDriver = GeneratorDriver) -> Iterator[Record]:
    """Run a script and yield its records; a recording supplies the one input, the caches' descriptor addresses."""
    addresses = _addresses(recorded or [], f"{script}: its recording")
    runner = ScriptRunner(lambda cache: addresses.get(cache, 0), make_driver)
    return runner.run(parse_script(read_text(script), str(script)))


def _addresses(recorded: list[Record], where: str) -> dict[int, int]:
    addresses: dict[int, int] = {}
    for record in recorded:
        index, address = record.get("c"), record.get("addr_mod_4hz", 0)
        if record.get("op") != "cache" or not isinstance(index, int):
            continue
        if type(address) is not int or address < 0:
            raise InputError(where, f"addr_mod_4hz of cache {index} is {address!r}", allowed="a whole number from 0")
        addresses[index] = address
    return addresses


def own_records(script: Path, make_driver: MakeDriver = GeneratorDriver) -> Iterator[Record]:
    """What a script gives here; a recording beside it, if there is one, supplies its inputs."""
    recording = recorded_output(script)
    return run_script(script, None if recording is None else read_records(recording), make_driver)


def compare_script(script: Path, make_driver: MakeDriver = GeneratorDriver) -> Verdict:
    """Run a script and compare it with the recording beside it; InputError if there is none."""
    recording = recorded_output(script)
    if recording is None:
        raise InputError(str(script), "no recorded output beside it", allowed=f"{script_stem(script)}.out.jsonl or .out.jsonl.gz")
    recorded = read_records(recording)
    matched = 0
    difference: tuple[Record | None, Record | None] | None = None
    for ours, theirs in zip_longest(run_script(script, recorded, make_driver), recorded):
        if ours == theirs:
            matched += 1
        elif difference is None:
            difference = (ours, theirs)
    return Verdict(script_stem(script), matched, len(recorded), difference)
