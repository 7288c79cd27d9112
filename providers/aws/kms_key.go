package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// kindKey describes aws.kms.key: a symmetric key and its alias. A key has no name of its own, so
// that sending its creation twice makes two; the alias, which is unique in account and region, is
// what commits it. A key with our tags and no alias is half made, and an update completes it: that
// is why the alias isn't immutable here.
var kindKey = resource.Kind{
	Name:         "aws.kms.key",
	DataBearing:  true,
	Unrepeatable: true,
	Attributes: []resource.Attribute{
		{Name: "alias"},
		{Name: "description", Default: resource.String("")},
		{Name: "policy", Canonical: canonicalKeyPolicy},
		{Name: "grants", Default: emptyList, Canonical: tidied(tidyGrants)},
		{Name: "rotation", Default: resource.Bool(false)},
		{Name: "enabled", Default: resource.Bool(true)},
		{Name: "tags", Default: emptyMap},
	},
	Outputs: []string{"arn", "id", "alias"},
}

type keyAttributes struct {
	// Alias is the key's alias. If it has several, all of them stand here, sorted and separated by
	// ", ", so that an alias that somebody added shows as a difference. Empty: half made.
	Alias       string            `json:"alias,omitempty"`
	Description string            `json:"description"`
	Policy      json.RawMessage   `json:"policy,omitempty"` // unset: the account's default policy
	Grants      []keyGrant        `json:"grants"`
	Rotation    bool              `json:"rotation"`
	Enabled     bool              `json:"enabled"`
	Tags        map[string]string `json:"tags"`
}

type key struct {
	sessions *sessions
	clients  *pool[*kms.Client]
}

func newKey(s *sessions) *key {
	return &key{sessions: s, clients: newPool(s, func(c aws.Config) *kms.Client { return kms.NewFromConfig(c) })}
}

// Kind describes keys.
func (d *key) Kind() resource.Kind { return kindKey }

// Observe costs ⌈keys / 1,000⌉ ListKeys + ⌈aliases / 100⌉ ListAliases + ours × 4 (DescribeKey, GetKeyPolicy,
// GetKeyRotationStatus, ListGrants), and ListResourceTags for each customers' key whose tags the index
// doesn't tell. AWS's own keys are left out by their aliases before that.
func (d *key) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	return scanner(d.scan).ours(ctx, scope, kindKey, fleet)
}

// Survey costs ⌈keys / 1,000⌉ ListKeys + ⌈aliases / 100⌉ ListAliases + customers' keys × 5. Keys that AWS
// manages are left out, those without an alias as well.
func (d *key) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(d.scan).everything(ctx, scope, kindKey)
}

func (d *key) scan(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	aliases, err := keyAliases(ctx, client, "")
	if err != nil {
		return nil, err
	}
	ids, err := customerKeys(ctx, client, aliases)
	if err != nil {
		return nil, err
	}
	index := d.sessions.index(ctx, scope)
	return each(ctx, ids, func(ctx context.Context, id string) (sighting, error) {
		return s.indexed(index, keyARN(scope, id), id,
			func() (tagged, error) { return keyTags(ctx, client, id) },
			func(tags tagged) (resource.Observed, error) {
				return d.details(ctx, client, scope, id, aliases[id], tags)
			})
	})
}

// Refresh reads one key again.
func (d *key) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	var tags tagged
	var aliases map[string][]string
	var meta *types.KeyMetadata
	err = together(ctx,
		func(ctx context.Context) (err error) { tags, err = d.owned(ctx, client, "read key", have); return err },
		func(ctx context.Context) (err error) { aliases, err = keyAliases(ctx, client, have.ID); return err },
		func(ctx context.Context) (err error) {
			meta, err = describeKey(ctx, client, have.ID)
			return failed("read key", have.ID, err)
		},
	)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.settings(ctx, client, have.Scope, meta, aliases[have.ID], tags)
}

