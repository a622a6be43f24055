// A client of the AWS SDK for JavaScript, unmodified, on a KMS key in an external key store. It prints what it saw as one JSON document;
// ../scenario.py says what that must be.
import {
  CreateAliasCommand, CreateCustomKeyStoreCommand, CreateGrantCommand, CreateKeyCommand, ConnectCustomKeyStoreCommand, DecryptCommand,
  DescribeCustomKeyStoresCommand, DescribeKeyCommand, DisableKeyCommand, DisabledException, DisconnectCustomKeyStoreCommand, EnableKeyCommand,
  EncryptCommand, GenerateDataKeyCommand, GenerateDataKeyWithoutPlaintextCommand, KMSClient, KMSInvalidStateException, KMSServiceException,
  ListGrantsCommand, NotFoundException, ReEncryptCommand, RevokeGrantCommand, ScheduleKeyDeletionCommand, XksKeyAlreadyInUseException,
  XksKeyNotFoundException, XksProxyUriUnreachableException, paginateListAliases,
} from "@aws-sdk/client-kms";

const client = new KMSClient({ maxAttempts: 1 });
const storeId = process.env.TEST_STORE_ID, name = process.env.TEST_NAME;
const bytes = (text) => new TextEncoder().encode(text);
const text = (blob) => new TextDecoder().decode(blob);
const same = (one, other) => Buffer.compare(one, other) === 0;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Tells what a call was refused with, if it is an error of the class that the SDK has for it. */
async function refused(type, call) {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof type)) return { "not of the type": String(error) };
    return { code: error.name, message: error.message, status: error.$metadata.httpStatusCode };
  }
  return "not refused";
}

async function awaitState(state) {
  for (let tries = 0; tries < 200; tries++) {
    const { CustomKeyStores } = await client.send(new DescribeCustomKeyStoresCommand({ CustomKeyStoreId: storeId }));
    if (CustomKeyStores[0].ConnectionState === state) return;
    await pause(50);
  }
  throw new Error(`the store did not become ${state}`);
}

const found = {};
const external = { Origin: "EXTERNAL_KEY_STORE", CustomKeyStoreId: storeId };
const created = await client.send(new CreateKeyCommand({ ...external, XksKeyId: name, Description: "held elsewhere" }));
const arn = created.KeyMetadata.Arn;
let { KeyMetadata: described } = await client.send(new DescribeKeyCommand({ KeyId: arn }));
found.described = {
  "same key": described.Arn === arn, origin: described.Origin, state: described.KeyState,
  "external key": described.XksKeyConfiguration.Id, "same store": described.CustomKeyStoreId === storeId,
};

const alias = `alias/${name}`;
await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: arn }));
found.aliases = [];
for await (const page of paginateListAliases({ client }, { KeyId: arn })) {
  found.aliases.push(...page.Aliases.map((entry) => entry.AliasName));
}

const EncryptionContext = { customer: "nile", straße: "ü" };
const sealed = await client.send(new EncryptCommand({ KeyId: alias, Plaintext: bytes("attack at dawn"), EncryptionContext }));
let opened = await client.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext }));
found.decrypted = text(opened.Plaintext);
found["without its context"] = await refused(
  KMSInvalidStateException, client.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob })),
);

const key = await client.send(new GenerateDataKeyCommand({ KeyId: arn, KeySpec: "AES_256", EncryptionContext }));
opened = await client.send(new DecryptCommand({ CiphertextBlob: key.CiphertextBlob, EncryptionContext, KeyId: alias }));
found["data key"] = { bytes: key.Plaintext.length, same: same(opened.Plaintext, key.Plaintext) };
const without = await client.send(
  new GenerateDataKeyWithoutPlaintextCommand({ KeyId: arn, NumberOfBytes: 57, EncryptionContext }),
);
opened = await client.send(new DecryptCommand({ CiphertextBlob: without.CiphertextBlob, EncryptionContext }));
found["data key without plaintext"] = opened.Plaintext.length;

