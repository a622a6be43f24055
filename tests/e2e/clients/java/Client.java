// A client of the AWS SDK for Java, unmodified, on a KMS key in an external key store. It prints what it saw as one JSON document;
// ../scenario.py says what that must be.

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.kms.model.*;

public final class Client {
    private static final Map<String, String> CONTEXT = Map.of("customer", "nile", "straße", "ü");
    private static final String STORE = System.getenv("TEST_STORE_ID");
    private static final String NAME = System.getenv("TEST_NAME");

    private final KmsClient client;
    private final Map<String, Object> found = new LinkedHashMap<>();

    private Client(KmsClient client) {
        this.client = client;
    }

    public static void main(String[] arguments) throws Exception {
        try (KmsClient client = KmsClient.builder().overrideConfiguration(c -> c.retryStrategy(r -> r.maxAttempts(1))).build()) {
            Client scenario = new Client(client);
            scenario.run();
            System.out.println(json(scenario.found));
        }
    }

    private void run() throws Exception {
        String arn = client.createKey(b -> b.origin(OriginType.EXTERNAL_KEY_STORE).customKeyStoreId(STORE).xksKeyId(NAME).description("held elsewhere"))
            .keyMetadata().arn();
        KeyMetadata described = client.describeKey(b -> b.keyId(arn)).keyMetadata();
        found.put("described", map("same key", described.arn().equals(arn), "origin", described.originAsString(), "state", described.keyStateAsString(),
            "external key", described.xksKeyConfiguration().id(), "same store", described.customKeyStoreId().equals(STORE)));

        String alias = "alias/" + NAME;
        client.createAlias(b -> b.aliasName(alias).targetKeyId(arn));
        found.put("aliases", client.listAliasesPaginator(b -> b.keyId(arn)).aliases().stream().map(AliasListEntry::aliasName).toList());

        SdkBytes sealed = client.encrypt(b -> b.keyId(alias).plaintext(SdkBytes.fromUtf8String("attack at dawn")).encryptionContext(CONTEXT))
            .ciphertextBlob();
        found.put("decrypted", decrypt(sealed).asUtf8String());
        found.put("without its context", refused(KmsInvalidStateException.class, () -> client.decrypt(b -> b.ciphertextBlob(sealed))));

        GenerateDataKeyResponse key = client.generateDataKey(b -> b.keyId(arn).keySpec(DataKeySpec.AES_256).encryptionContext(CONTEXT));
        found.put("data key", map("bytes", key.plaintext().asByteArray().length, "same", decrypt(key.ciphertextBlob()).equals(key.plaintext())));
        SdkBytes without = client.generateDataKeyWithoutPlaintext(b -> b.keyId(arn).numberOfBytes(57).encryptionContext(CONTEXT)).ciphertextBlob();
        found.put("data key without plaintext", decrypt(without).asByteArray().length);

        String ordinary = client.createKey().keyMetadata().keyId();
        ReEncryptResponse moved = client.reEncrypt(b -> b.ciphertextBlob(sealed).sourceEncryptionContext(CONTEXT).destinationKeyId(ordinary));
        ReEncryptResponse back = client.reEncrypt(
            b -> b.ciphertextBlob(moved.ciphertextBlob()).destinationKeyId(arn).destinationEncryptionContext(CONTEXT));
        found.put("re-encrypted", map("plaintext", decrypt(back.ciphertextBlob()).asUtf8String(), "from", moved.sourceKeyId().equals(arn),
            "back", back.keyId().equals(arn)));

        CreateGrantResponse granted = client.createGrant(b -> b.keyId(arn).granteePrincipal("arn:aws:iam::123456789012:role/app").name(NAME)
            .operations(GrantOperation.DECRYPT, GrantOperation.GENERATE_DATA_KEY)
            .constraints(c -> c.encryptionContextSubset(Map.of("customer", "nile"))));
        List<GrantListEntry> listed = client.listGrants(b -> b.keyId(arn)).grants();
        client.revokeGrant(b -> b.keyId(arn).grantId(granted.grantId()));
        found.put("grant", map("listed", listed.size() == 1 && listed.get(0).grantId().equals(granted.grantId()),
            "operations", listed.get(0).operationsAsStrings(), "constraint", listed.get(0).constraints().encryptionContextSubset(),
            "has a token", !granted.grantToken().isEmpty(), "left", client.listGrants(b -> b.keyId(arn)).grants().size()));

        Call encrypt = () -> client.encrypt(b -> b.keyId(arn).plaintext(SdkBytes.fromUtf8String("x")));
        client.disableKey(b -> b.keyId(arn));
        found.put("disabled", refused(DisabledException.class, encrypt));
        client.enableKey(b -> b.keyId(arn));

        client.disconnectCustomKeyStore(b -> b.customKeyStoreId(STORE));
        await(ConnectionStateType.DISCONNECTED);
        found.put("disconnected", refused(KmsInvalidStateException.class, encrypt));
        found.put("state while disconnected", client.describeKey(b -> b.keyId(arn)).keyMetadata().keyStateAsString());
        client.connectCustomKeyStore(b -> b.customKeyStoreId(STORE));
        await(ConnectionStateType.CONNECTED);
        encrypt.make();

        found.put("nobody's alias", refused(NotFoundException.class, () -> client.describeKey(b -> b.keyId("alias/nobodys-" + NAME))));
        found.put("external key in use", refused(XksKeyAlreadyInUseException.class,
            () -> client.createKey(b -> b.origin(OriginType.EXTERNAL_KEY_STORE).customKeyStoreId(STORE).xksKeyId(NAME))));
        found.put("no such external key", refused(XksKeyNotFoundException.class,
            () -> client.createKey(b -> b.origin(OriginType.EXTERNAL_KEY_STORE).customKeyStoreId(STORE).xksKeyId("nobodys-" + NAME))));
        found.put("unreachable proxy", refused(XksProxyUriUnreachableException.class, () -> client.createCustomKeyStore(
            b -> b.customKeyStoreName("unreachable " + NAME).customKeyStoreType(CustomKeyStoreType.EXTERNAL_KEY_STORE)
                .xksProxyConnectivity(XksProxyConnectivityType.PUBLIC_ENDPOINT).xksProxyUriEndpoint("https://nobody.hyok.invalid")
                .xksProxyUriPath("/" + NAME + "/kms/xks/v1").xksProxyAuthenticationCredential(
                    c -> c.accessKeyId("ABCDEFGHIJKLMNOPQRST").rawSecretAccessKey("0123456789012345678901234567890123456789012")))));
        found.put("plaintext too long", refused(KmsException.class,
            () -> client.encrypt(b -> b.keyId(arn).plaintext(SdkBytes.fromByteArray(new byte[4097])))));

        ScheduleKeyDeletionResponse deletion = client.scheduleKeyDeletion(b -> b.keyId(arn).pendingWindowInDays(7));
        found.put("deletion", map("state", deletion.keyStateAsString(),
            "days", (Duration.between(Instant.now(), deletion.deletionDate()).toHours() + 1) / 24));
    }

