"""What `hyok dev` shows: an object protected with a key you hold, what double encryption means, and withdrawal.

Every statement is tried before it is printed. The caller of KMS is a real SDK client that knows nothing of hyok;
any answer but AWS's ends the walk-through with an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hyok.dev.caller import Caller, require
from hyok.dev.hops import DECRYPT, GENERATE_DATA_KEY, Hop
from hyok.dev.narration import Narrator
from hyok.dev.protected_object import ProtectedObject, protect, read_object, write_object
from hyok.dev.sides import EXTERNAL_KEY
from hyok.dev.stack import DevStack
from hyok.errors import NotDoneError

ALIAS = "alias/hyok-dev"
STORE_NAME = "dev"
SHORT_LIVED_EXTERNAL_KEY = "dev-key-short-lived"
_CONTEXT = {"customer": "nile", "document": "statement-2026-11"}
_SHORTEST_WAITING_DAYS = 7


class Walkthrough:
    """The walk-through. `client` is a KMS client of botocore, made as any AWS user makes one."""

    def __init__(self, stack: DevStack, client: Any, narrator: Narrator) -> None:
        self._stack = stack
        self._client = client
        self._narrator = narrator
        self._caller = Caller(client, narrator, stack.stopwatch)
        self.store_id = ""
        self.key_arn = ""

    def connect_and_create(self) -> None:
        """Steps 1 and 2: what runs, and an external key store with a KMS key made by the SDK."""
        self._narrator.step("Three servers on this machine, on two sides of a line of trust")
        for label, text in self._stack.describe():
            self._narrator.fact(label, text)
        self._narrator.step("An external key store and a key in it, made with the AWS SDK")
        self._ensure_store()
        self._connect()
        self._ensure_key()

    def protect_and_withdraw(self) -> None:
        """Steps 3 to 5: the protected workflow, the three consequences, withdrawal."""
        self._open_earlier_object()
        protected = self._protect_object()
        self._show_consequences(protected)
        self._show_withdrawal(protected)

    # 2. As any AWS user.

    def _ensure_store(self) -> None:
        for store in self._caller.list_all("describe_custom_key_stores", "CustomKeyStores"):
            if store["CustomKeyStoreName"] == STORE_NAME:
                self.store_id = store["CustomKeyStoreId"]
                self._narrator.fact("DescribeCustomKeyStores", f"{self.store_id}, kept from an earlier start")
                return
        answer, milliseconds = self._caller.time(
            lambda: self._client.create_custom_key_store(
                CustomKeyStoreName=STORE_NAME,
                CustomKeyStoreType="EXTERNAL_KEY_STORE",
                XksProxyConnectivity="PUBLIC_ENDPOINT",
                XksProxyUriEndpoint=self._stack.proxy_uri_endpoint,
                XksProxyUriPath=self._stack.key_store.uri_path,
                XksProxyAuthenticationCredential={
                    "AccessKeyId": self._stack.credential.access_key_id,
                    "RawSecretAccessKey": self._stack.credential.secret_access_key.reveal().decode("ascii"),
                },
            )
        )
        self.store_id = answer["CustomKeyStoreId"]
        self._narrator.fact(
            "CreateCustomKeyStore", f"{self.store_id}  ({milliseconds:.1f} ms, the proxy was asked how it is)"
        )

    def _connect(self) -> None:
        if self._caller.connection_state(self.store_id) == "CONNECTED":
            return
        started = time.monotonic()
        self._client.connect_custom_key_store(CustomKeyStoreId=self.store_id)
        states = self._caller.await_state(self.store_id, "CONNECTED")
        milliseconds = (time.monotonic() - started) * 1000
        self._narrator.fact("ConnectCustomKeyStore", f"{' → '.join(states)}  ({milliseconds:.0f} ms)")

    def _ensure_key(self) -> None:
        for alias in self._caller.list_all("list_aliases", "Aliases"):
            if alias["AliasName"] == ALIAS:
                self.key_arn = self._client.describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"]
                self._narrator.fact("DescribeKey", f"{self.key_arn}, kept from an earlier start")
                return
        metadata, milliseconds = self._caller.time(
            lambda: self._caller.create_key(self.store_id, EXTERNAL_KEY, "hyok dev")
        )
        self.key_arn = metadata["Arn"]
        self._narrator.fact("CreateKey", f"{self.key_arn}  ({milliseconds:.1f} ms)")
        self._narrator.fact("", f"origin EXTERNAL_KEY_STORE, tied to the external key {EXTERNAL_KEY} for life")
        self._client.create_alias(AliasName=ALIAS, TargetKeyId=metadata["KeyId"])
        self._narrator.fact("CreateAlias", ALIAS)

    # 3. As an AWS service that keeps objects.

    @property
    def _object_path(self) -> Path:
        return self._stack.objects / "statement-2026-11.csv.hyok"

    def _open_earlier_object(self) -> None:
        if not self._object_path.exists():
            return
        self._narrator.step("What an earlier start protected is still there")
        earlier = read_object(self._object_path)
        answer = self._caller.decrypt(earlier)
        size = len(earlier.open(answer["Plaintext"]))
        self._narrator.fact(
            "Decrypt", f"the wrapped data key of {self._object_path.name} opened; {size:,} bytes are back"
        )

    def _protect_object(self) -> ProtectedObject:
        self._narrator.step("A file protected as an AWS service does it")
        plaintext = _statement()
        self._narrator.fact("the file", f"{len(plaintext):,} bytes, encryption context {_show_context(_CONTEXT)}")
        answer, hops = self._caller.trace(
            GENERATE_DATA_KEY,
            lambda: self._client.generate_data_key(KeyId=ALIAS, KeySpec="AES_256", EncryptionContext=_CONTEXT),
        )
        data_key = answer["Plaintext"]
        self._narrator.fact("GenerateDataKey", f"{sum(hop.milliseconds for hop in hops):.1f} ms over seven hops:")
        self._show(hops)
        self._narrator.say(
            "The plaintext data key crosses hop 7 only: what KMS sends towards the proxy is sealed already."
        )
        protected = protect(
            plaintext,
            data_key,
            wrapped_data_key=answer["CiphertextBlob"],
            key_arn=answer["KeyId"],
            encryption_context=_CONTEXT,
        )
        del answer, data_key
        self._stack.objects.mkdir(mode=0o700, exist_ok=True)
        write_object(self._object_path, protected)
        self._narrator.fact("on disk", f"{self._object_path}")
        self._narrator.fact(
            "",
            f"{len(protected.ciphertext):,} bytes AES-256-GCM, beside its wrapped data key of "
            f"{len(protected.wrapped_data_key)} bytes; the data key itself is forgotten",
        )
        stored = read_object(self._object_path)
        answer, hops = self._caller.trace(DECRYPT, lambda: self._caller.decrypt(stored))
        self._narrator.fact("later, Decrypt", f"{sum(hop.milliseconds for hop in hops):.1f} ms over the same hops:")
        self._show(hops)
        require(stored.open(answer["Plaintext"]) == plaintext, "the file came back altered")
        self._narrator.fact("the file", "is back, byte for byte")
        return stored

    def _show(self, hops: tuple[Hop, ...]) -> None:
        rows = [
            (str(number), hop.way, hop.what, f"{hop.size_bytes:,}", f"{hop.milliseconds:.2f}")
            for number, hop in enumerate(hops, 1)
        ]
        self._narrator.table(("hop", "from → to", "what crosses", "bytes", "ms"), rows)

    # 4. Neither side alone, and no second life.

    def _show_consequences(self, protected: ProtectedObject) -> None:
        self._narrator.step("Three consequences of double encryption, tried")
        blob = protected.wrapped_data_key
        with self._stack.without_proxy():
            self._caller.expect_refusal(
                "KMS without the proxy: Decrypt", lambda: self._caller.decrypt(protected), "KMSInvalidStateException"
            )
        try:
            self._stack.open_inner_layer(blob, protected.encryption_context)
        except NotDoneError as error:
            self._narrator.refusal("KMS with its backing key only", f"refused: {error}")
        else:
            raise NotDoneError("KMS opened a doubly encrypted data key alone; it must not")
        inner = self._stack.open_outer_layer(blob, protected.encryption_context)
        self._narrator.fact(
            "the external key's owner alone",
            f"gets {len(inner)} bytes, KMS's inner ciphertext, instead of the 32 of the data key",
        )
        for start in range(len(inner) - 31):
            try:
                protected.open(inner[start : start + 32])
            except NotDoneError:
                continue
            raise NotDoneError("the external key alone opened the object; it must not")
        self._narrator.fact("", "no 32 bytes of it open the object")
        self._show_deleted_key_stays_deleted()

    def _show_deleted_key_stays_deleted(self) -> None:
        self._stack.ensure_external_key(SHORT_LIVED_EXTERNAL_KEY)
        first = self._caller.create_key(self.store_id, SHORT_LIVED_EXTERNAL_KEY, "hyok dev: lives for a minute")
        blob = self._client.encrypt(KeyId=first["KeyId"], Plaintext=b"written before the deletion")["CiphertextBlob"]
        self._client.schedule_key_deletion(KeyId=first["KeyId"], PendingWindowInDays=_SHORTEST_WAITING_DAYS)
        self._stack.age_deletion_schedule(_SHORTEST_WAITING_DAYS + 1)
        self._narrator.fact(
            "a KMS key deleted",
            f"{first['KeyId']}; the deletion schedule's clock was moved {_SHORTEST_WAITING_DAYS + 1} days forward in "
            "this process, which no KMS API and no `hyok kms serve` can do",
        )
        second = self._caller.create_key(
            self.store_id, SHORT_LIVED_EXTERNAL_KEY, "hyok dev: over the same external key"
        )
        self._narrator.fact("made anew", f"{second['KeyId']}, over the same external key {SHORT_LIVED_EXTERNAL_KEY}")
        self._caller.expect_refusal(
            "its Decrypt of old ciphertext",
            lambda: self._client.decrypt(KeyId=second["KeyId"], CiphertextBlob=blob),
            "IncorrectKeyException",
        )
        self._client.schedule_key_deletion(KeyId=second["KeyId"], PendingWindowInDays=_SHORTEST_WAITING_DAYS)
        self._stack.age_deletion_schedule(_SHORTEST_WAITING_DAYS + 1)

    # 5. All access ends until it is given back.

    def _show_withdrawal(self, protected: ProtectedObject) -> None:
        self._narrator.step("Withdrawal: access ends until you give it back")
        with self._withdrawn_external_key():
            self._caller.expect_refusal(
                "external key disabled: Decrypt", lambda: self._caller.decrypt(protected), "KMSInvalidStateException"
            )
        self._caller.decrypt(protected)
        self._narrator.fact("external key enabled: Decrypt", "works again")
        self._client.disconnect_custom_key_store(CustomKeyStoreId=self.store_id)
        states = self._caller.await_state(self.store_id, "DISCONNECTED")
        self._narrator.fact("DisconnectCustomKeyStore", " → ".join(states))
        self._caller.expect_refusal(
            "store disconnected: Decrypt", lambda: self._caller.decrypt(protected), "KMSInvalidStateException"
        )
        self._connect()
        self._caller.decrypt(protected)
        self._narrator.fact("store connected: Decrypt", "works again")

    @contextmanager
    def _withdrawn_external_key(self) -> Iterator[None]:
        self._stack.set_external_key_enabled(EXTERNAL_KEY, is_enabled=False)
        try:
            yield
        finally:
            self._stack.set_external_key_enabled(EXTERNAL_KEY, is_enabled=True)


def _show_context(context: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in context.items())


def _statement() -> bytes:
    rows = (f"2026-11-{1 + row % 30:02d};transfer {row};{row * 7919 % 100000 / 100:.2f}" for row in range(2000))
    return ("date;text;amount\n" + "\n".join(rows) + "\n").encode()
