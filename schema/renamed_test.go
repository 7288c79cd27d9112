package schema

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"cuelang.org/go/cue"
	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/resource"
)

// edit is a copy of the example with other files; nil removes one.
func edit(t *testing.T, edits map[string]string) map[string][]byte {
	t.Helper()
	out := example(t)
	for path, text := range edits {
		if delete(out, path); text != "" {
			out[path] = []byte(text)
		}
	}
	return out
}

func loaded(t *testing.T, files map[string][]byte) (*Fleet, []string) {
	t.Helper()
	fsys := fstest.MapFS{}
	for path, text := range files {
		fsys[path] = &fstest.MapFile{Data: text}
	}
	f, found := Load(fsys, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	var lines []string
	for _, x := range found {
		lines = append(lines, x.String())
	}
	if f == nil {
		t.Fatal(lines)
	}
	return f, lines
}

// nameIn is a resource's name in the cloud, by its address without the owner.
func namesIn(f *Fleet, owner resource.Owner) map[string]string {
	out := map[string]string{}
	for _, d := range f.RenderOwners(owner).Desired {
		out[d.Address.Kind+"/"+d.Address.Name] = nameOf(d).name
	}
	return out
}

// swap replaces a text that must be there.
func swap(t *testing.T, text []byte, pairs ...string) string {
	t.Helper()
	out := string(text)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(out, pairs[i]) {
			t.Fatalf("there is no %q in\n%s", pairs[i], out)
		}
		out = strings.ReplaceAll(out, pairs[i], pairs[i+1])
	}
	return out
}

// renamedPool is the pool plan with a resource renamed.
func renamedPool(t *testing.T, previously string) string {
	return swap(t, example(t)["plans/pool.cue"], "\t\trole: {\n", "\t\tservice: {\n\t\t\tpreviously: "+previously+"\n")
}

func renamedTenant(t *testing.T, previously string) string {
	return swap(t, example(t)["tenants/bluebird.cue"], "tenant: bluebird: {\n", "tenant: azure: {\n\tpreviously: "+previously+"\n")
}

func TestRenamedKeepsItsNames(t *testing.T) {
	before, _ := loaded(t, example(t))
	was := namesIn(before, "tenant/bluebird")
	for _, c := range []struct {
		says, resource, tenant string
		addresses              []string // of the role before
	}{
		{"one name each", `"role"`, `"bluebird"`, []string{"tenant/bluebird/aws.iam.role/role", "tenant/bluebird/aws.iam.role/service", "tenant/azure/aws.iam.role/role"}},
		{"several names", `["role", "worker"]`, `["bluebird", "sky"]`, []string{
			"tenant/bluebird/aws.iam.role/role", "tenant/bluebird/aws.iam.role/worker", "tenant/bluebird/aws.iam.role/service",
			"tenant/sky/aws.iam.role/role", "tenant/sky/aws.iam.role/worker", "tenant/sky/aws.iam.role/service",
			"tenant/azure/aws.iam.role/role", "tenant/azure/aws.iam.role/worker",
		}},
	} {
		t.Run(c.says, func(t *testing.T) {
			files := edit(t, map[string]string{
				"plans/pool.cue": renamedPool(t, c.resource), "tenants/bluebird.cue": "", "tenants/azure.cue": renamedTenant(t, c.tenant),
			})
			f, found := loaded(t, files)
			if len(found) > 0 {
				t.Fatal(found)
			}
			now := namesIn(f, "tenant/azure")
			now["aws.iam.role/role"] = now["aws.iam.role/service"]
			delete(now, "aws.iam.role/service")
			if diff := cmp.Diff(was, now); diff != "" {
				t.Errorf("names in the cloud (-before +after):\n%s", diff)
			}
			for _, d := range f.RenderOwners("tenant/azure").Desired {
				if d.Address.Name != "service" {
					continue
				}
				var addresses []string
				for _, a := range d.Previously {
					addresses = append(addresses, a.String())
				}
				if diff := cmp.Diff(c.addresses, addresses); diff != "" {
					t.Errorf("earlier addresses:\n%s", diff)
				}
				if _, leaks := d.Attributes[previously]; leaks {
					t.Error("previously became an attribute")
				}
			}
			if owner := f.Renamed()["tenant/bluebird"]; owner != "tenant/azure" {
				t.Errorf("bluebird is called %q now", owner)
			}

			folders, err := vet(t, onDisk(t, files))
			if err != nil {
				t.Fatal(err)
			}
			text, err := folders["tenants"].LookupPath(cue.ParsePath("resources")).MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			var theirs map[resource.Owner]map[string]struct{ Kind, Name string }
			if err := json.Unmarshal(text, &theirs); err != nil {
				t.Fatal(err)
			}
			for name, r := range theirs["tenant/azure"] {
				if name == "service" {
					name = "role"
				}
				if ours := was[r.Kind+"/"+name]; r.Name != ours {
					t.Errorf("cue calls %s %q, and it was %q", name, r.Name, ours)
				}
			}
		})
	}
}

