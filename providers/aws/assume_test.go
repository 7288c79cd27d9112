package aws

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A role that leads to another account than the fleet says is not used, whatever it is for.
func TestARoleOfAnotherAccountIsNotUsed(t *testing.T) {
	base := newWire(t, emptyLists).base()
	base.HTTPClient = clientFunc(func(c call) reply {
		if c.op != "AssumeRole" {
			t.Errorf("%s was called", c.op)
			return reply{status: http.StatusBadRequest}
		}
		return reply{body: `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
			`<AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>` +
			`<AssumedRoleUser><Arn>arn:aws:sts::999999999999:assumed-role/x/y</Arn><AssumedRoleId>AROA:y</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>`}
	})
	e := newEntrance(base, Account{ID: testAccount, RoleARN: testRole, Fleet: "shop"})
	for _, ctx := range []context.Context{t.Context(), providers.WithPurpose(t.Context(), providers.Purpose{Commit: "c", Owner: resource.Tenant("acme")})} {
		if creds, err := e.Retrieve(ctx); err == nil || !strings.Contains(err.Error(), "999999999999") || creds.AccessKeyID != "" {
			t.Errorf("credentials %q, error %v", creds.AccessKeyID, err)
		}
	}
}

// Names fit STS whatever a commit or an owner is called, and say nothing that isn't one of the two.
func TestNamesOfSessions(t *testing.T) {
	long := resource.Tenant(strings.Repeat("x", 32))
	for want, p := range map[string]providers.Purpose{
		"tenantry":                          {},
		"tenantry@0123456789ab,tenant=acme": {Commit: "0123456789abcdef", Owner: resource.Tenant("acme")},
		"tenantry@working-copy,cell=eu-1":   {Commit: "working copy of x", Owner: resource.Cell("eu-1")},
		"tenantry@c,fleet":                  {Commit: "c", Owner: resource.Fleet},
		"tenantry@0123456789ab,tenant=" + strings.Repeat("x", 32): {Commit: "0123456789abcdef", Owner: long},
	} {
		got := nameOf(p)
		if got != want || len(got) > maxSessionName {
			t.Errorf("%+v is called %q, want %q", p, got, want)
		}
	}
	tags := map[string]string{}
	for _, tag := range sessionTags("shop", providers.Purpose{Commit: "c", Owner: resource.Cell("eu-1")}) {
		tags[*tag.Key] = *tag.Value
	}
	if len(tags) != 2 || tags["tenantry:fleet"] != "shop" || tags["tenantry:commit"] != "c" {
		t.Errorf("a cell's session is tagged %v", tags)
	}
}
