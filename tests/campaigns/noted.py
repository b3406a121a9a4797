# SPDX-License-Identifier: GPL-2.0-only
"""The command line as it is, but for a note of every replication that is begun; for `kill_and_resume`.

    python tests/campaigns/noted.py NOTES run e.toml ...

Nothing is imported before signals are caught that the command line would not import.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from functools import partial
    from importlib.machinery import ModuleSpec
    from importlib.util import find_spec
    from types import ModuleType

    NOTES = sys.argv.pop(1)

    class _Noting:
        """Loads `slabdes.study.run` as always, then has it make tasks that note when they are begun."""

        def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
            if name != "slabdes.study.run":
                return None
            sys.meta_path.remove(self)  # type: ignore[arg-type]
            spec = find_spec(name)
            assert spec is not None and spec.loader is not None
            load = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                import noting

                module.Task = partial(noting.Noted, notes=NOTES)  # type: ignore[attr-defined]

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
            return spec

    sys.meta_path.insert(0, _Noting())  # type: ignore[arg-type]
    from slabdes.__main__ import main

    main()
