"""What the pages' tests do beside asking: a console beside a stand-in of Dagster, and the books as they are."""

from __future__ import annotations

from psycopg import sql
from starlette.testclient import TestClient

from ledger_pipelines.runs.webserver import Webserver
from ledger_pipelines.store.database import Database


def beside(client: TestClient, dagster: Webserver) -> TestClient:
    """The client, whose console asks this Dagster."""
    client.app.state.dagster = dagster  # type: ignore[attr-defined]
    return client


def all_rows(database: Database) -> dict[str, str | None]:
    """A digest of each table's rows, to see that nothing was written."""
    with database.connect() as connection:
        names = connection.execute(
            """SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace
               AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"""
        ).fetchall()
        each = [
            sql.SQL("SELECT {}, md5(string_agg(t::text, ';' ORDER BY t::text)) FROM {} t").format(
                sql.Literal(name), sql.Identifier(name)
            )
            for (name,) in names
        ]
        return dict(connection.execute(sql.SQL(" UNION ALL ").join(each)).fetchall())
