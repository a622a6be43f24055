"""The root of the error tree. Nothing outside `HyokError` leaves a public function by design.

A message says what happened, what was expected and what to do next; it names sizes and identifiers, never values
that could be secret.
"""

from __future__ import annotations


class HyokError(Exception):
    """Any failure that hyok foresees."""


class OperatorError(HyokError):
    """A command or a start that cannot go on because of what it was given: exit status 2.

    A port in use, an unwritable directory, a wrong root key, a typo in the configuration.
    """


class NotDoneError(HyokError):
    """A command that was understood but could not be carried out: exit status 1.

    An unknown key, a name that is taken, a key store that still has keys.
    """
