"""Where the ledger's database is, and how to connect to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import psycopg

from ledger_pipelines.errors import ConfigurationError, LedgerError

SCHEMA = "ledger"
DAGSTER_SCHEMA = "dagster"
OLDEST_SERVER = 150000
_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database by its URL (`postgresql://…`).

    Its repr and every error message leave the password out.
    """

    url: str

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("postgresql", "postgres"):
            raise ConfigurationError(
                "LEDGER_DATABASE_URL is not a PostgreSQL URL: write it as postgresql://user:password@host/database."
            )

    def __repr__(self) -> str:
        return f"Database({self.safe_url!r})"

    @property
    def safe_url(self) -> str:
        """The URL without its password."""
        return _PASSWORD.sub("***", self.url)

    @property
    def dagster_url(self) -> str:
        """The URL of Dagster's own storage: the same database, in a schema of its own."""
        separator = "&" if "?" in self.url else "?"
        url = self.url.replace("postgres://", "postgresql://", 1)
        return f"{url}{separator}options={quote(f'-csearch_path={DAGSTER_SCHEMA}')}"

    def connect(self, *, application_name: str = "ledger") -> psycopg.Connection:
        """A connection in autocommit mode that looks names up in the schema `ledger` and speaks UTC.

        Raises LedgerError when the server does not answer, refuses us, or is older than PostgreSQL 15.
        """
        try:
            connection = psycopg.connect(
                self.url,
                autocommit=True,
                application_name=application_name,
                connect_timeout=10,
                options=f"-csearch_path={SCHEMA} -ctimezone=UTC",
            )
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            raise LedgerError(
                f"The database {self.safe_url} cannot be used: {_PASSWORD.sub('***', reason)}. "
                "Check LEDGER_DATABASE_URL and that the server runs."
            ) from None
        if connection.info.server_version < OLDEST_SERVER:
            version = connection.info.parameter_status("server_version")
            connection.close()
            raise LedgerError(f"The database is PostgreSQL {version}; version 15 or newer is needed.")
        return connection
