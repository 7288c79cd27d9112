package aws

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// kindSecret describes aws.secretsmanager.secret. A value is never among the attributes: secrets
// are created empty, and whoever owns the value puts it there.
var kindSecret = resource.Kind{
	Name:        "aws.secretsmanager.secret",
	DataBearing: true,
	Uses:        []string{"aws.kms.key"},
	Attributes: []resource.Attribute{
		{Name: "name", Immutable: true},
		{Name: "description", Default: resource.String("")},
		{Name: "kmsKey", Default: resource.String("")},
		{Name: "rotation"},
		{Name: "policy", Canonical: canonicalPolicy},
		{Name: "replicas", Default: emptyList, Canonical: tidied(tidyReplicas)},
		{Name: "tags", Default: emptyMap},
	},
	Outputs: []string{"arn", "name"},
}

type secretAttributes struct {
	Name        string            `json:"name"`
	Description string            `json:"description"`
	KMSKey      string            `json:"kmsKey"` // empty: the account's aws/secretsmanager key
	Rotation    *secretRotation   `json:"rotation,omitempty"`
	Policy      json.RawMessage   `json:"policy,omitempty"`
	Replicas    []replica         `json:"replicas"`
	Tags        map[string]string `json:"tags"`
}

type secretRotation struct {
	LambdaARN string `json:"lambdaArn"`
	Days      int64  `json:"days"`
	// Schedule is a rate or cron expression that somebody set instead of days. It is observed, so
	// that it shows as a difference, and never wanted.
	Schedule string `json:"schedule,omitempty"`
}

// defaultSecretKey is how the key that is used by default is asked for by name.
const defaultSecretKey = "alias/aws/secretsmanager"

type secret struct {
	sessions *sessions
	clients  *pool[*secretsmanager.Client]
}

func newSecret(s *sessions) *secret {
	return &secret{sessions: s, clients: newPool(s, func(c aws.Config) *secretsmanager.Client {
		return secretsmanager.NewFromConfig(c)
	})}
}

// Kind describes secrets.
func (d *secret) Kind() resource.Kind { return kindSecret }

// Observe costs ⌈secrets of the scope / 100⌉ ListSecrets + ours × GetResourcePolicy + ours with
// replicas × DescribeSecret. The list has the tags, and names the primary region of what is in several; replicas
// are part of the secret that they are copies of. Secrets that are scheduled for deletion are listed only on
// request.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretListEntry.html (PrimaryRegion)
func (d *secret) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	return scanner(d.scan).ours(ctx, scope, kindSecret, fleet)
}

// Survey costs ⌈secrets of the scope / 100⌉ ListSecrets + secrets × GetResourcePolicy. Secrets that
// a service keeps for itself, such as a database's, are left out; a value is never read.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
func (d *secret) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(d.scan).everything(ctx, scope, kindSecret)
}

func (d *secret) scan(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	var entries []types.SecretListEntry
	pages := secretsmanager.NewListSecretsPaginator(client, &secretsmanager.ListSecretsInput{
		MaxResults: aws.Int32(100), IncludePlannedDeletion: aws.Bool(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list secrets of", scope.String(), err)
		}
		for _, entry := range page.SecretList {
			_, wanted := s.wants(secretTags(entry.Tags))
			copied := str(entry.PrimaryRegion) != "" && str(entry.PrimaryRegion) != scope.Region
			if wanted && !copied && (s.fleet != "" || str(entry.OwningService) == "") {
				entries = append(entries, entry)
			}
		}
	}
	return each(ctx, entries, func(ctx context.Context, entry types.SecretListEntry) (sighting, error) {
		return s.sight(str(entry.ARN),
			func() (tagged, error) { return secretTags(entry.Tags), nil },
			func(tags tagged) (resource.Observed, error) {
				facts := secretFacts{
					arn: str(entry.ARN), name: str(entry.Name), description: str(entry.Description), key: str(entry.KmsKeyId),
					rotates: aws.ToBool(entry.RotationEnabled), lambda: str(entry.RotationLambdaARN), rules: entry.RotationRules,
					deleted: entry.DeletedDate, tags: tags,
				}
				if str(entry.PrimaryRegion) != "" {
					described, err := d.describe(ctx, client, facts.arn)
					if err != nil {
						return resource.Observed{}, failed("read the replicas of secret", facts.name, err)
					}
					facts.replicas = described.replicas
				}
				return d.details(ctx, client, scope, facts)
			})
	})
}

// Refresh reads one secret again, by its ARN.
func (d *secret) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.checked(ctx, client, have)
}

