"""Finds or installs the browser that the page tests need; `make test` calls it first.

Taken where it is found; else Debian's `chromium` as root on Debian; else Playwright's own download.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """The path of a Chromium, or None."""
    for name in _NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    return _playwright_browser()


def install_browser() -> None:
    """Installs a browser in the way that fits this machine; says nothing when it cannot."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    else:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def _playwright_browser() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def main() -> int:
    """Installs a browser when there is none; with CI=true it is an error when that fails."""
    if find_browser() is None:
        print("Installing a browser for the page tests …")
        install_browser()
    if find_browser() is None:
        print("No browser could be installed: the page tests will be skipped.", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
