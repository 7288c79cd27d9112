package aws

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"tenantry.dev/reconciler/resource"
)

// keyPolicyName is the only name that a key policy can have.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
const keyPolicyName = "default"

// awsAlias begins the aliases of the keys that AWS manages; no customer's alias can.
const awsAlias = "alias/aws/"

// keyAliases returns aliases by key id: of one key, or of all if id is empty.
func keyAliases(ctx context.Context, client *kms.Client, id string) (map[string][]string, error) {
	input := &kms.ListAliasesInput{Limit: aws.Int32(100)}
	if id != "" {
		input.KeyId = &id
	}
	aliases := map[string][]string{}
	pages := kms.NewListAliasesPaginator(client, input)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list aliases of", "keys", err)
		}
		for _, a := range page.Aliases {
			if target := str(a.TargetKeyId); target != "" {
				aliases[target] = append(aliases[target], str(a.AliasName))
			}
		}
	}
	return aliases, nil
}

// customerKeys lists the keys that AWS doesn't manage, as far as their aliases tell.
func customerKeys(ctx context.Context, client *kms.Client, aliases map[string][]string) ([]string, error) {
	var ids []string
	pages := kms.NewListKeysPaginator(client, &kms.ListKeysInput{Limit: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list", "keys", err)
		}
		for _, k := range page.Keys {
			managed := func(alias string) bool { return strings.HasPrefix(alias, awsAlias) }
			if id := str(k.KeyId); !slices.ContainsFunc(aliases[id], managed) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

func keyTags(ctx context.Context, client *kms.Client, id string) (tagged, error) {
	tags := tagged{}
	pages := kms.NewListResourceTagsPaginator(client, &kms.ListResourceTagsInput{KeyId: &id, Limit: aws.Int32(50)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("read the tags of key", id, err)
		}
		for _, t := range page.Tags {
			tags[str(t.TagKey)] = str(t.TagValue)
		}
	}
	return tags, nil
}

func toKeyTags(tags tagged) []types.Tag {
	return toTags(tags, func(key, value *string) types.Tag { return types.Tag{TagKey: key, TagValue: value} })
}

func tagKey(ctx context.Context, client *kms.Client, id string, tags tagged) error {
	_, err := client.TagResource(ctx, &kms.TagResourceInput{KeyId: &id, Tags: toKeyTags(tags)})
	return failed("tag key", id, err)
}

// describeKey takes an id, an ARN or an alias.
func describeKey(ctx context.Context, client *kms.Client, id string) (*types.KeyMetadata, error) {
	out, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return nil, err
	}
	return out.KeyMetadata, nil
}

// rotates: keys that can't rotate (asymmetric, imported) answer UnsupportedOperationException, which
// an adopted one may.
func rotates(ctx context.Context, client *kms.Client, id string) (bool, error) {
	out, err := client.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: &id})
	can, err := unlessAbsent(err, "UnsupportedOperationException")
	if err != nil || !can {
		return false, failed("read the rotation of key", id, err)
	}
	return out.KeyRotationEnabled, nil
}

// converge writes what differs. The caller has checked the mark in tags. The key is brought back
// to life first, because a disabled one refuses most changes; the alias comes next, because it
// commits a new key; a key is disabled last.
func (d *key) converge(ctx context.Context, client *kms.Client, have resource.Observed, tags tagged, state types.KeyState, want resource.Desired, to keyAttributes) (resource.Observed, error) {
	w := wishFor(kindKey, have.Attributes, want, to)
	if err := d.revive(ctx, client, have.ID, state, to.Enabled); err != nil {
		return resource.Observed{}, err
	}
	for _, set := range []func(context.Context, *kms.Client, resource.Observed, wish[keyAttributes]) error{
		d.setAlias, d.setPolicy, d.setGrants, d.setDescription, d.setRotation,
	} {
		if err := set(ctx, client, have, w); err != nil {
			return resource.Observed{}, err
		}
	}
	if err := d.setTags(ctx, client, have.ID, tags, to.Tags); err != nil {
		return resource.Observed{}, err
	}
	if !to.Enabled && state != types.KeyStateDisabled {
		if _, err := client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &have.ID}); err != nil {
			return resource.Observed{}, failed("disable key", have.ID, err)
		}
	}
	have.Outputs = keyOutputs(have.ID, have.Outputs["arn"], to.Alias)
	return w.met(have), nil
}

// revive cancels a scheduled deletion, which leaves the key disabled, and enables it.
func (d *key) revive(ctx context.Context, client *kms.Client, id string, state types.KeyState, enable bool) error {
	if state == types.KeyStatePendingDeletion {
		if _, err := client.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &id}); err != nil {
			return failed("cancel the deletion of key", id, err)
		}
		state = types.KeyStateDisabled
	}
	if state != types.KeyStateDisabled || !enable {
		return nil
	}
	_, err := client.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &id})
	return failed("enable key", id, err)
}

