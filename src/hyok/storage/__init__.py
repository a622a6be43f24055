"""The database: schema, engine, migrations. SQLAlchemy Core, never on the request path."""
