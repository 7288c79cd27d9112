package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A file that somebody made since the check is not written over, and then none of the files is left.
func TestWriteNewIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "tenants", "acme.cue")
	if err := os.MkdirAll(filepath.Dir(there), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := writeNew(dir, map[string][]byte{"plans/made.cue": []byte("a"), "tenants/acme.cue": []byte("b")})
	if err == nil || !strings.Contains(err.Error(), "tenants/acme.cue exists, and is not overwritten") {
		t.Errorf("got %v", err)
	}
	if text, _ := os.ReadFile(there); string(text) != "mine" {
		t.Errorf("the file says %q now", text)
	}
	if _, err := os.Stat(filepath.Join(dir, "plans", "made.cue")); !os.IsNotExist(err) {
		t.Errorf("the other file is left behind: %v", err)
	}
	if err := writeNew(dir, map[string][]byte{"plans/made.cue": []byte("a"), "tenants/new.cue": []byte("b")}); err != nil {
		t.Error(err)
	}
	if err := writeNew(dir, map[string][]byte{"../outside.cue": []byte("a")}); err == nil {
		t.Error("wrote outside of the folder")
	}
}

func TestRulesIgnore(t *testing.T) {
	for _, text := range []string{"", "a", ":", "a:", ":b"} {
		if _, err := parseRules([]string{text}); err == nil {
			t.Errorf("%q is a rule", text)
		}
	}
	found := providers.Found{Kind: "aws.sqs.queue", Name: "jobs", ID: "https://sqs/jobs", Scope: resource.Scope{Account: "1"}, Tags: map[string]string{"team": "data-eu"}}
	for _, tt := range []struct {
		rule ignoreRule
		want bool
	}{
		{ignoreRule{kind: "*", name: "*"}, true},
		{ignoreRule{kind: "aws.sqs.*", name: "jo*"}, true},
		{ignoreRule{kind: "*", name: "https://*"}, true},
		{ignoreRule{kind: "aws.sns.*", name: "*"}, false},
		{ignoreRule{kind: "*", name: "job"}, false},
		{ignoreRule{kind: "*", name: "*", tag: "team"}, true},
		{ignoreRule{kind: "*", name: "*", tag: "team=data-*"}, true},
		{ignoreRule{kind: "*", name: "*", tag: "team=data"}, false},
		{ignoreRule{kind: "*", name: "*", tag: "owner"}, false},
		{ignoreRule{kind: "*", name: "*", account: "1"}, true},
		{ignoreRule{kind: "*", name: "*", account: "2"}, false},
	} {
		if got := tt.rule.fits(found); got != tt.want {
			t.Errorf("%+v fits: %t", tt.rule, got)
		}
	}
}

func TestResidencyOfRegions(t *testing.T) {
	for region, want := range map[string]string{
		"eu-central-1": "eu", "eu-central-2": "ch", "eu-west-2": "uk", "us-east-1": "us", "ca-central-1": "ca", "ap-southeast-2": "ap",
	} {
		if got := residencyOf(region); got != want {
			t.Errorf("%s is in %q, want %q", region, got, want)
		}
	}
}
