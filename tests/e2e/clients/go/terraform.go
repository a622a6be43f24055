package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// terraform makes the calls that Terraform's AWS provider makes for aws_kms_custom_key_store, aws_kms_key, aws_kms_alias and aws_kms_grant, in its
// order and polling as it polls (only sooner): apply, refresh, change, refresh, destroy. What the provider would take for a lasting difference between
// its configuration and what is there ends the program.
func terraform(ctx context.Context, client *kms.Client, settings aws.Config) seen {
	p := provider{ctx, client}
	found := seen{}

	identity, err := sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	check(err)
	found["account"] = *identity.Account

	storeID := p.createStore()
	// The provider has no resource that connects a store; people do it beside it.
	_, err = client.ConnectCustomKeyStore(ctx, &kms.ConnectCustomKeyStoreInput{CustomKeyStoreId: &storeID})
	check(err)
	await(ctx, client, storeID, types.ConnectionStateTypeConnected)
	keyID := p.createKey(storeID)
	alias := p.createAlias(keyID)
	grantID := p.createGrant(keyID)
	found["applied"] = p.refresh(storeID, keyID, alias, grantID)

	p.changeKey(keyID)
	p.changeStore(storeID)
	found["changed"] = p.refresh(storeID, keyID, alias, grantID)
	found["data sources"] = p.readDataSources(storeID, alias)

	found["destroyed"] = p.destroy(storeID, keyID, alias, grantID)
	return found
}

type provider struct {
	ctx    context.Context
	client *kms.Client
}

var errNotFound = errors.New("couldn't find resource")

const keyPolicy = `{"Version":"2012-10-17","Id":"terraform","Statement":[{"Sid":"root","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"kms:*","Resource":"*"}]}`

func (p provider) createStore() string {
	created, err := p.client.CreateCustomKeyStore(p.ctx, &kms.CreateCustomKeyStoreInput{
		CustomKeyStoreName:   aws.String("terraform"),
		CustomKeyStoreType:   types.CustomKeyStoreTypeExternalKeyStore,
		XksProxyConnectivity: types.XksProxyConnectivityTypePublicEndpoint,
		XksProxyUriEndpoint:  aws.String(os.Getenv("TEST_URI_ENDPOINT")),
		XksProxyUriPath:      aws.String(os.Getenv("TEST_URI_PATH")),
		XksProxyAuthenticationCredential: &types.XksProxyAuthenticationCredentialType{
			AccessKeyId:        aws.String(os.Getenv("TEST_ACCESS_KEY_ID")),
			RawSecretAccessKey: aws.String(os.Getenv("TEST_SECRET_ACCESS_KEY")),
		},
	})
	check(err)
	return *created.CustomKeyStoreId
}

func (p provider) changeStore(storeID string) {
	_, err := p.client.UpdateCustomKeyStore(p.ctx, &kms.UpdateCustomKeyStoreInput{
		CustomKeyStoreId: &storeID, NewCustomKeyStoreName: aws.String("terraform renamed"),
	})
	check(err)
}

// createKey sends the defaults of the provider's schema along, as it does.
func (p provider) createKey(storeID string) string {
	created, err := p.client.CreateKey(p.ctx, &kms.CreateKeyInput{
		BypassPolicyLockoutSafetyCheck: false,
		CustomerMasterKeySpec:          types.CustomerMasterKeySpecSymmetricDefault,
		CustomKeyStoreId:               &storeID,
		Description:                    aws.String("made by terraform"),
		KeyUsage:                       types.KeyUsageTypeEncryptDecrypt,
		Origin:                         types.OriginTypeExternalKeyStore,
		Policy:                         aws.String(keyPolicy),
		Tags:                           []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("storage")}, {TagKey: aws.String("empty"), TagValue: aws.String("")}},
		XksKeyId:                       aws.String(os.Getenv("TEST_NAME")),
	})
	check(err)
	keyID := *created.KeyMetadata.KeyId
	p.until("the policy propagated", func() bool { return p.policy(keyID) == keyPolicy })
	p.until("the tags propagated", func() bool { return len(p.tags(keyID)) == 2 })
	return keyID
}

