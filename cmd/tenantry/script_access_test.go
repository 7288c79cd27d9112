package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
)

// iamVerb is what an administrator does in IAM: "iam permit ROLE PATTERN [without SID]" attaches the
// policies in some files to a role, from whose sessions everything else is refused from then on; one of
// the statements may be left out. "iam trust ROLE FILE" gives a role its trust policy.
func (s *scene) iamVerb(ts *testscript.TestScript, args []string) error {
	usage := errors.New("usage: iam permit ROLE PATTERN [without SID] | trust ROLE FILE")
	if s.world == nil || len(args) < 3 {
		return usage
	}
	files, err := filepath.Glob(ts.MkAbs(args[2]))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no files %s: %w", args[2], err)
	}
	without := ""
	if len(args) == 5 && args[3] == "without" {
		without = args[4]
	}
	var policies []string
	found := without == ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var document struct {
			Version   string
			Statement []map[string]any
		}
		if err := json.Unmarshal(text, &document); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		before := len(document.Statement)
		document.Statement = slices.DeleteFunc(document.Statement, func(s map[string]any) bool { return s["Sid"] == without })
		found = found || len(document.Statement) < before
		if text, err = json.Marshal(document); err != nil {
			return err
		}
		policies = append(policies, string(text))
	}
	switch {
	case !found:
		return fmt.Errorf("no statement %s in %v", without, files)
	case args[0] == "permit":
		return s.world.AWS.Permit(args[1], policies...)
	case args[0] == "trust" && len(policies) == 1:
		return s.world.AWS.Trust(args[1], policies[0])
	}
	return usage
}
