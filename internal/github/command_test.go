package github

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCommand(t *testing.T) {
	for _, tt := range []struct {
		comment string
		want    Command
		ok      bool
	}{
		{"/tenantry plan", Command{Verb: "plan", Args: []string{}}, true},
		{"/tenantry plan -t acme\nplease", Command{Verb: "plan", Args: []string{"-t", "acme"}}, true},
		{"\n  /tenantry\tAPPLY \r\n", Command{Verb: "apply", Args: []string{}}, true},
		{"/tenantry hold until Monday", Command{Verb: "hold", Args: []string{"until", "Monday"}}, true},
		{"/tenantry", Command{Verb: "help"}, true},
		{"/tenantry unlock now", Command{Verb: "help", Unknown: "unlock"}, true},
		{"/tenantry preview acme", Command{Verb: "preview", Args: []string{"acme"}}, true},
		{" Atlantis  plan\n", Command{Verb: "help", Unknown: "atlantis plan"}, true},
		{"/hold", Command{Verb: "help", Unknown: "/hold"}, true},
		{"/hold\nuntil Monday", Command{}, false},
		{"/hold please", Command{}, false},
		{"atlantis\nplan", Command{}, false},
		{"/tenantryplan", Command{}, false},
		{"please /tenantry plan", Command{}, false},
		{"> /tenantry plan", Command{}, false},
		{"Looks good\n/tenantry apply", Command{}, false},
		{"/tenantry pl\x00an", Command{}, false},
		{"/tenantry plan \u202eevil", Command{}, false},
		{"/tenantry plan " + strings.Repeat("x", 500), Command{}, false},
		{"", Command{}, false},
	} {
		got, ok := ParseCommand(tt.comment)
		if diff := cmp.Diff(tt.want, got); diff != "" || ok != tt.ok {
			t.Errorf("ParseCommand(%q): ok %v, difference %s", tt.comment, ok, diff)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add("/tenantry plan -t acme")
	f.Add("/tenantry\nplan")
	f.Add("\xff/tenantry \u2028 x")
	f.Fuzz(func(t *testing.T, comment string) {
		cmd, ok := ParseCommand(comment)
		if !ok {
			if cmd.Verb != "" || cmd.Args != nil || cmd.Unknown != "" {
				t.Fatalf("no command, and yet %+v", cmd)
			}
			return
		}
		if !slices.Contains([]string{"plan", "apply", "hold", "resume", "retry", "revert", "ignore", "preview", "help"}, cmd.Verb) {
			t.Fatalf("verb %q", cmd.Verb)
		}
		for _, word := range append(cmd.Args, cmd.Unknown) {
			if slices.Contains(foreign(), word) {
				continue
			}
			if strings.ContainsAny(word, " \t\r\n\x00") || len(word) > commandLimit {
				t.Fatalf("word %q", word)
			}
		}
	})
}