func (p provider) changeKey(keyID string) {
	_, err := p.client.UpdateKeyDescription(p.ctx, &kms.UpdateKeyDescriptionInput{KeyId: &keyID, Description: aws.String("changed")})
	check(err)
	p.until("the description propagated", func() bool { return *p.key(keyID).Description == "changed" })
	changed := strings.Replace(keyPolicy, `"root"`, `"everything"`, 1)
	_, err = p.client.PutKeyPolicy(p.ctx, &kms.PutKeyPolicyInput{KeyId: &keyID, Policy: &changed, PolicyName: aws.String("default")})
	check(err)
	p.until("the policy propagated", func() bool { return p.policy(keyID) == changed })
	_, err = p.client.UntagResource(p.ctx, &kms.UntagResourceInput{KeyId: &keyID, TagKeys: []string{"empty"}})
	check(err)
	_, err = p.client.TagResource(p.ctx, &kms.TagResourceInput{
		KeyId: &keyID, Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("platform")}},
	})
	check(err)
	p.until("the tags propagated", func() bool { return p.tags(keyID)["team"] == "platform" })
	_, err = p.client.DisableKey(p.ctx, &kms.DisableKeyInput{KeyId: &keyID})
	check(err)
	p.until("the state propagated", func() bool { return !p.key(keyID).Enabled })
	_, err = p.client.EnableKey(p.ctx, &kms.EnableKeyInput{KeyId: &keyID})
	check(err)
	p.until("the state propagated", func() bool { return p.key(keyID).Enabled })
}

func (p provider) createAlias(keyID string) string {
	alias := "alias/terraform"
	_, err := p.client.CreateAlias(p.ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &keyID})
	check(err)
	return alias
}

func (p provider) createGrant(keyID string) string {
	created, err := p.client.CreateGrant(p.ctx, &kms.CreateGrantInput{
		KeyId:             &keyID,
		GranteePrincipal:  aws.String("arn:aws:iam::123456789012:role/app"),
		RetiringPrincipal: aws.String("arn:aws:iam::123456789012:root"),
		Name:              aws.String("terraform"),
		Operations:        []types.GrantOperation{types.GrantOperationEncrypt, types.GrantOperationDecrypt},
		// The provider sends the constraint that was not asked for along, empty.
		Constraints: &types.GrantConstraints{
			EncryptionContextEquals: map[string]string{"Department": "Finance"},
			EncryptionContextSubset: map[string]string{},
		},
	})
	check(err)
	return *created.GrantId
}

// refresh reads every resource as a plan does, and returns what would be kept in the state.
func (p provider) refresh(storeID, keyID, alias, grantID string) seen {
	store, err := p.store(&kms.DescribeCustomKeyStoresInput{CustomKeyStoreId: &storeID})
	check(err)
	key := p.key(keyID)
	entry, err := p.alias(alias)
	check(err)
	grant, err := p.grant(keyID, grantID)
	check(err)
	return seen{
		"store": seen{
			"name": *store.CustomKeyStoreName, "type": store.CustomKeyStoreType, "cluster": store.CloudHsmClusterId,
			"endpoint": *store.XksProxyConfiguration.UriEndpoint, "connectivity": store.XksProxyConfiguration.Connectivity,
			"path":       *store.XksProxyConfiguration.UriPath == os.Getenv("TEST_URI_PATH"),
			"credential": *store.XksProxyConfiguration.AccessKeyId == os.Getenv("TEST_ACCESS_KEY_ID"),
		},
		"key": seen{
			"description": *key.Description, "enabled": key.Enabled, "usage": key.KeyUsage, "spec": key.CustomerMasterKeySpec,
			"multi-Region": *key.MultiRegion, "external key": *key.XksKeyConfiguration.Id, "in the store": *key.CustomKeyStoreId == storeID,
			"policy": p.policy(keyID), "tags": p.tags(keyID), "rotation": p.rotation(key),
		},
		"alias": seen{"of the key": *entry.TargetKeyId == keyID, "arn": strings.HasSuffix(*entry.AliasArn, ":"+alias)},
		"grant": seen{
			"grantee": *grant.GranteePrincipal, "retiring": *grant.RetiringPrincipal, "name": *grant.Name, "operations": grant.Operations,
			"constraint": grant.Constraints.EncryptionContextEquals,
		},
	}
}

func (p provider) readDataSources(storeID, alias string) seen {
	store, err := p.store(&kms.DescribeCustomKeyStoresInput{CustomKeyStoreName: aws.String("terraform renamed")})
	check(err)
	key, err := p.client.DescribeKey(p.ctx, &kms.DescribeKeyInput{KeyId: &alias, GrantTokens: []string{}})
	check(err)
	return seen{"store": *store.CustomKeyStoreId == storeID, "key": *key.KeyMetadata.Description}
}