    private SdkBytes decrypt(SdkBytes blob) {
        return client.decrypt(b -> b.ciphertextBlob(blob).encryptionContext(CONTEXT)).plaintext();
    }

    private interface Call {
        void make();
    }

    /** Tells what a call was refused with, if it is an exception of the class that the SDK has for it. */
    private static Map<String, Object> refused(Class<? extends AwsServiceException> type, Call call) {
        try {
            call.make();
        } catch (AwsServiceException exception) {
            if (type.isInstance(exception)) {
                return map("code", exception.awsErrorDetails().errorCode(), "message", exception.awsErrorDetails().errorMessage(),
                    "status", exception.statusCode());
            }
            return map("not of the type", exception.toString());
        }
        return map("refused", false);
    }

    private void await(ConnectionStateType state) throws InterruptedException {
        for (int tries = 0; tries < 200; tries++) {
            if (client.describeCustomKeyStores(b -> b.customKeyStoreId(STORE)).customKeyStores().get(0).connectionState() == state) {
                return;
            }
            Thread.sleep(50);
        }
        throw new IllegalStateException("the store did not become " + state);
    }

    private static Map<String, Object> map(Object... pairs) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int index = 0; index < pairs.length; index += 2) {
            map.put((String) pairs[index], pairs[index + 1]);
        }
        return map;
    }

    private static String json(Object value) {
        if (value instanceof Map<?, ?> map) {
            List<String> members = new ArrayList<>();
            map.forEach((name, member) -> members.add(json(name) + ":" + json(member)));
            return "{" + String.join(",", members) + "}";
        }
        if (value instanceof List<?> list) {
            return list.stream().map(Client::json).collect(Collectors.joining(",", "[", "]"));
        }
        if (value instanceof String text) {
            return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
        }
        return String.valueOf(value);
    }
}
