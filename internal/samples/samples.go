// Package samples has a worked example of each resource type of AWS that tenants need most: at its
// plainest, as full as is reasonable, and something about it that can be changed in place. The CUE
// files beside this one are the samples, in a plan's own words; people are shown them, and every sample
// passes the suite that drivers pass.
//
// Values follow AWS's documentation of the type, which awstypes.Type.Page gives the address of.
package samples

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

//go:embed *.cue
var files embed.FS

// A Sample is a resource type in use. Attributes are as encoding/json reads them.
type Sample struct {
	Type   string
	Name   string         // what its resource is called, by which other samples refer to it
	Plain  map[string]any // no more than AWS demands
	Full   map[string]any // the worked example
	Change map[string]any // what differs after a change that replaces nothing; empty if only tags can change
}

// A Resource is something that samples refer to.
type Resource struct {
	Kind       string
	Name       string
	Attributes map[string]any
}

// Words are what a plan's template knows of the tenant and of where it lives.
type Words struct{ Fleet, Tenant, DisplayName, Account, Region string }

// A Book has all samples. Nobody may change what is in it. Safe for concurrent use.
type Book struct {
	samples   map[string]Sample
	resources map[string]Resource // by the name that references have
}

// Read evaluates all samples with the words in their places.
func Read(w Words) (*Book, error) {
	v, err := evaluate(w)
	if err != nil {
		return nil, fmt.Errorf("read the samples of resource types: %w", err)
	}
	b := &Book{samples: map[string]Sample{}, resources: map[string]Resource{}}
	fields, err := v.Fields()
	if err != nil {
		return nil, fmt.Errorf("read the samples of resource types: %w", err)
	}
	for fields.Next() {
		s := Sample{Type: fields.Selector().Unquoted()}
		if err := decode(fields.Value(), &s); err != nil {
			return nil, fmt.Errorf("read the sample of %s: %w", s.Type, err)
		}
		b.samples[s.Type] = s
		b.resources[s.Name] = Resource{Kind: s.Type, Name: s.Name, Attributes: s.Plain}
	}
	var around map[string]map[string]any
	if err := decode(v.LookupPath(cue.MakePath(cue.Def("around"))), &around); err != nil {
		return nil, fmt.Errorf("read what samples refer to: %w", err)
	}
	for name, attributes := range around {
		kind, _ := attributes["kind"].(string)
		delete(attributes, "kind")
		b.resources[name] = Resource{Kind: kind, Name: name, Attributes: attributes}
	}
	return b, nil
}

// decode reads a value as encoding/json would, but for numbers, which keep their digits.
func decode(v cue.Value, into any) error {
	text, err := v.MarshalJSON()
	if err != nil {
		return err
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	return dec.Decode(into)
}

// evaluate builds the samples as one CUE package. What a standard package of CUE does is known to CUE.
func evaluate(w Words) (cue.Value, error) {
	inst := build.NewContext(build.Loader(func(token.Pos, string) *build.Instance { return nil })).NewInstance("samples", nil)
	inst.ImportPath = "tenantry.dev/samples"
	parsed, err := parse()
	if err != nil {
		return cue.Value{}, err
	}
	for _, f := range parsed {
		if err := inst.AddSyntax(f.syntax); err != nil {
			return cue.Value{}, err
		}
	}
	if err := inst.Complete(); err != nil {
		return cue.Value{}, err
	}
	v := cuecontext.New().BuildInstance(inst)
	for path, text := range map[string]string{
		"#fleet.name": w.Fleet, "#account.id": w.Account, "#account.name": "production", "#cell.region": w.Region, "#cell.name": "first",
		"#tenant.#id": w.Tenant, "#tenant.name": w.Tenant, "#tenant.displayName": w.DisplayName,
	} {
		v = v.FillPath(cue.ParsePath(path), text)
	}
	return v, v.Err()
}

// A source is one file of samples.
type source struct {
	text   []byte
	syntax *ast.File
}

// parse reads the files in the order of their names.
func parse() ([]source, error) {
	names, err := fs.Glob(files, "*.cue")
	if err != nil {
		return nil, err
	}
	out := make([]source, len(names))
	for i, name := range names {
		if out[i].text, err = files.ReadFile(name); err != nil {
			return nil, err
		}
		if out[i].syntax, err = parser.ParseFile(name, out[i].text, parser.ParseComments); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Types are the types that have samples, sorted.
func (b *Book) Types() []string { return slices.Sorted(maps.Keys(b.samples)) }

// Sample returns the sample of a type.
func (b *Book) Sample(name string) (Sample, bool) {
	s, ok := b.samples[name]
	return s, ok
}

// reference is what a definition writes for the output of another resource of its owner.
var reference = regexp.MustCompile(`\$\{([a-z][a-z0-9-]*)\.`)

// Needs are the resources that attributes refer to, and what these refer to in turn, each once and
// before what refers to it.
func (b *Book) Needs(attributes map[string]any) []Resource {
	var out []Resource
	seen := map[string]bool{}
	var add func(map[string]any)
	add = func(attributes map[string]any) {
		text, err := json.Marshal(attributes)
		if err != nil {
			return // they were read from JSON
		}
		for _, m := range reference.FindAllStringSubmatch(string(text), -1) {
			if r, known := b.resources[m[1]]; known && !seen[r.Name] {
				seen[r.Name] = true
				add(r.Attributes)
				out = append(out, r)
			}
		}
	}
	add(attributes)
	return out
}
