package github_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tenantry.dev/internal/github"
	githubbox "tenantry.dev/internal/sandbox/github"
)

// A code works once, and what it is exchanged for signs in as the App that was asked for.
func TestConvert(t *testing.T) {
	server := githubbox.New(githubbox.Options{PagePerson: "ann"})
	server.AddPerson(githubbox.Person{Login: "ann", Name: "Ann", Email: "ann@example.com", Token: "ghp_ann"})
	request := github.AppRequest{Name: "Acme Tenantry", Organization: owner, HomePage: "https://acme.example", Webhook: "https://acme.example/webhook", Redirect: "http://127.0.0.1:1/made"}
	manifest, address, err := request.Manifest(server.APIURL(), "state")
	if err != nil || !strings.HasSuffix(address, "/organizations/acme/settings/apps/new?state=state") {
		t.Fatalf("%s %v", address, err)
	}
	form := url.Values{"manifest": {manifest}, "owner": {owner}, "state": {"state"}}
	r := httptest.NewRequest(http.MethodPost, "/settings/apps/create", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	back, err := url.Parse(w.Header().Get("Location"))
	if err != nil || back.Query().Get("code") == "" || back.Query().Get("state") != "state" {
		t.Fatalf("sent to %s, %v", back, err)
	}
	wire := observe(t, server.Transport())
	made, err := github.Convert(t.Context(), server.APIURL(), back.Query().Get("code"), wire)
	if err != nil || made.ID == 0 || !made.PrivateKey.IsSet() || !made.WebhookSecret.IsSet() || !strings.HasSuffix(made.Install, "/apps/acme-tenantry/installations/new") {
		t.Fatalf("%+v %v", made, err)
	}
	if _, err := github.Convert(t.Context(), server.APIURL(), back.Query().Get("code"), wire); err == nil {
		t.Error("a code works twice")
	}
}

func TestWebURL(t *testing.T) {
	for api, want := range map[string]string{
		"":                                "https://github.com",
		"https://api.github.com/":         "https://github.com",
		"https://api.acme.ghe.com":        "https://acme.ghe.com",
		"https://ghe.example/api/v3":      "https://ghe.example",
		"http://127.0.0.1:1234/api/v3///": "http://127.0.0.1:1234",
	} {
		if got, err := github.WebURL(api); err != nil || got != want {
			t.Errorf("WebURL(%q) = %q, %v; want %q", api, got, err, want)
		}
	}
}
