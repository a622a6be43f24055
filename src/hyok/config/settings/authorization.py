"""`[authorization]`: what decides on the use of keys besides the policies."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from hyok.config.references import SecretReference
from hyok.config.settings.base import About, AccountId, Settings

AccountIds = Annotated[tuple[AccountId, ...], About("", "", "a list of account numbers of 12 digits")]
OrganizationId = Annotated[str, msgspec.Meta(pattern=r"^o-[a-z0-9]{1,32}\Z"), About("", "", "o- and letters or digits")]
AuthorizerUrl = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(https://[a-z0-9.-]+|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?(/[!-~]*)?\Z",
        max_length=2048,
    ),
]
WatchRule = Literal["off", "flag", "block"]
_WATCH_RULE = '"off", "flag" or "block"'
DayOfWeek = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class AuthorizerSettings(Settings, frozen=True, kw_only=True):
    """An HTTP service that decides on each use of a key besides the policies, as the Open Policy Agent answers."""

    url: Annotated[
        AuthorizerUrl,
        About(
            "What is asked, with a POST, by each request that policies allow; who does not answer refuses it.",
            '"https://opa.example.com:8181/v1/data/hyok/allow"',
            "an https:// URL; http:// on this machine only",
        ),
    ]
    authorities: Annotated[
        SecretReference | None,
        About(
            "The CAs that sign its certificate (PEM); without it, those the system trusts.",
            '"file:/etc/hyok/opa/ca.pem"',
        ),
    ] = None
    client_certificate: Annotated[
        SecretReference | None, About("What it is shown (PEM).", '"file:/etc/hyok/opa/client.pem"')
    ] = None
    client_private_key: Annotated[
        SecretReference | None, About("Its private key (PEM).", '"file:/etc/hyok/opa/client.key"')
    ] = None
    token: Annotated[SecretReference | None, About("A bearer token for it.", '"file:/run/secrets/opa-token"')] = None


class DecryptSettings(Settings, frozen=True, kw_only=True):
    """What is watched for in decryptions; each rule is off, flags a request in its record, or refuses it."""

    unusual_rate: Annotated[
        WatchRule,
        About(
            "A principal that decrypts more in a minute than both `rate_floor` and `rate_factor` times its own usual.",
            '"flag"',
            _WATCH_RULE,
        ),
    ] = "off"
    rate_factor: Annotated[
        float,
        msgspec.Meta(ge=1.5, le=1000),
        About("How many times its usual.", "10.0", "a number from 1.5 to 1000"),
    ] = 10.0
    rate_floor: Annotated[
        int,
        msgspec.Meta(ge=1, le=1_000_000),
        About("Decryptions in a minute that are never unusual.", "600", "a whole number from 1 to 1000000"),
    ] = 600
    new_caller: Annotated[
        WatchRule,
        About(
            "An account or a service for which a key decrypts for the first time; what is refused is not learnt: see "
            "`hyok policy callers`.",
            '"flag"',
            _WATCH_RULE,
        ),
    ] = "off"
    outside_hours: Annotated[
        WatchRule, About("A decryption on another day or at another hour than these.", '"flag"', _WATCH_RULE)
    ] = "off"
    hours: Annotated[
        str,
        msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z"),
        About("From when until when, in UTC.", '"07:00-19:30"', "HH:MM-HH:MM"),
    ] = "00:00-24:00"
    days: Annotated[
        tuple[DayOfWeek, ...],
        msgspec.Meta(min_length=1),
        About("On which days, in UTC.", '["Mon", "Tue", "Wed", "Thu", "Fri"]', "a list of Mon to Sun"),
    ] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class AuthorizationSettings(Settings, frozen=True, kw_only=True):
    """Who may use the keys, besides the policies that `hyok policy` sets."""

    organizations: Annotated[
        dict[OrganizationId, AccountIds],
        About(
            "The accounts of each organization, for the condition key aws:PrincipalOrgID.",
            '["111122223333", "444455556666"]',
        ),
    ] = {}
    authorizer: AuthorizerSettings | None = None
    decrypts: DecryptSettings | None = None
