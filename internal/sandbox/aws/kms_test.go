package awsbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

func newKey(t *testing.T, client *kms.Client, tags ...types.Tag) *string {
	t.Helper()
	return do(t, client.CreateKey, &kms.CreateKeyInput{Description: aws.String("data"), Tags: tags}).KeyMetadata.KeyId
}

func TestKeyLife(t *testing.T) {
	b := newBench(t)
	client := kms.NewFromConfig(b.as(blue))
	id := newKey(t, client, types.Tag{TagKey: aws.String("team"), TagValue: aws.String("blue")})
	do(t, client.CreateAlias, &kms.CreateAliasInput{AliasName: aws.String("alias/acme"), TargetKeyId: id})
	refused(t, "AlreadyExistsException", client.CreateAlias, &kms.CreateAliasInput{AliasName: aws.String("alias/acme"), TargetKeyId: id})
	refused(t, "NotFoundException", client.CreateAlias, &kms.CreateAliasInput{AliasName: aws.String("alias/x"), TargetKeyId: aws.String("none")})

	meta := do(t, client.DescribeKey, &kms.DescribeKeyInput{KeyId: aws.String("alias/acme")}).KeyMetadata
	if *meta.KeyId != *id || meta.KeyManager != "CUSTOMER" || meta.KeyState != "Enabled" || !meta.Enabled || !meta.CreationDate.Equal(b.now) {
		t.Errorf("the key is %+v", meta)
	}
	if got := *do(t, client.GetKeyPolicy, &kms.GetKeyPolicyInput{KeyId: id, PolicyName: aws.String("default")}).Policy; !strings.Contains(got, "arn:aws:iam::"+blue+":root") {
		t.Errorf("the default policy is %s", got)
	}
	refused(t, "NotFoundException", client.GetKeyPolicy, &kms.GetKeyPolicyInput{KeyId: id, PolicyName: aws.String("other")})
	if do(t, client.GetKeyRotationStatus, &kms.GetKeyRotationStatusInput{KeyId: id}).KeyRotationEnabled {
		t.Error("a new key rotates")
	}
	do(t, client.EnableKeyRotation, &kms.EnableKeyRotationInput{KeyId: id})
	if got := do(t, client.GetKeyRotationStatus, &kms.GetKeyRotationStatusInput{KeyId: id}); !got.KeyRotationEnabled || *got.RotationPeriodInDays != 365 {
		t.Errorf("rotation is %+v", got)
	}
	do(t, client.CreateGrant, &kms.CreateGrantInput{KeyId: id, GranteePrincipal: aws.String("arn:aws:iam::" + green + ":root"), Operations: []types.GrantOperation{"Decrypt"}})
	if got := do(t, client.ListGrants, &kms.ListGrantsInput{KeyId: id}).Grants; len(got) != 1 || got[0].Operations[0] != "Decrypt" {
		t.Errorf("grants are %+v", got)
	}
	do(t, client.UntagResource, &kms.UntagResourceInput{KeyId: id, TagKeys: []string{"team"}})
	do(t, client.TagResource, &kms.TagResourceInput{KeyId: id, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}})
	if got := do(t, client.ListResourceTags, &kms.ListResourceTagsInput{KeyId: id}).Tags; len(got) != 1 || *got[0].TagKey != "a" {
		t.Errorf("tags are %+v", got)
	}
	refused(t, "TagException", client.TagResource, &kms.TagResourceInput{KeyId: id, Tags: []types.Tag{{TagKey: aws.String("aws:x"), TagValue: aws.String("b")}}})
	refused(t, "AccessDeniedException", kms.NewFromConfig(b.as(green)).DescribeKey, &kms.DescribeKeyInput{KeyId: meta.Arn})
}

func TestKeyDeletion(t *testing.T) {
	b := newBench(t)
	client := kms.NewFromConfig(b.as(blue))
	id := newKey(t, client)
	do(t, client.CreateAlias, &kms.CreateAliasInput{AliasName: aws.String("alias/acme"), TargetKeyId: id})
	schedule := &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)}
	do(t, client.ScheduleKeyDeletion, schedule)
	refused(t, "KMSInvalidStateException", client.ScheduleKeyDeletion, schedule)
	refused(t, "KMSInvalidStateException", client.TagResource, &kms.TagResourceInput{KeyId: id, Tags: []types.Tag{{TagKey: aws.String("a"), TagValue: aws.String("b")}}})
	do(t, client.CancelKeyDeletion, &kms.CancelKeyDeletionInput{KeyId: id})
	if got := do(t, client.DescribeKey, &kms.DescribeKeyInput{KeyId: id}).KeyMetadata.KeyState; got != "Disabled" {
		t.Errorf("after cancelling, the key is %s", got)
	}
	do(t, client.EnableKey, &kms.EnableKeyInput{KeyId: id})
	do(t, client.ScheduleKeyDeletion, schedule)
	b.now = b.now.Add(7 * 24 * time.Hour)
	client = kms.NewFromConfig(b.as(blue)) // the session ended long ago
	refused(t, "NotFoundException", client.DescribeKey, &kms.DescribeKeyInput{KeyId: id})
	refused(t, "NotFoundException", client.DescribeKey, &kms.DescribeKeyInput{KeyId: aws.String("alias/acme")})
}

func TestKeyListsHoldWhatIsAWSOwn(t *testing.T) {
	b := newBench(t)
	client := kms.NewFromConfig(b.as(blue))
	id := newKey(t, client)
	b.SetConditions(awsbox.Conditions{PageSize: 1})
	managers := map[types.KeyManagerType]int{}
	keys := kms.NewListKeysPaginator(client, &kms.ListKeysInput{})
	for keys.HasMorePages() {
		for _, key := range must[*kms.ListKeysOutput](t)(keys.NextPage(t.Context())).Keys {
			managers[do(t, client.DescribeKey, &kms.DescribeKeyInput{KeyId: key.KeyId}).KeyMetadata.KeyManager]++
		}
	}
	if managers["AWS"] != 3 || managers["CUSTOMER"] != 1 {
		t.Errorf("keys by manager: %v", managers)
	}
	withoutKey := 0
	aliases := kms.NewListAliasesPaginator(client, &kms.ListAliasesInput{})
	for aliases.HasMorePages() {
		for _, alias := range must[*kms.ListAliasesOutput](t)(aliases.NextPage(t.Context())).Aliases {
			if alias.TargetKeyId == nil {
				withoutKey++
			}
		}
	}
	if withoutKey != 1 {
		t.Errorf("%d aliases have no key", withoutKey)
	}
	if live := b.Live(); len(live) != 1 || live[0].Name != *id {
		t.Errorf("Live shows %+v", live)
	}
}
