// The AWS Encryption SDK for JavaScript, unmodified, with a KMS key in an external key store as its wrapping key. It prints what it saw as one JSON
// document. A message that another language's Encryption SDK wrote comes in as TEST_MESSAGE, Base64.
import { buildClient, CommitmentPolicy, KmsKeyringNode, getClient, KMS } from "@aws-crypto/client-node";

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const clientProvider = getClient(KMS, { endpoint: process.env.AWS_ENDPOINT_URL_KMS, maxAttempts: 1 });
const keyring = new KmsKeyringNode({ clientProvider, generatorKeyId: process.env.TEST_KEY_ARN });
const plaintext = Buffer.alloc(100_000, "attack at dawn");

const { result } = await encrypt(keyring, plaintext, { encryptionContext: { customer: "nile" } });
const opened = await decrypt(keyring, result);
const foreign = await decrypt(keyring, Buffer.from(process.env.TEST_MESSAGE, "base64"));
console.log(JSON.stringify({
  "same": Buffer.compare(opened.plaintext, plaintext) === 0,
  "hidden": !result.includes("attack at dawn"),
  "customer": opened.messageHeader.encryptionContext.customer,
  "foreign": foreign.plaintext.toString(),
  "message": result.toString("base64"),
}));
