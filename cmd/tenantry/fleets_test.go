package main

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"tenantry.dev/internal/store"
)

// fleetsOf is what run would serve, by the environment and its arguments. Files go into $DIR first.
func fleetsOf(t *testing.T, files, env map[string]string, args ...string) ([]service, string, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env = maps.Clone(env)
	for name, value := range env {
		env[name] = strings.ReplaceAll(value, "$DIR", dir)
	}
	if env["XDG_STATE_HOME"] == "" {
		env["XDG_STATE_HOME"] = filepath.Join(dir, "state")
	}
	a := &app{out: io.Discard, err: io.Discard, env: func(name string) string { return env[name] }}
	var all []service
	var failure error
	root := a.command()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "run" {
			var s daemonSettings
			var list fleetList
			cmd.ResetFlags()
			s.repoFlags(cmd.Flags())
			list.flags(cmd.Flags())
			s.fleetFlags(cmd.Flags(), a)
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				all, failure = a.services(cmd.Flags(), s, list)
				return nil
			}
		}
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$DIR", dir)
	}
	root.SetArgs(append([]string{"run"}, args...))
	if err := root.ExecuteContext(t.Context()); err != nil {
		return nil, dir, err
	}
	return all, dir, failure
}

const (
	oneEnv = "TENANTRY_REPO_URL=https://github.com/acme/one.git\nTENANTRY_GITHUB_REPO=acme/one\n"
	twoEnv = "TENANTRY_REPO_URL=https://github.com/acme/two.git\nTENANTRY_GITHUB_REPO=acme/two\n"
)

func TestFleetsHaveSettingsOfTheirOwn(t *testing.T) {
	all, dir, err := fleetsOf(t, map[string]string{
		"fleets/one.env": oneEnv,
		"fleets/two.env": twoEnv + "TENANTRY_BRANCH=trunk\nGITHUB_TOKEN=ghp_two\nTENANTRY_WEBHOOK_SECRET=two\nTENANTRY_POLL=5s\nTENANTRY_WORKERS=\nAWS_PROFILE=two\n",
		"fleets/notes":   "not a fleet",
	}, map[string]string{
		"TENANTRY_FLEETS": "$DIR/fleets", "TENANTRY_GITHUB_APP_ID": "7", "TENANTRY_GITHUB_APP_KEY_FILE": "key.pem", "GITHUB_TOKEN": "ghp_all",
		"TENANTRY_WEBHOOK_SECRET": "all", "TENANTRY_POLL": "3m", "TENANTRY_WORKERS": "9", "TENANTRY_SETTLE": "7m", "AWS_PROFILE": "all",
	})
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	type settings struct {
		name, url, branch, repo, key, token, secret, data string
		id                                                int64
		poll, settle                                      time.Duration
		workers                                           int
		profile                                           string
	}
	want := []settings{
		{
			name: "one", url: "https://github.com/acme/one.git", branch: "main", repo: "acme/one", id: 7, key: "key.pem", token: "ghp_all", secret: "all",
			data: filepath.Join(dir, "state", "tenantry", "acme-one"), poll: 3 * time.Minute, settle: 7 * time.Minute, workers: 9,
		},
		{
			name: "two", url: "https://github.com/acme/two.git", branch: "trunk", repo: "acme/two", token: "ghp_two", secret: "two",
			data: filepath.Join(dir, "state", "tenantry", "acme-two"), poll: 5 * time.Second, settle: 7 * time.Minute, workers: 4, profile: "two",
		},
	}
	for i, v := range all {
		data, err := v.data()
		if err != nil {
			t.Fatal(err)
		}
		var aws config.LoadOptions
		for _, option := range v.awsOptions() {
			if err := option(&aws); err != nil {
				t.Fatal(err)
			}
		}
		got := settings{
			name: v.name, url: v.repoURL, branch: v.branch, repo: v.githubRepo, id: v.appID, key: v.appKeyFile, token: v.app.env("GITHUB_TOKEN"),
			secret: v.app.env("TENANTRY_WEBHOOK_SECRET"), data: data, poll: v.poll, settle: v.app.settleTime, workers: v.workers, profile: aws.SharedConfigProfile,
		}
		if got != want[i] {
			t.Errorf("fleet %s has\n%+v, want\n%+v", v.name, got, want[i])
		}
	}
}

// A fleet keeps its memory when others join it, and when it is served alone again.
func TestFleetsKeepTheirFolder(t *testing.T) {
	alone, dir, err := fleetsOf(t, nil, map[string]string{
		"TENANTRY_REPO_URL": "https://github.com/acme/one.git", "TENANTRY_GITHUB_REPO": "acme/one", "XDG_STATE_HOME": "$DIR/here",
	})
	if err != nil || len(alone) != 1 || alone[0].name != "" {
		t.Fatalf("%+v, %v", alone, err)
	}
	before, err := alone[0].data()
	if err != nil {
		t.Fatal(err)
	}
	all, again, err := fleetsOf(t, map[string]string{"one.env": oneEnv, "two.env": twoEnv}, map[string]string{"XDG_STATE_HOME": "$DIR/here"},
		"--fleet", "$DIR/one.env", "--fleet", "$DIR/two.env")
	if err != nil {
		t.Fatal(err)
	}
	after, err := all[0].data()
	if err != nil || strings.TrimPrefix(after, again) != strings.TrimPrefix(before, dir) {
		t.Errorf("alone it is %s, with others %s, %v", before, after, err)
	}
}

