# SPDX-License-Identifier: GPL-2.0-only
"""What was recorded from the real allocator comes out again, record for record; a changed recording does not pass."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slabdes.conformance.compare import compare_script, read_records
from slabdes.conformance.recordings import find_recordings
from slabdes.conformance.runner import ScriptRunner
from slabdes.conformance.script import parse_script

GOLDEN = Path(__file__).parents[1] / "golden"
SCRIPTS = sorted(GOLDEN.glob("*.ops.gz"))
SMALL = "m04_pagefail"


def test_all_33_recorded_scripts_are_here() -> None:
    manifest = json.loads((GOLDEN / "MANIFEST.json").read_text())
    assert [script.name.removesuffix(".ops.gz") for script in SCRIPTS] == sorted(entry["name"] for entry in manifest)
    assert len(SCRIPTS) == 33


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name.removesuffix(".ops.gz"))
def test_a_script_gives_every_record_that_the_real_allocator_gave(script: Path) -> None:
    verdict = compare_script(script)
    assert verdict.difference is None
    assert verdict.matched == verdict.total > 0
    assert verdict.holds


def test_every_row_of_the_geometry_table_is_reproduced() -> None:
    rows = read_records(GOLDEN / "geometry.jsonl.gz")
    starts = [place for place, row in enumerate(rows) if row["op"] == "machine"]
    assert len(starts) == 3
    for number, start in enumerate(starts):
        table = rows[start : [*starts, len(rows)][number + 1]]
        assert len(table) == 432
        # FORMAT.md: the third machine was run with bigmem=0, which its record does not show.
        script = [f"machine nodes={table[0]['nodes']} cpus={table[0]['cpus']} bigmem={int(number < 2)}"]
        script += [f"geom size={row['req_size']} align={row['align']} flags={row['flags']}" for row in table[1:]]
        ours = ScriptRunner().run(parse_script("\n".join(script), "geometry"))
        for mine, recorded in zip(ours, table, strict=True):
            assert mine == recorded


def test_bigmem_changes_the_third_table() -> None:
    # If it did not, the test above could not tell whether the third machine was run with bigmem=0.
    rows = read_records(GOLDEN / "geometry.jsonl.gz")
    third = [row for row in rows[864:] if row["op"] == "geom"]
    script = ["machine cpus=4"] + [f"geom size={row['req_size']} align={row['align']} flags={row['flags']}" for row in third]
    ours = list(ScriptRunner().run(parse_script("\n".join(script), "geometry")))[1:]
    assert ours != third


@pytest.fixture
def recording(tmp_path: Path) -> Callable[[Callable[[list[dict[str, Any]]], None]], Path]:
    """A function that copies a small script and its recording, changed, and returns the script's path."""

    def copy(change: Callable[[list[dict[str, Any]]], None]) -> Path:
        script = tmp_path / f"{SMALL}.ops"
        script.write_bytes(gzip.decompress((GOLDEN / f"{SMALL}.ops.gz").read_bytes()))
        records = read_records(GOLDEN / f"{SMALL}.out.jsonl.gz")
        change(records)
        (tmp_path / f"{SMALL}.out.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        return script

    return copy


Recording = Callable[[Callable[[list[dict[str, Any]]], None]], Path]


def test_an_unchanged_plain_recording_matches(recording: Recording) -> None:
    assert compare_script(recording(lambda records: None)).holds


def test_a_changed_record_is_shown_beside_ours(recording: Recording) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        first = next(record for record in records if record["op"] == "a")
        first["idx"] += 1

    verdict = compare_script(recording(change))
    assert not verdict.holds
    assert verdict.matched == verdict.total - 1
    assert verdict.difference is not None
    ours, recorded = verdict.difference
    assert ours is not None and recorded is not None
    assert {key for key in ours if ours[key] != recorded[key]} == {"idx"}


@pytest.mark.parametrize("key", ["ev", "fo", "sh", "av", "path", "slab", "node"])
def test_a_field_that_only_one_side_has_is_a_difference(recording: Recording, key: str) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        del next(record for record in records if record["op"] == "a" and key in record)[key]

    assert not compare_script(recording(change)).holds


def test_a_changed_free_chain_in_a_full_dump_is_a_difference(recording: Recording) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        chains = [
            slab
            for record in records
            if record["op"] == "dump"
            for node in record["caches"][0]["nodes"]
            for slab in node["partial"] + node["free"]
            if " " in slab[4]
        ]
        chains[0][4] = " ".join(reversed(chains[0][4].split()))

    assert not compare_script(recording(change)).holds


def test_a_missing_record_is_a_difference(recording: Recording) -> None:
    verdict = compare_script(recording(lambda records: records.pop()))
    assert verdict.matched == verdict.total
    assert not verdict.holds
    assert verdict.difference is not None
    assert verdict.difference[0] is not None and verdict.difference[1] is None


def test_an_extra_record_is_a_difference(recording: Recording) -> None:
    verdict = compare_script(recording(lambda records: records.append({"op": "dump"})))
    assert verdict.difference == (None, {"op": "dump"})
    assert verdict.matched == verdict.total - 1


def test_an_empty_recording_does_not_match(recording: Recording) -> None:
    verdict = compare_script(recording(lambda records: records.clear()))
    assert (verdict.matched, verdict.total, verdict.holds) == (0, 0, False)


def test_scripts_are_found_in_folders_by_name_and_one_by_one() -> None:
    assert [recording.path for recording in find_recordings([GOLDEN])] == SCRIPTS
    assert [recording.path for recording in find_recordings([SCRIPTS[5], SCRIPTS[0]])] == [SCRIPTS[5], SCRIPTS[0]]
