"""Which changes of the configuration take effect at a reload, and which need a restart."""

from __future__ import annotations

from hyok.config.configuration import Configuration
from hyok.errors import OperatorError


def refuse_lasting_changes(present: Configuration, wanted: Configuration) -> None:
    """Raise OperatorError if the parent would have to unlock or open something else than it holds."""
    ours, theirs = present.require_holder(), wanted.require_holder()
    our_proxy, their_proxy = present.require_proxy(), wanted.require_proxy()
    lasting = {
        "storage": (ours.storage, theirs.storage),
        "root_key": (str(ours.root_key.source), str(theirs.root_key.source)),
        "proxy.listen": (our_proxy.listen, their_proxy.listen),
        "proxy.health_listen": (our_proxy.health_listen, their_proxy.health_listen),
        "audit.sinks": (_sinks(present), _sinks(wanted)),
        "metrics": (present.metrics, wanted.metrics),
    }
    changed = [name for name, (before, after) in lasting.items() if before != after]
    if changed:
        raise OperatorError(f"{' and '.join(changed)} can change only at a restart")


def _sinks(configuration: Configuration) -> object:
    """Return what the parent sends where: a trail elsewhere matters only if it is sent."""
    audit = configuration.audit
    return audit.sinks and (audit.sinks, audit.directory, audit.redaction)
