package awsbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
)

const (
	writerRole = "arn:aws:iam::" + blue + ":role/tenantry"
	readerRole = "arn:aws:iam::" + blue + ":role/tenantry-reader"
	// onlyEnter lets in who knows the external id, and lets nobody tag a session.
	onlyEnter = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}]}`
	// tagsToo also lets sessions be tagged, with the fleet's name.
	tagsToo = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}},` +
		`{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:TagSession","Condition":{"StringEquals":{"aws:RequestTag/tenantry:fleet":"suite"},"ForAllValues:StringEquals":{"aws:TagKeys":["tenantry:commit","tenantry:fleet","tenantry:tenant"]}}}]}`
)

// roles is a sandbox with an account of two roles, and the driver of queues in it.
func roles(t *testing.T, account drivers.Account) (*awsbox.Server, providers.Driver) {
	t.Helper()
	box := awsbox.New(awsbox.Options{Accounts: []awsbox.Account{{ID: blue, RoleARN: writerRole, ReaderARN: readerRole, ExternalID: "x"}}})
	account.ID, account.RoleARN, account.ExternalID = blue, writerRole, "x"
	set := must[providers.Set](t)(drivers.Drivers(aws.Config{
		Region: here, BaseEndpoint: aws.String("http://127.0.0.1:9"), HTTPClient: &http.Client{Transport: box.Transport()},
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}, []drivers.Account{account}))
	return box, set["aws.sqs.queue"]
}

// makeQueue creates a queue of an owner for a commit, the way a run does.
func makeQueue(ctx context.Context, d providers.Driver, owner resource.Owner, name string) error {
	want := resource.Desired{
		Address: resource.Address{Owner: owner, Kind: "aws.sqs.queue", Name: "q"}, Scope: resource.Scope{Account: blue, Region: here},
		Attributes: resource.Attributes{"name": resource.String(name)},
	}
	want.Attributes = d.Kind().Canonical(want.Attributes)
	_, err := d.Create(providers.WithPurpose(ctx, providers.Purpose{Commit: "0123456789abcdef0123456789abcdef01234567", Owner: owner}), want, "suite")
	return err
}

// callers are who made the calls of an operation, each once, in order.
func callers(box *awsbox.Server, operation string) []string {
	var out []string
	for _, c := range box.Calls() {
		if name := c.Caller[strings.LastIndex(c.Caller, ":")+1:]; c.Operation == operation && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func TestSessionsTellWhatTheyAreFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, d := roles(t, drivers.Account{Fleet: "suite"})
		if err := box.Trust(writerRole, tagsToo); err != nil {
			t.Fatal(err)
		}
		scope := resource.Scope{Account: blue, Region: here}
		for range 3 {
			must[[]resource.Observed](t)(d.Observe(t.Context(), scope, "suite"))
		}
		for i, owner := range []resource.Owner{"tenant/acme", "tenant/acme", "cell/eu-1", "fleet"} {
			if err := makeQueue(t.Context(), d, owner, fmt.Sprintf("q%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := callers(box, "ListQueues"), []string{"assumed-role/tenantry/tenantry"}; !slices.Equal(got, want) {
			t.Errorf("read as %q, want %q", got, want)
		}
		want := []string{
			"assumed-role/tenantry/tenantry@0123456789ab,tenant=acme", "assumed-role/tenantry/tenantry@0123456789ab,cell=eu-1", "assumed-role/tenantry/tenantry@0123456789ab,fleet",
		}
		if got := callers(box, "CreateQueue"); !slices.Equal(got, want) {
			t.Errorf("written as %q, want %q", got, want)
		}
		if n := box.Counts()["sts.AssumeRole"]; n != 4 {
			t.Errorf("%d sessions, want one for reading and one for each of 3 owners", n)
		}
	})
}

// A role that lets nobody tag its sessions is entered without tags, at the cost of one more call; an hour
// later tags are tried again.
func TestARoleThatRefusesTagsIsEnteredWithoutThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, d := roles(t, drivers.Account{Fleet: "suite"})
		if err := box.Trust(writerRole, onlyEnter); err != nil {
			t.Fatal(err)
		}
		count := func(what string, owner resource.Owner, want int) {
			t.Helper()
			before := box.Counts()["sts.AssumeRole"]
			if err := makeQueue(t.Context(), d, owner, strings.ReplaceAll(string(owner), "/", "-")); err != nil {
				t.Fatal(err)
			}
			if got := box.Counts()["sts.AssumeRole"] - before; got != want {
				t.Errorf("%s: %d AssumeRole, want %d", what, got, want)
			}
		}
		count("the first", "tenant/a", 2)
		count("the second", "tenant/b", 1)
		time.Sleep(61 * time.Minute)
		count("an hour later", "tenant/c", 2)
		if err := box.Trust(writerRole, strings.ReplaceAll(onlyEnter, `"x"`, `"y"`)); err != nil {
			t.Fatal(err)
		}
		if err := makeQueue(t.Context(), d, "tenant/d", "d"); !errors.Is(err, providers.ErrDenied) || !strings.Contains(err.Error(), "sts:AssumeRole") {
			t.Errorf("a role that can't be assumed at all: %v", err)
		}
	})
}

func TestSessionsAreRenewedBeforeTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, d := roles(t, drivers.Account{Fleet: "suite"})
		scope := resource.Scope{Account: blue, Region: here}
		for i, wait := range []time.Duration{0, 50 * time.Minute, 6 * time.Minute, 3 * time.Hour} {
			time.Sleep(wait)
			must[[]resource.Observed](t)(d.Observe(t.Context(), scope, "suite"))
			if n, want := box.Counts()["sts.AssumeRole"], []int{1, 1, 2, 3}[i]; n != want {
				t.Errorf("%s later: %d sessions so far, want %d", wait, n, want)
			}
		}
	})
}

// What reads is entered by its own role, and can't write.
func TestARoleThatOnlyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, d := roles(t, drivers.Account{ReadRole: readerRole})
		if err := box.Permit(readerRole, `{"Statement":[{"Effect":"Allow","Action":["sqs:List*","sqs:Get*","tag:GetResources"],"Resource":"*"}]}`); err != nil {
			t.Fatal(err)
		}
		if err := makeQueue(t.Context(), d, "tenant/acme", "q"); err != nil {
			t.Fatal(err)
		}
		have := must[[]resource.Observed](t)(d.Observe(t.Context(), resource.Scope{Account: blue, Region: here}, "suite"))
		if got, want := callers(box, "ListQueues"), []string{"assumed-role/tenantry-reader/tenantry"}; len(have) != 1 || !slices.Equal(got, want) {
			t.Errorf("%d queues, read as %q, want %q", len(have), got, want)
		}
		if err := d.Delete(t.Context(), have[0]); !errors.Is(err, providers.ErrDenied) || !strings.Contains(err.Error(), "sqs:DeleteQueue") {
			t.Errorf("a write without a purpose: %v", err)
		}
	})
}

// A thousand owners of a commit, written one after another and again: sessions are bounded in number, and
// none is begun twice while it is in use.
func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, d := roles(t, drivers.Account{})
		for i := range 600 {
			if err := makeQueue(t.Context(), d, resource.Owner(fmt.Sprintf("tenant/t%d", i)), fmt.Sprintf("q%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		before := box.Counts()["sts.AssumeRole"]
		if err := makeQueue(t.Context(), d, "tenant/t10", "r"); err != nil {
			t.Fatal(err)
		}
		if n := box.Counts()["sts.AssumeRole"]; n != before || before != 600 {
			t.Errorf("%d sessions for 600 owners, and %d more for one of them", before, n-before)
		}
	})
}
