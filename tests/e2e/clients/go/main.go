// A client of the AWS SDK for Go, unmodified, on a KMS key in an external key store. It prints what it saw as one JSON document;
// ../scenario.py says what that must be. `go run . terraform` calls as Terraform's AWS provider does instead.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

type seen map[string]any

func main() {
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(1))
	check(err)
	client := kms.NewFromConfig(settings)
	var document seen
	if len(os.Args) > 1 && os.Args[1] == "terraform" {
		document = terraform(ctx, client, settings)
	} else {
		document = scenario(ctx, client)
	}
	check(json.NewEncoder(os.Stdout).Encode(document))
}

func scenario(ctx context.Context, client *kms.Client) seen {
	storeID, name := os.Getenv("TEST_STORE_ID"), os.Getenv("TEST_NAME")
	found := seen{}

	created, err := client.CreateKey(ctx, &kms.CreateKeyInput{
		Origin: types.OriginTypeExternalKeyStore, CustomKeyStoreId: &storeID, XksKeyId: &name, Description: aws.String("held elsewhere"),
	})
	check(err)
	arn := *created.KeyMetadata.Arn
	described, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	check(err)
	found["described"] = seen{
		"same key": *described.KeyMetadata.Arn == arn, "origin": described.KeyMetadata.Origin, "state": described.KeyMetadata.KeyState,
		"external key": *described.KeyMetadata.XksKeyConfiguration.Id, "same store": *described.KeyMetadata.CustomKeyStoreId == storeID,
	}

	alias := "alias/" + name
	_, err = client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &arn})
	check(err)
	var aliases []string
	for pages := kms.NewListAliasesPaginator(client, &kms.ListAliasesInput{KeyId: &arn}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		check(err)
		for _, entry := range page.Aliases {
			aliases = append(aliases, *entry.AliasName)
		}
	}
	found["aliases"] = aliases

	bound := map[string]string{"customer": "nile", "straße": "ü"}
	sealed, err := client.Encrypt(ctx, &kms.EncryptInput{KeyId: &alias, Plaintext: []byte("attack at dawn"), EncryptionContext: bound})
	check(err)
	opened, err := client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: bound})
	check(err)
	found["decrypted"] = string(opened.Plaintext)
	_, err = client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	found["without its context"] = refused[*types.KMSInvalidStateException](err)

	key, err := client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &arn, KeySpec: types.DataKeySpecAes256, EncryptionContext: bound})
	check(err)
	opened, err = client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: key.CiphertextBlob, EncryptionContext: bound, KeyId: &alias})
	check(err)
	found["data key"] = seen{"bytes": len(key.Plaintext), "same": string(opened.Plaintext) == string(key.Plaintext)}
	without, err := client.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{
		KeyId: &arn, NumberOfBytes: aws.Int32(57), EncryptionContext: bound,
	})
	check(err)
	opened, err = client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: without.CiphertextBlob, EncryptionContext: bound})
	check(err)
	found["data key without plaintext"] = len(opened.Plaintext)

	ordinary, err := client.CreateKey(ctx, &kms.CreateKeyInput{})
	check(err)
	moved, err := client.ReEncrypt(ctx, &kms.ReEncryptInput{
		CiphertextBlob: sealed.CiphertextBlob, SourceEncryptionContext: bound, DestinationKeyId: ordinary.KeyMetadata.KeyId,
	})
	check(err)
	back, err := client.ReEncrypt(ctx, &kms.ReEncryptInput{
		CiphertextBlob: moved.CiphertextBlob, DestinationKeyId: &arn, DestinationEncryptionContext: bound,
	})
	check(err)
	opened, err = client.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: back.CiphertextBlob, EncryptionContext: bound})
	check(err)
	found["re-encrypted"] = seen{"plaintext": string(opened.Plaintext), "from": *moved.SourceKeyId == arn, "back": *back.KeyId == arn}

	granted, err := client.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: &arn, GranteePrincipal: aws.String("arn:aws:iam::123456789012:role/app"), Name: &name,
		Operations:  []types.GrantOperation{types.GrantOperationDecrypt, types.GrantOperationGenerateDataKey},
		Constraints: &types.GrantConstraints{EncryptionContextSubset: map[string]string{"customer": "nile"}},
	})
	check(err)
	listed, err := client.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &arn})
	check(err)
	_, err = client.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: &arn, GrantId: granted.GrantId})
	check(err)
	left, err := client.ListGrants(ctx, &kms.ListGrantsInput{KeyId: &arn})
	check(err)
	found["grant"] = seen{
		"listed": len(listed.Grants) == 1 && *listed.Grants[0].GrantId == *granted.GrantId, "operations": listed.Grants[0].Operations,
		"constraint": listed.Grants[0].Constraints.EncryptionContextSubset, "has a token": *granted.GrantToken != "", "left": len(left.Grants),
	}

	encrypt := func() error {
		_, err := client.Encrypt(ctx, &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("x")})
		return err
	}
	_, err = client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &arn})
	check(err)
	found["disabled"] = refused[*types.DisabledException](encrypt())
	_, err = client.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &arn})
	check(err)

	_, err = client.DisconnectCustomKeyStore(ctx, &kms.DisconnectCustomKeyStoreInput{CustomKeyStoreId: &storeID})
	check(err)
	await(ctx, client, storeID, types.ConnectionStateTypeDisconnected)
	found["disconnected"] = refused[*types.KMSInvalidStateException](encrypt())
	described, err = client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	check(err)
	found["state while disconnected"] = described.KeyMetadata.KeyState
	_, err = client.ConnectCustomKeyStore(ctx, &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: &storeID})
	check(err)
	await(ctx, client, storeID, types.ConnectionStateTypeConnected)
	check(encrypt())

	_, err = client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/nobodys-" + name)})
	found["nobody's alias"] = refused[*types.NotFoundException](err)
	_, err = client.CreateKey(ctx, &kms.CreateKeyInput{Origin: types.OriginTypeExternalKeyStore, CustomKeyStoreId: &storeID, XksKeyId: &name})
	found["external key in use"] = refused[*types.XksKeyAlreadyInUseException](err)
	_, err = client.CreateKey(ctx, &kms.CreateKeyInput{
		Origin: types.OriginTypeExternalKeyStore, CustomKeyStoreId: &storeID, XksKeyId: aws.String("nobodys-" + name),
	})
	found["no such external key"] = refused[*types.XksKeyNotFoundException](err)
	_, err = client.CreateCustomKeyStore(ctx, &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName: aws.String("unreachable " + name), CustomKeyStoreType: types.CustomKeyStoreTypeExternalKeyStore,
		XksProxyConnectivity: types.XksProxyConnectivityTypePublicEndpoint, XksProxyUriEndpoint: aws.String("https://nobody.hyok.invalid"),
		XksProxyUriPath: aws.String("/" + name + "/kms/xks/v1"),
		XksProxyAuthenticationCredential: &types.XksProxyAuthenticationCredentialType{
			AccessKeyId: aws.String("ABCDEFGHIJKLMNOPQRST"), RawSecretAccessKey: aws.String("0123456789012345678901234567890123456789012"),
		},
	})
	found["unreachable proxy"] = refused[*types.XksProxyUriUnreachableException](err)
	_, err = client.Encrypt(ctx, &kms.EncryptInput{KeyId: &arn, Plaintext: make([]byte, 4097)})
	found["plaintext too long"] = refused[smithy.APIError](err)

	deletion, err := client.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &arn, PendingWindowInDays: aws.Int32(7)})
	check(err)
	found["deletion"] = seen{"state": deletion.KeyState, "days": int(time.Until(*deletion.DeletionDate).Hours()+1) / 24}
	return found
}

// refused tells what a call was refused with, if it is an error of the type that the SDK has for it.
func refused[E smithy.APIError](err error) seen {
	var exception E
	if !errors.As(err, &exception) {
		return seen{"not of the type": fmt.Sprintf("%T: %v", err, err)}
	}
	var response *smithyhttp.ResponseError
	status := http.StatusOK
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	return seen{"code": exception.ErrorCode(), "message": exception.ErrorMessage(), "status": status}
}

func await(ctx context.Context, client *kms.Client, storeID string, state types.ConnectionStateType) {
	for range 200 {
		stores, err := client.DescribeCustomKeyStores(ctx, &kms.DescribeCustomKeyStoresInput{CustomKeyStoreId: &storeID})
		check(err)
		if stores.CustomKeyStores[0].ConnectionState == state {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	check(fmt.Errorf("the store did not become %s", state))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
