package schema

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/resource"
)

var update = flag.Bool("update", false, "write the golden files")

const fleets = "../testdata/fleets/"

// fleetOf returns the good fleet with the files of another folder in place of its own.
func fleetOf(t testing.TB, folders ...string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for path, text := range Vendor() {
		out[path] = &fstest.MapFile{Data: text}
	}
	for _, folder := range append([]string{"good"}, folders...) {
		root := os.DirFS(fleets + folder)
		err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(root, path)
			out[path] = &fstest.MapFile{Data: text}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// tell writes findings, and which owners are left alone, as a golden file has them.
func tell(f *Fleet, found []Finding) string {
	var b strings.Builder
	for _, x := range found {
		fmt.Fprintf(&b, "%s\n\t%s", x, x.Severity)
		if x.Tenant != "" {
			fmt.Fprintf(&b, ", tenant %s", x.Tenant)
		}
		if x.Policy != "" {
			fmt.Fprintf(&b, ", policy %s", x.Policy)
		}
		b.WriteByte('\n')
	}
	if f == nil {
		return b.String() + "\nno fleet\n"
	}
	b.WriteString("\nleft alone:")
	for _, owner := range sortedKeys(f.Broken) {
		fmt.Fprintf(&b, " %s", owner)
	}
	b.WriteString("\nrendered:")
	for _, owner := range sortedKeys(f.rendered) {
		fmt.Fprintf(&b, " %s %d", owner, len(f.RenderOwners(owner).Desired))
	}
	return b.String() + "\n"
}

func TestBadFleets(t *testing.T) {
	folders, err := filepath.Glob(fleets + "bad-*")
	if err != nil || len(folders) == 0 {
		t.Fatal("no bad fleets", err)
	}
	for _, folder := range folders {
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			fsys := fleetOf(t, name)
			f, found := Load(fsys, today)
			if !Invalid(found) {
				t.Error("the fleet counts as valid")
			}
			for _, x := range found {
				if x.File == "" {
					t.Errorf("no file: %s", x.Message)
				}
			}
			if f != nil && len(f.Render().Broken) != len(f.Broken) {
				t.Errorf("the rendering is silent about broken owners: %v", f.Render().Broken)
			}
			got := tell(f, found)
			golden := filepath.Join(folder, "findings.golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGoodFleet(t *testing.T) {
	f, found := Load(fleetOf(t), today)
	for _, x := range found {
		t.Error(x)
	}
	if len(f.Tenants) != 4 || len(f.Broken) != 0 {
		t.Errorf("%d tenants, broken: %v", len(f.Tenants), f.Broken)
	}
	leaving := resource.Tenant("leaving")
	if at := f.Offboarded()[leaving]; at.String() != "tenants/leaving.cue:9:2" || len(f.Offboarded()) != 1 {
		t.Errorf("offboarded: %v", f.Offboarded())
	}
	if r := f.RenderOwners(leaving); len(r.Desired) != 0 || len(r.Broken) != 0 {
		t.Errorf("a tenant that leaves renders %v", r)
	}
	if r := f.RenderOwners(resource.Tenant("paused")); len(r.Desired) != 1 {
		t.Errorf("a suspended tenant renders %d resources", len(r.Desired))
	}
}

// today is when the fleets of the tests are judged.
var today = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
