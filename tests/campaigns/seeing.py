# SPDX-License-Identifier: GPL-2.0-only
"""How long one waits to see: a report of a long run, its size, and the first answer after a slider of a live page was moved.

    python tests/campaigns/seeing.py --operations 10000000 --moves 20

Needs Chromium for the sliders. Leaves out whether what is seen is right.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser import opened, until

CPUS: Final = 8
LONG: Final = """\
name = "long"
engine = "compiled"

[machine]
preset = "xeon-2s"
cpus = {cpus}
placement = "spread"

[[cache]]
name = "size-256"
size = 256

[workload]
kind = "mix"
operations = {operations}
"""
SLABDES: Final = (sys.executable, "-m", "slabdes")


def report(operations: int, folder: Path) -> tuple[float, float, int]:
    """Seconds that the run took, seconds that its report took, and the page's bytes."""
    file, out, page = folder / "long.toml", folder / "run", folder / "page.html"
    file.write_text(LONG.format(cpus=CPUS, operations=operations // CPUS), encoding="utf-8")
    seconds = []
    for command in (("run", file, "--out", out, "--no-figures"), ("report", out, "--out", page)):
        began = time.monotonic()
        subprocess.run([*SLABDES, *map(str, command)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds.append(time.monotonic() - began)
    return seconds[0], seconds[1], page.stat().st_size


def first_answers(moves: int, folder: Path) -> Iterator[float]:
    """Milliseconds from asking for a moved slider's setting until its first chart is drawn, on the default experiment."""
    served = subprocess.Popen([*SLABDES, "explore"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert served.stdout is not None
        address = served.stdout.readline().strip()
        with opened(viewport={"width": 1360, "height": 900}) as page:
            page.goto(address)
            until(page, lambda: page.evaluate("'done' in document.documentElement.dataset"))
            control = page.get_by_label("batchcount, exactly")
            for number in range(moves):
                control.fill(str(4 + number))
                # The old answer goes first, in the same turn of the page's script that asks for the new one.
                page.wait_for_timeout(60)
                until(page, lambda: page.evaluate("'first' in document.documentElement.dataset"))
                yield float(page.evaluate("document.documentElement.dataset.first"))
                until(page, lambda: page.evaluate("'done' in document.documentElement.dataset"))
    finally:
        served.send_signal(signal.SIGINT)
        served.wait()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=10_000_000)
    parser.add_argument("--moves", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slabdes-campaign-") as name:
        folder = Path(name)
        if asked.operations:
            ran, made, size = report(asked.operations, folder)
            print(f"{asked.operations:,} operations: run {ran:.1f} s, report {made:.1f} s, page {size / 1e6:.2f} MB", flush=True)
        if asked.moves:
            times = sorted(first_answers(asked.moves, folder))
            middle, worst = times[len(times) // 2], times[-1]
            print(f"first answer after {len(times)} moves of a slider: median {middle:.0f} ms, worst {worst:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
