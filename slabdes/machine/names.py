# SPDX-License-Identifier: GPL-2.0-only
"""By which names machines go that need no file: the presets, and this host.

Loads nothing. Leaves out what they are (`load`).
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

HOST: Final = "host"
"""The name by which this host goes wherever a machine is named."""


def preset_names() -> tuple[str, ...]:
    """Names of the machines that come with slabdes, in alphabetical order."""
    found = (entry.name for entry in files(__package__).joinpath("presets").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def preset_text(name: str) -> str:
    """The machine file of a preset."""
    return files(__package__).joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")


def is_named(machine: str) -> bool:
    """Whether that is a machine's name (a preset's, or this host's) and so not a file's."""
    return machine == HOST or machine in preset_names()
