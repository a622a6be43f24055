"""The properties of an external key store as callers give them, and the combinations that make sense.

Lengths, patterns and enums were checked against the service model before; here are the rules between members. AWS
models no error for them, so they are ValidationExceptions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Self, TypeVar

from hyok.awsjson.errors import AwsError
from hyok.kms.call import Call
from hyok.kms.connection_state import ConnectionState, StoreOperation
from hyok.kms.custom_key_stores import (
    Connectivity,
    CustomKeyStore,
    ProxyCredential,
    VpcEndpointService,
    new_store_id,
)
from hyok.kms.errors import validation
from hyok.kms.free_text import read_free_text
from hyok.kms.operation import Input
from hyok.secret import Secret

_CLOUDHSM_MEMBERS: Final = ("CloudHsmClusterId", "TrustAnchorCertificate", "KeyStorePassword")
_XKS_MEMBERS: Final = (
    "XksProxyConnectivity",
    "XksProxyAuthenticationCredential",
    "XksProxyUriEndpoint",
    "XksProxyUriPath",
    "XksProxyVpcEndpointServiceName",
    "XksProxyVpcEndpointServiceOwner",
)
T = TypeVar("T")

_LABEL: Final = re.compile(r"(?!-)[a-zA-Z0-9-]{1,63}(?<!-)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreProperties:
    """What a request says about an external key store; None where it says nothing."""

    name: str | None
    connectivity: Connectivity | None
    uri_endpoint: str | None
    uri_path: str | None
    credential: ProxyCredential | None
    vpc_service_name: str | None
    """Empty counts as nothing: callers clear the name so."""
    vpc_service_owner: str | None

    @classmethod
    def of(cls, request: Input, *, name: str) -> Self:
        """Read them from a request whose member for the name is called `name`."""
        _refuse_members(request, _CLOUDHSM_MEMBERS, "is valid only for custom key stores of type AWS_CLOUDHSM.")
        connectivity = request.get("XksProxyConnectivity")
        endpoint = request.get("XksProxyUriEndpoint")
        if endpoint is not None:
            _check_host(endpoint)
        wanted_name: str | None = request.get(name)
        return cls(
            name=None if wanted_name is None else read_free_text(name, wanted_name),
            connectivity=Connectivity(connectivity) if connectivity is not None else None,
            uri_endpoint=endpoint,
            uri_path=request.get("XksProxyUriPath"),
            credential=_credential_of(request),
            vpc_service_name=request.get("XksProxyVpcEndpointServiceName") or None,
            vpc_service_owner=request.get("XksProxyVpcEndpointServiceOwner"),
        )

    @property
    def is_empty(self) -> bool:
        """Whether the request says nothing at all."""
        return self.name is None and not self.touches_proxy

    @property
    def touches_proxy(self) -> bool:
        """Whether more than the name is given, so that the proxy must be asked before."""
        return self.touches_endpoint or self.credential is not None or self.uri_path is not None

    @property
    def touches_endpoint(self) -> bool:
        """Whether something is given that a connected store cannot change."""
        return any(
            given is not None
            for given in (self.connectivity, self.uri_endpoint, self.vpc_service_name, self.vpc_service_owner)
        )

    @property
    def update_operation(self) -> StoreOperation:
        """The kind of update that these properties ask for."""
        return StoreOperation.UPDATE_ENDPOINT if self.touches_endpoint else StoreOperation.UPDATE_ACCESS

    def new_store(self, call: Call, *, now: float) -> CustomKeyStore:
        """Make a new, disconnected store. ValidationException if a member is missing or out of place."""
        connectivity = _required(self.connectivity, "XksProxyConnectivity")
        return CustomKeyStore(
            account=call.account,
            region=call.region,
            id=new_store_id(),
            name=_required(self.name, "CustomKeyStoreName"),
            connectivity=connectivity,
            uri_endpoint=_required(self.uri_endpoint, "XksProxyUriEndpoint"),
            uri_path=_required(self.uri_path, "XksProxyUriPath"),
            vpc_endpoint_service=self._service(connectivity, earlier=None, account=call.account),
            credential=_required(self.credential, "XksProxyAuthenticationCredential"),
            credential_set_at=now,
            state=ConnectionState.DISCONNECTED,
            connection_error=None,
            created_at=now,
        )

    def applied_to(self, store: CustomKeyStore, *, now: float) -> CustomKeyStore:
        """Return the store with these properties changed. ValidationException if they do not go together."""
        connectivity = self.connectivity or store.connectivity
        if connectivity is not store.connectivity and self.uri_endpoint is None:
            raise validation("To change XksProxyConnectivity, specify a new XksProxyUriEndpoint in the same request.")
        return replace(
            store,
            name=self.name or store.name,
            connectivity=connectivity,
            uri_endpoint=self.uri_endpoint or store.uri_endpoint,
            uri_path=self.uri_path or store.uri_path,
            vpc_endpoint_service=self._service(connectivity, earlier=store.vpc_endpoint_service, account=store.account),
            credential=self.credential or store.credential,
            credential_set_at=now if self.credential else store.credential_set_at,
        )

    def _service(
        self, connectivity: Connectivity, *, earlier: VpcEndpointService | None, account: str
    ) -> VpcEndpointService | None:
        match connectivity:
            case Connectivity.PUBLIC_ENDPOINT:
                if self.vpc_service_name is not None or self.vpc_service_owner is not None:
                    raise validation(
                        "XksProxyVpcEndpointServiceName and XksProxyVpcEndpointServiceOwner are valid only with the "
                        "XksProxyConnectivity VPC_ENDPOINT_SERVICE."
                    )
                return None
            case Connectivity.VPC_ENDPOINT_SERVICE:
                name = self.vpc_service_name or (earlier.name if earlier else None)
                owner = self.vpc_service_owner or (earlier.owner if earlier else account)
                return VpcEndpointService(_required(name, "XksProxyVpcEndpointServiceName"), owner)


def refuse_cloudhsm(request: Input) -> None:
    """Refuse to create a store of type AWS_CLOUDHSM, the type of a request that names none."""
    if request.get("CustomKeyStoreType", "AWS_CLOUDHSM") != "AWS_CLOUDHSM":
        return
    _refuse_members(request, _XKS_MEMBERS, "is valid only with the CustomKeyStoreType EXTERNAL_KEY_STORE.")
    raise AwsError(
        "CloudHsmClusterNotFoundException",
        "hyok has no AWS CloudHSM clusters. Specify the CustomKeyStoreType EXTERNAL_KEY_STORE.",
    )


def _refuse_members(request: Input, members: tuple[str, ...], reason: str) -> None:
    for member in members:
        if request.get(member) is not None:
            raise validation(f"{member} {reason}")


def _required(value: T | None, member: str) -> T:
    if value is None:
        raise validation(f"{member} is required for this external key store.")
    return value


def _credential_of(request: Input) -> ProxyCredential | None:
    given = request.get("XksProxyAuthenticationCredential")
    if given is None:
        return None
    return ProxyCredential(given["AccessKeyId"], Secret(given["RawSecretAccessKey"].encode("ascii")))


def _check_host(endpoint: str) -> None:
    # XKS proxy API: the server is a fully qualified domain name, not an IP address.
    labels = endpoint.removeprefix("https://").split(".")
    if labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        raise validation(f"The host name in XksProxyUriEndpoint {endpoint!r} must be a fully qualified domain name.")
