"""`slabdes` and `python -m slabdes`: the command line, with signals caught before anything is imported that takes long."""

from __future__ import annotations

import sys

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
        if ending.number is None:
            ending.over()
            raise
        ending.tell()
        ending.over()
        sys.exit(ending.exit_code)


if __name__ == "__main__":
    main()
