"""Some of the same tests, on PostgreSQL: what comes back from the database is what was sealed."""

from tests.unit.kms.test_row_seals import (
    test_a_grant_that_was_edited_or_added_allows_nothing,
    test_a_key_whose_row_was_edited_cannot_be_used_and_the_others_can,
    test_an_alias_that_was_pointed_elsewhere_leads_nowhere,
)

__all__ = [
    "test_a_grant_that_was_edited_or_added_allows_nothing",
    "test_a_key_whose_row_was_edited_cannot_be_used_and_the_others_can",
    "test_an_alias_that_was_pointed_elsewhere_leads_nowhere",
]
