//go:build conformance

package awstypes

import "testing"

func TestEveryTypeHasADefinitionThatHolds(t *testing.T) {
	table := open(t)
	for _, e := range index(t).Types {
		typ, err := table.Type(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		definition, err := typ.Definition()
		if err != nil {
			t.Error(err)
		} else if !holds(definition) {
			t.Errorf("the evaluator refuses the definition of %s", e.Name)
		}
	}
}
