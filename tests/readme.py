# SPDX-License-Identifier: GPL-2.0-only
"""Fenced blocks of README, GUIDE and TRUST, and how those that can be run are run: shared by their test and their update.

`python tests/readme.py` runs the blocks, and the commands whose output stands between marks, and writes what they print into
these files, for a person to read and commit; with `--printed` only what stands between marks (about a minute on two idle cores).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = (README, ROOT / "slabdes/GUIDE.md", ROOT / "slabdes/TRUST.md")
FENCE = re.compile(r"(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<language>\w*)\n(?P<body>.*?)```\n", re.DOTALL)
PRINTED = re.compile(r"<!-- printed: (?P<command>[^\n]*) -->\n(?P<body>.*?)<!-- end -->\n", re.DOTALL)
"""Markdown that a command prints as it stands, between marks."""
TIMEOUT_S = 300
PRINTED_TIMEOUT_S = 3600


@dataclass(frozen=True)
class Block:
    """A fenced block: the comment above it, its language and text, and where its text stands in its file."""

    mark: str
    language: str
    body: str
    start: int
    end: int


def blocks(text: str) -> list[Block]:
    """Every fenced block of `text`, in order."""
    return [
        Block(found["mark"] or "", found["language"], found["body"], found.start("body"), found.end("body"))
        for found in FENCE.finditer(text)
    ]


def marked(mark: str) -> str:
    """The one command under the comment `mark`."""
    (body,) = [block.body for block in blocks(README.read_text(encoding="utf-8")) if block.mark == mark]
    return body.strip()


def prepare(folder: Path) -> None:
    """What commands of the documents expect to find where they are run."""
    shutil.copytree(ROOT / "experiments", folder / "experiments")
    for block in (block for path in DOCUMENTS for block in blocks(path.read_text(encoding="utf-8"))):
        if block.mark.startswith("file "):
            (folder / block.mark.removeprefix("file ")).write_text(block.body, encoding="utf-8")


def shown(body: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output below it."""
    parts = re.split(r"^\$ (.*)\n", body, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def output(command: list[str] | str, folder: Path) -> str:
    """What a command prints, both streams, run in `folder` with this Python's own scripts first; without spaces at ends."""
    return tidy(_done(command, folder, subprocess.STDOUT, TIMEOUT_S).stdout)


def printed(command: str, folder: Path) -> str:
    """What a command prints, run likewise, without its other stream. Raises CalledProcessError if it could not be run.

    Exit code 1, of a check that failed, is none.
    """
    done = _done(command, folder, None, PRINTED_TIMEOUT_S)
    if done.returncode > 1 or not done.stdout:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout)
    return tidy(done.stdout)


def _done(command: list[str] | str, folder: Path, errors: int | None, timeout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        shell=isinstance(command, str),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


def tidy(text: str) -> str:
    """Text without spaces at the ends of its lines."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def ran(block: Block, folder: Path) -> str:
    """A console block with what its commands print now, or the output of a Python block."""
    if block.language == "console":
        return "".join(f"$ {command}\n{output(command, folder)}" for command, _text in shown(block.body))
    (folder / "example.py").write_text(block.body, encoding="utf-8")
    return output([sys.executable, "example.py"], folder)


def update(path: Path, folder: Path) -> None:
    """Write what its blocks print into a document: console blocks in place, Python's into the text block that follows."""
    text = path.read_text(encoding="utf-8")
    prepare(folder)
    found = blocks(text)
    for number in reversed(range(len(found))):
        block = found[number]
        if block.language == "console" and not block.mark:
            text = text[: block.start] + ran(block, folder) + text[block.end :]
        elif block.language == "text" and found[number - 1].language == "python":
            text = text[: block.start] + ran(found[number - 1], folder) + text[block.end :]
    path.write_text(text, encoding="utf-8")


def update_printed(path: Path, folder: Path) -> None:
    """Write what commands print now between the marks of a document that name them."""
    text = path.read_text(encoding="utf-8")
    path.write_text(PRINTED.sub(lambda found: between_marks(found["command"], folder), text), encoding="utf-8")


def between_marks(command: str, folder: Path) -> str:
    """What a command prints, between marks."""
    return f"<!-- printed: {command} -->\n\n{printed(command, folder)}\n<!-- end -->\n"


if __name__ == "__main__":
    import argparse
    import tempfile

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--printed", action="store_true", help="only what stands between marks")
    updates = (update_printed,) if parser.parse_args().printed else (update, update_printed)
    for document in DOCUMENTS:
        for renew in updates:
            with tempfile.TemporaryDirectory() as temporary:
                renew(document, Path(temporary))
