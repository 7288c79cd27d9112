package takeover_test

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/reconciler/takeover"
	"tenantry.dev/schema"
)

var (
	here       = resource.Scope{Account: "111122223333", Region: "eu-central-1"}
	everywhere = resource.Scope{Account: "111122223333", Region: resource.Global}
)

// A world is a new fleet and what exists beside it.
type world struct {
	t      *testing.T
	dir    string
	loader *schema.Loader
	kinds  map[string]resource.Kind
	found  []providers.Found
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), loader: &schema.Loader{Evaluator: schema.InProcess()}}
	set, err := drivers.Drivers(aws.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.kinds = set.Kinds()
	if err := schema.Init(w.dir, "shop"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.dir + "/tenants/example.cue"); err != nil {
		t.Fatal(err)
	}
	return w
}

// has adds something that exists. Attributes are JSON; what they leave out is the kind's default.
func (w *world) has(kind, name, attributes string) *providers.Found {
	w.t.Helper()
	value, err := resource.ParseValue([]byte(attributes))
	if err != nil {
		w.t.Fatalf("%s %s: %v", kind, name, err)
	}
	members, _ := value.Members()
	scope := here
	if w.kinds[kind].Global {
		scope = everywhere
	}
	service := strings.Split(kind, ".")[1]
	arn := "arn:aws:" + service + ":" + scope.Region + ":" + scope.Account + ":" + strings.TrimPrefix(name, "alias/")
	f := providers.Found{Kind: kind, Scope: scope, ID: name, Name: name, Tags: map[string]string{}, Outputs: map[string]string{"arn": arn, "name": name}}
	switch kind {
	case "aws.s3.bucket":
		f.Outputs["arn"] = "arn:aws:s3:::" + name
	case "aws.kms.key":
		f.ID = "0000-" + strings.TrimPrefix(name, "alias/")
		f.Outputs = map[string]string{"arn": "arn:aws:kms:eu-central-1:111122223333:key/" + f.ID, "id": f.ID, "alias": name}
		members["alias"] = resource.String(name)
	case "aws.sqs.queue":
		f.ID = "https://sqs.eu-central-1.amazonaws.com/111122223333/" + name
		f.Outputs["url"] = f.ID
	}
	if kind != "aws.kms.key" {
		members["name"] = resource.String(name)
	}
	f.Attributes = w.kinds[kind].Canonical(members)
	_ = (resource.Attributes{"tags": f.Attributes["tags"]}).Decode(&struct{ Tags *map[string]string }{&f.Tags})
	w.found = append(w.found, f)
	return &w.found[len(w.found)-1]
}

// file writes a file of the fleet.
func (w *world) file(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(w.dir+"/"+name, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// order is for a tenant, whose everything is that has its name in its own.
func (w *world) order(tenant, plan string) takeover.Order {
	picked := map[string]bool{}
	for _, f := range w.found {
		if strings.Contains(f.Name, tenant) {
			picked[f.ID] = true
		}
	}
	path := "tenants/" + tenant + ".cue"
	return takeover.Order{
		Fleet: "shop", Kinds: w.kinds, Path: path, Plan: "plans/" + plan + ".cue", Scope: here, Found: w.found, Picked: picked,
		Decided: map[string]string{}, Claimed: map[string]string{}, Spared: map[string]string{},
		Tenant: takeover.Tenant{
			Name: tenant, DisplayName: takeover.Titled(tenant), Plan: plan, Cell: "first", Residency: "eu",
			Contacts: []takeover.Contact{{Role: "technical", Email: "ops@" + tenant + ".example"}},
		},
		Try: func(files map[string][]byte) (takeover.Tried, error) { return w.try(tenant, files) },
	}
}

func (w *world) try(tenant string, files map[string][]byte) (takeover.Tried, error) {
	fleet, findings, err := w.loader.Load(w.t.Context(), takeover.Overlay{Base: os.DirFS(w.dir), Files: files}, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC))
	var tried takeover.Tried
	for _, f := range findings {
		tried.Objections = append(tried.Objections, takeover.Objection{
			Origin: f.Origin, Message: f.Message, Policy: f.Policy, Fatal: f.Severity == schema.Error || f.Severity == schema.Deny,
		})
	}
	if fleet != nil {
		tried.Desired = fleet.RenderOwners(resource.Tenant(tenant), resource.Cell("first")).Desired
	}
	return tried, err
}

// write puts the files of a takeover into the fleet.
func (w *world) write(t takeover.Takeover) {
	w.t.Helper()
	for name, text := range t.Files {
		w.file(name, string(text))
	}
}

// ready requires that nothing stands against a takeover, and that it adopts exactly these.
func ready(t *testing.T, got takeover.Takeover, err error, adopted ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !got.Ready() {
		t.Fatalf("not ready: objections %v, questions %v", got.Objections, got.Questions)
	}
	have, want := map[string]bool{}, map[string]bool{}
	for _, p := range got.Pairs {
		have[p.Name+" "+p.Found.Name] = true
	}
	for _, a := range adopted {
		want[a] = true
	}
	if !maps.Equal(have, want) {
		t.Errorf("adopts %v, want %v; left %v", have, want, leftOf(got))
	}
}

// leftOf is why things are left alone, by name.
func leftOf(t takeover.Takeover) map[string]string {
	left := map[string]string{}
	for _, l := range t.Left {
		left[l.Found.Name] = l.Why
	}
	return left
}

// changesOf are the paths that adopting changes.
func changesOf(t takeover.Takeover) []string {
	var paths []string
	for _, c := range t.Changes {
		for _, d := range c.Attributes {
			paths = append(paths, c.Address.Name+"."+d.Path)
		}
	}
	return paths
}

// walk reads every file of a file system, in both ways that there are.
func walk(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		file, err := fsys.Open(name)
		if err != nil {
			return err
		}
		again, err := io.ReadAll(file)
		if info, _ := file.Stat(); err == nil && (string(again) != string(text) || info.Size() != int64(len(text))) {
			t.Errorf("%s is %q or %q", name, text, again)
		}
		files[name] = string(text)
		return errors.Join(err, file.Close())
	})
	if err != nil {
		t.Error(err)
	}
	return files
}
