# SPDX-License-Identifier: GPL-2.0-only
"""The command line as it is, but for a note of every replication that is begun; for `kill_and_resume`.

    python tests/campaigns/noted.py NOTES run e.toml ...

Nothing is imported before signals are caught that the command line would not import.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    NOTES = sys.argv.pop(1)

    class _Noting:
        """Imports `slabdes.study.run` as always, then has it make tasks that note when they are begun."""

        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "slabdes.study.run":
                sys.meta_path.remove(self)  # type: ignore[arg-type]
                from functools import partial

                import noting

                import slabdes.study.run

                slabdes.study.run.Task = partial(noting.Noted, notes=NOTES)  # type: ignore[misc, assignment]

    sys.meta_path.insert(0, _Noting())  # type: ignore[arg-type]
    from slabdes.__main__ import main

    main()