func TestFleetsThatCannotBeServed(t *testing.T) {
	for _, tt := range []struct {
		name       string
		files, env map[string]string
		args       []string
		refused    string
	}{
		{name: "no repository", files: map[string]string{"one.env": "TENANTRY_GITHUB_REPO=acme/one\n"}, refused: "no config repository"},
		{name: "one repository twice", files: map[string]string{"one.env": oneEnv, "two.env": "TENANTRY_REPO_URL=ssh://git@github.com/acme/one\nTENANTRY_DATA_DIR=$DIR/two\n"}, refused: "the fleets one and two have the config repository github.com/acme/one together"},
		{name: "one GitHub repository twice", files: map[string]string{"one.env": oneEnv, "two.env": "TENANTRY_REPO_URL=$DIR/mirror\nTENANTRY_GITHUB_REPO=Acme/One\nTENANTRY_DATA_DIR=$DIR/two\n"}, refused: "the GitHub repository acme/one at github together"},
		{name: "one data directory twice", files: map[string]string{"one.env": oneEnv + "TENANTRY_DATA_DIR=$DIR/x\n", "two.env": twoEnv + "TENANTRY_DATA_DIR=$DIR/y/../x\n"}, refused: "have the data directory"},
		{name: "folders of one name", files: map[string]string{"one.env": "TENANTRY_REPO_URL=https://github.com/a/b-c\nTENANTRY_GITHUB_REPO=a/b-c\n", "two.env": "TENANTRY_REPO_URL=https://github.com/a-b/c\nTENANTRY_GITHUB_REPO=a-b/c\n"}, refused: "have the data directory"},
		{name: "one name twice", files: map[string]string{"one.env": oneEnv, "more/one.env": twoEnv}, args: []string{"--fleet", "$DIR/more/one.env"}, refused: "have the name one together"},
		{name: "a setting of the daemon's", files: map[string]string{"one.env": oneEnv + "TENANTRY_LISTEN=:80\n"}, refused: "TENANTRY_LISTEN is no setting of a fleet"},
		{name: "a slip", files: map[string]string{"one.env": oneEnv + "TENANTRY_BRNCH=main\n"}, refused: "TENANTRY_BRNCH is no setting of a fleet"},
		{name: "no number", files: map[string]string{"one.env": oneEnv + "TENANTRY_WORKERS=many\n"}, refused: "setting TENANTRY_WORKERS"},
		{name: "no file", env: map[string]string{"TENANTRY_FLEET": "$DIR/one.env"}, refused: "one.env"},
		{name: "an empty folder", env: map[string]string{"TENANTRY_FLEETS": "$DIR/none"}, refused: "has no file *.env"},
		{name: "a name that is none", files: map[string]string{"a fleet.env": oneEnv}, refused: "can't be a fleet's name"},
		{name: "a repository beside them", files: map[string]string{"one.env": oneEnv}, env: map[string]string{"TENANTRY_REPO_URL": "https://github.com/acme/two"}, refused: "there is a repository beside them"},
		{name: "no fleet at all", refused: "no config repository: set TENANTRY_REPO_URL or give --repo-url"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := slices.Clone(tt.args)
			for _, file := range slices.Sorted(maps.Keys(tt.files)) {
				if !strings.Contains(file, "/") {
					args = append(args, "--fleet", "$DIR/"+file)
				}
			}
			env := map[string]string{}
			maps.Copy(env, tt.env)
			all, _, err := fleetsOf(t, tt.files, env, args...)
			if err == nil || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%d fleets, error %v; want %q", len(all), err, tt.refused)
			}
		})
	}
}

// Whoever served one fleet from a data directory, and gives that to several, must not lose its memory.
func TestTheMemoryOfAFleetDoesNotStray(t *testing.T) {
	memory := t.TempDir()
	kept, err := store.Open(t.Context(), memory, store.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"fleets/one.env": oneEnv, "fleets/two.env": twoEnv}
	env := map[string]string{"TENANTRY_FLEETS": "$DIR/fleets", "TENANTRY_DATA_DIR": memory}
	if _, _, err := fleetsOf(t, files, env); err == nil || !strings.Contains(err.Error(), "set TENANTRY_DATA_DIR="+memory+" in that fleet's file") {
		t.Errorf("error %v", err)
	}
	files["fleets/one.env"] += "TENANTRY_DATA_DIR=" + memory + "\n"
	all, _, err := fleetsOf(t, files, env)
	if err != nil {
		t.Fatal(err)
	}
	one, _ := all[0].data()
	two, _ := all[1].data()
	if one != memory || two != filepath.Join(memory, "acme-two") {
		t.Errorf("their folders are %s and %s", one, two)
	}
}
