package schema

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	cueload "cuelang.org/go/cue/load"
	"github.com/google/go-cmp/cmp"

	fleetexample "tenantry.dev/fleet-example"
	"tenantry.dev/reconciler/resource"
)

// onDisk writes a fleet for the cue command line's own loader, which the tests below use.
func onDisk(t *testing.T, contents map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := write(dir, contents); err != nil {
		t.Fatal(err)
	}
	return dir
}

// vet is "cue vet -c ./..." without network. It returns the values of all instances by folder.
func vet(t *testing.T, dir string) (map[string]cue.Value, error) {
	t.Helper()
	config := &cueload.Config{Dir: dir, Env: append(os.Environ(), "CUE_REGISTRY=none")}
	out, ctx := map[string]cue.Value{}, cuecontext.New()
	for _, inst := range cueload.Instances([]string{"./..."}, config) {
		if inst.Err != nil {
			return nil, inst.Err
		}
		v := ctx.BuildInstance(inst)
		if err := v.Validate(cue.Concrete(true)); err != nil {
			return nil, err
		}
		folder, err := filepath.Rel(dir, inst.Dir)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.ToSlash(folder)] = v
	}
	return out, nil
}

// smallExample is the example without what it runs on.
func smallExample(t testing.TB) fs.FS {
	t.Helper()
	small, err := fleetexample.Small()
	if err != nil {
		t.Fatal(err)
	}
	return small
}

func example(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	root := smallExample(t)
	err := fsWalk(root, func(path string, text []byte) { out[path] = text })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The cue command line renders what Tenantry renders.
func TestCueRendersTheSame(t *testing.T) {
	folders, err := vet(t, onDisk(t, example(t)))
	if err != nil {
		t.Fatal(err)
	}
	f := exampleFleet(t)
	compare := func(folder string) (n int) {
		text, err := folders[folder].LookupPath(cue.ParsePath("resources")).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var owners map[resource.Owner]map[string]map[string]any
		if err := json.Unmarshal(text, &owners); err != nil {
			t.Fatal(err)
		}
		for owner, rendered := range owners {
			for _, d := range f.RenderOwners(owner).Desired {
				n++
				theirs := rendered[d.Address.Name]
				delete(theirs, "kind")
				ours := map[string]any{}
				for name, v := range d.Attributes {
					ours[name] = decoded(t, v)
				}
				r := referrerOf(f, owner)
				for name, v := range theirs {
					theirs[name] = r.resolve(v, []string{d.Address.Name, name})
				}
				if diff := cmp.Diff(theirs, ours); diff != "" {
					t.Errorf("%s (-cue +tenantry):\n%s", d.Address, diff)
				}
			}
			if len(rendered) != len(f.RenderOwners(owner).Desired) {
				t.Errorf("%s: cue renders %d resources, Tenantry %d", owner, len(rendered), len(f.RenderOwners(owner).Desired))
			}
		}
		return n
	}
	if n := compare("tenants") + compare("."); n != len(f.Render().Desired) {
		t.Errorf("compared %d resources of %d", n, len(f.Render().Desired))
	}
}

// referrerOf resolves references as they are for an owner of a sound fleet.
func referrerOf(f *Fleet, owner resource.Owner) *referrer {
	r := &referrer{owner: owner, kinds: map[string]kindDef{}, own: map[string]string{}, shared: map[string]string{}}
	all := []string{"arn", "name", "id", "url", "alias"}
	take := func(list []resource.Desired, into map[string]string) {
		for _, d := range list {
			into[d.Address.Name] = d.Address.Kind
			r.kinds[d.Address.Kind] = kindDef{outputs: all}
			r.cell = d.Cell
		}
	}
	take(f.RenderOwners(owner).Desired, r.own)
	take(f.RenderOwners(resource.Cell(r.cell)).Desired, r.shared)
	return r
}

func decoded(t *testing.T, v resource.Value) any {
	t.Helper()
	var out any
	if err := json.Unmarshal([]byte(v.Reveal()), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// What Tenantry refuses because of the definitions, the cue command line refuses too.
func TestCueRefusesTheSame(t *testing.T) {
	edits := map[string][2]string{
		"unknown field":   {"\tcell: ", "\tcolour: \"blue\"\n\tcell: "},
		"enum":            {"\"owner\"", "\"boss\""},
		"missing plan":    {"\"pool\"", "\"poool\""},
		"residency":       {"residency:   \"eu\"", "residency:   \"us\""},
		"policy on cells": {"\"eu-1\"", "\"us-1\""},
		"override":        {"\tcontacts", "\toverrides: logs: retentionDays: 14\n\tcontacts"},
		"name":            {"\tcontacts", "\toverrides: logs: name: \"no spaces\"\n\tcontacts"},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			contents := example(t)
			const file = "tenants/bluebird.cue"
			text := string(contents[file])
			contents[file] = []byte(strings.Replace(text, edit[0], edit[1], 1))
			if text == string(contents[file]) {
				t.Fatal("the edit changes nothing")
			}
			dir := onDisk(t, contents)
			if _, found := Load(os.DirFS(dir), today); !Invalid(found) {
				t.Error("Tenantry accepts it")
			}
			if _, err := vet(t, dir); err == nil {
				t.Error("cue accepts it")
			}
		})
	}
}

// A tenant is called as its file is, whatever the file says: two tenants must never share resources.
func TestNameIsTheFiles(t *testing.T) {
	for name, accepted := range map[string]bool{`"bluebird"`: true, `"acme"`: false, `"other"`: false, `7`: false, `""`: false} {
		contents := example(t)
		const file = "tenants/bluebird.cue"
		contents[file] = []byte(strings.Replace(string(contents[file]), "\tcontacts", "\tname: "+name+"\n\tcontacts", 1))
		dir := onDisk(t, contents)
		if _, found := Load(os.DirFS(dir), today); Invalid(found) == accepted {
			t.Errorf("%s: Tenantry finds %v", name, found)
		}
		if _, err := vet(t, dir); (err == nil) != accepted {
			t.Errorf("%s: cue says %v", name, err)
		}
	}
}