// Create makes the secret with its tags and without a value. The token is the same for every
// attempt; if the name is taken, what is there is finished, provided that it is ours. A secret of
// ours that is scheduled for deletion is restored.
func (d *secret) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	var w secretAttributes
	if err := decode(kindSecret, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags := marked(w.Tags, fleet, want.Address, "")
	input := &secretsmanager.CreateSecretInput{
		Name: &w.Name, Description: &w.Description, Tags: toSecretTags(tags),
		ClientRequestToken: aws.String(requestToken(fleet, want.Address, w.Name)),
	}
	if w.KMSKey != "" {
		input.KmsKeyId = &w.KMSKey
	}
	out, err := client.CreateSecret(ctx, input)
	if err != nil {
		return d.finish(ctx, client, want, fleet, w, err)
	}
	have, err := d.converge(ctx, client, d.fresh(want, fleet, str(out.ARN)), tags, want, w)
	return have, existing("create secret", w.Name, err)
}

// finish brings a secret that could not be created, because there is one of its name, to what is
// wanted. InvalidRequestException is AWS's answer for a name that is scheduled for deletion, and
// for other things: reading the secret tells.
func (d *secret) finish(ctx context.Context, client *secretsmanager.Client, want resource.Desired, fleet string, w secretAttributes, refusal error) (resource.Observed, error) {
	if !hasCode(refusal, "ResourceExistsException", "InvalidRequestException") {
		return resource.Observed{}, failedNaming("create secret", w.Name, refusal)
	}
	facts, err := d.describe(ctx, client, w.Name)
	switch {
	case hasCode(refusal, "ResourceExistsException") && err != nil:
		return resource.Observed{}, existing("create secret", w.Name, failed("read secret", w.Name, err))
	case err != nil || facts.name != w.Name: // a name can also be read as the beginning of an ARN
		return resource.Observed{}, failed("create secret", w.Name, refusal)
	}
	if err := facts.tags.require("create secret", w.Name, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	return d.bring(ctx, client, want.Scope, facts, want, w)
}

// fresh is a secret as CreateSecret leaves it: what that call can't set is unset.
func (d *secret) fresh(want resource.Desired, fleet, arn string) resource.Observed {
	attributes := kindSecret.Canonical(want.Attributes)
	outputs := map[string]string{"arn": arn, "name": attributes["name"].Text()}
	delete(attributes, "rotation")
	delete(attributes, "policy")
	delete(attributes, "replicas")
	return resource.Observed{
		Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: arn, Attributes: attributes, Outputs: outputs,
	}
}

// Update writes only what differs, and restores a secret that is scheduled for deletion.
func (d *secret) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	var w secretAttributes
	if err := decode(kindSecret, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	facts, err := d.describe(ctx, client, have.ID)
	if err != nil {
		return resource.Observed{}, failed("update secret", have.ID, err)
	}
	if err := facts.tags.require("update secret", have.ID, have.Fleet, have.Address); err != nil {
		return resource.Observed{}, err
	}
	if facts.deleted != nil {
		return d.bring(ctx, client, have.Scope, facts, want, w)
	}
	return d.converge(ctx, client, have, facts.tags, want, w)
}

// bring restores a secret of ours if need be, reads the rest of it, and converges it.
func (d *secret) bring(ctx context.Context, client *secretsmanager.Client, scope resource.Scope, facts secretFacts, want resource.Desired, w secretAttributes) (resource.Observed, error) {
	if facts.deleted != nil {
		if _, err := client.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &facts.arn}); err != nil {
			return resource.Observed{}, failed("restore secret", facts.arn, err)
		}
		facts.deleted = nil
	}
	have, err := d.details(ctx, client, scope, facts)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.converge(ctx, client, have, facts.tags, want, w)
}

