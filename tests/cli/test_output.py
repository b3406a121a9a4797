# SPDX-License-Identifier: GPL-2.0-only
"""What reaches a terminal: plain text where it has nothing else, and nothing that it would act on, whatever things are called."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slabdes.cli import output
from slabdes.results.text import Sheet

ODD = "a\x1b[31m\u202eb\x9bc\ud800[bold]d"
"""Escape sequences of two kinds, an override of direction, half a character, rich's markup."""
SHOWN = r"a\x1b[31m\u202eb\x9bc\ud800[bold]d"
PLAIN = {"PYTHONIOENCODING": "ascii"}
OLD = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
MACHINE = 'name = "m"\n[topology]\ncores = 1\n'


def command(*arguments: str | bytes, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "slabdes", *arguments], capture_output=True, cwd=folder, env=os.environ | environment, check=False
    )


@pytest.mark.parametrize("environment", [PLAIN, OLD], ids=["PYTHONIOENCODING", "LC_ALL"])
def test_an_ascii_terminal_gets_plain_text(environment: dict[str, str], tmp_path: Path) -> None:
    shown = command("machine", "show", "uma-4", "--json", folder=tmp_path, **environment)
    assert shown.returncode == 0
    assert json.loads(shown.stdout)["name"] == "uma-4"
    table = command("geometry", "256", folder=tmp_path, **environment)
    assert table.returncode == 0
    assert b"\n ----" in table.stdout
    for done in (shown, table):
        assert done.stderr == b""
        assert done.stdout.isascii()


def test_an_ascii_terminal_gets_tables_of_microseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    output.prepare_streams()
    output.print_sheet(Sheet("times ±", ("op", "mean"), 1, (("alloc", "1.23 µs"), ("é", "2"))))
    stream.flush()
    lines = stream.buffer.getvalue().decode("ascii").splitlines()  # type: ignore[attr-defined]  # a BytesIO
    assert [line.strip() for line in lines if line.strip()] == [
        "times +-", "op        mean", "--------------", "alloc  1.23 us", r"\xe9            2",
    ]  # fmt: skip


def test_errors_on_an_ascii_terminal_are_plain_too(tmp_path: Path) -> None:
    done = command("run", "é µ.toml", folder=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"slabdes: \\xe9 u.toml: No such file or directory; allowed: a readable TOML file\n"


def test_names_that_are_not_utf_8_are_used_and_shown_escaped(tmp_path: Path) -> None:
    name = b"m\xff\x1b[2J.toml"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(MACHINE, encoding="utf-8")
    done = command(b"machine", b"import", name, b"-o", b"n\xfe.toml", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(b"m: 1 CPU,")
    assert done.stdout.endswith(b"n\\udcfe.toml\n")
    assert b"m\xff" not in done.stdout


def test_what_was_closed_before_we_began_is_not_missed(tmp_path: Path) -> None:
    for closed in ("1>&-", "2>&-", "1>&- 2>&-"):
        line = f'"{sys.executable}" -m slabdes machine show nothing {closed}'
        assert subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=False).returncode == 2


def test_a_table_holds_printable_text_only() -> None:
    sheet = Sheet(ODD, (ODD, "x" * 1000), 1, ((ODD, "1"),))
    assert sheet.title == SHOWN
    assert sheet.rows == ((SHOWN, "1"),)
    assert len(sheet.heads[1]) < 200


def test_lines_json_and_errors_show_odd_names_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    output.say(f"picture: {ODD}\n")
    output.print_told(ODD, [(ODD, ODD, f"{ODD} {ODD}")])
    output.print_rows(ODD, [{ODD: ODD}])
    output.print_rows("nothing", [])
    printed = capsys.readouterr().out
    assert SHOWN in printed
    assert all(line.isprintable() for line in printed.split("\n"))
    output.print_json({"name": ODD, "none": float("nan"), "list": (1.5, float("inf"))})
    printed = capsys.readouterr().out
    assert all(line.isprintable() for line in printed.split("\n"))
    assert json.loads(printed) == {"name": ODD, "none": None, "list": [1.5, None]}
    with pytest.raises(SystemExit):
        output.fail(ODD + "\n" + "x" * 5000, 2)
    printed = capsys.readouterr().err
    assert printed.startswith(f"slabdes: {SHOWN}")
    assert printed.count("\n") == 1
    assert len(printed) < 400


@pytest.mark.parametrize("columns", ["²", "0", "-3", "1" * 5000, "x", "", "100000000"])
def test_a_width_that_is_none_is_not_believed(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", stream)
    output.print_told("machines", [("a", "1", "word " * 100)])
    output.print_rows("machines", [{"a": "b"}])
    assert max(map(len, stream.getvalue().splitlines())) <= 1000


def test_progress_shows_names_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress_bar() as progress:
        assert progress is not None
        progress(f"reading {ODD}", 1, 2)
        progress(f"reading {ODD}", 2, 2)
    assert "\x1b[31m" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()
    assert r"\x1b[31m" in stream.getvalue()
