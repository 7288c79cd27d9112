//go:build conformance

package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	awsdrivers "tenantry.dev/providers/aws"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

// How the suite is put before a real account:
//
//	go test -tags conformance ./internal/conformance -run TestLive$ -live -live-account 111122223333 \
//	    -live-role arn:aws:iam::111122223333:role/tenantry -live-external-id suite -timeout 3h
//
// with the credentials that the AWS SDK finds. It makes, changes and removes things in that account, all of
// them under names and marks of its own, and costs some cents; see cost.
var (
	live         = flag.Bool("live", false, "put the suite before a real AWS account; it makes and removes things there, which costs some cents")
	liveAccount  = flag.String("live-account", "", "the number of that account; whatever other account the credentials lead to is refused")
	liveRole     = flag.String("live-role", "", "the role to assume in it; empty means that the credentials are the account's own")
	liveExternal = flag.String("live-external-id", "", "what the role's trust policy demands as sts:ExternalId")
	liveRegion   = flag.String("live-region", "eu-central-1", "where regional resources are made")
	liveChecks   = flag.String("live-checks", "", "a pattern for the checks to make, such as aws.sqs; empty means all")
	liveTypes    = flag.String("live-types", "", "resource types to check as well, separated by commas, such as AWS::SSM::Parameter")
)

// A liveRun is the suite before one account.
type liveRun struct {
	base    aws.Config
	account awsdrivers.Account
	region  string
	types   []string
	prefix  string // of everything that it makes, unique to the run
	settle  time.Duration
	last    atomic.Int64
}

// TestLive puts the suite before a real account. Without the flag it has no checks.
func TestLive(t *testing.T) {
	if !*live {
		return
	}
	base, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatalf("the credentials of the account: %v", err)
	}
	run := &liveRun{
		base: base, account: awsdrivers.Account{ID: *liveAccount, RoleARN: *liveRole, ExternalID: *liveExternal, Fleet: "live"},
		region: *liveRegion, prefix: "live-" + strconv.FormatInt(time.Now().Unix()%(36*36*36*36*36*36), 36), settle: time.Minute,
	}
	for name := range strings.SplitSeq(*liveTypes, ",") {
		if name != "" {
			run.types = append(run.types, name)
		}
	}
	run.start(t, *liveChecks)
}

// start makes the checks that match, and removes what each of them made, whether it held or not.
func (l *liveRun) start(t *testing.T, pattern string) {
	t.Helper()
	if err := l.verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	like, err := regexp.Compile(pattern)
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := l.kinds()
	if err != nil {
		t.Fatal(err)
	}
	checks := slices.DeleteFunc(providertest.Checks(kinds), func(c providertest.Check) bool { return !like.MatchString(c.String()) })
	if _, err := fmt.Fprintln(os.Stderr, l.cost(checks)); err != nil {
		t.Fatal(err)
	}
	for _, check := range checks {
		t.Run(check.String(), func(t *testing.T) { l.check(t, check) })
	}
}

// verify refuses every account but the one that was named.
func (l *liveRun) verify(ctx context.Context) error {
	if !regexp.MustCompile(`^[0-9]{12}$`).MatchString(l.account.ID) {
		return fmt.Errorf("say which account: -live-account with its 12 digits, not %q", l.account.ID)
	}
	if _, err := l.base.Credentials.Retrieve(ctx); err != nil {
		return fmt.Errorf("no credentials for account %s: %w", l.account.ID, err)
	}
	return awsdrivers.Verify(ctx, l.base, l.account)
}

func (l *liveRun) kinds() (map[string]resource.Kind, error) {
	set, err := awsdrivers.Drivers(l.base, []awsdrivers.Account{l.account}, l.types...)
	if err != nil {
		return nil, err
	}
	return set.Kinds(), nil
}

// perCheck are how many of a kind a check makes at most, on average, rounded up.
const perCheck = 3

// cost says what the checks make in the account, and what AWS bills for it. Keys are a dollar a month each,
// by the hour, and none while they wait to be deleted; secrets are 40 cents a month; the rest costs less
// than a cent as long as nothing is put into it.
// https://aws.amazon.com/kms/pricing/, https://aws.amazon.com/secrets-manager/pricing/
func (l *liveRun) cost(checks []providertest.Check) string {
	made := map[string]int{}
	for _, c := range checks {
		made[c.Kind] += perCheck
	}
	cents := float64(made["aws.kms.key"])*100/730 + float64(made["aws.secretsmanager.secret"])*40/730 + 1
	text := fmt.Sprintf("%d checks in account %s, %s, under the names %s-*. They make some %d keys and %d secrets among other things, for up to an hour: about %.0f cents.",
		len(checks), l.account.ID, l.region, l.prefix, made["aws.kms.key"], made["aws.secretsmanager.secret"], cents)
	if len(l.types) > 0 {
		text += fmt.Sprintf(" What %s costs is on AWS's pages of prices.", strings.Join(l.types, ", "))
	}
	return text
}

