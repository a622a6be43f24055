"""The contract of `KeyManager`, as tests that any key manager can run.

In a test module, derive from `KeyManagerContract` and say how to open the manager; pytest finds the tests in it:

    class TestMine(KeyManagerContract):
        @asynccontextmanager
        async def subject(self) -> AsyncIterator[Subject]:
            manager = MyKeyManager(...)
            yield Subject(manager, key_id="one", other_key_id="two")
            await manager.aclose()

Where the manager can be administered, `Subject.administrator` adds rotation and disabling to what is tested.
"""

from hyok.testing.key_managers.administration import AdministrationContract
from hyok.testing.key_managers.calls import CallsContract
from hyok.testing.key_managers.keys import KeysContract
from hyok.testing.key_managers.sealing import SealingContract
from hyok.testing.key_managers.subject import Subject

__all__ = ["KeyManagerContract", "Subject"]


class KeyManagerContract(SealingContract, KeysContract, AdministrationContract, CallsContract):
    """What every key manager promises. The names of the tests are the promises."""
