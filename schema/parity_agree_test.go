package schema

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/resource"
)

// stricter are the classes of what Tenantry refuses and CUE can't: docs/decisions/0006-overrides.md. A
// fleet that only Tenantry refuses has findings of these classes alone.
var stricter = []stricterClass{
	{"override of what the plan doesn't mention", `says nothing of .*, so that it can't be overridden|a tenant can't add to it`},
	{"an attribute or a resource that there isn't", `has no attribute "|has no resource "|there is no field`},
	{"a tenant's file is more than plain data", `a tenant's file is plain data|is hidden from the checks|a value without a name is not allowed here|write the result|has an exponent`},
	{"a file isn't called as what it defines", `must begin with "package |as the file is called so|the file is called .*, so|is not a .*name; name the file|the file says nothing of a tenant|a tenant's file has only tenant|a tenant's file is tenants/`},
	{"a name that two tenants claim", `belongs to the tenant .* already|is named by .* already|are both called|have the same name`},
	{"a reference that leads nowhere", `: \$\{[^:]*: |the \} is missing|refer to each other in a circle`},
	{"a number or a time that only a program can check", `is not a cron expression|is not a duration|is not a time`},
	{"an account that doesn't hold together", `the role is not in the account|is the account .* already|is not used in|a fleet has at least one account|there is no account|cells of the environment`},
	{"a place that isn't there", `there is no (environment|cell|plan|tenant|team|service|release) |select\.[a-z]+: there is no`},
	{"a cell that is full", `is full|places|beyond|quota`},
	{"a cell or an unused plan that isn't complete", `incomplete value|is missing`},
	{"a policy that nothing can satisfy", `can't be evaluated|undefined field|reference .* not found|nothing can satisfy|conflicting values`},
}

// untried is the class of what breaks a policy, or can't be, in a cell or in a plan that no tenant is active on.
const untried = "a policy, on what no active tenant has"

type stricterClass struct{ class, says string }

// A verdict is what both say of one fleet.
type verdict struct {
	ours, theirs bool // accepted
	said         string
	findings     []Finding
	fleet        *Fleet
	folders      map[string]cue.Value
	err          error // cue's
}

// verdictOn asks both about a fleet.
func verdictOn(t *testing.T, files map[string][]byte) verdict {
	t.Helper()
	dir := onDisk(t, files)
	var v verdict
	v.fleet, v.findings = Load(os.DirFS(dir), today)
	v.ours = v.fleet != nil && !Invalid(v.findings)
	v.folders, v.err = vet(t, dir)
	v.theirs = v.err == nil
	_ = os.RemoveAll(dir)
	return v
}

// A tally counts agreement and each class of disagreement.
type tally struct {
	accepted, refused, stricter int
	resources                   int
	classes                     map[string]int
}

// count holds the two against each other. It returns what is wrong, if something is.
func (c *tally) count(v verdict) error {
	switch {
	case v.ours && v.theirs:
		c.accepted++
		n, err := sameRendering(v.fleet, v.folders)
		c.resources += n
		return err
	case !v.ours && !v.theirs:
		c.refused++
	case v.ours:
		return fmt.Errorf("Tenantry accepts what cue refuses: %v", v.err)
	default:
		c.stricter++
		for _, f := range v.findings {
			if f.Severity != Error && f.Severity != Deny {
				continue
			}
			i := slices.IndexFunc(stricter, func(s stricterClass) bool { return regexp.MustCompile(s.says).MatchString(f.Message) })
			if folder, _, _ := strings.Cut(f.File, "/"); i < 0 && folder != tenantsDir && (f.Policy != "" || folder == policiesDir) {
				c.classes[untried]++
				continue
			}
			if i < 0 {
				return fmt.Errorf("cue accepts what Tenantry refuses, for a reason that is no documented class: %s", f)
			}
			c.classes[stricter[i].class]++
		}
	}
	return nil
}

func (c *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d accepted by both, with %d resources rendered alike; %d refused by both; %d refused by Tenantry alone", c.accepted, c.resources, c.refused, c.stricter)
	for _, class := range sortedKeys(c.classes) {
		fmt.Fprintf(&b, "\n  %5d  %s", c.classes[class], class)
	}
	return b.String()
}

