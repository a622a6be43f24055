"""The policies, in the words of each key manager, with which it lets hyok do what it has to and no more."""

from __future__ import annotations

from collections import defaultdict

from hyok.administration.external_keys import list_external_keys
from hyok.assembly.holder import open_holder
from hyok.assembly.key_managers import key_manager_policy
from hyok.config.configuration import Configuration
from hyok.config.settings import ClusterKeyManagerSettings
from hyok.errors import OperatorError


def needed_policies(configuration: Configuration) -> dict[str, str]:
    """Return the policy of each key manager that has such, for the keys that key stores offer now."""
    key_ids = _offered_keys(configuration)
    for name, settings in configuration.key_managers.items():
        if isinstance(settings, ClusterKeyManagerSettings):  # its keys are those of each member
            for member in settings.members:
                key_ids[member] |= key_ids[name]
    policies = {
        name: key_manager_policy(settings, key_ids[name]) for name, settings in configuration.key_managers.items()
    }
    return {name: policy for name, policy in policies.items() if policy}


def _offered_keys(configuration: Configuration) -> defaultdict[str, set[str]]:
    """Find the keys of each key manager; none where there is no storage yet, or none that opens."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    if configuration.storage is None or configuration.storage.url.is_absent:
        return found
    try:
        with open_holder(configuration) as holder:
            for key in list_external_keys(holder.storage):
                for place in key.places:
                    found[place.key_manager].add(place.manager_key_id)
    except OperatorError:
        pass  # what is wrong with it stands among the checks
    return found
