"""What its administrator promises, where there is one."""

from __future__ import annotations

from functools import partial

from hyok.keymanagers.interface import KeyAdministrator, KeyUsage
from hyok.testing.key_managers.subject import Contract, refuses


class AdministrationContract(Contract):
    """What an administrator makes and changes, and what it refuses."""

    def test_a_new_key_is_shown_and_listed_as_it_was_asked_for(self) -> None:
        """Enabled, with one version, for both usages; an id that is taken is refused and changes nothing."""

        def check(administrator: KeyAdministrator, key_id: str) -> None:
            made = administrator.create_key(key_id, frozenset(KeyUsage))
            assert (made.key_id, made.usages, made.is_enabled) == (key_id, frozenset(KeyUsage), True)
            assert made.version_count == 1
            refuses(lambda: administrator.create_key(key_id, frozenset(KeyUsage)))
            shown = administrator.show_key(key_id)
            assert shown._replace(created_at=0) == made._replace(created_at=0)
            listed = administrator.list_keys()
            assert [each.key_id for each in listed] == sorted(each.key_id for each in listed)
            assert key_id in [each.key_id for each in listed]

        self.run_administration(check)

    def test_a_rotated_key_has_one_more_version(self) -> None:
        """With a higher number than any before."""

        def check(administrator: KeyAdministrator, key_id: str) -> None:
            before = administrator.create_key(key_id, frozenset(KeyUsage))
            after = administrator.rotate_key(key_id)
            assert after.active_version > before.active_version
            assert after.version_count == before.version_count + 1
            assert administrator.show_key(key_id).active_version == after.active_version

        self.run_administration(check)

    def test_disabling_and_enabling_may_be_done_twice(self) -> None:
        """What is so already stays so; versions are none the fewer."""

        def check(administrator: KeyAdministrator, key_id: str) -> None:
            made = administrator.create_key(key_id, frozenset(KeyUsage))
            for change, is_enabled in ((administrator.disable_key, False), (administrator.enable_key, True)):
                for _ in range(2):
                    changed = change(key_id)
                    assert changed.is_enabled is is_enabled
                    assert changed.version_count == made.version_count
                assert administrator.show_key(key_id).is_enabled is is_enabled

        self.run_administration(check)

    def test_a_key_that_is_not_there_cannot_be_changed(self) -> None:
        """And is not made by that."""

        def check(administrator: KeyAdministrator, key_id: str) -> None:
            changes = (
                administrator.show_key,
                administrator.rotate_key,
                administrator.disable_key,
                administrator.enable_key,
            )
            for change in changes:
                refuses(partial(change, key_id))
            assert key_id not in [each.key_id for each in administrator.list_keys()]

        self.run_administration(check)
