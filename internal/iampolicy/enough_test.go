package iampolicy_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"tenantry.dev/internal/iampolicy"
	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

const (
	account  = "111111111111"
	region   = "eu-central-1"
	fleet    = "suite"
	role     = "arn:aws:iam::" + account + ":role/tenantry"
	boundary = "arn:aws:iam::" + account + ":policy/suite-tenant"
	trust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)

// types are some that go through Cloud Control.
var types = []string{"AWS::DynamoDB::Table", "AWS::RUM::AppMonitor"}

// place is a sandbox with one account.
func place(t *testing.T) (*awsbox.Server, func() (providers.Set, error)) {
	t.Helper()
	box := awsbox.New(awsbox.Options{
		Accounts:   []awsbox.Account{{ID: account, RoleARN: role, ExternalID: "x", Policies: []string{"suite-tenant", "other"}}},
		Conditions: awsbox.Conditions{ConfirmAtOnce: true},
	})
	return box, func() (providers.Set, error) {
		return drivers.Drivers(aws.Config{
			Region: region, BaseEndpoint: aws.String("http://127.0.0.1:9"), HTTPClient: &http.Client{Transport: box.Transport()},
			Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
		}, []drivers.Account{{ID: account, RoleARN: role, ExternalID: "x"}}, types...)
	}
}

// estate is a fleet that uses these kinds.
func estate(t *testing.T, kinds ...string) iampolicy.Estate {
	t.Helper()
	_, open := place(t)
	set, err := open()
	if err != nil {
		t.Fatal(err)
	}
	e := iampolicy.Estate{
		Fleet: fleet, Boundary: boundary, Kinds: map[string]providers.Permissions{}, Written: map[string]bool{},
		Account: iampolicy.Account{ID: account, Regions: []string{region}, Role: role, ExternalID: "x"},
	}
	for name, d := range set {
		if len(kinds) == 0 || slices.Contains(kinds, name) {
			e.Kinds[name], e.Written[name] = d.(providers.Permitted).Permissions(), true
		}
	}
	return e
}

// An attempt is something that the drivers do, and that the writer's policies must be enough for.
type attempt struct {
	name string
	run  func(ctx context.Context, box *awsbox.Server, open func() (providers.Set, error)) error
}

// attempts are what the suite has for a kind, but for what another fleet does.
func attempts(t *testing.T, kind string) []attempt {
	t.Helper()
	_, open := place(t)
	set, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if kind == "aws.iam.role" {
		return []attempt{{"a role with a boundary", roleWithBoundary}}
	}
	var out []attempt
	for _, check := range providertest.Checks(map[string]resource.Kind{kind: set[kind].Kind()}) {
		if strings.HasPrefix(check.Name, "walk as full") { // with things of other kinds
			continue
		}
		if !strings.HasPrefix(check.Name, "walk ") && !slices.Contains([]string{
			"create finishes what it began", "adopt puts our mark on", "move changes the address and nothing else", "data is retired and never deleted",
			"refresh reads one resource", "survey sees what nobody has marked", "what is gone is gone",
		}, check.Name) {
			continue
		}
		out = append(out, attempt{check.String(), func(ctx context.Context, box *awsbox.Server, open func() (providers.Set, error)) error {
			return check.Run(ctx, providertest.Cloud{
				Drivers: open, Fleet: fleet, Scope: resource.Scope{Account: account, Region: region}, Elsewhere: resource.Scope{Account: account, Region: "us-east-1"},
				Unmark: func(_ context.Context, have resource.Observed) error {
					return box.Chaos(awsbox.Mischief{Address: have.Address.String(), Kind: have.Address.Kind, Do: "mark-removed"})
				},
			})
		}})
	}
	if kind == "aws.logs.group" {
		out = append(out, attempt{"a filter sends to a stream as a role", toStream})
	}
	return append(out, rescues(kind)...)
}

// toStream makes a log group whose filter needs a role, as those of the suite, to another account, don't.
func toStream(ctx context.Context, _ *awsbox.Server, open func() (providers.Set, error)) error {
	set, err := open()
	if err != nil {
		return err
	}
	want, err := desired(set["aws.logs.group"].Kind(), "app", `{"name": "suite-app", "subscriptionFilters": [{"name": "all", "pattern": "",
		"destinationArn": "arn:aws:kinesis:eu-central-1:111111111111:stream/logs", "roleArn": "arn:aws:iam::111111111111:role/to-stream", "distribution": "ByLogStream"}]}`)
	if err != nil {
		return err
	}
	_, err = set["aws.logs.group"].Create(ctx, want, fleet)
	return err
}

// texts are documents as IAM would be given them.
func texts(policies []iampolicy.Policy) []string {
	var out []string
	for _, p := range policies {
		out = append(out, p.Document.Text())
	}
	return out
}

// try runs an attempt with these policies on the role.
func try(t *testing.T, a attempt, policies []string) error {
	t.Helper()
	var failure error
	synctest.Test(t, func(t *testing.T) {
		box, open := place(t)
		if err := box.Permit(role, policies...); err != nil {
			t.Fatal(err)
		}
		failure = a.run(t.Context(), box, open)
	})
	return failure
}

// TestTheWritersPoliciesAreEnoughAndNoMore does everything with the policies that are generated, and again
// with each statement left out: then something must be denied, and the message must name an action of
// that statement. The kinds with drivers of their own use each other; types are alone.
func TestTheWritersPoliciesAreEnoughAndNoMore(t *testing.T) {
	var natives []string
	alone := map[string][]string{}
	for kind := range estate(t).Kinds {
		if strings.Contains(kind, "::") {
			alone[kind] = []string{kind}
			continue
		}
		natives = append(natives, kind)
	}
	slices.Sort(natives)
	alone["natives"] = natives
	for name, kinds := range alone {
		t.Run(name, func(t *testing.T) {
			e := estate(t, kinds...)
			set := iampolicy.Write(e)
			enough(t, kinds, texts(set.Writer))
			for i, p := range set.Writer {
				for j, s := range p.Document.Statement {
					if s.Effect != "Allow" || s.Sid == iampolicy.Asking {
						continue
					}
					less := slices.Clone(set.Writer)
					less[i].Document.Statement = slices.Delete(slices.Clone(p.Document.Statement), j, j+1)
					if !anyDenied(t, asking(e, s.Action), texts(less), s.Action) {
						t.Errorf("without %s nothing is denied that names one of %v", s.Sid, s.Action)
					}
				}
			}
		})
	}
}

// enough requires that policies allow everything that is attempted with some kinds.
func enough(t *testing.T, kinds, policies []string) {
	t.Helper()
	for _, kind := range kinds {
		for _, a := range attempts(t, kind) {
			if err := try(t, a, policies); err != nil {
				t.Errorf("%s: %v", a.name, err)
			}
		}
	}
}

// asking are the kinds of which a grant has one of the actions.
func asking(e iampolicy.Estate, actions []string) []string {
	var kinds []string
	for kind, p := range e.Kinds {
		if slices.ContainsFunc(slices.Concat(p.Read, p.Write), func(g providers.Grant) bool {
			return slices.ContainsFunc(g.Actions, func(action string) bool { return slices.Contains(actions, action) })
		}) {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// anyDenied tells whether one of the attempts ends with a denial that names one of the actions.
func anyDenied(t *testing.T, kinds, policies, actions []string) bool {
	t.Helper()
	for _, kind := range kinds {
		for _, a := range attempts(t, kind) {
			err := try(t, a, policies)
			if err != nil && slices.ContainsFunc(actions, func(action string) bool { return strings.Contains(err.Error(), action) }) {
				return true
			}
		}
	}
	return false
}