// sameRendering compares the resources that cue exports with those that Tenantry renders.
func sameRendering(f *Fleet, folders map[string]cue.Value) (int, error) {
	n := 0
	seen := map[resource.Owner]bool{}
	for folder, v := range folders {
		resources := v.LookupPath(cue.ParsePath("resources"))
		if !resources.Exists() || folder != "." && !strings.HasPrefix(folder, tenantsDir) {
			continue
		}
		text, err := resources.MarshalJSON()
		if err != nil {
			return n, fmt.Errorf("cue can't export %s: %w", folder, err)
		}
		var owners map[resource.Owner]map[string]map[string]any
		if err := json.Unmarshal(text, &owners); err != nil {
			return n, err
		}
		for owner, theirs := range owners {
			seen[owner] = true
			if diff := cmp.Diff(theirs, oursOf(f, owner, theirs)); diff != "" {
				return n, fmt.Errorf("%s (-cue +tenantry):\n%s", owner, diff)
			}
			n += len(theirs)
		}
	}
	for _, d := range f.Render().Desired {
		if !seen[d.Address.Owner] && d.Address.Owner.Class() == "tenant" {
			return n, fmt.Errorf("cue renders nothing for %s", d.Address.Owner)
		}
	}
	return n, nil
}

// oursOf is what Tenantry renders for an owner in the form that cue exports, and theirs with its
// references resolved in place.
func oursOf(f *Fleet, owner resource.Owner, theirs map[string]map[string]any) map[string]map[string]any {
	ours := map[string]map[string]any{}
	r := referrerOf(f, owner)
	for name, attributes := range theirs {
		for attribute, v := range attributes {
			attributes[attribute] = r.resolve(v, []string{name, attribute})
		}
	}
	for _, d := range f.RenderOwners(owner).Desired {
		out := map[string]any{"kind": d.Address.Kind}
		for name, v := range d.Attributes {
			var x any
			_ = json.Unmarshal([]byte(v.Reveal()), &x)
			out[name] = x
		}
		ours[d.Address.Name] = out
	}
	return ours
}

// drawn is a fleet around the example's or the scaffold's definitions, with few of the tenants, and
// with mutations.
func drawn(r *rand.Rand, bases []map[string][]byte, mutations int) (map[string][]byte, []string) {
	files := map[string][]byte{}
	var tenants []string
	for name, text := range bases[r.IntN(len(bases))] {
		files[name] = slices.Clone(text)
		if strings.HasPrefix(name, tenantsDir+"/") {
			tenants = append(tenants, name)
		}
	}
	slices.Sort(tenants)
	r.Shuffle(len(tenants), func(i, j int) { tenants[i], tenants[j] = tenants[j], tenants[i] })
	for _, name := range tenants[min(3, len(tenants)):] {
		delete(files, name)
		for other, text := range files { // what speaks of the tenant goes with it
			if !strings.HasPrefix(other, "cue.mod/") && strings.Contains(string(text), strconv.Quote(strings.TrimSuffix(path.Base(name), ".cue"))) {
				delete(files, other)
			}
		}
	}
	return files, mangle(r, files, mutations)
}

// bases are fleets that both accept.
func bases(t *testing.T) []map[string][]byte {
	t.Helper()
	read := func(from fs.FS) map[string][]byte {
		out := map[string][]byte{}
		if err := fsWalk(from, func(path string, text []byte) { out[path] = text }); err != nil {
			t.Fatal(err)
		}
		maps.Copy(out, Vendor())
		return out
	}
	dir := t.TempDir() + "/fleet"
	if err := Init(dir, "fleet"); err != nil {
		t.Fatal(err)
	}
	return []map[string][]byte{read(smallExample(t)), read(smallExample(t)), read(os.DirFS(dir))}
}

// What Tenantry accepts, cue accepts, and both render the same. What Tenantry alone refuses is of a
// documented class. The lane "make differential" does this with thousands.
func TestAgreement(t *testing.T) {
	agreement(t, 16, 1)
}

// agreement holds the two against each other over fleets with none to three mutations.
func agreement(t *testing.T, fleets int, seed uint64) {
	t.Helper()
	all := bases(t)
	c := tally{classes: map[string]int{}}
	for n := range fleets {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		files, said := drawn(r, all, []int{0, 1, 1, 1, 1, 2, 2, 3}[r.IntN(8)])
		v := verdictOn(t, files)
		v.said = strings.Join(said, "; ")
		if err := c.count(v); err != nil {
			t.Errorf("seed %d/%d, %s: %v", seed, n, v.said, err)
		}
	}
	t.Log(c.String())
}