const ordinary = (await client.send(new CreateKeyCommand({}))).KeyMetadata.KeyId;
const moved = await client.send(new ReEncryptCommand({
  CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: EncryptionContext, DestinationKeyId: ordinary,
}));
const back = await client.send(new ReEncryptCommand({
  CiphertextBlob: moved.CiphertextBlob, DestinationKeyId: arn, DestinationEncryptionContext: EncryptionContext,
}));
opened = await client.send(new DecryptCommand({ CiphertextBlob: back.CiphertextBlob, EncryptionContext }));
found["re-encrypted"] = { plaintext: text(opened.Plaintext), from: moved.SourceKeyId === arn, back: back.KeyId === arn };

const granted = await client.send(new CreateGrantCommand({
  KeyId: arn, GranteePrincipal: "arn:aws:iam::123456789012:role/app", Name: name, Operations: ["Decrypt", "GenerateDataKey"],
  Constraints: { EncryptionContextSubset: { customer: "nile" } },
}));
const listed = (await client.send(new ListGrantsCommand({ KeyId: arn }))).Grants;
await client.send(new RevokeGrantCommand({ KeyId: arn, GrantId: granted.GrantId }));
found.grant = {
  listed: listed.length === 1 && listed[0].GrantId === granted.GrantId, operations: listed[0].Operations,
  constraint: listed[0].Constraints.EncryptionContextSubset, "has a token": granted.GrantToken !== "",
  left: (await client.send(new ListGrantsCommand({ KeyId: arn }))).Grants.length,
};

const encrypt = () => client.send(new EncryptCommand({ KeyId: arn, Plaintext: bytes("x") }));
await client.send(new DisableKeyCommand({ KeyId: arn }));
found.disabled = await refused(DisabledException, encrypt());
await client.send(new EnableKeyCommand({ KeyId: arn }));

await client.send(new DisconnectCustomKeyStoreCommand({ CustomKeyStoreId: storeId }));
await awaitState("DISCONNECTED");
found.disconnected = await refused(KMSInvalidStateException, encrypt());
({ KeyMetadata: described } = await client.send(new DescribeKeyCommand({ KeyId: arn })));
found["state while disconnected"] = described.KeyState;
await client.send(new ConnectCustomKeyStoreCommand({ CustomKeyStoreId: storeId }));
await awaitState("CONNECTED");
await encrypt();

found["nobody's alias"] = await refused(NotFoundException, client.send(new DescribeKeyCommand({ KeyId: `alias/nobodys-${name}` })));
found["external key in use"] = await refused(
  XksKeyAlreadyInUseException, client.send(new CreateKeyCommand({ ...external, XksKeyId: name })),
);
found["no such external key"] = await refused(
  XksKeyNotFoundException, client.send(new CreateKeyCommand({ ...external, XksKeyId: `nobodys-${name}` })),
);
found["unreachable proxy"] = await refused(XksProxyUriUnreachableException, client.send(new CreateCustomKeyStoreCommand({
  CustomKeyStoreName: `unreachable ${name}`, CustomKeyStoreType: "EXTERNAL_KEY_STORE", XksProxyConnectivity: "PUBLIC_ENDPOINT",
  XksProxyUriEndpoint: "https://nobody.hyok.invalid", XksProxyUriPath: `/${name}/kms/xks/v1`,
  XksProxyAuthenticationCredential: {
    AccessKeyId: "ABCDEFGHIJKLMNOPQRST", RawSecretAccessKey: "0123456789012345678901234567890123456789012",
  },
})));
found["plaintext too long"] = await refused(
  KMSServiceException, client.send(new EncryptCommand({ KeyId: arn, Plaintext: new Uint8Array(4097) })),
);

const deletion = await client.send(new ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: 7 }));
found.deletion = { state: deletion.KeyState, days: Math.round((deletion.DeletionDate - Date.now()) / 86_400_000) };
console.log(JSON.stringify(found));