func TestRenamedCell(t *testing.T) {
	before, _ := loaded(t, example(t))
	files := edit(t, map[string]string{
		"cells/eu-1.cue": swap(t, example(t)["cells/eu-1.cue"], "\t\tgateway: {\n", "\t\tingress: {\n\t\t\tpreviously: \"gateway\"\n"),
	})
	f, found := loaded(t, files)
	if len(found) > 0 {
		t.Fatal(found)
	}
	if was, now := namesIn(before, "cell/eu-1")["aws.logs.group/gateway"], namesIn(f, "cell/eu-1")["aws.logs.group/ingress"]; was != now || was == "" {
		t.Errorf("it was %q and is %q", was, now)
	}
	folders, err := vet(t, onDisk(t, files))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := folders["."].LookupPath(cue.ParsePath(`resources."cell/eu-1".ingress.name`)).String()
	if now := namesIn(f, "cell/eu-1")["aws.logs.group/ingress"]; text != now {
		t.Errorf("cue calls it %q, Tenantry %q", text, now)
	}
}

// inPlans is a place in a plan of the example, whose lines move.
var inPlans = regexp.MustCompile(`(plans/\w+\.cue):\d+:\d+`)

func TestRenamesThatCantBeMeant(t *testing.T) {
	pool := func(pairs ...string) map[string]string {
		return map[string]string{"plans/pool.cue": swap(t, example(t)["plans/pool.cue"], pairs...)}
	}
	for _, c := range []struct {
		says  string
		edits map[string]string
		want  []string // the beginnings of findings
	}{
		{"a resource that there still is", pool("\t\terrors: {\n", "\t\tslow: {\n\t\t\tpreviously: \"errors\"\n\t\t\tkind: \"aws.cloudwatch.alarm\"\n\t\t\tnamespace: \"a\"\n\t\t\tmetric: \"b\"\n\t\t\tstatistic: \"Sum\"\n\t\t\tthreshold: 1\n\t\t\tcomparison: \"GreaterThanThreshold\"\n\t\t\ttags: tenant: #tenant.name\n\t\t}\n\t\terrors: {\n"), []string{
			`plans/pool.cue: slow.previously: "errors" is another resource (plans/pool.cue), so that this one can't have been it; rename that one, or write another name`,
		}},
		{"itself", pool("\t\trole: {\n", "\t\trole: {\n\t\t\tpreviously: \"role\"\n"), []string{
			`plans/pool.cue: role.previously: "role" is no earlier name of role`,
		}},
		{"no name", pool("\t\trole: {\n", "\t\trole: {\n\t\t\tpreviously: \"The role\"\n"), []string{
			`plans/pool.cue: `,
		}},
		{"not written out", pool("\t\trole: {\n", "\t\trole: {\n\t\t\tpreviously: \"r-\\(#fleet.name)\"\n"), []string{
			`plans/pool.cue: role.previously: write it as a text, or a list of texts, beside the other fields of the resource: names in the cloud hang on it`,
		}},
		{"an override", map[string]string{"tenants/bluebird.cue": swap(t, example(t)["tenants/bluebird.cue"], "\tresidency:", "\toverrides: role: previously: \"r\"\n\tresidency:")}, []string{
			`tenants/bluebird.cue:7:19: overrides.role.previously: aws.iam.role has no attribute "previously"`,
		}},
		{"a tenant that there still is", map[string]string{"tenants/azure.cue": renamedTenant(t, `"acme"`), "tenants/bluebird.cue": ""}, []string{
			`tenants/azure.cue:4:2: previously: there still is a tenant "acme" (tenants/acme.cue:4:9), so that this one can't have been it; remove that file, or write another name`,
		}},
		{"two that were one", map[string]string{
			"tenants/azure.cue": renamedTenant(t, `"bluebird"`), "tenants/bluebird.cue": "",
			"tenants/sky.cue": strings.Replace(renamedTenant(t, `["sea", "bluebird"]`), "azure", "sky", 1),
		}, []string{
			`tenants/azure.cue:4:2: previously: the tenant sky says that it was "bluebird" as well (tenants/sky.cue:4:2); only one of them can have been`,
			`tenants/sky.cue:4:2: previously: the tenant azure says that it was "bluebird" as well (tenants/azure.cue:4:2); only one of them can have been`,
		}},
	} {
		t.Run(c.says, func(t *testing.T) {
			_, found := loaded(t, edit(t, c.edits))
			found = slices.DeleteFunc(found, func(f string) bool { return strings.Contains(f, "that of a resource of tenant/acme already") })
			if len(found) != len(c.want) {
				t.Fatalf("found\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(c.want, "\n"))
			}
			for i := range found {
				if got := inPlans.ReplaceAllString(found[i], "$1"); !strings.HasPrefix(got, c.want[i]) {
					t.Errorf("found\n%s\nwant\n%s", got, c.want[i])
				}
			}
		})
	}
}

// A tenant that was renamed and is broken still says what it was, so that nobody takes that for removed.
func TestBrokenTenantsSayWhatTheyWere(t *testing.T) {
	sound := renamedTenant(t, `["bluebird"]`)
	for says, text := range map[string]string{
		"an unknown plan":   swap(t, []byte(sound), `"pool"`, `"pol"`),
		"a missing field":   swap(t, []byte(sound), "\tresidency:   \"eu\"\n", ""),
		"another name":      swap(t, []byte(sound), "azure", "azur"),
		"a syntax error":    sound + "\n}",
		"no text at all":    sound + "\xff",
		"more than is data": swap(t, []byte(sound), `["bluebird"]`, `["bluebird"] & _`),
	} {
		f, found := loaded(t, edit(t, map[string]string{"tenants/bluebird.cue": "", "tenants/azure.cue": text}))
		if f.Broken["tenant/azure"] == "" {
			t.Errorf("%s: it isn't broken: %v", says, found)
		}
		if owner := f.Renamed()["tenant/bluebird"]; owner != "tenant/azure" {
			t.Errorf("%s: bluebird is called %q now", says, owner)
		}
	}
}
