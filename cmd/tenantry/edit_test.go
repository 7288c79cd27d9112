package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tenantry.dev/schema"
)

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 21, 7, 30, 0, 5, time.UTC)
	for text, want := range map[string]string{
		"":                          "0001-01-01T00:00:00Z",
		"2026-12-31":                "2026-12-31T23:59:59Z",
		"2026-11-21":                "2026-11-21T23:59:59Z", // today counts until its end
		"2026-12-31T18:00:00+01:00": "2026-12-31T17:00:00Z",
		"30d":                       "2026-12-21T07:30:00Z",
		"2026-11-20":                "",
		"0d":                        "",
		"30":                        "",
		"soon":                      "",
		"2026-13-01":                "",
	} {
		got, err := expiry(text, now)
		if (err != nil) != (want == "") || err == nil && got.Format(time.RFC3339) != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

func TestContact(t *testing.T) {
	for text, want := range map[string]string{
		"technical=it@acme.example":   "technical it@acme.example",
		"owner: ida@acme.example":     "owner ida@acme.example",
		"boss=it@acme.example":        "",
		"it@acme.example":             "",
		"technical=it@acme":           "",
		"technical=it acme@a.example": "",
	} {
		got, err := contact(text)
		if (err != nil) != (want == "") || err == nil && got.Role+" "+got.Email != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// The cell that is proposed has places left, and is one where customers with the same residency are.
func TestCellOptions(t *testing.T) {
	fleet := &schema.Fleet{
		Plans: []schema.Plan{{Name: "big", Capacity: 3}, {Name: "small", Capacity: 1}},
		Cells: []schema.Cell{{Name: "eu-1", Capacity: 4}, {Name: "eu-2", Capacity: 9}, {Name: "us-1", Capacity: 40}},
		Tenants: []schema.Tenant{
			{Name: "a", Plan: "big", Cell: "eu-1", Residency: "eu"}, {Name: "b", Plan: "small", Cell: "eu-2", Residency: "eu"}, {Name: "c", Plan: "small", Cell: "us-1", Residency: "us"},
		},
	}
	for _, test := range []struct{ plan, residency, want string }{
		{"big", "eu", "eu-2 us-1 eu-1"},
		{"small", "eu", "eu-2 eu-1 us-1"},
		{"small", "us", "us-1 eu-2 eu-1"},
	} {
		var names []string
		for _, o := range cellOptions(fleet, schema.Tenant{Plan: test.plan, Residency: test.residency}) {
			names = append(names, o.name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s, %s: %s", test.plan, test.residency, got)
		}
	}
	if options := cellOptions(fleet, schema.Tenant{Plan: "big"}); options[0].words != ", , 39 of 40 places left" {
		t.Errorf("%+v", options[0])
	}
}

func TestQuestionsEndWithTheInput(t *testing.T) {
	q := newQuestioner(strings.NewReader("x\n"), io.Discard)
	_, err := q.choose(t.Context(), "What", []option{{"a", ""}, {"b", ""}})
	if !errors.Is(err, errNoAnswer) {
		t.Error(err)
	}
}

func TestQuestionsEndWithAnInterrupt(t *testing.T) {
	in, typed := io.Pipe()
	t.Cleanup(func() { _ = typed.Close() })
	ctx, interrupt := context.WithCancel(t.Context())
	q := newQuestioner(in, io.Discard)
	time.AfterFunc(time.Millisecond, interrupt)
	if err := q.ask(ctx, "What", "", func(string) error { return nil }); !errors.Is(err, errNoAnswer) {
		t.Error(err)
	}
}

// A file that can't be replaced stays as it was, and nothing else is left in its folder.
func TestWriteFileLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "taken", "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(filepath.Join(dir, "taken"), []byte("x")); err == nil {
		t.Error("a folder was replaced")
	}
	if err := writeFile(filepath.Join(dir, "new", "folder", "a.cue"), []byte("x")); err == nil {
		t.Error("two folders were made")
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if err := writeFile(filepath.Join(dir, "new", "a.cue"), []byte("x")); err != nil {
		t.Error(err)
	}
}
