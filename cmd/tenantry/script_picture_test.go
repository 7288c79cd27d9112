package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// pictured takes a picture of the page that a verb has just looked at, as a browser shows it, if PICTURES names a
// folder for them: a page can be right in every word and still be hard to read. "make pictures" looks
// at some stories so; CHROMIUM is the browser.
func pictured(do func(*scene, *testscript.TestScript, []string) error) func(*scene, *testscript.TestScript, []string) error {
	return func(s *scene, ts *testscript.TestScript, args []string) error {
		if err := do(s, ts, args); err != nil {
			return err
		}
		page := s.pageOf(ts, args)
		if folder := os.Getenv("PICTURES"); folder != "" && page != "" {
			return s.picture(ts, folder, page)
		}
		return nil
	}
}

// pageOf is the page that a verb is about: a pull request, or the newest commit.
func (s *scene) pageOf(ts *testscript.TestScript, args []string) string {
	if s.world == nil || len(args) == 0 {
		return ""
	}
	switch n := number(append(slices.Clone(args[1:]), ts.Getenv("PR"))); {
	case args[0] == "check" && len(args) == 4, slices.Contains([]string{"comments", "report", "says", "show"}, args[0]) && n > 0:
		return s.world.GitHub.PullURL(s.world.Repo, n)
	case args[0] == "applied", args[0] == "check":
		return s.world.GitHub.URL() + "/" + s.world.Repo + "/commit/" + s.world.GitHub.Tip(s.world.Repo, "main")
	}
	return ""
}

// number is the first of some words that is one.
func number(words []string) int {
	for _, word := range words {
		if n, err := strconv.Atoi(word); err == nil {
			return n
		}
	}
	return 0
}

func (s *scene) picture(ts *testscript.TestScript, folder, page string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	s.pictures++
	file := filepath.Join(folder, fmt.Sprintf("%s-%02d.png", ts.Name(), s.pictures))
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	browser := exec.CommandContext(ctx, os.Getenv("CHROMIUM"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--user-data-dir="+filepath.Join(s.dir, "browser"),
		"--window-size=1280,2400", "--screenshot="+file, page)
	if text, err := browser.CombinedOutput(); err != nil {
		return fmt.Errorf("take a picture of %s: %w: %s", page, err, text)
	}
	ts.Logf("%s shows %s", file, page)
	return nil
}
