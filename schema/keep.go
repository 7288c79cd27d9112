package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// Keep returns the edit of the owner's file after which Git wants the given value of an attribute: an
// override of a tenant, or the attribute itself of a cell. The evaluator is the judge: the edit is
// returned only if the fleet with it still loads and renders exactly that value, and nothing else
// differently. Otherwise err says in a person's words what stands against it.
func (f *Fleet) Keep(d resource.Desired, attribute string, value resource.Value) (path string, edited []byte, err error) {
	switch {
	case value.IsSecret():
		return "", nil, errors.New("it is a secret, and secrets are never written to Git")
	case !value.IsSet():
		return "", nil, fmt.Errorf("the cloud has no value for %s, and a definition can't say that there is none; remove it in %s", attribute, d.OriginOf(attribute))
	}
	owner := d.Address.Owner
	src, field := f.home(d, attribute)
	if src == nil {
		return "", nil, fmt.Errorf("no file of %s is known", owner)
	}
	plain, err := unresolved(value)
	if err != nil {
		return "", nil, err
	}
	if edited, err = SetField(src.text, field, plain); err != nil {
		return "", nil, err
	}
	if err := f.judge(d, attribute, value, src.path, edited); err != nil {
		return "", nil, err
	}
	return src.path, edited, nil
}

// home is the file and the field that decide about an attribute.
func (f *Fleet) home(d resource.Desired, attribute string) (*source, []string) {
	owner := d.Address.Owner
	src := f.files.owners[owner]
	if owner.Class() == "cell" {
		return src, []string{owner.Name(), "resources", d.Address.Name, attribute}
	}
	return src, []string{"tenant", owner.Name(), "overrides", d.Address.Name, attribute}
}

// unresolved is a value as a definition has it: a plain "${" is "$${" there.
func unresolved(value resource.Value) (any, error) {
	text, err := value.MarshalJSON() // of a value that isn't secret this is its text
	if err != nil {
		return nil, fmt.Errorf("read the value: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("read the value: %w", err)
	}
	return escaped(v), nil
}

// escaped is decoded JSON with each "${" in its texts escaped, but for IAM's own variables.
func escaped(v any) any {
	switch v := v.(type) {
	case string:
		return reference.ReplaceAllStringFunc(v, func(match string) string {
			if !strings.HasPrefix(match, "$$") && strings.Contains(match, ":") && strings.HasSuffix(match, "}") {
				return match
			}
			return "$" + match
		})
	case []any:
		for i := range v {
			v[i] = escaped(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = escaped(v[key])
		}
	}
	return v
}

// judge renders the owner with the edit.
func (f *Fleet) judge(d resource.Desired, attribute string, value resource.Value, path string, edited []byte) error {
	owner := d.Address.Owner
	trial, found := load(edit{f.files.source, path, edited}, f.At, func(tenant string) bool { return tenant == path })
	if trial == nil {
		return fmt.Errorf("with it the fleet doesn't load: %s", reasonOf(found, path))
	}
	rendered, ok := trial.rendered[owner]
	if !ok {
		return refusedBy(found, trial.Broken[owner])
	}
	before, _ := byAddress(f.rendered[owner], d.Address)
	after, ok := byAddress(rendered, d.Address)
	if !ok || after.Attributes[attribute] != value {
		return fmt.Errorf("the definitions make it %s instead", after.Attributes[attribute])
	}
	rest := maps.Clone(before.Attributes)
	rest[attribute] = value
	if !maps.Equal(rest, after.Attributes) || len(rendered) != len(f.rendered[owner]) {
		return errors.New("more than this attribute would change")
	}
	for _, other := range f.rendered[owner] {
		if now, ok := byAddress(rendered, other.Address); other.Address != d.Address && (!ok || !maps.Equal(now.Attributes, other.Attributes)) {
			return fmt.Errorf("%s would change with it", other.Address)
		}
	}
	return f.clash(after)
}

// clash tells whether another owner has the resource's name in the cloud.
func (f *Fleet) clash(d resource.Desired) error {
	for _, owner := range sortedKeys(f.rendered) {
		for _, other := range f.rendered[owner] {
			if other.Address != d.Address && nameOf(other) == nameOf(d) {
				return fmt.Errorf("%s has this name already", other.Address)
			}
		}
	}
	return nil
}

func byAddress(list []resource.Desired, address resource.Address) (resource.Desired, bool) {
	i := slices.IndexFunc(list, func(d resource.Desired) bool { return d.Address == address })
	if i < 0 {
		return resource.Desired{}, false
	}
	return list[i], true
}

// refusedBy is what the trial said, a policy's word first.
func refusedBy(found []Finding, broken string) error {
	for _, f := range found {
		if f.Policy != "" && f.Severity == Deny {
			return errors.New(f.Message)
		}
	}
	for _, f := range found {
		if f.Severity == Error {
			return errors.New(strings.TrimPrefix(f.Message, "overrides."))
		}
	}
	return errors.New(broken)
}

// An edit is a file system in which one file has other content.
type edit struct {
	fs.FS
	path string
	text []byte
}

// ReadFile makes fs.ReadFile see the edit; sizes are of no interest here.
func (e edit) ReadFile(name string) ([]byte, error) {
	if name == e.path {
		return e.text, nil
	}
	return fs.ReadFile(e.FS, name)
}
