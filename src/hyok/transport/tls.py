"""TLS on both sides: which versions and suites, whose certificates.

TLS 1.2 with exactly the two suites that the XKS proxy API names, and TLS 1.3. Python cannot take
TLS_AES_128_GCM_SHA256 out of TLS 1.3; the server picks AES-256 wherever the client has it, and `refuse_other_suites`
sees whether OpenSSL's configuration has taken it out.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

from hyok.errors import OperatorError
from hyok.transport.pem import (
    CertificateState,
    PemSource,
    check_key_pair,
    load_authorities,
    load_checked_key_pair,
    load_key_pair,
)

_log = logging.getLogger("hyok.transport")
_TLS12_SUITES = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
NAMED_SUITES = frozenset(
    (*_TLS12_SUITES.split(":"), "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
)
"""XKS proxy API, TLS."""
_MOST_SESSIONS = 64
_HTTP = "http/1.1"
_NOT_TLS = frozenset(
    {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "WRONG_VERSION_NUMBER"}
)  # an alert would say nothing there


class TlsSetup(NamedTuple):
    """A context that is ready for use, and what is to know about its own certificate."""

    context: ssl.SSLContext
    expires_at: float | None
    """When its certificate expires, in Unix seconds; None without one."""
    warnings: tuple[str, ...]
    """For the operator."""


class KeyPair(NamedTuple):
    """A certificate with its issuers, and its private key."""

    certificate_chain: PemSource
    private_key: PemSource


class ClientCertificates(NamedTuple):
    """Which clients a server lets in: mutual TLS."""

    authorities: PemSource
    subjects: frozenset[str]
    """Common names, compared exactly. AWS KMS: `cks.kms.<region>.amazonaws.com`."""


def server_context(
    key_pair: KeyPair,
    client_certificates: ClientCertificates | None = None,
    *,
    checked: CertificateState | None = None,
) -> TlsSetup:
    """Make a server's context. Raises OperatorError that names the source and what is wrong with it.

    `checked` is what another process found out when it checked the same key pair. The check is then left out: for RSA
    keys of 4096 bits it takes 0.3 s, in which the interpreter does nothing else.
    With `client_certificates` a handshake fails unless the client shows a certificate of one of the authorities whose
    common name is one of the subjects (XKS API, mutual TLS: such a client must not get past the handshake).
    """
    context = _strict_context(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([_HTTP])
    context.num_tickets = 1
    context.sslobject_class = AlertingTls
    if checked is None:
        checked = check_key_pair(*key_pair)
    load_checked_key_pair(context, *key_pair)
    if client_certificates is not None:
        _require_certificates(context, client_certificates)
    return TlsSetup(context, checked.expires_at, checked.warnings)


def refuse_other_suites(context: ssl.SSLContext) -> None:
    """Raise OperatorError unless a context has the four suites that the XKS proxy API names and no other.

    Python cannot choose the suites of TLS 1.3; OpenSSL's configuration can, before this process starts.
    """
    found = {suite["name"] for suite in context.get_ciphers()}
    if found != NAMED_SUITES:
        raise OperatorError(
            f"proxy.tls_suites is strict, and OpenSSL offers {', '.join(sorted(found))}; unset OPENSSL_CONF, so that "
            "hyok sets it, or put `Ciphersuites = TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256` into the "
            "system_default section of that file"
        )


def client_context(
    authorities: PemSource | None = None,
    key_pair: KeyPair | None = None,
    *,
    application_protocol: str | None = _HTTP,
) -> TlsSetup:
    """Make a client's context: it trusts the authorities, or the system's, and checks the server's name.

    With `key_pair` it can show a certificate of its own. It takes up earlier sessions with the same server.
    `application_protocol` is what it offers by ALPN; None for one that has no such name.
    """
    context = _strict_context(ssl.PROTOCOL_TLS_CLIENT)
    if application_protocol is not None:
        context.set_alpn_protocols([application_protocol])
    if authorities is None:
        context.load_default_certs()
    else:
        load_authorities(context, authorities)
    context.sslobject_class = _resuming_class(shows_certificate=key_pair is not None)
    if key_pair is None:
        return TlsSetup(context, None, ())
    state = load_key_pair(context, *key_pair)
    return TlsSetup(context, state.expires_at, state.warnings)


def common_name(certificate: Mapping[str, object] | None) -> str:
    """Return the one common name in a certificate as `SSLObject.getpeercert` gives it; nothing if not exactly one."""
    subject = (certificate or {}).get("subject")
    if not isinstance(subject, tuple):
        return ""
    names = [str(value) for attributes in subject for key, value in attributes if key == "commonName"]
    return names[0] if len(names) == 1 else ""


def explain(error: ssl.SSLError) -> str:
    """Return what went wrong in a handshake, in OpenSSL's words or in ours."""
    # OpenSSL's own errors have these attributes; one made in Python has not.
    return getattr(error, "verify_message", None) or getattr(error, "reason", None) or str(error.args[-1])


