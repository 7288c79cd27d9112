package awstypes

import (
	"strings"
	"testing"
)

// TestCirclesDemandNothing: a statement that negates another is a statement, which the evaluator can't be told
// to demand; that a rule has a statement it can.
func TestCirclesDemandNothing(t *testing.T) {
	text := definition(t, "AWS::WAFv2::WebACL")
	for want, times := range map[string]int{"#NotStatement: close({\n\t\t\t\"Statement\"?: #Statement\n": 1, "\"Statement\"!:        #Statement\n": 1} {
		if got := strings.Count(text, want); got != times {
			t.Errorf("%q is there %d times", want, got)
		}
	}
}

// TestDocumentsWithoutAType: of some documents the schema says nothing but that they are JSON.
func TestDocumentsWithoutAType(t *testing.T) {
	const policy = "AWS::IAM::ManagedPolicy"
	if text := definition(t, policy); !strings.Contains(text, `"PolicyDocument"!: strings.`) || !strings.Contains(text, "| {\n\t\t\t...\n") {
		t.Errorf("a policy document may not have what it likes:\n%s", text)
	}
	if s := shapeOf(t, policy).Fields["PolicyDocument"]; !s.Document || s.AsText {
		t.Errorf("its shape is %+v", s)
	}
}

func definition(t *testing.T, name string) string {
	t.Helper()
	kind, err := open(t).Type(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := kind.Definition()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
