"""Run the migrations of one side on the connection that `hyok.storage.migration` hands over.

There is no alembic.ini and no logging configuration: the storage runs this in process, inside its own transaction.
"""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
