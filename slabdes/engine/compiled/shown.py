# SPDX-License-Identifier: GPL-2.0-only
"""The texts of the lowered paths as files, for who reads a traceback. Leaves out how they are made."""

from __future__ import annotations

from pathlib import Path

from slabdes.engine.compiled.cache import cache_folder
from slabdes.engine.compiled.slab import target as slab
from slabdes.engine.compiled.slub import target as slub
from slabdes.errors import InputError
from slabdes.files import write_whole
from slabdes.folders import input_errors


def lowered_files() -> list[Path]:
    """SLAB's and SLUB's, made if need be. Raises InputError where no folder can be written."""
    folder = cache_folder()
    if folder is None:
        raise InputError("the folder for compiled code", "cannot be written", allowed="SLABDES_CACHE_DIR=<a folder>")
    files = []
    for name, made in (("slab", slab.lowered), ("slub", slub.lowered)):
        file = folder / f"{name}.py"
        with input_errors(file):
            write_whole(file, made().text.encode())  # whatever has become of it since
        files.append(file)
    return files
