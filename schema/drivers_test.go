package schema

import (
	"slices"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/providers/aws"
)

// Definitions and drivers agree on every kind: its attributes, its outputs, and whether it has a region.
func TestKindsOfDrivers(t *testing.T) {
	drivers, err := aws.Drivers(awssdk.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kinds := drivers.Kinds()
	e, err := newEngine(newTree(nil, nil, func(Step) {}), nil)
	if err != nil {
		t.Fatal(err)
	}
	defined := readKinds(e.schema)
	if len(defined) != len(kinds) {
		t.Errorf("%d kinds are defined, %d have drivers", len(defined), len(kinds))
	}
	for name, kind := range kinds {
		var attributes []string
		for _, a := range kind.Attributes {
			attributes = append(attributes, a.Name)
		}
		d := defined[name]
		slices.Sort(attributes)
		slices.Sort(d.outputs)
		fields := slices.DeleteFunc(d.fields, func(name string) bool { return name == "kind" })
		outputs := slices.Sorted(slices.Values(kind.Outputs))
		if !slices.Equal(fields, attributes) || !slices.Equal(d.outputs, outputs) || d.global != kind.Global {
			t.Errorf("%s: defined as %+v, driven as %v %v %v", name, d, attributes, outputs, kind.Global)
		}
	}
}

// What a definition renders is canonical already, up to the order of sets and the form of documents, so
// that a value in a report is the one in the file.
func TestRenderedIsCanonical(t *testing.T) {
	drivers, err := aws.Drivers(awssdk.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kinds := drivers.Kinds()
	for _, d := range exampleFleet(t).Render().Desired {
		kind := kinds[d.Address.Kind]
		canonical := kind.Canonical(d.Attributes)
		for name, v := range d.Attributes {
			if a, _ := kind.Attribute(name); !a.Set && a.Canonical == nil && canonical[name] != v {
				t.Errorf("%s: %s %s becomes %s", d.Address, name, v, canonical[name])
			}
		}
	}
}
