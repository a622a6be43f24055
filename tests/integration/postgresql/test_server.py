from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from sqlalchemy import insert, select, text

from hyok.errors import OperatorError
from hyok.secret import Secret
from hyok.storage import postgresql
from hyok.storage.changes import ChangeKind, changes_since, current_position, record_change
from hyok.storage.engine import Storage, open_storage
from hyok.storage.errors import StorageError
from hyok.storage.schema import HEADS, Side, key_stores
from tests.postgresql import PostgresqlServer, running_postgresql
from tests.sizes import size

ROW = {"name": "dev", "path_prefix": "/dev", "regions": ["eu-central-1"], "created_at": 1.0}


@pytest.fixture
def url(server: PostgresqlServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database."""
    name = f"empty_{abs(hash(request.node.name))}"
    yield server.create_database(name)
    server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def settings_of(storage: Storage, *, write: bool) -> tuple[object, ...]:
    names = ("transaction_isolation", "transaction_read_only", "synchronous_commit")
    with storage.transaction() if write else storage.reading() as connection:
        return tuple(connection.scalar(text(f"SHOW {name}")) for name in names)


def follow_two_writers(first: Storage, second: Storage) -> tuple[list[str], list[str]]:
    """Let two write at once, the first to begin being the last to end; return what was written and what was seen."""
    has_written, may_end = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with first.transaction() as connection:
            record_change(connection, ChangeKind.KEY, "slow", at=1.0)
            has_written.set()
            may_end.wait(1)

    slow = threading.Thread(target=write_slowly)
    slow.start()
    has_written.wait(5)

    def write_quickly() -> None:
        with second.transaction() as connection:
            record_change(connection, ChangeKind.KEY, "quick", at=1.0)

    quick = threading.Thread(target=write_quickly)
    quick.start()
    quick.join(0.5)
    seen, position = [], 0
    for _ in range(2):
        with second.reading() as connection:
            changes = changes_since(connection, position)
        seen += [change.subject for change in changes]
        position = changes[-1].position if changes else position
        may_end.set()
        slow.join()
        quick.join()
    return ["slow", "quick"], seen


def test_a_follower_misses_no_change_of_writers_that_overlap(url: str) -> None:
    with closing(open_storage(url, Side.KMS)) as first, closing(open_storage(url, Side.KMS)) as second:
        written, seen = follow_two_writers(first, second)
    assert seen == written


def test_without_turns_a_follower_would_miss_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The proof that the test above can fail.
    monkeypatch.setattr(postgresql, "_TURN_OF_WRITERS", "SELECT 1")
    with closing(open_storage(url, Side.KMS)) as first, closing(open_storage(url, Side.KMS)) as second:
        _, seen = follow_two_writers(first, second)
    assert seen == ["quick"]


def test_many_writers_leave_one_unbroken_order(url: str) -> None:
    storages = [open_storage(url, Side.KMS) for _ in range(4)]
    each = size(usual=25, nightly=1000)
    seen: list[int] = []
    done = threading.Event()

    def write(storage: Storage) -> None:
        for number in range(each):
            with storage.transaction() as connection:
                record_change(connection, ChangeKind.KEY, str(number), at=1.0)

    def follow() -> None:
        with closing(open_storage(url, Side.KMS)) as reader:
            is_last = False
            while not is_last:
                is_last = done.is_set()
                with reader.reading() as connection:
                    seen.extend(change.position for change in changes_since(connection, seen[-1] if seen else 0))

    follower = threading.Thread(target=follow)
    writers = [threading.Thread(target=write, args=(storage,)) for storage in storages]
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    follower.join()
    with storages[0].reading() as connection:
        assert current_position(connection) == seen[-1]
    for storage in storages:
        storage.close()
    assert len(seen) == len(set(seen)) == 4 * each


def test_sessions_are_durable_and_isolated_whatever_the_role_prefers(server: PostgresqlServer, url: str) -> None:
    database = url.rpartition("/")[2]
    for setting in ("synchronous_commit = off", "default_transaction_isolation = 'serializable'"):
        server.execute(f'ALTER DATABASE "{database}" SET {setting}')
    with closing(open_storage(url, Side.KMS)) as storage:
        assert settings_of(storage, write=True) == ("read committed", "off", "on")
        assert settings_of(storage, write=False) == ("repeatable read", "on", "on")


def test_a_storage_survives_the_servers_restart() -> None:
    with running_postgresql() as server, closing(open_storage(server.create_database("a"), Side.HOLDER)) as storage:
        with storage.transaction() as connection:
            connection.execute(insert(key_stores), ROW)
        server.stop()
        with (
            pytest.raises(StorageError, match=r"connection failed|Connection refused|terminat|closed"),
            storage.reading(),
        ):
            raise AssertionError("no server, and no error")
        server.start()
        with storage.reading() as connection:
            assert connection.scalar(select(key_stores.c.name)) == "dev"
        with storage.transaction() as connection:
            connection.execute(insert(key_stores), {**ROW, "name": "b", "path_prefix": "/b"})


def test_a_connection_lost_in_a_transaction_undoes_it_and_is_told(server: PostgresqlServer, url: str) -> None:
    with closing(open_storage(url, Side.HOLDER)) as storage:

        def lose_the_connection() -> None:
            with storage.transaction() as connection:
                connection.execute(insert(key_stores), ROW)
                pid = connection.scalar(text("SELECT pg_backend_pid()"))
                server.execute(f"SELECT pg_terminate_backend({pid})")
                connection.execute(insert(key_stores), {**ROW, "name": "b", "path_prefix": "/b"})

        with pytest.raises(StorageError, match="terminating connection"):
            lose_the_connection()
        with storage.reading() as connection:
            assert connection.scalars(select(key_stores.c.name)).all() == []


def test_processes_that_start_together_migrate_once(url: str) -> None:
    start = (
        "import sys; from hyok.storage.engine import open_storage; from hyok.storage.schema import Side\n"
        "sys.stdin.readline(); open_storage(sys.argv[1], Side.HOLDER).close()"
    )
    command = [sys.executable, "-c", start, url]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors


def test_the_other_sides_database_is_refused(url: str) -> None:
    open_storage(url, Side.HOLDER).close()
    with pytest.raises(OperatorError, match="is the storage of the key holder"):
        open_storage(url, Side.KMS)


def test_a_database_of_a_newer_hyok_or_another_program_is_refused(server: PostgresqlServer, url: str) -> None:
    database = url.rpartition("/")[2]
    open_storage(url, Side.HOLDER).close()
    server.execute("UPDATE alembic_version SET version_num = 'holder_0999'", database=database)
    with pytest.raises(OperatorError, match=f"newer than {HEADS[Side.HOLDER]}"):
        open_storage(url, Side.HOLDER)
    server.execute("DROP TABLE alembic_version", database=database)
    with pytest.raises(OperatorError, match="of another program"):
        open_storage(url, Side.HOLDER)


def test_a_server_that_takes_no_writes_is_refused(server: PostgresqlServer, url: str) -> None:
    server.execute(f'ALTER DATABASE "{url.rpartition("/")[2]}" SET default_transaction_read_only = on')
    with pytest.raises(OperatorError, match=r"read-only.*no standby"):
        open_storage(url, Side.KMS)


def test_a_database_of_another_encoding_is_refused(server: PostgresqlServer) -> None:
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(OperatorError, match="has the encoding LATIN1"):
        open_storage(server.url("latin"), Side.KMS)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://hyok@127.0.0.1:1/hyok", "cannot be used: connection failed.*see that the server runs"),
        ("postgresql://hyok:hunter2@127.0.0.1/hyok", "holds a password.*storage.password"),
        ("postgresql://hyok@127.0.0.1", "names no database"),
        ("postgresql://hyok@127.0.0.1/hyok?sslmod=disable", "is none that PostgreSQL's library reads"),
    ],
)
def test_what_cannot_be_reached_is_told_without_a_secret(url: str, told: str) -> None:
    with pytest.raises(OperatorError, match=told) as caught:
        open_storage(url, Side.KMS, password=Secret(b"hunter2"))
    assert "hunter2" not in str(caught.value) + str(caught.value.__cause__)


def test_a_user_with_a_password_is_let_in_over_verified_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "stranger.pem")
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    with running_postgresql() as server:
        certificate.private_key_pem.write_to_path(server.cluster / "server.key")
        certificate.cert_chain_pems[0].write_to_path(server.cluster / "server.crt")
        (server.cluster / "server.key").chmod(0o600)
        for name in ("server.key", "server.crt"):
            owner = server.cluster.stat()
            shutil.chown(server.cluster / name, owner.st_uid, owner.st_gid)
        server.execute("ALTER SYSTEM SET ssl = on")
        server.execute("CREATE ROLE kms LOGIN PASSWORD 'hunter2'")
        server.execute("CREATE DATABASE kms OWNER kms")
        rules = (server.cluster / "pg_hba.conf").read_text()
        (server.cluster / "pg_hba.conf").write_text(
            "hostssl all kms all scram-sha-256\nhost all kms all reject\n" + rules
        )
        server.stop()
        server.start()
        base = f"postgresql://kms@127.0.0.1:{server.port}/kms"
        verified = f"{base}?sslmode=verify-full&sslrootcert={tmp_path}/ca.pem"
        with closing(open_storage(verified, Side.KMS, password=Secret(b"hunter2\n"))) as storage:
            with storage.reading() as connection:
                statement = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
                assert connection.scalar(text(statement)) is True
            assert storage.location == base
        for url, password, told in (
            (verified, b"wrong", "password authentication failed"),
            (
                f"{base}?sslmode=verify-full&sslrootcert={tmp_path}/stranger.pem",
                b"hunter2",
                "certificate verify failed",
            ),
            (f"{base}?sslmode=disable", b"hunter2", "rejects connection"),
        ):
            with pytest.raises(OperatorError, match=told):
                open_storage(url, Side.KMS, password=Secret(password))


@pytest.mark.parametrize(
    ("where", "mode"),
    [
        ("postgresql://db.example/kms", "verify-full"),
        ("postgresql://127.0.0.1,db.example/kms", "verify-full"),
        ("postgresql://db.example/kms?sslmode=verify-ca", "verify-ca"),
        ("postgresql://127.0.0.1/kms", None),
        ("postgresql:///kms?host=/run/postgresql", None),
    ],
)
def test_a_server_elsewhere_is_verified_unless_the_url_says_otherwise(where: str, mode: str | None) -> None:
    assert postgresql._parameters_of(where).get("sslmode") == mode