class AlertingTls(ssl.SSLObject):
    """A server's TLS whose clients hear why a handshake failed.

    Event loops drop the connection when a handshake raises, and OpenSSL's alert with it. So the failure is held back
    for one step, in which they send what there is to send.
    """

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Go on with the handshake."""
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if error.reason in _NOT_TLS:
                raise
            self._failure = error
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "to send the alert") from error


class ResumingTls(ssl.SSLObject):
    """A client's TLS that takes up the last session with the same server."""

    sessions: ClassVar[dict[str, ssl.SSLSession]]
    shows_certificate: ClassVar[bool]
    _is_begun = False

    def do_handshake(self) -> None:
        """Go on with the handshake; before its first step, offer the session."""
        if not self._is_begun:
            self._is_begun = True
            session = self.sessions.get(str(self.server_hostname))
            if session is not None:
                self.session = session
        super().do_handshake()
        _refuse_expired(self)

    def keep_session(self) -> None:
        """Remember the session. TLS 1.3 has none until some of the server's data was read."""
        if self.session_reused and str(self.server_hostname) in self.sessions:
            return  # what is remembered serves on, and CPython 3.11 leaks 6 KB each time that `session` is read
        session = self.session
        if session is not None and session.has_ticket:
            if len(self.sessions) >= _MOST_SESSIONS:
                self.sessions.clear()
            self.sessions[str(self.server_hostname)] = session


def _strict_context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_TLS12_SUITES)
    # Renegotiation would let a client change who it is; compression leaks what it compresses.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def _require_certificates(context: ssl.SSLContext, certificates: ClientCertificates) -> None:
    if not certificates.subjects:
        raise OperatorError(
            f"client certificates of {certificates.authorities.name} are asked for, but no subject is: name the common "
            "names to let in, for example cks.kms.eu-central-1.amazonaws.com"
        )
    load_authorities(context, certificates.authorities)
    context.verify_mode = ssl.CERT_REQUIRED
    context.sslobject_class = _subject_checking_class(certificates.subjects)


def _subject_checking_class(subjects: frozenset[str]) -> type[AlertingTls]:
    # OpenSSL's own name check prefers the alternative names and would let a wrong common name through.
    class SubjectCheckingTls(AlertingTls):
        def do_handshake(self) -> None:
            super().do_handshake()
            # Raised at once: in TLS 1.2 our last message has not left yet, and must not.
            name = common_name(self.getpeercert())
            if name not in subjects:
                _log.warning("a TLS client was refused: its certificate's common name %r is not let in", name)
                raise ssl.SSLCertVerificationError(1, f"client certificate's common name {name!r} is not let in")
            _refuse_expired(self)

    return SubjectCheckingTls


def _resuming_class(*, shows_certificate: bool) -> type[ResumingTls]:
    class ResumingTlsOfContext(ResumingTls):
        sessions: ClassVar[dict[str, ssl.SSLSession]] = {}

    ResumingTlsOfContext.shows_certificate = shows_certificate
    return ResumingTlsOfContext


def _refuse_expired(connection: ssl.SSLObject) -> None:
    # A resumed session skips OpenSSL's check of the peer's certificate, which may have expired since.
    certificate = connection.getpeercert()
    expires = (certificate or {}).get("notAfter")
    if isinstance(expires, str) and ssl.cert_time_to_seconds(expires) <= time.time():
        raise ssl.SSLCertVerificationError(1, f"the peer's certificate expired on {expires}")
