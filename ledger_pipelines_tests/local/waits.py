"""A child that says that it waits, and goes on when it is told to."""

from __future__ import annotations

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: print("goes on", flush=True))
    print("waits", flush=True)
    while True:
        signal.pause()
