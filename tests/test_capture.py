# SPDX-License-Identifier: GPL-2.0-only
"""What `slabdes capture` prints: a script that a shell can run, for the kernel that it is of, with nothing run from here."""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest

from slabdes.capture import GZIP_BYTES, TEXT_BYTES, TOOLS, capture
from slabdes.errors import InputError

TRACES = Path(__file__).parents[1] / "experiments" / "traces"


def script(kernel: str, tool: str) -> str:
    return "\n".join(capture(kernel, tool, 1).script())


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("kernel", ["2.6.34", "5.10.0-21-amd64", "6.1.12", "7.0-rc3"])
def test_the_script_is_one_that_a_shell_can_read(kernel: str, tool: str) -> None:
    done = subprocess.run(["sh", "-n"], input=script(kernel, tool), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("tool", TOOLS)
def test_before_6_1_allocations_on_a_node_are_events_of_their_own(tool: str) -> None:
    assert "kmem_cache_alloc_node" in script("6.0", tool)
    assert "kmalloc_node" in script("4.19.2", tool)
    assert "_node" not in script("6.1", tool)


def test_slubs_settings_are_copied_where_it_may_run() -> None:
    assert "tar -czf slab.tar.gz -C /sys/kernel slab" in script("6.12.1", "perf")
    assert "slab.tar.gz" in script("6.1", "perf"), "SLAB or SLUB"


def test_the_script_leaves_what_a_replay_reads(tmp_path: Path) -> None:
    """With stand-ins for perf and lstopo it runs to its end, though what is optional fails."""
    perf = '#!/bin/sh\ncase $1 in record) shift $(($# - 3)); echo "$@" > record.txt;; script) echo text;; *) exit 1;; esac\n'
    for name, text in (("perf", perf), ("lstopo", "#!/bin/sh\necho '<topology/>'\n"), ("cat", "#!/bin/sh\necho slabs\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-e", "-c", script("6.12.1", "perf")], cwd=tmp_path, env={"PATH": path}, check=True, capture_output=True
    )
    assert (tmp_path / "record.txt").read_text() == "-- sleep 1\n"
    assert gzip.decompress((tmp_path / "kmem.txt.gz").read_bytes()) == b"text\n"
    assert (tmp_path / "machine.xml").read_text() == "<topology/>\n"
    assert (tmp_path / "slabinfo-before.txt").read_text() == (tmp_path / "slabinfo-after.txt").read_text() == "slabs\n"


def test_what_an_event_takes_is_what_it_takes_in_the_trace_of_6_18() -> None:
    path = TRACES / "unix_dgram_6.18.txt.gz"
    with gzip.open(path) as text:
        lengths = [len(line) for line in text if not line.startswith(b"#")]
    events = len(lengths)
    assert sum(lengths) / events == pytest.approx(TEXT_BYTES, rel=0.01)
    assert path.stat().st_size / events == pytest.approx(GZIP_BYTES, rel=0.05)


@pytest.mark.parametrize(
    ("kernel", "allocator"), [("6.8.1", "SLUB"), ("6.7", "SLAB or SLUB"), ("2.6.34", "SLAB or SLUB"), ("7.3-rc1", "SLUB")]
)
def test_a_kernel_without_slab_runs_slub_and_an_older_one_may_run_either(kernel: str, allocator: str) -> None:
    assert f"runs {allocator};" in capture(kernel, "perf").sentences()[0]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"kernel": "linux"}, "kernel linux: is no release of Linux; allowed: what `uname -r` prints, such as 6.12.3"),
        ({"kernel": "2.4.20"}, "kernel 2.4.20: has no kmem events; allowed: 2.6.31 or newer"),
        ({"kernel": "6.1; rm -r x"}, "kernel 6.1; rm -r x: is no release"),
        ({"tool": "pref"}, "tool pref: is not known (did you mean perf?); allowed: perf, trace-cmd, tracefs"),
        ({"seconds": 0.5}, "seconds: 0.5; allowed: 1 to 3600"),
        ({"seconds": float("nan")}, "seconds: nan; allowed: 1 to 3600"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(asked: dict[str, object], told: str) -> None:
    with pytest.raises(InputError) as error:
        capture(**{"kernel": "6.12", **asked})  # type: ignore[arg-type]
    assert str(error.value).startswith(told)


@pytest.mark.parametrize("ends", ["0", "1"])
def test_lock_stat_is_left_as_it_was_whether_it_was_read_or_not(ends: str, tmp_path: Path) -> None:
    """The line for kernels without lock events, on files that stand for the kernel's."""
    (line,) = (line for line in script("5.10.0", "perf").splitlines() if "lock_stat.txt" in line)
    for name, text in (("lock_stat", "contentions\n"), ("switch", "0\n")):
        (tmp_path / name).write_text(text)
    line = line.replace("/proc/sys/kernel/lock_stat", "switch").replace("/proc/lock_stat", "lock_stat")
    line = line.replace("sleep 5", f"cp switch while; sh -c 'exit {ends}' || exit 1")
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=False)
    assert (tmp_path / "while").read_text() == "1\n"
    assert (tmp_path / "switch").read_text() == "0\n"
    assert (tmp_path / "lock_stat.txt").exists() is (ends == "0")
