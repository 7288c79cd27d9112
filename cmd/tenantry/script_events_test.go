package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

// countCalls is "cloud calls [N]": it marks the moment, or wants at most so many calls since then, and prints
// them. What it takes to receive events doesn't count.
func (s *scene) countCalls(ts *testscript.TestScript, most string) error {
	var since []awsbox.Call
	for _, c := range s.world.AWS.Calls() {
		if c.Number > s.calls && !strings.Contains(c.Operation, "Message") {
			since = append(since, c)
		}
	}
	if most == "" {
		if all := s.world.AWS.Calls(); len(all) > 0 {
			s.calls = all[len(all)-1].Number
		}
		return nil
	}
	n, err := strconv.Atoi(most)
	if err != nil {
		return err
	}
	for _, c := range since {
		_, _ = fmt.Fprintln(ts.Stdout(), c.Name())
	}
	if len(since) > n {
		return fmt.Errorf("%d calls, want %d at most: %v", len(since), n, since)
	}
	return nil
}

// mail is "cloud mail late=DURATION twice=N lost=N": how events fare on their way.
func (s *scene) mail(args []string) error {
	c := s.world.AWS.Conditions()
	c.Events = awsbox.EventWeather{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		switch name {
		case "late":
			c.Events.Delay, err = time.ParseDuration(value)
		case "twice":
			c.Events.Repeat, err = strconv.Atoi(value)
		case "lost":
			c.Events.Lose, err = strconv.Atoi(value)
		default:
			err = errors.New("usage: cloud mail late=DURATION twice=N lost=N")
		}
		if err != nil {
			return err
		}
	}
	s.world.AWS.SetConditions(c)
	return nil
}

// The guide shows the resources that the story has.
func TestTheGuideToEventsIsPlayed(t *testing.T) {
	guide, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	story, err := os.ReadFile("testdata/script/events.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(guide), "```cue\n// In the cell's resources\n")
	shown, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the guide shows no resources")
	}
	lines := strings.Split(strings.TrimSpace(shown), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "\t\t" + line
		}
	}
	if !strings.Contains(string(story), strings.Join(lines, "\n")) {
		t.Error("the story has other resources than the guide")
	}
	if slices.Contains(lines, "") && len(lines) < 20 {
		t.Errorf("the guide shows %d lines", len(lines))
	}
}
