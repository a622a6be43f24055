"""The tags of KMS keys: what AWS lets one be, and lists of them changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms.values import Tag

MAX_TAGS: Final = 50
"""AWS KMS quota for one key."""

_RESERVED_PREFIX: Final = "aws:"


def read_tags(members: Sequence[Mapping[str, str]]) -> tuple[Tag, ...]:
    """Return the tags of a request. AwsError TagException; lengths are the service model's business."""
    _check_count(len(members))
    names = [member["TagKey"] for member in members]
    if len(set(names)) < len(names):
        raise AwsError("TagException", "Duplicate tag keys")
    check_tag_keys(names)
    return tuple(Tag(member["TagKey"], member["TagValue"]) for member in members)


def check_tag_keys(names: Iterable[str]) -> None:
    """Refuse names that AWS keeps for itself. AwsError TagException."""
    if any(name.lower().startswith(_RESERVED_PREFIX) for name in names):
        raise AwsError("TagException", "Tags beginning with aws: are reserved")


def with_tags(present: tuple[Tag, ...], added: tuple[Tag, ...]) -> tuple[Tag, ...]:
    """Return the tags after some were added; one of the same name takes the place of the earlier. TagException."""
    tags = tuple(Tag(*pair) for pair in (dict(present) | dict(added)).items())
    _check_count(len(tags))
    return tags


def without_tags(present: tuple[Tag, ...], removed: Collection[str]) -> tuple[Tag, ...]:
    """Return the tags after some were removed; names that are not there do not matter."""
    return tuple(tag for tag in present if tag.key not in removed)


def _check_count(count: int) -> None:
    if count > MAX_TAGS:
        raise AwsError("TagException", "Too many tags")
