package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tenantry.dev/internal/github"
)

// Files of a new App.
const (
	appKeyFile      = "github-app.pem"
	appSettingsFile = "tenantry.env"
)

// placeForApp is the folder for a new App's key, whole: the one given, or tenantry in the user's folder for
// settings. It must hold no key yet, and be in no work tree of Git: whatever is there is one "git add" away from
// everybody who may read the repository.
func placeForApp(dir string) (string, error) {
	if dir == "" {
		settings, err := os.UserConfigDir()
		if err != nil {
			return "", fmt.Errorf("no folder to keep the App's key in; give --out: %w", err)
		}
		dir = filepath.Join(settings, "tenantry")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("the folder of the App's key: %w", err)
	}
	for _, name := range []string{appKeyFile, appSettingsFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return "", fmt.Errorf("%s is there already, and may have the key of another App: move it away, or give another --out", filepath.Join(dir, name))
		}
	}
	tree, err := workTree(dir)
	switch {
	case err != nil:
		return "", fmt.Errorf("whether Git looks after %s: %w", dir, err)
	case tree != "":
		return "", fmt.Errorf("%s is in %s, which Git looks after: the App's key could be committed there; give another --out", dir, tree)
	}
	return dir, nil
}

// workTree is the work tree of Git that a folder is in, or would be in if it isn't there yet; empty if none. Links
// are followed.
func workTree(dir string) (string, error) {
	for {
		followed, err := filepath.EvalSymlinks(dir)
		if err == nil {
			dir = followed
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return "", err
		}
		dir = filepath.Dir(dir)
	}
	for {
		// A folder in the main work tree, and a file in others and in submodules.
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", nil
		}
		dir = filepath.Dir(dir)
	}
}

// keepApp writes the new App's key and settings. It never overwrites a file.
func keepApp(dir string, made github.NewApp) error {
	lost := func(err error) error {
		return fmt.Errorf("%w; GitHub hands the key out once, so delete the App at %s and run it again", err, made.Page)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return lost(fmt.Errorf("make the folder of the App's key: %w", err))
	}
	keyFile, err := filepath.Abs(filepath.Join(dir, appKeyFile))
	if err != nil {
		return lost(err)
	}
	if err := made.PrivateKey.WriteFile(keyFile, "", ""); err != nil {
		return lost(fmt.Errorf("keep the App's key: %w", err))
	}
	settings := fmt.Sprintf("TENANTRY_GITHUB_APP_ID=%d\nTENANTRY_GITHUB_APP_KEY_FILE=%s\n", made.ID, keyFile)
	if made.WebhookSecret.IsSet() {
		settings += "TENANTRY_WEBHOOK_SECRET="
	}
	if err := made.WebhookSecret.WriteFile(filepath.Join(dir, appSettingsFile), settings, "\n"); err != nil {
		return lost(fmt.Errorf("keep the App's settings: %w", err))
	}
	return nil
}
