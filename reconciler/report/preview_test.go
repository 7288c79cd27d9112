package report

import (
	"fmt"
	"strings"
	"testing"

	"tenantry.dev/reconciler/resource"
)

// previewVillage has one tenant each that is new, changed, replaced in part, gone, broken and as before.
func previewVillage() (*village, []resource.Owner) {
	v := newVillage()
	secret := func(text string) resource.Desired {
		return resource.Desired{
			Address: resource.Address{Owner: resource.Tenant("acme"), Kind: "aws.sqs.queue", Name: "jobs"}, Scope: scope,
			Attributes: resource.Attributes{"name": resource.String("jobs"), "key": resource.String(text).AsSecret()},
		}
	}
	all := []resource.Owner{
		v.add("acme", rendering("acme", 30, secret("hunter2")), rendering("acme", 60, secret("correct horse"))),
		v.add("bolt", nil, rendering("bolt", 30)),
		v.add("cedar", rendering("cedar", 30), nil),
		v.add("dune", rendering("dune", 30), rendering("elsewhere", 30)),
		v.add("fern", rendering("fern", 30), rendering("fern", 30)),
		v.add("gale", rendering("gale", 30), rendering("gale", 30)),
	}
	for i, d := range v.after.Desired[all[3]] {
		d.Address.Owner = all[3]
		v.after.Desired[all[3]][i] = d
	}
	v.after.Broken[all[5]] = "tenants/gale.cue:7: plan: there is no plan `x` @everybody"
	return v, all
}

func TestPreview(t *testing.T) {
	v, all := previewVillage()
	text := Preview(v.before, v.after, PreviewOptions{
		Owners: append(all, all[0]), Missing: []string{"@nobody`"}, Kinds: shadowKinds, Head: "0123456789abcdef", By: "dana",
	})
	golden(t, "preview.md", text)
	for _, secret := range []string{"hunter2", "correct horse"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is shown", secret)
		}
	}
}

func TestPreviewOfNothing(t *testing.T) {
	v, all := previewVillage()
	o := PreviewOptions{Kinds: shadowKinds, Head: "0123456789abcdef"}
	if text := Preview(v.before, v.after, o); !strings.Contains(text, "nobody is touched") {
		t.Error(text)
	}
	o.Owners = all[4:5]
	if text := Preview(v.before, v.after, o); !strings.Contains(text, "nothing changes") || strings.Contains(text, "details") {
		t.Error(text)
	}
}

// However much there is, a preview is short enough for GitHub, ends after a whole resource and counts the rest.
func TestPreviewIsCutAtWholeResources(t *testing.T) {
	v := newVillage()
	o := PreviewOptions{Kinds: shadowKinds, Head: "0123456789abcdef"}
	for i := range 400 {
		name := fmt.Sprintf("tenant-%03d", i)
		o.Owners = append(o.Owners, v.add(name, rendering(name, 30), rendering(strings.Repeat("long", 20), i)))
	}
	text := Preview(v.before, v.after, o)
	if len(text) > most || strings.Count(text, "```")%2 != 0 || strings.Count(text, "<details>") != strings.Count(text, "</details>") {
		t.Errorf("%d bytes, %d fences, %d and %d of details", len(text), strings.Count(text, "```"), strings.Count(text, "<details>"), strings.Count(text, "</details>"))
	}
	if !strings.Contains(text, "more resources are left out") {
		t.Error("what is left out isn't counted")
	}
}
