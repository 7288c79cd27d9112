package aws

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"

	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

func TestMarksAreTheirOwn(t *testing.T) {
	data, logs := address("aws.s3.bucket", "data"), address("aws.s3.bucket", "logs")
	ours := marked(map[string]string{"team": "blue", "tenantry:fleet": "forged", "aws:x": "y"}, testFleet, data, "n1")
	if ours[tagFleet] != testFleet || ours["aws:x"] != "" || ours["team"] != "blue" || ours[tagNonce] != "n1" {
		t.Errorf("marked with %v", ours)
	}
	if err := ours.require("update", "b", testFleet, data); err != nil {
		t.Error(err)
	}
	for reason, tags := range map[string]tagged{
		"no tags":            {},
		"only the fleet":     {tagFleet: testFleet},
		"only the address":   {tagAddress: data.String()},
		"another fleet":      marked(nil, "other", data, ""),
		"another address":    marked(nil, testFleet, logs, ""),
		"unreadable address": {tagFleet: testFleet, tagAddress: "data"},
	} {
		if err := tags.require("update", "b", testFleet, data); !errors.Is(err, providers.ErrNotOurs) {
			t.Errorf("%s: %v, want ErrNotOurs", reason, err)
		}
	}
	if ours.in(testFleet, "aws.sqs.queue") || ours.in("other", "aws.s3.bucket") || !ours.in(testFleet, "aws.s3.bucket") {
		t.Error("in tells fleets and kinds apart")
	}
}

func TestOnlyUnmarkedOrOwnIsAdoptable(t *testing.T) {
	data := address("aws.s3.bucket", "data")
	for reason, tt := range map[string]struct {
		tags tagged
		ok   bool
	}{
		"no mark":         {tagged{"team": "blue"}, true},
		"this mark":       {marked(nil, testFleet, data, ""), true},
		"another fleet":   {marked(nil, "other", data, ""), false},
		"another address": {marked(nil, testFleet, address("aws.s3.bucket", "logs"), ""), false},
		"half a mark":     {tagged{tagFleet: "other"}, false},
	} {
		if err := tt.tags.adoptable("b", testFleet, data); (err == nil) != tt.ok {
			t.Errorf("%s: %v", reason, err)
		}
	}
}

func TestTagChangesEndAtWhatIsWanted(t *testing.T) {
	keys := rapid.SampledFrom([]string{"team", "cost", "note", "aws:createdBy", tagFleet, tagAddress, tagRetired, tagNonce})
	tags := rapid.MapOf(keys, rapid.StringN(0, 3, -1))
	rapid.Check(t, func(t *rapid.T) {
		have, want := tagged(tags.Draw(t, "have")), tags.Draw(t, "want")
		set, remove := have.change(want)
		after := have.with(set, remove)
		if got, wanted := after.users(), tagged(want).users(); !equal(got, wanted) {
			t.Fatalf("users' tags are %v, want %v", got, wanted)
		}
		for _, key := range []string{"aws:createdBy", tagFleet, tagAddress, tagNonce} {
			if after[key] != have[key] {
				t.Fatalf("%s changed from %q to %q", key, have[key], after[key])
			}
		}
		if _, retired := after[tagRetired]; retired {
			t.Fatal("still retired")
		}
		if set, remove := after.change(want); len(set)+len(remove) > 0 {
			t.Fatalf("a second pass would write %v and remove %v", set, remove)
		}
	})
}

func equal(a, b map[string]string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(pairs(a), func(p [2]string) bool { return b[p[0]] != p[1] })
}

func pairs(m map[string]string) (out [][2]string) {
	for k, v := range m {
		out = append(out, [2]string{k, v})
	}
	return out
}

func TestTagsSurviveTheirConversion(t *testing.T) {
	want := tagged{"b": "2", "a": "", "c": "x/y"}
	list := toBucketTags(want)
	if !slices.IsSortedFunc(list, func(x, y s3types.Tag) int { return strings.Compare(*x.Key, *y.Key) }) {
		t.Error("not sorted")
	}
	got := fromTags(list, func(t s3types.Tag) (*string, *string) { return t.Key, t.Value })
	if !equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if toBucketTags(nil) == nil {
		t.Error("no tags are an empty list")
	}
}

// The calls that destroy data are not in the code at all, so that no mistake can reach them.
func TestNothingHereDestroysData(t *testing.T) {
	forbidden := []string{
		"DeleteBucket", "DeleteObject", "DeleteObjects", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial",
		"DeleteSecret", "ForceDeleteWithoutRecovery", "BypassPolicyLockoutSafetyCheck", "DeleteLogGroup", "GetSecretValue",
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok && slices.Contains(forbidden, name.Name) {
				t.Errorf("%s uses %s", f.Name(), name.Name)
			}
			return true
		})
	}
}

func TestKindsDescribeThemselvesWell(t *testing.T) {
	w := newWire(t, nil)
	set, err := Drivers(w.base(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range set.Kinds() {
		if _, retires := set[name].(providers.Retirer); retires != kind.DataBearing {
			t.Errorf("%s: data-bearing %t, retires %t", name, kind.DataBearing, retires)
		}
		if _, refreshes := set[name].(providers.Refresher); !refreshes {
			t.Errorf("%s can't be read again", name)
		}
		if _, adopts := set[name].(providers.Adopter); !adopts {
			t.Errorf("%s can't be adopted", name)
		}
		empty := kind.Canonical(resource.Attributes{})
		if again := kind.Canonical(empty); len(again) != len(empty) {
			t.Errorf("%s: its defaults aren't canonical", name)
		}
		for _, uses := range kind.Uses {
			if set[uses] == nil {
				t.Errorf("%s uses %s, which nobody drives", name, uses)
			}
		}
		if kind.DataBearing {
			err := set[name].Delete(t.Context(), resource.Observed{ID: "x"})
			if !errors.Is(err, providers.ErrHoldsData) {
				t.Errorf("%s: deletion said %v", name, err)
			}
		}
	}
	if len(w.calls) != 0 {
		t.Errorf("%d calls were made", len(w.calls))
	}
}
