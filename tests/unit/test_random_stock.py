from __future__ import annotations

import subprocess
import sys

from hyok.random_stock import RandomStock


def test_nothing_is_given_twice() -> None:
    one, other = RandomStock(12), RandomStock(12)
    taken = [source.take() for _ in range(1000) for source in (one, other)]
    assert len(set(taken)) == 2000
    assert {len(value) for value in taken} == {12}


# A program of its own: a process with threads, as this one may be, ought not to fork.
FORKING = """
import os
from hyok.random_stock import RandomStock
stock = RandomStock(12)
stock.take()
child = os.fork()
for _ in range(200):
    os.write(1, stock.take())
if child:
    os.waitpid(child, 0)
"""


def test_a_forked_process_has_nothing_of_its_parents_stock() -> None:
    written = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, check=True).stdout
    assert len(written) == 400 * 12
    assert len({written[start : start + 12] for start in range(0, len(written), 12)}) == 400


def test_copies_of_a_machine_that_go_on_from_the_same_memory_have_nothing_in_common() -> None:
    one, copy = RandomStock(12), RandomStock(12)
    one.take()
    copy._stock = list(one._stock)
    assert {one.take() for _ in range(127)}.isdisjoint({copy.take() for _ in range(127)})