func (p provider) destroy(storeID, keyID, alias, grantID string) seen {
	_, err := p.client.RevokeGrant(p.ctx, &kms.RevokeGrantInput{KeyId: &keyID, GrantId: &grantID})
	check(err)
	p.until("the grant is gone", func() bool { _, err := p.grant(keyID, grantID); return errors.Is(err, errNotFound) })
	_, err = p.client.DeleteAlias(p.ctx, &kms.DeleteAliasInput{AliasName: &alias})
	check(err)
	_, err = p.alias(alias)
	isAliasGone := errors.Is(err, errNotFound)
	_, err = p.client.ScheduleKeyDeletion(p.ctx, &kms.ScheduleKeyDeletionInput{KeyId: &keyID, PendingWindowInDays: aws.Int32(7)})
	check(err)
	p.until("the key is pending deletion", func() bool { return p.key(keyID).KeyState == types.KeyStatePendingDeletion })
	// Destroyed once more, as after an interrupted run: the provider looks for these words.
	_, err = p.client.ScheduleKeyDeletion(p.ctx, &kms.ScheduleKeyDeletionInput{KeyId: &keyID, PendingWindowInDays: aws.Int32(7)})
	var state *types.KMSInvalidStateException
	isPending := errors.As(err, &state) && strings.Contains(state.ErrorMessage(), "is pending deletion")
	_, err = p.client.DeleteCustomKeyStore(p.ctx, &kms.DeleteCustomKeyStoreInput{CustomKeyStoreId: &storeID})
	kept := refused[*types.CustomKeyStoreHasCMKsException](err)["code"]
	return seen{"alias is gone": isAliasGone, "key is pending": isPending, "store with a key": kept}
}

func (p provider) store(input *kms.DescribeCustomKeyStoresInput) (*types.CustomKeyStoresListEntry, error) {
	for pages := kms.NewDescribeCustomKeyStoresPaginator(p.client, input); pages.HasMorePages(); {
		page, err := pages.NextPage(p.ctx)
		var missing *types.CustomKeyStoreNotFoundException
		if errors.As(err, &missing) {
			return nil, errNotFound
		}
		check(err)
		for _, entry := range page.CustomKeyStores {
			return &entry, nil
		}
	}
	return nil, errNotFound
}

func (p provider) key(keyID string) *types.KeyMetadata {
	described, err := p.client.DescribeKey(p.ctx, &kms.DescribeKeyInput{KeyId: &keyID})
	check(err)
	return described.KeyMetadata
}

func (p provider) policy(keyID string) string {
	policy, err := p.client.GetKeyPolicy(p.ctx, &kms.GetKeyPolicyInput{KeyId: &keyID, PolicyName: aws.String("default")})
	check(err)
	return *policy.Policy
}

func (p provider) tags(keyID string) map[string]string {
	tags := map[string]string{}
	for pages := kms.NewListResourceTagsPaginator(p.client, &kms.ListResourceTagsInput{KeyId: &keyID}); pages.HasMorePages(); {
		page, err := pages.NextPage(p.ctx)
		check(err)
		for _, tag := range page.Tags {
			tags[*tag.TagKey] = *tag.TagValue
		}
	}
	return tags
}

// rotation is read for keys of KMS's own only, else the answer would be UnsupportedOperationException.
func (p provider) rotation(key *types.KeyMetadata) bool {
	if key.Origin != types.OriginTypeAwsKms {
		return false
	}
	status, err := p.client.GetKeyRotationStatus(p.ctx, &kms.GetKeyRotationStatusInput{KeyId: key.KeyId})
	check(err)
	return status.KeyRotationEnabled
}

func (p provider) alias(name string) (*types.AliasListEntry, error) {
	for pages := kms.NewListAliasesPaginator(p.client, &kms.ListAliasesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(p.ctx)
		check(err)
		for _, entry := range page.Aliases {
			if *entry.AliasName == name {
				return &entry, nil
			}
		}
	}
	return nil, errNotFound
}

func (p provider) grant(keyID, grantID string) (*types.GrantListEntry, error) {
	for pages := kms.NewListGrantsPaginator(p.client, &kms.ListGrantsInput{KeyId: &keyID, Limit: aws.Int32(100)}); pages.HasMorePages(); {
		page, err := pages.NextPage(p.ctx)
		check(err)
		for _, entry := range page.Grants {
			if *entry.GrantId == grantID {
				return &entry, nil
			}
		}
	}
	return nil, errNotFound
}

// until polls as the provider's waiters do, which want their answer several times in a row.
func (p provider) until(what string, holds func() bool) {
	for inARow, tries := 0, 0; tries < 100; tries++ {
		if inARow = map[bool]int{true: inARow + 1}[holds()]; inARow == 5 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	check(fmt.Errorf("not so after all: %s", what))
}
