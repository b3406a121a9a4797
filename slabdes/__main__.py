# SPDX-License-Identifier: GPL-2.0-only
"""`slabdes` and `python -m slabdes`: the command line, with signals caught before anything is imported that takes long."""

from __future__ import annotations

from slabdes.signals import Ending


def main() -> None:
    """Run the command line; a signal ends it with one line, wherever it is."""
    ending = Ending()
    try:
        ending.begin()
        from slabdes.cli import main as command_line

        command_line()
    except BaseException:  # whatever a signal has become on its way
        ending.past = True
        if ending.number is not None:
            ending.end()
        ending.over()
        raise


if __name__ == "__main__":
    main()
