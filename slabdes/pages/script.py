# SPDX-License-Identifier: GPL-2.0-only
"""Vega's JavaScript, from the Python package that carries it, so that none of it lies here.

Putting it together takes seconds: it is kept in the user's cache, a file a version. Leaves out what is done with it (`page.js`).
"""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

from slabdes.errors import InputError
from slabdes.files import write_whole
from slabdes.folders import cache_base

NEEDED: Final = ("altair", "jinja2", "vl_convert")
PACKAGES: Final = ("vl-convert-python", "altair")
"""Distributions whose versions decide what the script is."""
_BEGINS: Final = "/* SPDX-License-Identifier: BSD-3-Clause AND ISC AND MIT -- Vega, Vega-Embed, D3 and what they need */\n"


def check_installed() -> None:
    """Raise InputError unless all that a page is made with is there."""
    if missing := lacking():
        raise InputError("report", f"{', '.join(missing)} not installed", allowed='pip install "slabdes[report]"')


def lacking() -> list[str]:
    """What a page is made with and is not installed."""
    from importlib.util import find_spec

    return [name for name in NEEDED if find_spec(name) is None]


def vega_script() -> str:
    """A script that defines `vegaEmbed`, with Vega's interpreter of expressions in it."""
    kept = _kept_at()
    with suppress(OSError, UnicodeDecodeError):
        text = kept.read_text(encoding="utf-8")
        if text.startswith(_BEGINS) and text.endswith(_ENDS):
            return text
    text = _BEGINS + _bundle().rstrip() + _ENDS
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, text.encode("utf-8"))
    return text


_ENDS: Final = "\n/* end of Vega */\n"


def _bundle() -> str:
    import altair
    import vl_convert

    # The version that Altair writes, as far as vl-convert names it: 6.4 of v6.4.1.
    wanted = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=wanted))


def _kept_at() -> Path:
    versions = "-".join(f"{name}-{version(name)}" for name in PACKAGES)
    return cache_base("SLABDES_CACHE_DIR") / "pages" / f"{versions}.js"
