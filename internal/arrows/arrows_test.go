package arrows

import (
	"os/exec"
	"strings"
	"testing"
)

const module = "tenantry.dev/"

// allowed lists, for each folder, the folders of this module that it may import. A folder stands
// for everything below it that has no line of its own. Nothing may import cmd.
var allowed = map[string][]string{
	"reconciler/resource":    {},
	"reconciler/changeset":   {"reconciler/resource"},
	"reconciler/cost":        {"reconciler/resource", "reconciler/changeset"},
	"reconciler/codeowners":  {},
	"reconciler/report":      {"reconciler/resource", "reconciler/changeset", "reconciler/cost"},
	"reconciler/takeover":    {"providers", "reconciler/resource", "reconciler/changeset"},
	"schema":                 {"reconciler/resource", "reconciler/changeset", "reconciler/cost", "internal/awstypes", "internal/samples"},
	"providers":              {"reconciler/resource"},
	"providers/aws":          {"providers", "reconciler/resource", "internal/awstypes"},
	"providers/providertest": {"providers", "reconciler/resource", "reconciler/changeset", "internal/samples"},
	"reconciler":             {"reconciler/resource", "reconciler/changeset", "reconciler/report", "reconciler/cost", "reconciler/codeowners", "schema", "providers"},

	"internal/audit":          {"reconciler/changeset", "reconciler/resource"},
	"internal/store":          {"internal/audit", "reconciler", "reconciler/changeset", "reconciler/resource"},
	"internal/gitrepo":        {"reconciler", "schema"},
	"internal/github":         {"reconciler", "reconciler/resource", "reconciler/changeset"},
	"internal/work":           {},
	"internal/iampolicy":      {"providers", "reconciler/resource"},
	"internal/sandbox":        {"internal/sandbox"},
	"internal/sandbox/aws":    {"internal/awstypes"},
	"internal/sandbox/github": {"internal/sandbox/github"},
	"internal/reference":      {"schema", "internal/samples", "internal/awstypes"},
	"internal/draw":           {"schema"},
	"internal/offers":         {"schema", "reconciler/resource"},
	"internal/fleetgen":       {"schema", "fleet-example"},
	"fleet-example":           {},
	"internal/arrows":         {},
	"internal/evaluate":       {"schema", "reconciler/resource"},
	"internal/rendercache":    {"schema"},
	"internal/awstypes":       {"internal/awstypes"},
	"internal/attacks":        {"reconciler/resource", "reconciler/changeset"},
	"internal/samples":        {},
	"internal/scale":          {"internal/sandbox", "providers", "providers/aws", "reconciler/resource"},
}

// pure lists the folders that may import nothing that reads a clock, logs or does I/O.
var pure = []string{"reconciler/resource", "reconciler/changeset", "reconciler/report", "reconciler/takeover", "reconciler/cost", "reconciler/codeowners"}

var impure = []string{"context", "os", "net", "net/http", "log", "os/exec", "database/sql", "io/ioutil"}

func TestImportsFollowTheArrows(t *testing.T) {
	for folder, imports := range imports(t) {
		if folder == "cmd/tenantry" || folder == "internal/conformance" || folder == "internal/docgen" {
			continue // everything is allowed
		}
		may, known := allowedFor(folder)
		if !known {
			t.Errorf("%s has no line in the table of allowed imports", folder)
		}
		for _, imported := range imports {
			ours, is := strings.CutPrefix(imported, module)
			if !is || ours == folder {
				continue
			}
			if !covers(may, ours) {
				t.Errorf("%s imports %s", folder, ours)
			}
		}
	}
}

func TestPureFoldersDoNoIO(t *testing.T) {
	all := imports(t)
	for _, folder := range pure {
		for _, imported := range all[folder] {
			for _, bad := range impure {
				if imported == bad && (folder != "reconciler/resource" || bad != "log") {
					t.Errorf("%s is pure and imports %s", folder, imported)
				}
			}
		}
	}
}

func allowedFor(folder string) ([]string, bool) {
	for at := folder; at != "."; {
		if may, ok := allowed[at]; ok {
			return may, true
		}
		i := strings.LastIndex(at, "/")
		if i < 0 {
			break
		}
		at = at[:i]
	}
	return nil, false
}

func covers(may []string, imported string) bool {
	for _, folder := range may {
		if imported == folder || strings.HasPrefix(imported, folder+"/") && strings.HasPrefix(folder, "internal/") {
			return true
		}
	}
	return false
}

// imports lists what each folder imports, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	list := map[string][]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		list[strings.TrimPrefix(fields[0], module)] = fields[1:]
	}
	if len(list) < 10 {
		t.Fatalf("go list found %d packages only", len(list))
	}
	return list
}
