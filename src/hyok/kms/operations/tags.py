"""TagResource, UntagResource, ListResourceTags."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from hyok.kms.call import Call
from hyok.kms.key_access import KeyAccess
from hyok.kms.keys import Keys
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.pages import page_of, read_limit
from hyok.kms.tags import check_tag_keys, read_tags, with_tags, without_tags
from hyok.kms.values import KmsKey, Tag

_MOST_LISTED: Final = 50


class TagOperations:
    """The operations on the tags of keys."""

    def __init__(self, *, keys: Keys, access: KeyAccess) -> None:
        self._keys = keys
        self._access = access

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {"TagResource": self.tag, "UntagResource": self.untag, "ListResourceTags": self.list}

    async def tag(self, call: Call, request: Input) -> None:
        """TagResource: adds tags, and replaces those of the same name."""
        added = read_tags(request["Tags"])
        await self._change(call, request, lambda tags: with_tags(tags, added))

    async def untag(self, call: Call, request: Input) -> None:
        """UntagResource."""
        removed = frozenset(request["TagKeys"])
        check_tag_keys(removed)
        await self._change(call, request, lambda tags: without_tags(tags, removed))

    async def list(self, call: Call, request: Input) -> Output:
        """ListResourceTags."""
        limit = read_limit(request, default=_MOST_LISTED, most=_MOST_LISTED)
        key = self._access.find_by_id(call, request)
        self._access.require_state(call, key)
        values = dict(key.tags)
        page = page_of(sorted(values), limit=limit, marker=request.get("Marker"))
        return {"Tags": [{"TagKey": name, "TagValue": values[name]} for name in page.names], **page.output()}

    async def _change(self, call: Call, request: Input, change: Callable[[tuple[Tag, ...]], tuple[Tag, ...]]) -> None:
        def change_if_allowed(key: KmsKey) -> KmsKey:
            self._access.require_state(call, key)
            return replace(key, tags=change(key.tags))

        await self._keys.change(self._access.find_by_id(call, request), change_if_allowed)
