package schema

import (
	"fmt"
	"strings"
	"testing"

	"tenantry.dev/reconciler/resource"
)

// A file with very many mistakes is broken, and says how many there are without listing all of them.
func TestFindingsOfOneFileAreFew(t *testing.T) {
	const many = 2000
	file := "tenants/plain.cue"
	text := string(fleetOf(t)[file].Data)
	var fields strings.Builder
	for i := range many {
		fmt.Fprintf(&fields, "\tunknown%d: true\n", i)
	}
	f, found := Load(with(t, file, strings.TrimSuffix(text, "}\n")+fields.String()+"}\n"), today)
	if f == nil || f.Broken[resource.Tenant("plain")] == "" {
		t.Fatal("the tenant isn't broken")
	}
	if len(found) != mostFindings+1 || !Invalid(found) {
		t.Fatalf("%d findings", len(found))
	}
	last := found[mostFindings]
	if want := fmt.Sprintf("there are more findings in this file; %d are not listed", many-mostFindings); last.Message != want || last.Severity != Error || last.Tenant != "plain" || last.File != file {
		t.Errorf("the last finding is %+v", last)
	}
}

func TestFewerFindings(t *testing.T) {
	list := func(severities ...Severity) []Finding {
		var out []Finding
		for i, s := range severities {
			out = append(out, Finding{Origin: resource.Origin{File: "plans/a.cue", Line: i + 1}, Severity: s, Tenant: fmt.Sprint("t", i), Message: string(s)})
		}
		return out
	}
	times := func(n int, s Severity) []Severity {
		out := make([]Severity, n)
		for i := range out {
			out[i] = s
		}
		return out
	}
	count := func(found []Finding, s Severity) (n int) {
		for _, f := range found {
			if f.Severity == s {
				n++
			}
		}
		return n
	}
	for _, test := range []struct {
		name                   string
		in                     []Severity
		errors, denials, holds int
		warnings               int
		says                   string // of what is left out
	}{
		{"none", nil, 0, 0, 0, 0, ""},
		{"just as many", times(mostFindings, Warn), 0, 0, 0, mostFindings, ""},
		{"one more", times(mostFindings+1, Warn), 0, 0, 0, mostFindings + 1, "; 1 are not listed"},
		{"the grave ones are listed", append(times(mostFindings, Warn), Error, Deny), 1, 1, 0, mostFindings - 2 + 1, "; 2 are not listed"},
		{"what is left out weighs as much", append(times(mostFindings+3, Deny), Warn), 0, mostFindings + 1, 0, 0, "; 4 are not listed"},
		{"who is held stays held", append(times(mostFindings, Error), times(70, Hold)...), mostFindings, 0, 70, 0, ""},
		{"held, and more", append(times(mostFindings+9, Error), times(70, Hold)...), mostFindings + 1, 0, 70, 0, "; 9 are not listed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := list(test.in...)
			other := Finding{Origin: resource.Origin{File: "plans/b.cue", Line: 1}, Severity: Warn, Message: "of another file"}
			got := sorted(append(in, other))
			if last := len(got) - 1; got[last] != other {
				t.Errorf("the other file's finding is %+v", got[last])
			}
			got = got[:len(got)-1]
			if count(got, Error) != test.errors || count(got, Deny) != test.denials || count(got, Hold) != test.holds || count(got, Warn) != test.warnings {
				t.Errorf("listed: %v", got)
			}
			if test.says != "" && !strings.HasSuffix(got[len(got)-1].Message, test.says) {
				t.Errorf("the last one is %s", got[len(got)-1])
			}
			if Invalid(got) != Invalid(in) {
				t.Error("whether the fleet is valid changed")
			}
		})
	}
}