// check makes one check under names of its own.
func (l *liveRun) check(t *testing.T, check providertest.Check) {
	t.Helper()
	fleet := fmt.Sprintf("%s-%d", l.prefix, l.last.Add(1))
	cloud := Cloud(l.base, l.account, fleet)
	drivers := cloud.Drivers
	cloud.Drivers = func() (providers.Set, error) {
		if len(l.types) == 0 {
			return drivers()
		}
		return awsdrivers.Drivers(l.base, []awsdrivers.Account{l.account}, l.types...)
	}
	cloud.Scope.Region, cloud.Settle = l.region, l.settle
	var unmarked []resource.Observed
	unmark := cloud.Unmark
	cloud.Unmark = func(ctx context.Context, have resource.Observed) error {
		unmarked = append(unmarked, have)
		return unmark(ctx, have)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
		defer cancel()
		if err := l.clean(ctx, cloud, unmarked); err != nil {
			t.Errorf("what the check made is still there: %v", err)
		}
	}()
	if err := check.Run(t.Context(), cloud); err != nil {
		t.Error(err)
	}
}

// clean removes what carries the mark of a check, or carried it until the check itself took it off.
func (l *liveRun) clean(ctx context.Context, cloud providertest.Cloud, unmarked []resource.Observed) error {
	set, err := cloud.Drivers()
	if err != nil {
		return err
	}
	var errs []error
	found := unmarked
	for _, fleet := range []string{cloud.Fleet, cloud.Fleet + "-2"} { // the second is the suite's stranger
		for _, driver := range set {
			scope := cloud.Scope
			if driver.Kind().Global {
				scope.Region = resource.Global
			}
			list, err := driver.Observe(ctx, scope, fleet)
			errs = append(errs, err)
			found = append(found, list...)
		}
	}
	for _, have := range found {
		cfg, err := enter(ctx, l.base, l.account, have.Scope)
		if err == nil {
			err = remove(ctx, cfg, have)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove %s %s: %w", have.Address.Kind, have.ID, err))
		}
	}
	return errors.Join(errs...)
}

// TestLiveAtTheSandbox has the sandbox for the real account: the checks hold, nothing of them is left, what
// others have is untouched, and a wrong account is refused before anything is called in it.
func TestLiveAtTheSandbox(t *testing.T) {
	const account = "111122223333"
	role := "arn:aws:iam::" + account + ":role/tenantry"
	box := awsbox.New(awsbox.Options{
		Accounts:   []awsbox.Account{{ID: account, RoleARN: role, ExternalID: "suite"}},
		Conditions: awsbox.Conditions{ConfirmAtOnce: true},
	})
	base := aws.Config{
		Region: "eu-central-1", BaseEndpoint: aws.String("http://127.0.0.1:9"), HTTPClient: &http.Client{Transport: box.Transport()},
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}
	if _, err := sqs.NewFromConfig(base).CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("live-theirs-one")}); err != nil {
		t.Fatal(err)
	}
	run := &liveRun{
		base: base, account: awsdrivers.Account{ID: account, RoleARN: role, ExternalID: "suite", Fleet: "live"}, region: "eu-central-1",
		types: []string{"AWS::SSM::Parameter"}, prefix: "live-proof",
	}
	run.start(t, `^aws.*/(walk tags|adopt puts|data is retired|survey sees|what another fleet)|SSM.*/(walk tags|adopt puts|what another fleet)`)
	for _, r := range box.Live() {
		if r.Name != "live-theirs-one" && !waits(r) {
			t.Errorf("%s %s is left behind", r.Kind, r.Name)
		}
	}
	if !slices.ContainsFunc(box.Live(), func(r awsbox.Resource) bool { return r.Name == "live-theirs-one" }) {
		t.Error("what somebody else had is gone")
	}
	for _, id := range []string{"", "1111", "999999999999"} {
		before := box.Writes()
		wrong := &liveRun{base: base, account: awsdrivers.Account{ID: id, RoleARN: role, ExternalID: "suite"}, region: run.region}
		if err := wrong.verify(t.Context()); err == nil || box.Writes() != before {
			t.Errorf("account %q is let pass: %v", id, err)
		}
	}
	nobody := &liveRun{base: aws.Config{Credentials: credentials.NewStaticCredentialsProvider("", "", "")}, account: run.account}
	if err := nobody.verify(t.Context()); err == nil || !strings.Contains(err.Error(), "no credentials") {
		t.Errorf("without credentials: %v", err)
	}
}

// waits tells whether something is scheduled for deletion, which is as gone as a key gets.
func waits(r awsbox.Resource) bool { return r.Attributes["KeyState"] == "PendingDeletion" }
