"""Children that end with their parent: `python -m ledger_pipelines.orchestration.tether MODULE ARGUMENT…`.

The parent holds the other end of the child's standard input. When it is killed, the system closes that end, and the
child ends at once. That works on every Unix, and whichever thread of the parent started the child.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading


def end_with_parent() -> None:
    """Ends this process, without further ado, as soon as its standard input ends."""
    threading.Thread(target=_wait_for_end, name="waits for the parent's end", daemon=True).start()


def _wait_for_end() -> None:
    while True:
        try:
            if not os.read(0, 1024):
                break
        except OSError:
            break
    os._exit(1)


def main() -> None:
    """Runs the module that the first argument names, with the other arguments, as the parent's child."""
    end_with_parent()
    _, module, *arguments = sys.argv
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
