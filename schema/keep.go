package schema

import (
	"bytes"
	"context"
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
func (f *Fleet) Keep(ctx context.Context, d resource.Desired, attribute string, value resource.Value) (path string, edited []byte, err error) {
	switch {
	case value.IsSecret():
		return "", nil, errors.New("it is a secret, and secrets are never written to Git")
	case !value.IsSet():
		return "", nil, fmt.Errorf("the cloud has no value for %s, and a definition can't say that there is none; remove it in %s", attribute, d.OriginOf(attribute))
	}
	owner := d.Address.Owner
	k := f.files.owners[owner]
	if k == nil || f.files.listing == nil {
		return "", nil, fmt.Errorf("no file of %s is known", owner)
	}
	text, err := fs.ReadFile(f.files.listing.fsys, k.File)
	if err != nil {
		return "", nil, fmt.Errorf("read the file that decides: %w", err)
	}
	plain, err := unresolved(value)
	if err != nil {
		return "", nil, err
	}
	if edited, err = SetField(text, home(d, attribute), plain); err != nil {
		return "", nil, err
	}
	if err := f.judge(ctx, d, attribute, value, k.File, edited); err != nil {
		return "", nil, err
	}
	return k.File, edited, nil
}

// home is the field of the owner's file that decides about an attribute.
func home(d resource.Desired, attribute string) []string {
	owner := d.Address.Owner
	if owner.Class() == "cell" {
		return []string{owner.Name(), "resources", d.Address.Name, attribute}
	}
	return []string{"tenant", owner.Name(), "overrides", d.Address.Name, attribute}
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

// judge renders the fleet with the edit.
func (f *Fleet) judge(ctx context.Context, d resource.Desired, attribute string, value resource.Value, path string, edited []byte) error {
	owner := d.Address.Owner
	trial, found, err := f.With(ctx, map[string][]byte{path: edited})
	if err != nil {
		return fmt.Errorf("try the edit: %w", err)
	}
	if trial == nil {
		return fmt.Errorf("with it the fleet doesn't load: %s", reasonOf(found, path))
	}
	if trial.rendered[owner] == nil {
		return refusedBy(found, owner, trial.Broken[owner])
	}
	was, is := f.RenderOwners(owner).Desired, trial.RenderOwners(owner).Desired
	before, _ := byAddress(was, d.Address)
	after, ok := byAddress(is, d.Address)
	if !ok || after.Attributes[attribute] != value {
		return fmt.Errorf("the definitions make it %s instead", after.Attributes[attribute])
	}
	rest := maps.Clone(before.Attributes)
	rest[attribute] = value
	if !maps.Equal(rest, after.Attributes) || len(is) != len(was) {
		return errors.New("more than this attribute would change")
	}
	for _, other := range was {
		if now, ok := byAddress(is, other.Address); other.Address != d.Address && (!ok || !maps.Equal(now.Attributes, other.Attributes)) {
			return fmt.Errorf("%s would change with it", other.Address)
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

// refusedBy is what the trial said of the owner, a policy's word first.
func refusedBy(found []Finding, owner resource.Owner, broken string) error {
	ours := func(f Finding) bool { return f.Tenant == "" || f.Tenant == owner.Name() }
	for _, f := range found {
		if f.Policy != "" && f.Severity == Deny && ours(f) {
			return errors.New(f.Message)
		}
	}
	for _, f := range found {
		if f.Severity == Error && ours(f) && strings.HasSuffix(broken, f.Message) {
			return errors.New(strings.TrimPrefix(f.Message, "overrides."))
		}
	}
	return errors.New(broken)
}
