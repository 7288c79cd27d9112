package providertest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// A Walk brings resources through a sequence of states. It is data: any cloud can be walked.
type Walk struct {
	Kind  string // the kind that it is about; states may hold others that this one uses
	Name  string
	Steps []Step
}

// A Step is a state to be reached.
type Step struct {
	Name  string
	State []Resource // everything that is to exist; what an earlier state had and this one hasn't goes
	// Astray tells that the state is somebody else's doing, so that the next one is compared with what was
	// wanted before, and its changes are drift.
	Astray bool
}

// A Resource is one resource of a state. Strings in its attributes may say ${NAME.OUTPUT}, for an
// output of another resource of the state, and {fleet}, {account}, {region} and {name}.
type Resource struct {
	Kind       string
	Name       string // unique within the state
	Attributes Attr
}

// Attr is attributes by name, as encoding/json would read them.
type Attr map[string]any

// owner is whom everything in a walk belongs to.
const owner = resource.Owner("tenant/acme")

func (r Resource) address() resource.Address {
	return resource.Address{Owner: owner, Kind: r.Kind, Name: r.Name}
}

// with returns the resource with attributes added or overridden.
func (r Resource) with(more Attr) Resource {
	all := make(Attr, len(r.Attributes)+len(more))
	maps.Copy(all, r.Attributes)
	maps.Copy(all, more)
	r.Attributes = all
	return r
}

// changes tells whether two states of the walk have different values for the attribute of one
// resource, or of two resources of the walk's kind, as is the case with names.
func (w Walk) changes(attribute string) bool {
	seen := map[string]bool{}
	for _, step := range w.Steps {
		for _, r := range step.State {
			if r.Kind != w.Kind {
				continue
			}
			text, err := json.Marshal(r.Attributes[attribute])
			if err != nil {
				return false
			}
			seen[strings.ReplaceAll(string(text), "{name}", r.Name)] = true
		}
	}
	return len(seen) > 1
}

// attributes returns the names of all attributes that the walk sets on resources of its kind.
func (w Walk) attributes() []string {
	names := map[string]bool{}
	for _, step := range w.Steps {
		for _, r := range step.State {
			for name := range r.Attributes {
				if r.Kind == w.Kind {
					names[name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// reference is what a definition writes for the output of another resource.
var reference = regexp.MustCompile(`\$\{([a-z][a-z0-9-]*)\.([A-Za-z]+)\}`)

// desired makes a state into what the comparison takes.
func (s *stage) desired(state []Resource) ([]resource.Desired, error) {
	addresses := make(map[string]resource.Address, len(state))
	for _, r := range state {
		addresses[r.Name] = r.address()
	}
	out := make([]resource.Desired, len(state))
	for i, r := range state {
		attributes, err := s.expand(r, addresses)
		if err != nil {
			return nil, err
		}
		out[i] = resource.Desired{Address: r.address(), Scope: s.scopeOf(r.Kind), Attributes: attributes}
	}
	return out, nil
}

func (s *stage) expand(r Resource, addresses map[string]resource.Address) (resource.Attributes, error) {
	words := strings.NewReplacer("{fleet}", s.Fleet, "{account}", s.Scope.Account, "{region}", s.Scope.Region, "{name}", r.Name)
	out := make(resource.Attributes, len(r.Attributes))
	for name, plain := range r.Attributes {
		text, err := json.Marshal(plain)
		if err != nil {
			return nil, fmt.Errorf("walk: %s: %s: %w", r.Name, name, err)
		}
		full := reference.ReplaceAllStringFunc(words.Replace(string(text)), func(ref string) string {
			m := reference.FindStringSubmatch(ref)
			return resource.Ref{Address: addresses[m[1]], Output: m[2]}.Placeholder()
		})
		if out[name], err = resource.ParseValue([]byte(full)); err != nil {
			return nil, fmt.Errorf("walk: %s: %s: %w", r.Name, name, err)
		}
	}
	return out, nil
}
