package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tenantry.dev/internal/github"
)

func (a *app) githubAppCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "github-app", Short: "Make the GitHub App that the daemon works as"}
	cmd.AddCommand(a.githubAppCreateCommand())
	return cmd
}

// appWish is what somebody wants of a new App.
type appWish struct {
	name, organization, webhook, out string
	patience                         time.Duration
	teams, asJSON                    bool
}

func (a *app) githubAppCreateCommand() *cobra.Command {
	var w appWish
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Register the App with the least permissions, and keep its key",
		Long: "Register a GitHub App with the permissions that Tenantry needs and no others. It prints the address of\n" +
			"a page on this machine: open it, press the button, and confirm on GitHub. Its key and settings are then\n" +
			"written to files that only you may read, in no folder that Git looks after: a key that is committed is\n" +
			"everybody's. The settings are what --config of tenantry run takes.\n" +
			"GitHub Enterprise Server is chosen by GITHUB_API_URL, such as https://HOST/api/v3.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.createGitHubApp(cmd.Context(), w) },
	}
	flags := cmd.Flags()
	flags.StringVar(&w.name, "name", "tenantry", "the App's name, unique on GitHub")
	flags.StringVar(&w.organization, "organization", "", "the organization that will own it; yourself without one")
	flags.StringVar(&w.webhook, "webhook-url", "", "where the daemon takes webhooks, as in https://HOST/webhook; without one it polls")
	flags.StringVar(&w.out, "out", "", "the folder for the key and the settings; without one, tenantry in your folder for settings, such as ~/.config/tenantry")
	flags.DurationVar(&w.patience, "timeout", time.Hour, "how long to wait for you; GitHub's code is good for an hour")
	flags.BoolVar(&w.teams, "teams", false, "let it see who is in which team of the organization: for a CODEOWNERS that names teams")
	flags.BoolVar(&w.asJSON, "json", false, "as JSON")
	return cmd
}

func (a *app) createGitHubApp(ctx context.Context, w appWish) (failure error) {
	out, err := placeForApp(w.out)
	if err != nil {
		return err
	}
	w.out = out
	ctx, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for your browser: %w", err)
	}
	here := "http://" + listener.Addr().String()
	state := rand.Text()
	request := github.AppRequest{
		Name: w.name, Organization: w.organization, Webhook: w.webhook, Redirect: here + "/made", Teams: w.teams,
		HomePage: cmp.Or(w.webhook, "https://tenantry.dev"),
	}
	manifest, address, err := request.Manifest(a.env("GITHUB_API_URL"), state)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	done := make(chan madeApp, 1)
	server := &http.Server{
		Handler: &appPages{
			offer: appOffer{Name: w.name, Manifest: manifest, Address: address, Grants: request.Grants()}, state: state, done: done,
			make: func(ctx context.Context, code string) (github.NewApp, error) {
				made, err := github.Convert(ctx, a.env("GITHUB_API_URL"), code, nil)
				if err != nil {
					return made, err
				}
				return made, keepApp(w.out, made)
			},
		},
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
	}
	go func() { _ = server.Serve(listener) }() // ends when it is shut down below
	defer func() { failure = errors.Join(failure, shut(ctx, server)) }()
	if _, err := fmt.Fprintf(a.err, "Open %s/ in a browser on this machine, press the button, and confirm on GitHub.\n", here); err != nil {
		return err
	}
	select {
	case result := <-done:
		if result.err != nil {
			return result.err
		}
		return a.printApp(w, result.app)
	case <-ctx.Done():
		return fmt.Errorf("nobody confirmed the App within %s; run it again: %w", w.patience, context.Cause(ctx))
	}
}

func (a *app) printApp(w appWish, made github.NewApp) error {
	key, settings := filepath.Join(w.out, appKeyFile), filepath.Join(w.out, appSettingsFile)
	if w.asJSON {
		return a.printJSON(map[string]any{
			"format_version": formatVersion, "app_id": made.ID, "slug": made.Slug, "key_file": key, "settings_file": settings, "install": made.Install,
		})
	}
	_, err := fmt.Fprintf(a.out, "The App %s has the id %d. Its key is in %s, its settings are in %s.\n"+
		"Now install it on the config repository: %s\n"+
		"and then: tenantry run --config %s --github-repo OWNER/NAME --repo-url https://…\n", made.Slug, made.ID, key, settings, made.Install, settings)
	return err
}

// madeApp is how the browser's part ended.
type madeApp struct {
	app github.NewApp
	err error
}

//go:embed github_app.html
var appPage string

// appOffer is what the page shows.
type appOffer struct {
	Name, Manifest, Address string
	Grants                  []github.Grant
}

// appPages are the two pages that the browser sees on this machine.
type appPages struct {
	offer appOffer
	state string // comes back with the browser, which proves that it is the one that set out
	make  func(ctx context.Context, code string) (github.NewApp, error)
	done  chan<- madeApp
}

func (p *appPages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	page, err := template.New("page").Parse(appPage)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	switch r.URL.Path {
	case "/":
		err = page.Execute(w, p.offer)
	case "/made":
		if subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("state")), []byte(p.state)) != 1 {
			http.Error(w, "This is not the answer to the page that was opened here. Begin again at its address.", http.StatusForbidden)
			return
		}
		made, failure := p.make(r.Context(), r.URL.Query().Get("code"))
		if failure != nil {
			http.Error(w, failure.Error(), http.StatusBadGateway)
		} else {
			err = page.ExecuteTemplate(w, "made", made)
		}
		select {
		case p.done <- madeApp{made, errors.Join(failure, err)}:
		default: // the browser came twice
		}
		return
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