// converge writes what differs. The caller has checked the mark in tags.
func (d *secret) converge(ctx context.Context, client *secretsmanager.Client, have resource.Observed, tags tagged, want resource.Desired, to secretAttributes) (resource.Observed, error) {
	w := wishFor(kindSecret, have.Attributes, want, to)
	if err := d.setMetadata(ctx, client, have.ID, w); err != nil {
		return resource.Observed{}, err
	}
	if err := d.setPolicy(ctx, client, have.ID, w); err != nil {
		return resource.Observed{}, err
	}
	if err := d.setReplicas(ctx, client, have.ID, w); err != nil {
		return resource.Observed{}, err
	}
	if err := d.setRotation(ctx, client, have.ID, w); err != nil {
		return resource.Observed{}, err
	}
	if err := d.setTags(ctx, client, have.ID, tags, to.Tags); err != nil {
		return resource.Observed{}, err
	}
	return w.met(have), nil
}

func (d *secret) setMetadata(ctx context.Context, client *secretsmanager.Client, id string, w wish[secretAttributes]) error {
	if !w.differs("description", "kmsKey") {
		return nil
	}
	input := &secretsmanager.UpdateSecretInput{SecretId: &id}
	if w.differs("description") {
		input.Description = &w.to.Description
	}
	if w.differs("kmsKey") {
		key := w.to.KMSKey
		if key == "" {
			key = defaultSecretKey
		}
		input.KmsKeyId = &key
	}
	_, err := client.UpdateSecret(ctx, input)
	return failedNaming("update secret", id, err)
}

func (d *secret) setPolicy(ctx context.Context, client *secretsmanager.Client, id string, w wish[secretAttributes]) error {
	if !w.differs("policy") {
		return nil
	}
	if len(w.to.Policy) == 0 {
		_, err := client.DeleteResourcePolicy(ctx, &secretsmanager.DeleteResourcePolicyInput{SecretId: &id})
		return failed("remove the policy of secret", id, err)
	}
	_, err := client.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{
		SecretId: &id, ResourcePolicy: aws.String(string(w.to.Policy)), BlockPublicPolicy: aws.Bool(true),
	})
	return d.sessions.failed("set the policy of secret", id, err)
}

// setRotation never rotates at once: a change of settings must not change a value.
func (d *secret) setRotation(ctx context.Context, client *secretsmanager.Client, id string, w wish[secretAttributes]) error {
	if !w.differs("rotation") {
		return nil
	}
	if w.to.Rotation == nil {
		_, err := client.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: &id})
		return failed("stop the rotation of secret", id, err)
	}
	_, err := client.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: &id, RotateImmediately: aws.Bool(false),
		ClientRequestToken: aws.String(requestToken(id, w.want["rotation"].Reveal())),
		RotationLambdaARN:  &w.to.Rotation.LambdaARN,
		RotationRules:      &types.RotationRulesType{AutomaticallyAfterDays: &w.to.Rotation.Days},
	})
	return failedNaming("set the rotation of secret", id, err)
}

func (d *secret) setTags(ctx context.Context, client *secretsmanager.Client, id string, have tagged, want map[string]string) error {
	set, remove := have.change(want)
	if len(set) > 0 {
		if _, err := client.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: &id, Tags: toSecretTags(set)}); err != nil {
			return failed("tag secret", id, err)
		}
	}
	if len(remove) > 0 {
		_, err := client.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &id, TagKeys: remove})
		return failed("untag secret", id, err)
	}
	return nil
}

// Delete refuses: a secret's value can't be made again. No code here calls DeleteSecret.
func (d *secret) Delete(_ context.Context, have resource.Observed) error { return holdsData(have) }

// Retire tags the secret with the time; it is kept as it is.
func (d *secret) Retire(ctx context.Context, have resource.Observed, at string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	now, err := d.checked(ctx, client, have)
	if err != nil || now.Retired != "" {
		return now, err
	}
	if err := d.setMark(ctx, client, have.ID, tagged{tagRetired: at}); err != nil {
		return resource.Observed{}, err
	}
	now.Retired = at
	return now, nil
}

