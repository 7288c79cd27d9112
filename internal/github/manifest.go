package github

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// An AppRequest is a GitHub App that doesn't exist yet.
type AppRequest struct {
	Name         string // of at most 34 characters, unique on GitHub
	Organization string // that will own it; empty for the person who makes it
	HomePage     string // what people see as the App's home page
	Webhook      string // where GitHub sends events; empty for an App without webhooks
	Redirect     string // where the browser is sent with the code that Convert takes
	Teams        bool   // whether it may see who is in which team of the organization
}

// Grants returns the permissions that the App asks for.
func (r AppRequest) Grants() []Grant {
	return slices.DeleteFunc(Grants(), func(g Grant) bool { return g.Teams && !r.Teams })
}

// maxAppName is the longest name that an App may have, as GitHub's form says.
const maxAppName = 34

// Manifest returns what a page posts to GitHub as the field "manifest" so that it offers to make the App,
// and the address to post it to. It asks for its Grants and for Events.
// https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
func (r AppRequest) Manifest(apiURL, state string) (manifest, address string, err error) {
	if r.Name == "" || len([]rune(r.Name)) > maxAppName {
		return "", "", fmt.Errorf("the name of a GitHub App has 1 to %d characters, unlike %q", maxAppName, r.Name)
	}
	permissions := map[string]string{}
	for _, g := range r.Grants() {
		permissions[g.Name] = g.Level
	}
	fields := map[string]any{
		"name": r.Name, "url": r.HomePage, "redirect_url": r.Redirect, "public": false,
		"default_permissions": permissions, "default_events": Events(),
	}
	if r.Webhook != "" {
		fields["hook_attributes"] = map[string]any{"url": r.Webhook, "active": true}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return "", "", fmt.Errorf("write the manifest of App %s: %w", r.Name, err)
	}
	web, err := WebURL(apiURL)
	if err != nil {
		return "", "", err
	}
	at := "/settings/apps/new"
	if r.Organization != "" {
		at = "/organizations/" + url.PathEscape(r.Organization) + at
	}
	return string(text), web + at + "?state=" + url.QueryEscape(state), nil
}

// WebURL is where people see what the API at an address is about, without a final slash.
func WebURL(apiURL string) (string, error) {
	u, err := githubURL(apiURL)
	if err != nil {
		return "", err
	}
	if host, isCloud := strings.CutPrefix(u.Host, "api."); isCloud {
		u.Host = host // github.com, and HOST.ghe.com with data residency
	}
	u.Path = strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/api/v3")
	return u.String(), nil
}

// A NewApp is an App that was just made. GitHub hands out its secrets once.
type NewApp struct {
	ID            int64
	Slug          string
	Page          string // where its settings are
	Install       string // where people install it
	PrivateKey    Secret // PEM
	WebhookSecret Secret // empty if it has no webhooks
}

// Convert exchanges the code that the browser came back with for the App's id and secrets. A code works
// once, for an hour.
// https://docs.github.com/en/rest/apps/apps#create-a-github-app-from-a-manifest
func Convert(ctx context.Context, apiURL, code string, transport http.RoundTripper) (NewApp, error) {
	base, err := githubURL(apiURL)
	if err != nil {
		return NewApp{}, err
	}
	api := client(base, "", attempt{orTransport(transport)})
	made, _, err := api.Apps.CompleteAppManifest(ctx, url.PathEscape(code))
	if err != nil {
		return NewApp{}, fail("fetch the new App's key", err)
	}
	web, err := WebURL(apiURL)
	if err != nil {
		return NewApp{}, err
	}
	return NewApp{
		ID: made.GetID(), Slug: made.GetSlug(), Page: made.GetHTMLURL(),
		Install:    web + "/apps/" + url.PathEscape(made.GetSlug()) + "/installations/new",
		PrivateKey: NewSecret(made.GetPEM()), WebhookSecret: NewSecret(made.GetWebhookSecret()),
	}, nil
}

// Examine proves that the credentials work, that an App is installed on the repository, and that it was
// granted what it needs and no more (ErrGrants). It has no effect.
func (c *Client) Examine(ctx context.Context) error {
	if _, err := c.tokens.token(ctx); err != nil {
		return err
	}
	_, _, err := c.api.Repositories.Get(ctx, c.owner, c.repo)
	return fail("read repository "+c.owner+"/"+c.repo, err)
}

// An installed is what GitHub says of an App's installation. go-github has fields for the permissions that
// it knows, and this is to see all.
type installed struct {
	ID          int64             `json:"id"`
	SuspendedAt *gh.Timestamp     `json:"suspended_at"`
	Permissions map[string]string `json:"permissions"`
}