// setAlias gives the key its alias and takes others off it. An alias that leads to another key is
// never moved.
func (d *key) setAlias(ctx context.Context, client *kms.Client, have resource.Observed, w wish[keyAttributes]) error {
	if !w.differs("alias") {
		return nil
	}
	_, err := client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &w.to.Alias, TargetKeyId: &have.ID})
	switch {
	case hasCode(err, "AlreadyExistsException"):
		if err := d.leadsTo(ctx, client, w.to.Alias, have.ID); err != nil {
			return err
		}
	case err != nil:
		return failed("create alias", w.to.Alias, err)
	}
	if !w.have["alias"].IsSet() {
		return nil
	}
	aliases, err := keyAliases(ctx, client, have.ID)
	if err != nil {
		return err
	}
	for _, alias := range aliases[have.ID] {
		if alias == w.to.Alias {
			continue
		}
		_, err := client.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &alias})
		if _, err := unlessAbsent(err, "NotFoundException"); err != nil {
			return failed("remove alias", alias, err)
		}
	}
	return nil
}

func (d *key) leadsTo(ctx context.Context, client *kms.Client, alias, id string) error {
	got, err := d.behind(ctx, client, alias)
	if err == nil && got != id {
		return notOurs("create alias", alias, "it leads to key "+got)
	}
	return err
}

func (d *key) setPolicy(ctx context.Context, client *kms.Client, have resource.Observed, w wish[keyAttributes]) error {
	if !w.differs("policy") {
		return nil
	}
	policy := string(w.to.Policy)
	if policy == "" {
		policy = defaultKeyPolicy(have.Scope.Account)
	}
	_, err := client.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{
		KeyId: &have.ID, PolicyName: aws.String(keyPolicyName), Policy: &policy,
	})
	return d.sessions.failed("set the policy of key", have.ID, err)
}

func (d *key) setDescription(ctx context.Context, client *kms.Client, have resource.Observed, w wish[keyAttributes]) error {
	if !w.differs("description") {
		return nil
	}
	_, err := client.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &have.ID, Description: &w.to.Description})
	return failed("describe key", have.ID, err)
}

func (d *key) setRotation(ctx context.Context, client *kms.Client, have resource.Observed, w wish[keyAttributes]) error {
	if !w.differs("rotation") {
		return nil
	}
	if !w.to.Rotation {
		_, err := client.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: &have.ID})
		return failed("stop the rotation of key", have.ID, err)
	}
	_, err := client.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: &have.ID})
	return failed("start the rotation of key", have.ID, err)
}

func (d *key) setTags(ctx context.Context, client *kms.Client, id string, have tagged, want map[string]string) error {
	set, remove := have.change(want)
	if len(set) > 0 {
		if err := tagKey(ctx, client, id, set); err != nil {
			return err
		}
	}
	if len(remove) > 0 {
		_, err := client.UntagResource(ctx, &kms.UntagResourceInput{KeyId: &id, TagKeys: remove})
		return failed("untag key", id, err)
	}
	return nil
}

// defaultKeyPolicy is what KMS gives a key that is created without a policy.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
func defaultKeyPolicy(account string) string {
	return `{"Version":"2012-10-17","Id":"key-default-1","Statement":[{"Sid":"` + defaultKeySids[0] +
		`","Effect":"Allow","Principal":{"AWS":"` + rootARN(account) + `"},"Action":"kms:*","Resource":"*"}]}`
}

var (
	defaultKeyIDs  = []string{"key-default-1", "key-consolepolicy-3", ""}
	defaultKeySids = []string{"Enable IAM User Permissions", "Enable IAM policies", ""}
	rootPrincipal  = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):root$`)
)

// canonicalKeyPolicy is canonicalPolicy, and unset for the default policy of an account, so that a
// policy that says nothing else and none at all are the same.
func canonicalKeyPolicy(v resource.Value) resource.Value {
	v = canonicalPolicy(v)
	if defaultPolicyOf(v) != "" {
		return resource.Value{}
	}
	return v
}

// defaultPolicyOf returns the account whose default key policy a canonical document is, and "".
func defaultPolicyOf(v resource.Value) string {
	var document struct {
		Version   string
		ID        string `json:"Id"`
		Statement []struct {
			Sid, Effect      string
			Principal        struct{ AWS []string }
			Action, Resource []string
		}
	}
	dec := json.NewDecoder(strings.NewReader(v.Reveal()))
	dec.DisallowUnknownFields()
	if dec.Decode(&document) != nil || len(document.Statement) != 1 || !slices.Contains(defaultKeyIDs, document.ID) {
		return ""
	}
	s := document.Statement[0]
	if s.Effect != "Allow" || !slices.Contains(defaultKeySids, s.Sid) || len(s.Principal.AWS) != 1 ||
		!slices.Equal(s.Action, []string{"kms:*"}) || !slices.Equal(s.Resource, []string{"*"}) {
		return ""
	}
	if m := rootPrincipal.FindStringSubmatch(s.Principal.AWS[0]); m != nil {
		return m[1]
	}
	return ""
}

// keyPolicyFrom reads a key's policy. The default policy of *another* account, which would hand the
// key over to it, must not pass for the default; it is given a statement id that tells what it is.
func keyPolicyFrom(text, account string) json.RawMessage {
	policy := policyFrom(text)
	value, err := resource.ParseValue(policy)
	if err != nil {
		return policy
	}
	if other := defaultPolicyOf(canonicalPolicy(value)); other == "" || other == account {
		return policy
	}
	document, _ := parsePolicy(string(policy))
	for _, s := range list(document["Statement"]) {
		if fields, ok := s.(map[string]any); ok {
			fields["Sid"] = "GivesTheKeyToAnotherAccount"
		}
	}
	marked, err := json.Marshal(document)
	if err != nil {
		return policy
	}
	return marked
}
