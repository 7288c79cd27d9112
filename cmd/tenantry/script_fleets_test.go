package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	githubbox "tenantry.dev/internal/sandbox/github"
	"tenantry.dev/internal/store"
	"tenantry.dev/schema"
)

// renameFleet gives the fleet in a folder another name.
func renameFleet(dir, name string) error {
	path := filepath.Join(dir, "fleet.cue")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if text, err = schema.SetField(text, []string{"name"}, name); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// fileFleets writes a file of settings for each repository into the folder fleets, and has the daemon take them from
// there instead of its own settings.
func (s *scene) fileFleets(ts *testscript.TestScript, others map[string]string) error {
	folder := filepath.Join(s.dir, "fleets")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	_, first, _ := strings.Cut(s.world.Repo, "/")
	for _, name := range append(slices.Sorted(maps.Keys(others)), first) {
		repo := scriptOwner + name
		text := fmt.Sprintf("TENANTRY_REPO_URL=%s\nTENANTRY_GITHUB_REPO=%s\n", s.world.GitHub.GitURL(repo), repo)
		if err := os.WriteFile(filepath.Join(folder, name+".env"), []byte(text), 0o600); err != nil {
			return err
		}
	}
	ts.Setenv("TENANTRY_FLEETS", folder)
	ts.Setenv("TENANTRY_REPO_URL", "")
	ts.Setenv("TENANTRY_GITHUB_REPO", "")
	return nil
}

// fleetFolders are the data folders of fleets that were served together.
func (s *scene) fleetFolders() []string {
	var folders []string
	all, err := filepath.Glob(filepath.Join(s.dir, "data", "*"))
	if err != nil {
		s.t.Error(err)
	}
	for _, dir := range all {
		if store.Exists(dir) {
			folders = append(folders, dir)
		}
	}
	return folders
}

// withVerb is "with NAME": what a script does from then on is about that repository.
func (s *scene) withVerb(ts *testscript.TestScript, args []string) error {
	if len(args) != 1 || s.world == nil {
		return errors.New("usage, in a sandbox: with NAME")
	}
	s.world.Repo = scriptOwner + args[0]
	ts.Setenv("CLONE_URL", s.cloneURL())
	return nil
}

// readyVerb is "ready STATUS [NAME]": it waits until /readyz has that status, of all fleets or of one, and prints what
// it says.
func (s *scene) readyVerb(ts *testscript.TestScript, args []string) error {
	if len(args) == 0 || len(args) > 2 || s.daemon == nil {
		return errors.New("usage, with a daemon: ready STATUS [NAME]")
	}
	address := "http://" + s.daemon.address + "/readyz"
	if len(args) == 2 {
		address += "?fleet=" + args[1]
	}
	return s.eventually(func() (string, error) {
		answer, err := http.Get(address)
		if err != nil {
			return "", err
		}
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		if err != nil || strconv.Itoa(answer.StatusCode) != args[0] {
			return fmt.Sprintf("%s answers %d: %s", address, answer.StatusCode, text), err
		}
		_, err = ts.Stdout().Write(text)
		return "", err
	})
}

// signHook sends the last webhook about the script's repository once more, with a new id and signed with a secret.
func (s *scene) signHook(ts *testscript.TestScript, secret, event string) error {
	var last githubbox.Delivery
	for _, d := range s.world.GitHub.Deliveries() {
		if d.Event == event && bytes.Contains(d.Payload, []byte(`"full_name":"`+s.world.Repo+`"`)) {
			last = d
		}
	}
	if last.GUID == "" {
		return fmt.Errorf("GitHub sent no %s about %s", event, s.world.Repo)
	}
	last.GUID = rand.Text()
	return s.sendHook(ts, last, secret)
}
