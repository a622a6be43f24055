"""Several processes have a quota together."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from hyok.quota import Quota
from hyok.quota_table import QuotaTable, make_shared_memory

PER_SECOND = 2000
SECONDS = 1.5

ASK = f"""
import sys, time
from hyok.quota import Quota
from hyok.quota_table import QuotaTable
quota = Quota({PER_SECOND}, QuotaTable(int(sys.argv[1])).bucket("main"))
pause, end, count = float(sys.argv[2]), time.monotonic() + {SECONDS}, 0
while time.monotonic() < end:
    count += quota.admit()
    time.sleep(pause)
print(count)
"""


@pytest.mark.parametrize("pauses", [[0.0], [0.0, 0.0], [0.0, 0.02], [0.0, 0.0, 0.0]], ids=str)
def test_however_unevenly_processes_ask_together_they_get_the_quota_within_ten_percent(pauses: list[float]) -> None:
    with make_shared_memory() as memory:
        quota = Quota(PER_SECOND, QuotaTable(memory.fileno()).bucket("main"))
        while quota.admit():
            pass  # what was saved for a burst
        command = [sys.executable, "-c", ASK, str(memory.fileno())]
        began = time.monotonic()
        asking = [
            subprocess.Popen([*command, str(pause)], stdout=subprocess.PIPE, text=True, pass_fds=[memory.fileno()])
            for pause in pauses
        ]
        count = sum(int(each.communicate()[0]) for each in asking)
        seconds = time.monotonic() - began
    # While they start, tokens for a burst of one second at most come together.
    assert PER_SECOND * SECONDS * 0.9 <= count <= PER_SECOND * seconds * 1.1


def test_a_name_has_one_bucket_whoever_asks_and_another_name_another() -> None:
    with make_shared_memory() as memory:
        one, other = QuotaTable(memory.fileno()), QuotaTable(memory.fileno())
        assert Quota(1, one.bucket("main")).admit()
        assert not Quota(1, other.bucket("main")).admit()
        assert Quota(1, other.bucket("second")).admit()
        assert not Quota(1, one.bucket("second")).admit()


def test_every_name_of_thousands_has_a_bucket_of_its_own_even_where_the_table_is_full() -> None:
    table = QuotaTable()
    one_an_hour = 1 / 3600
    assert all(Quota(one_an_hour, table.bucket(f"store-{number}")).admit() for number in range(4200))
    assert not Quota(one_an_hour, table.bucket("store-0")).admit()