// Create makes the key, with its tags in the same call, and then the alias. CreateKey is sent once:
// if its answer is lost the error is ErrUnsure, and only an observation can tell what became of it.
// A key of ours that has the alias already is finished instead, if it carries the nonce of want, or
// want has none.
func (d *key) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	var w keyAttributes
	if err := decode(kindKey, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	taken, err := d.behind(ctx, client, w.Alias)
	if err != nil {
		return resource.Observed{}, err
	}
	if taken != "" {
		return d.finish(ctx, client, taken, want, fleet, w)
	}
	tags := marked(w.Tags, fleet, want.Address, want.Nonce)
	input := &kms.CreateKeyInput{Description: &w.Description, Tags: toKeyTags(tags)}
	if len(w.Policy) > 0 {
		input.Policy = aws.String(string(w.Policy))
	}
	out, err := client.CreateKey(ctx, input, cautiously)
	switch {
	case unsure(err):
		return resource.Observed{}, failedAs(providers.ErrUnsure, "create key", w.Alias, err)
	case err != nil:
		return resource.Observed{}, d.sessions.failed("create key", w.Alias, err)
	}
	have := d.fresh(want, fleet, str(out.KeyMetadata.KeyId), str(out.KeyMetadata.Arn))
	made, err := d.converge(ctx, client, have, tags, types.KeyStateEnabled, want, w)
	if err != nil {
		return have, existing("create key", w.Alias, err) // with its id: it must not be made again
	}
	return made, nil
}

// cautiously is for calls that may make a second thing if they are sent again.
func cautiously(o *kms.Options) { o.Retryer = newCautiousRetryer() }

// fresh is a key as CreateKey leaves it.
func (d *key) fresh(want resource.Desired, fleet, id, arn string) resource.Observed {
	attributes := kindKey.Canonical(want.Attributes)
	alias := attributes["alias"].Text()
	delete(attributes, "alias")
	delete(attributes, "grants")
	attributes["rotation"], attributes["enabled"] = resource.Bool(false), resource.Bool(true)
	return resource.Observed{
		Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: id, Nonce: want.Nonce,
		Attributes: attributes, Outputs: keyOutputs(id, arn, alias),
	}
}

// finish brings a key of ours that has the alias already to what is wanted, if this very create made
// it when it was sent before.
func (d *key) finish(ctx context.Context, client *kms.Client, id string, want resource.Desired, fleet string, w keyAttributes) (resource.Observed, error) {
	tags, err := keyTags(ctx, client, id)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.require("create key", w.Alias, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	if want.Nonce != "" && tags[tagNonce] != want.Nonce {
		// It is for whoever knows all creates to say whether it is ours, once a listing has it.
		return resource.Observed{}, fmt.Errorf("create key %s: another create made what is behind the alias, and no listing shows it yet: %w", w.Alias, providers.ErrPending)
	}
	aliases, err := keyAliases(ctx, client, id)
	if err != nil {
		return resource.Observed{}, err
	}
	have, err := d.details(ctx, client, want.Scope, id, aliases[id], tags)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.change(ctx, client, have, tags, want, w)
}

// Update writes only what differs. A key that is disabled or scheduled for deletion comes back.
func (d *key) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	var w keyAttributes
	if err := decode(kindKey, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags, err := d.owned(ctx, client, "update key", have)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.change(ctx, client, have, tags, want, w)
}

func (d *key) change(ctx context.Context, client *kms.Client, have resource.Observed, tags tagged, want resource.Desired, w keyAttributes) (resource.Observed, error) {
	meta, err := describeKey(ctx, client, have.ID)
	if err != nil {
		return resource.Observed{}, failed("read key", have.ID, err)
	}
	return d.converge(ctx, client, have, tags, meta.KeyState, want, w)
}

// Delete refuses: what a key encrypted can't be read without it. No code here calls
// ScheduleKeyDeletion.
func (d *key) Delete(_ context.Context, have resource.Observed) error { return holdsData(have) }

// Retire tags the key with the time. It stays enabled, so that what it encrypted stays readable.
func (d *key) Retire(ctx context.Context, have resource.Observed, at string) (resource.Observed, error) {
	now, err := d.Refresh(ctx, have)
	if err != nil || now.Retired != "" {
		return now, err
	}
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tagKey(ctx, client, have.ID, tagged{tagRetired: at}); err != nil {
		return resource.Observed{}, err
	}
	now.Retired = at
	return now, nil
}

// Adopt puts our mark on the customer's key that want.Adopt names, by id, ARN or alias.
func (d *key) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	meta, err := describeKey(ctx, client, want.Adopt)
	if err != nil {
		return resource.Observed{}, failed("adopt key", want.Adopt, err)
	}
	if meta.KeyManager != types.KeyManagerTypeCustomer {
		return resource.Observed{}, notOurs("adopt key", want.Adopt, "AWS manages it")
	}
	id := str(meta.KeyId)
	tags, err := keyTags(ctx, client, id)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	if !tags.in(fleet, kindKey.Name) {
		marks := marked(nil, fleet, want.Address, "")
		if err := tagKey(ctx, client, id, marks); err != nil {
			return resource.Observed{}, err
		}
		tags = tags.with(marks, nil)
	}
	aliases, err := keyAliases(ctx, client, id)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.details(ctx, client, want.Scope, id, aliases[id], tags)
}

