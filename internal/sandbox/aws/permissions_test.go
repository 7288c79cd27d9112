package awsbox_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

// TestDriversDeclareWhatTheyAskFor puts the suite to the drivers and requires that what their calls asked
// to be allowed is exactly what they declare: nothing is missing, and nothing is declared for nothing.
func TestDriversDeclareWhatTheyAskFor(t *testing.T) {
	set := must[providers.Set](t)(cloud(awsbox.Conditions{}).Drivers())
	declared := map[bool]map[string]bool{false: {}, true: {}}
	for name, driver := range set {
		permitted, ok := driver.(providers.Permitted)
		if !ok {
			t.Errorf("%s doesn't say what it asks for", name)
			continue
		}
		p := permitted.Permissions()
		for write, grants := range map[bool][]providers.Grant{false: p.Read, true: p.Write} {
			for _, g := range grants {
				for _, action := range g.Actions {
					declared[write][action] = true
				}
			}
		}
	}
	asked := map[bool]map[string]bool{false: {}, true: {}}
	for _, check := range providertest.Checks(set.Kinds()) {
		synctest.Test(t, func(t *testing.T) {
			c, box := cloudOf(awsbox.Conditions{PageSize: 1, ConfirmAtOnce: true}, drivers.Account{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry", ExternalID: "secret-of-blue"})
			box.NoteActions()
			_ = check.Run(t.Context(), c) // whether it holds is TestConformance's business
			reads, writes := box.Actions()
			for _, action := range reads {
				asked[false][action] = true
			}
			for _, action := range writes {
				asked[true][action] = true
			}
		})
	}
	for _, r := range rescues() {
		c, box := cloudOf(awsbox.Conditions{}, drivers.Account{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry"})
		box.NoteActions()
		r.play(t, must[providers.Set](t)(c.Drivers()), box)
		reads, writes := box.Actions()
		for _, action := range append(reads, writes...) {
			asked[slices.Contains(writes, action)][action] = true
		}
	}
	for write, what := range map[bool]string{false: "reading", true: "writing"} {
		if missing := without(asked[write], declared[write]); len(missing) > 0 {
			t.Errorf("no driver declares for %s: %s", what, strings.Join(missing, " "))
		}
		if unused := without(declared[write], asked[write]); len(unused) > 0 {
			t.Errorf("declared for %s, and not asked for: %s", what, strings.Join(unused, " "))
		}
	}
}

// without is what the first set has and the second hasn't, sorted.
func without(all, but map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(s string) bool { return but[s] })
}

// A rescue is something that is made, changed behind the driver's back, read again and put right: what
// asks for actions that no check of the suite brings about.
type rescue struct {
	kind       string
	attributes string
	behind     func(t *testing.T, cfg aws.Config, have resource.Observed)
}

func rescues() []rescue {
	return []rescue{
		{"aws.iam.role", `{"name": "r", "assumeRolePolicy": ` + trust + `, "inlinePolicies": {"p": {"Version": "2012-10-17", "Statement": []}}}`, nil},
		{"aws.kms.key", `{"alias": "alias/doomed"}`, func(t *testing.T, cfg aws.Config, have resource.Observed) {
			t.Helper()
			do(t, kms.NewFromConfig(cfg).ScheduleKeyDeletion, &kms.ScheduleKeyDeletionInput{KeyId: aws.String(have.Outputs["id"])})
		}},
		{"aws.kms.key", `{"alias": "alias/mine"}`, func(t *testing.T, cfg aws.Config, have resource.Observed) {
			t.Helper()
			do(t, kms.NewFromConfig(cfg).CreateAlias, &kms.CreateAliasInput{AliasName: aws.String("alias/theirs"), TargetKeyId: aws.String(have.Outputs["id"])})
		}},
		{"aws.s3.bucket", `{"name": "shared"}`, func(t *testing.T, cfg aws.Config, _ resource.Observed) {
			t.Helper()
			client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
			do(t, client.PutBucketOwnershipControls, &s3.PutBucketOwnershipControlsInput{Bucket: aws.String("shared"), OwnershipControls: &s3types.OwnershipControls{
				Rules: []s3types.OwnershipControlsRule{{ObjectOwnership: s3types.ObjectOwnershipObjectWriter}},
			}})
			do(t, client.PutBucketAcl, &s3.PutBucketAclInput{Bucket: aws.String("shared"), ACL: s3types.BucketCannedACLAuthenticatedRead})
		}},
		{"aws.secretsmanager.secret", `{"name": "doomed"}`, func(t *testing.T, cfg aws.Config, have resource.Observed) {
			t.Helper()
			do(t, secretsmanager.NewFromConfig(cfg).DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: aws.String(have.Outputs["arn"])})
		}},
	}
}

func (r rescue) play(t *testing.T, set providers.Set, box *awsbox.Server) {
	t.Helper()
	driver := set[r.kind]
	scope := resource.Scope{Account: blue, Region: here}
	if driver.Kind().Global {
		scope.Region = resource.Global
	}
	var plain map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.attributes), &plain); err != nil {
		t.Fatal(err)
	}
	want := resource.Desired{Address: resource.Address{Owner: resource.Tenant("acme"), Kind: r.kind, Name: "one"}, Scope: scope, Attributes: resource.Attributes{}, Nonce: "n"}
	for name, text := range plain {
		want.Attributes[name] = must[resource.Value](t)(resource.ParseValue(text))
	}
	want.Attributes = driver.Kind().Canonical(want.Attributes)
	have := must[resource.Observed](t)(driver.Create(t.Context(), want, "suite"))
	if r.behind != nil {
		b := &bench{Server: box, t: t}
		cfg := b.base()
		r.behind(t, cfg, have)
	}
	have = must[resource.Observed](t)(driver.(providers.Refresher).Refresh(t.Context(), have))
	must[resource.Observed](t)(driver.Update(t.Context(), have, want))
}
