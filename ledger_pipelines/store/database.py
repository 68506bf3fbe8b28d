"""Where the ledger's database is, and how to connect to it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ledger_pipelines.errors import ConfigurationError, DatabaseUnavailableError, LedgerError

SCHEMA = "ledger"
DAGSTER_SCHEMA = "dagster"
OLDEST_SERVER = 150000


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL database by its URL (`postgresql://…`), and the schema in which names are looked up.

    `schema` is None for the one that the server chooses; `variable` is the setting that an error names. Its repr and
    every error message leave the password out.
    """

    url: str
    schema: str | None = SCHEMA
    variable: str = "LEDGER_DATABASE_URL"

    def __post_init__(self) -> None:
        if not self.url.startswith(("postgresql://", "postgres://")) or not _is_readable(self.url):
            raise ConfigurationError(
                f"{self.variable} is not a PostgreSQL URL: write it as postgresql://user:password@host/database, "
                "with signs like @, / and % in the password percent-encoded."
            )

    def __repr__(self) -> str:
        return f"Database({self.label!r})"

    @property
    def label(self) -> str:
        """The database in words fit for people: name, server and user, nothing else of the URL."""
        parts = conninfo_to_dict(self.url)
        where = f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}"
        return f"{parts.get('dbname') or ''} on {where} as {parts.get('user') or 'the current user'}"

    @property
    def dagster_url(self) -> str:
        """The URL of Dagster's own storage: the same database, in a schema of its own."""
        separator = "&" if "?" in self.url else "?"
        url = self.url.replace("postgres://", "postgresql://", 1)
        return f"{url}{separator}options={quote(f'-csearch_path={DAGSTER_SCHEMA}')}"

    def connect(self, *, application_name: str = "ledger", is_read_only: bool = False) -> psycopg.Connection:
        """A connection in autocommit mode that looks names up in the schema and speaks UTC.

        In one that `is_read_only` the server refuses to write; a replica does for it.
        Raises DatabaseUnavailableError when the server does not answer or refuses us, LedgerError when it is no
        database for us: older than PostgreSQL 15, not in UTF-8, read-only, or behind something that drops our settings.
        """
        writing = "-cdefault_transaction_read_only=on " if is_read_only else ""
        path = "" if self.schema is None else f"-csearch_path={self.schema} "
        try:
            connection = psycopg.connect(
                self.url,
                autocommit=True,
                application_name=application_name,
                connect_timeout=10,
                # What goes in and out is text in these forms, whatever the server or the database is set to.
                client_encoding="utf8",
                options=f"{path}{writing}-ctimezone=UTC -cdatestyle=ISO",
                # A server that is gone without a word is noticed after a minute.
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                tcp_user_timeout=60_000,
            )
        except psycopg.Error as error:
            reason = _reason(error)
            raise DatabaseUnavailableError(
                f"The database {self.label} cannot be used ({reason}): check {self.variable} and that the server runs."
            ) from None
        try:
            self._refuse_unfit(connection, is_read_only=is_read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_unfit(self, connection: psycopg.Connection, *, is_read_only: bool) -> None:
        status = connection.info.parameter_status
        if connection.info.server_version < OLDEST_SERVER:
            raise LedgerError(
                f"The database {self.label} is PostgreSQL {status('server_version')}: version 15 or newer is needed; "
                f"name one in {self.variable}."
            )
        # A pooler that is set to ignore `options` lets us in and drops them: tables would be made, and looked for,
        # in the schema of somebody else, and times read in a zone that is not ours.
        if status("TimeZone") != "UTC" or self._schema_of(connection) != self.schema:
            raise LedgerError(
                f"The database {self.label} does not heed the connection's `options`, as behind a pooler that ignores "
                f"them: name the PostgreSQL server itself in {self.variable}."
            )
        if self.schema is None:
            # Somebody else's: its encoding is theirs, and that it is read-only for a while costs single invoices.
            return
        if status("server_encoding") != "UTF8":
            raise LedgerError(
                f"The database {self.label} is in {status('server_encoding')}, which not every name can be written in: "
                f"make one with ENCODING 'UTF8' TEMPLATE template0, and name it in {self.variable}."
            )
        if not is_read_only and "on" in (status("default_transaction_read_only"), status("in_hot_standby")):
            raise LedgerError(
                f"The database {self.label} is read-only: name one that can be written to in {self.variable}."
            )

    def _schema_of(self, connection: psycopg.Connection) -> str | None:
        """The schema in which the connection looks names up, None where the server may choose it."""
        if self.schema is None:
            return None
        # Reported without asking from PostgreSQL 18 on.
        path = connection.info.parameter_status("search_path")
        if path is None:
            path = str(connection.execute("SHOW search_path").fetchall()[0][0])
        return path


def _is_readable(url: str) -> bool:
    try:
        ports = str(conninfo_to_dict(url).get("port") or "")
    except (psycopg.Error, ValueError):
        return False
    # A `/` or `@` of the password that is not encoded ends it early, and what follows passes for a host, a port or a
    # name of a database, which we show.
    authority, _, name = url.partition("://")[2].partition("?")[0].partition("/")
    return (
        authority.count("@") <= 1
        and "@" not in name
        and all(map(str.isdigit, filter(None, ports.split(","))))
    )


def _reason(error: psycopg.Error) -> str:
    """Why libpq failed, in our words: its own may quote the URL."""
    text = str(error)
    reasons = {
        "password": "the password is wrong or missing",
        "refused": "nobody listens there",
        "does not exist": "the database or the user does not exist",
        "timeout": "it does not answer",
        "resolve": "the host name is unknown",
        "translate": "the host name is unknown",
        "no pg_hba.conf": "the server does not let us in",
    }
    return next((reason for sign, reason in reasons.items() if sign in text), "the server cannot be reached")