// Adopt puts our mark on the secret that want.Adopt names, by ARN or name.
func (d *secret) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	facts, err := d.describe(ctx, client, want.Adopt)
	if err != nil {
		return resource.Observed{}, failed("adopt secret", want.Adopt, err)
	}
	if err := facts.tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	marks := marked(nil, fleet, want.Address, "")
	if err := d.setMark(ctx, client, facts.arn, marks); err != nil {
		return resource.Observed{}, err
	}
	maps.Copy(facts.tags, marks)
	return d.details(ctx, client, want.Scope, facts)
}

func (d *secret) setMark(ctx context.Context, client *secretsmanager.Client, id string, tags tagged) error {
	_, err := client.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: &id, Tags: toSecretTags(tags)})
	return failed("mark secret", id, err)
}

// secretFacts is what both ListSecrets and DescribeSecret tell.
type secretFacts struct {
	arn, name, description, key string
	rotates                     bool
	lambda                      string
	rules                       *types.RotationRulesType
	replicas                    []replica // which only DescribeSecret tells
	deleted                     *time.Time
	tags                        tagged
}

// describe reads a secret by ARN or name. ErrGone is in the error of its caller.
func (d *secret) describe(ctx context.Context, client *secretsmanager.Client, id string) (secretFacts, error) {
	out, err := client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
	if err != nil {
		return secretFacts{}, err
	}
	return secretFacts{
		arn: str(out.ARN), name: str(out.Name), description: str(out.Description), key: str(out.KmsKeyId),
		rotates: aws.ToBool(out.RotationEnabled), lambda: str(out.RotationLambdaARN), rules: out.RotationRules,
		replicas: fromReplicas(out.ReplicationStatus), deleted: out.DeletedDate, tags: secretTags(out.Tags),
	}, nil
}

// checked reads a secret whole, and refuses one that no longer carries the mark it had.
func (d *secret) checked(ctx context.Context, client *secretsmanager.Client, have resource.Observed) (resource.Observed, error) {
	facts, err := d.describe(ctx, client, have.ID)
	if err != nil {
		return resource.Observed{}, failed("read secret", have.ID, err)
	}
	if err := facts.tags.require("read secret", have.ID, have.Fleet, have.Address); err != nil {
		return resource.Observed{}, err
	}
	return d.details(ctx, client, have.Scope, facts)
}

// details adds the resource policy. One that is scheduled for deletion counts as retired at that
// time, and its policy as unset, because the service refuses to read it.
func (d *secret) details(ctx context.Context, client *secretsmanager.Client, scope resource.Scope, f secretFacts) (resource.Observed, error) {
	attributes := secretAttributes{
		Name: f.name, Description: f.description, KMSKey: f.key, Rotation: f.rotation(), Replicas: f.replicas, Tags: f.tags.users(),
	}
	if f.key == defaultSecretKey {
		attributes.KMSKey = ""
	}
	if f.deleted == nil {
		out, err := client.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: &f.arn})
		if err != nil {
			return resource.Observed{}, failed("read the policy of secret", f.name, err)
		}
		attributes.Policy = policyFrom(str(out.ResourcePolicy))
	}
	have, err := seen{
		kind: kindSecret, scope: scope, id: f.arn, tags: f.tags, attributes: attributes,
		outputs: map[string]string{"arn": f.arn, "name": f.name},
	}.observed()
	if f.deleted != nil && have.Retired == "" {
		have.Retired = f.deleted.UTC().Format(time.RFC3339)
	}
	return have, err
}

func (f secretFacts) rotation() *secretRotation {
	if !f.rotates {
		return nil
	}
	r := &secretRotation{LambdaARN: f.lambda}
	if f.rules != nil {
		r.Days, r.Schedule = aws.ToInt64(f.rules.AutomaticallyAfterDays), str(f.rules.ScheduleExpression)
	}
	return r
}

func secretTags(list []types.Tag) tagged {
	return fromTags(list, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}

func toSecretTags(tags tagged) []types.Tag {
	return toTags(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

// requestToken is a token that is the same for the same request, in the form of a UUID, which is
// what Secrets Manager recommends and its length limit (32–64) fits.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
func requestToken(parts ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%q", parts)))
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
