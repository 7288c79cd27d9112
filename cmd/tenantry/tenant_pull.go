package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/internal/github"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/schema"
)

// canPropose says which settings a pull request lacks.
func (a *app) canPropose(s daemonSettings) error {
	var missing []string
	if s.githubRepo == "" {
		missing = append(missing, "TENANTRY_GITHUB_REPO (owner/name)")
	}
	switch {
	case s.appID != 0 && s.appKeyFile == "":
		missing = append(missing, "TENANTRY_GITHUB_APP_KEY_FILE (the App's private key)")
	case s.appID == 0 && a.env("GITHUB_TOKEN") == "":
		missing = append(missing, "GITHUB_TOKEN (or TENANTRY_GITHUB_APP_ID and TENANTRY_GITHUB_APP_KEY_FILE)")
	}
	if len(missing) > 0 {
		return fmt.Errorf("a pull request needs GitHub: set %s in the environment or the settings file, or leave --pr out to write the file", sentence(missing))
	}
	return nil
}

// propose opens a pull request with a new tenant's file, or brings the one that is open up to date.
func (a *app) propose(ctx context.Context, s daemonSettings, e schema.Edit, o offer) (string, error) {
	forge, err := a.forge(s)
	if err != nil {
		return "", err
	}
	branch := "tenantry/tenant/" + o.tenant.Name
	url, err := forge.Propose(ctx, reconciler.Proposal{
		Branch: branch, Title: o.onboarding(e.Path).Title(), Body: o.onboarding(e.Path).Markdown(), Labels: []string{"tenant:" + o.tenant.Name},
		Files: map[string][]byte{e.Path: e.After}, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(e.After)),
	})
	switch {
	case errors.Is(err, reconciler.ErrTouched):
		return "", fmt.Errorf("somebody works on the branch %s already; go on in its pull request, or delete the branch: %w", branch, err)
	case errors.Is(err, github.ErrNoDifference):
		return "", fmt.Errorf("%s has this file already: pull it to see the tenant here", or(s.branch, "the watched branch"))
	}
	return url, err
}

// onboarding is what the pull request says: what the tenant gets.
func (o offer) onboarding(path string) report.Onboarding {
	on := report.Onboarding{Tenant: o.tenant.Name, DisplayName: o.tenant.DisplayName, File: path}
	say := func(what, value string) { on.Facts = append(on.Facts, report.Fact{What: what, Value: value}) }
	say("Plan", or(o.plan.DisplayName, o.plan.Name))
	say("Price", o.price.String()+" a month")
	say("Isolation", o.plan.Isolation)
	say("Availability", fmt.Sprintf("%g %%", o.plan.SLO))
	for _, name := range slices.Sorted(maps.Keys(o.plan.Limits)) {
		say("Limit: "+name, o.plan.Limits[name].String())
	}
	say("Cell", o.cell.Name+" ("+o.cell.Region+", "+o.cell.Environment+")")
	say("Data stays in", o.tenant.Residency)
	for _, c := range o.tenant.Contacts {
		say("Contact, "+c.Role, c.Email)
	}
	say("Domains", strings.Join(o.tenant.Domains, ", "))
	for _, d := range o.resources {
		on.Resources = append(on.Resources, d.Address)
	}
	return on
}
