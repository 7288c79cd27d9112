// Package sandbox puts an AWS and a GitHub together on loopback ports, with a config repository in
// them, so that an unchanged daemon can be pointed at them by nothing but its ordinary settings.
package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	awsbox "tenantry.dev/internal/sandbox/aws"
	githubbox "tenantry.dev/internal/sandbox/github"
)

// Options describe the world at its start.
type Options struct {
	Repo     string            // "owner/name" of the config repository
	Files    fs.FS             // its first commit
	Others   map[string]fs.FS  // further repositories, which the App is installed on as well if the owner is the same
	Person   string            // the login of who committed them, and who presses the buttons of the pages
	Accounts []awsbox.Account  // the AWS accounts that the fleet names
	Dir      string            // a folder for the App's key
	AWS      awsbox.Conditions // the weather
}

// PersonToken is what the person of the sandbox signs in with, for git and the API.
const PersonToken = "demo"

// A World is a running sandbox.
type World struct {
	AWS    *awsbox.Server
	GitHub *githubbox.Server
	Repo   string
	Person string

	app     githubbox.App
	keyFile string
	secret  string
	cloud   *awsbox.Running
	forge   *http.Server
	done    chan struct{}
	cancel  context.CancelFunc
}

// Start puts up both endpoints on free ports of 127.0.0.1. The caller closes the world.
func Start(ctx context.Context, o Options) (*World, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &World{
		AWS:    awsbox.New(awsbox.Options{Accounts: o.Accounts, Conditions: o.AWS}),
		GitHub: githubbox.New(githubbox.Options{PagePerson: o.Person}),
		Repo:   o.Repo, Person: o.Person, secret: rand.Text(), done: make(chan struct{}), cancel: cancel,
	}
	if err := w.start(ctx, o); err != nil {
		cancel()
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	return w, nil
}

func (w *World) start(ctx context.Context, o Options) (err error) {
	if w.cloud, err = w.AWS.Start(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, w.cloud.Close())
	}
	w.GitHub.SetURL("http://" + listener.Addr().String())
	w.forge = &http.Server{Handler: w.GitHub, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(w.done)
		_ = w.forge.Serve(listener) // ends with ErrServerClosed
	}()
	if err := w.furnish(o); err != nil {
		return errors.Join(err, w.Close())
	}
	w.GitHub.Start(ctx)
	return nil
}

// furnish makes the person, the repository and the App that the daemon acts as.
func (w *World) furnish(o Options) error {
	w.GitHub.AddPerson(githubbox.Person{Login: o.Person, Name: o.Person, Email: o.Person + "@example.com", Token: PersonToken})
	if _, err := w.GitHub.CreatePrivateRepo(o.Repo, o.Person, o.Files); err != nil {
		return err
	}
	for repo, files := range o.Others {
		if _, err := w.GitHub.CreatePrivateRepo(repo, o.Person, files); err != nil {
			return err
		}
	}
	owner, _, _ := strings.Cut(o.Repo, "/")
	if err := w.staff(owner, o); err != nil {
		return err
	}
	app, err := w.GitHub.AddApp(githubbox.AppOptions{Slug: "tenantry", Owner: owner, Teams: true})
	if err != nil {
		return err
	}
	w.app, w.keyFile = app, filepath.Join(o.Dir, "github-app.pem")
	return os.WriteFile(w.keyFile, app.KeyPEM, 0o600)
}

// teamWord is a team in a CODEOWNERS file.
var teamWord = regexp.MustCompile(`@([\w-]+)/([\w.-]+)`)

// staff makes the teams that the repository's CODEOWNERS names, of which the person is in every one.
func (w *World) staff(owner string, o Options) error {
	text, err := fs.ReadFile(o.Files, "CODEOWNERS")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, found := range teamWord.FindAllStringSubmatch(string(text), -1) {
		if found[1] == owner {
			w.GitHub.SetTeam(githubbox.Team{Organization: owner, Slug: found[2], Members: []string{o.Person}})
		}
	}
	return err
}

// Webhook sends the repository's events to the daemon at this address from now on.
func (w *World) Webhook(address string) {
	w.GitHub.SetWebhook("http://"+address+"/webhook", w.secret)
}

// CloudURL is the AWS endpoint; people look at CloudURL/_sandbox/.
func (w *World) CloudURL() string { return w.cloud.URL }

// AWSSettings are what any AWS client needs to work in the sandbox, as NAME=value.
func (w *World) AWSSettings() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + w.cloud.URL,
		"AWS_ACCESS_KEY_ID=AKIASANDBOX",
		"AWS_SECRET_ACCESS_KEY=sandbox",
		"AWS_SESSION_TOKEN=",
		"AWS_PROFILE=",
		"AWS_REGION=eu-central-1",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// Settings are the daemon's settings for this world, as NAME=value.
func (w *World) Settings() []string {
	return append(w.AWSSettings(),
		"GITHUB_API_URL="+w.GitHub.APIURL(),
		"GITHUB_TOKEN=",
		"TENANTRY_REPO_URL="+w.GitHub.GitURL(w.Repo),
		"TENANTRY_BRANCH=main",
		"TENANTRY_GITHUB_REPO="+w.Repo,
		fmt.Sprintf("TENANTRY_GITHUB_APP_ID=%d", w.app.ID),
		"TENANTRY_GITHUB_APP_KEY_FILE="+w.keyFile,
		"TENANTRY_WEBHOOK_SECRET="+w.secret,
	)
}

// Close stops both endpoints and waits for them. Closing twice is harmless.
func (w *World) Close() error {
	w.cancel()
	w.GitHub.Stop()
	err := w.forge.Close()
	<-w.done
	return errors.Join(err, w.cloud.Close())
}
