# SPDX-License-Identifier: GPL-2.0-only
"""Lines of a trace file, plain or gzip: streamed in chunks, bounded in length, with every way a file can be bad told in one line.

Knows nothing of what the lines say.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final, cast

from slabdes.ahead import ahead
from slabdes.errors import InputError
from slabdes.files import open_regular

Progress = Callable[[int, int], None]
"""Called now and then with the bytes of the file read so far and the bytes that it has."""

MAX_LINE_BYTES: Final = 64 * 1024
"""Longest line accepted, bytes (assumed: ftrace prints a few hundred)."""
_OVERLAP: Final = 256
"""Bytes of a part that is skipped which are looked at again with the next part: more than any word that matters has."""
CHUNK_BYTES: Final = 256 * 1024
"""Bytes taken from the file at a time (assumed)."""
_UNPACKED_AHEAD: Final = 8
"""Chunks that are unpacked before they are asked for, at most (a choice: 2 MB)."""
MAX_UNPACKING: Final = 100
"""Most bytes of text that a byte of gzip may stand for (assumed: traces have some 10; gzip itself goes up to 1,032)."""
FREE_UNPACKING: Final = 8 << 20
"""Bytes of text up to which that is not asked (assumed)."""

TRACES: Final = "an ftrace trace file, or the output of perf script or trace-cmd report; plain or gzip"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_OTHER_FORMATS: Final = (
    (b"PERFILE2", "a perf.data file, which perf script turns into text"),
    (b"\x17\x08\x44tracing", "a trace.dat file, which trace-cmd report turns into text"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"BZh", "a bzip2 file"),
    (b"PK\x03\x04", "a zip file"),
)
"""First bytes of files that are brought here by mistake (from each format's specification)."""


class TraceLines:
    """The lines of the file `path` that are not empty, without their ends; `number` is that of the line last given, from 1.

    Iterating raises InputError for a file that is missing, not a regular file, empty, binary, cut or damaged gzip, or
    that has a line longer than MAX_LINE_BYTES; it says that `allowed` is. At most one chunk is held.

    `matters` says whether a part of a line has something to say; longer lines without such a part are taken as empty.
    """

    def __init__(
        self,
        path: Path,
        progress: Progress | None = None,
        allowed: str = TRACES,
        matters: Callable[[bytes], bool] = lambda _part: True,
    ) -> None:
        self.path = path
        self.number = 0
        self._allowed = allowed
        self._matters = matters
        self._progress = progress

    def error(self, problem: str, allowed: str | None = None, line: int | None = None) -> InputError:
        """An InputError about the line last given, or about another."""
        return InputError(f"{self.path}: line {self.number if line is None else line}", problem, allowed)

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks():
            before = self.number
            lines = block.split(b"\n")
            for number, line in enumerate(lines, before + 1):
                if line:
                    self.number = number
                    if self.is_read(line):
                        yield line
            self.number = before + len(lines)

    def is_read(self, line: bytes) -> bool:
        """Whether the line last given is read: not if it is too long and has nothing to say. InputError if it has."""
        if len(line) <= MAX_LINE_BYTES:
            return True
        if self._matters(line):
            raise self._too_long()
        return False

    def blocks(self) -> Iterator[bytes]:
        """The same lines, as many whole ones at a time as a chunk has, joined by line ends and without the last one's.

        Who takes a block counts its lines in `number` before the next, and looks at their length.
        """
        self.number = 0
        try:
            with open_regular(self.path, self._allowed) as raw:
                yield from self._blocks(raw, os.fstat(raw.fileno()).st_size)
        except EOFError:
            raise InputError(str(self.path), f"the gzip stream is cut after line {self.number}", allowed="a whole file") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise InputError(str(self.path), f"damaged gzip after line {self.number}: {error}", allowed="a whole file") from None
        except OSError as error:
            raise InputError(str(self.path), error.strerror or str(error), allowed=self._allowed) from None

    def _blocks(self, raw: BinaryIO, size: int) -> Iterator[bytes]:
        with closing(_chunks(raw)) as chunks:
            yield from self._of_chunks(chunks, size)

    def _of_chunks(self, chunks: Iterator[tuple[bytes, int]], size: int) -> Iterator[bytes]:
        rest, skipped = b"", b""
        first = True
        unpacked = 0
        for chunk, read in chunks:
            unpacked += len(chunk)
            if unpacked > FREE_UNPACKING and unpacked > MAX_UNPACKING * read:
                problem = f"gzip that unpacks to more than {MAX_UNPACKING} times its size"
                raise InputError(str(self.path), problem, allowed="the same file unpacked, if it is meant to be so")
            if first:
                self._check_format(chunk)
                first = False
            if b"\0" in chunk:
                self.number += chunk.count(b"\n", 0, chunk.index(b"\0")) + 1
                raise self.error("binary data", allowed=self._allowed)
            if skipped:
                begun, end, chunk = chunk.partition(b"\n")
                skipped = self._skip(skipped + begun)
                if end:
                    chunk, skipped = b"\n" + chunk, b""
            whole, end, rest = (rest + chunk).rpartition(b"\n")
            if end:
                yield whole
            if len(rest) > MAX_LINE_BYTES:
                rest, skipped = b"", self._skip(rest)
            if self._progress is not None:
                self._progress(read, size)
        if first:
            raise InputError(str(self.path), "empty", allowed=self._allowed)
        if rest or skipped:
            yield rest

    def _skip(self, part: bytes) -> bytes:
        """The end of a part of a line that is too long, which the next part is looked at with. InputError if it matters."""
        if self._matters(part):
            self.number += 1
            raise self._too_long()
        return part[-_OVERLAP:]

    def _too_long(self) -> InputError:
        return self.error("too long", allowed=f"at most {MAX_LINE_BYTES} bytes a line")

    def _check_format(self, start: bytes) -> None:
        for magic, what in _OTHER_FORMATS:
            if start.startswith(magic):
                raise InputError(str(self.path), f"{what}", allowed=self._allowed)


def _chunks(raw: BinaryIO) -> Generator[tuple[bytes, int]]:
    """A file's text, a chunk at a time, and how many of its bytes are read; a thread of its own unpacks."""
    magic = raw.read(len(_GZIP_MAGIC))
    raw.seek(0)
    if magic == _GZIP_MAGIC:
        return ahead(_read(cast("BinaryIO", gzip.GzipFile(fileobj=raw, mode="rb")), raw), _UNPACKED_AHEAD)
    return _read(raw, raw)


def _read(stream: BinaryIO, raw: BinaryIO) -> Generator[tuple[bytes, int]]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk, raw.tell()