// owned reads the tags and refuses a key that no longer carries the mark it had.
func (d *key) owned(ctx context.Context, client *kms.Client, operation string, have resource.Observed) (tagged, error) {
	tags, err := keyTags(ctx, client, have.ID)
	if err != nil {
		return nil, err
	}
	return tags, tags.require(operation, have.ID, have.Fleet, have.Address)
}

// behind returns the id of the key that an alias leads to, and "" if there is no such alias.
func (d *key) behind(ctx context.Context, client *kms.Client, alias string) (string, error) {
	meta, err := describeKey(ctx, client, alias)
	if hasCode(err, "NotFoundException") {
		return "", nil
	}
	if err != nil {
		return "", failed("look for key", alias, err)
	}
	return str(meta.KeyId), nil
}

// details reads what the lists don't tell about a key whose tags and aliases are known.
func (d *key) details(ctx context.Context, client *kms.Client, scope resource.Scope, id string, aliases []string, tags tagged) (resource.Observed, error) {
	meta, err := describeKey(ctx, client, id)
	if err != nil {
		return resource.Observed{}, failed("read key", id, err)
	}
	return d.settings(ctx, client, scope, meta, aliases, tags)
}

// settings reads what a key's description doesn't tell.
func (d *key) settings(ctx context.Context, client *kms.Client, scope resource.Scope, meta *types.KeyMetadata, aliases []string, tags tagged) (resource.Observed, error) {
	id := str(meta.KeyId)
	if meta.KeyManager == types.KeyManagerTypeAws {
		return resource.Observed{}, notOurs("read key", id, "AWS manages it")
	}
	var policy *kms.GetKeyPolicyOutput
	var rotation bool
	var grants map[string]keyGrant
	err := together(ctx,
		func(ctx context.Context) (err error) {
			policy, err = client.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: &id, PolicyName: aws.String(keyPolicyName)})
			return failed("read the policy of key", id, err)
		},
		func(ctx context.Context) (err error) { rotation, err = rotates(ctx, client, id); return err },
		func(ctx context.Context) (err error) { grants, err = d.grants(ctx, client, scope, id); return err },
	)
	if err != nil {
		return resource.Observed{}, err
	}
	alias := strings.Join(slices.Sorted(slices.Values(aliases)), ", ")
	have, err := seen{
		kind: kindKey, scope: scope, id: id, tags: tags, pending: pendingKey(meta.KeyState),
		attributes: keyAttributes{
			Alias: alias, Description: str(meta.Description), Policy: keyPolicyFrom(str(policy.Policy), scope.Account),
			Grants: listed(grants), Rotation: rotation, Enabled: enabledKey(meta.KeyState), Tags: tags.users(),
		},
		outputs: keyOutputs(id, str(meta.Arn), alias),
	}.observed()
	if meta.DeletionDate != nil && have.Retired == "" {
		have.Retired = meta.DeletionDate.UTC().Format(time.RFC3339)
	}
	return have, err
}

func keyOutputs(id, arn, alias string) map[string]string {
	return map[string]string{"arn": arn, "id": id, "alias": alias}
}

// enabledKey: a key that is on its way to a state counts as enabled, so that only what somebody did
// to it shows.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
func enabledKey(state types.KeyState) bool {
	switch state {
	case types.KeyStateDisabled, types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion:
		return false
	}
	return true
}

func pendingKey(state types.KeyState) string {
	switch state {
	case types.KeyStateCreating, types.KeyStateUpdating, types.KeyStatePendingImport, types.KeyStateUnavailable:
		return fmt.Sprintf("the key's state is %s", state)
	}
	return ""
}
