package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

var shadowKinds = map[string]resource.Kind{
	"aws.logs.group": {Name: "aws.logs.group", DataBearing: true, Attributes: []resource.Attribute{{Name: "name", Immutable: true}, {Name: "retentionDays", Default: resource.Int(0)}}},
	"aws.iam.role":   {Name: "aws.iam.role", Attributes: []resource.Attribute{{Name: "name", Immutable: true}, {Name: "managedPolicies", Set: true, Default: val("[]")}}},
	"aws.sqs.queue":  {Name: "aws.sqs.queue", Attributes: []resource.Attribute{{Name: "name", Immutable: true}}},
}

// a village is a fleet of tenants that have one thing in common.
type village struct{ before, after Side }

func newVillage() *village {
	side := func() Side {
		return Side{Desired: map[resource.Owner][]resource.Desired{}, Broken: map[resource.Owner]string{}, Own: map[resource.Owner]map[string]string{}}
	}
	return &village{side(), side()}
}

func rendering(name string, days int, more ...resource.Desired) []resource.Desired {
	owner := resource.Tenant(name)
	list := []resource.Desired{
		{
			Address: resource.Address{Owner: owner, Kind: "aws.iam.role", Name: "role"}, Scope: scope,
			Attributes: resource.Attributes{
				"name": resource.String(name + "-role"), "managedPolicies": val(`["a","b"]`),
				"inline": val(fmt.Sprintf(`{"Statement":[{"Resource":"${tenant/%s/aws.logs.group/logs#arn}:*"}]}`, name)),
			},
		},
		{
			Address: resource.Address{Owner: owner, Kind: "aws.logs.group", Name: "logs"}, Scope: scope,
			Attributes: resource.Attributes{"name": resource.String("/fleet/" + name), "retentionDays": resource.Int(int64(days))},
		},
	}
	return append(list, more...)
}

// add settles a tenant with its rendering on both sides.
func (v *village) add(name string, before, after []resource.Desired) resource.Owner {
	owner := resource.Tenant(name)
	v.before.Desired[owner], v.after.Desired[owner] = before, after
	own := map[string]string{name: "‹tenant›", strings.ToUpper(name) + " Ltd.": "‹displayName›", "111111111111": "‹account›"}
	v.before.Own[owner], v.after.Own[owner] = own, own
	return owner
}

func (v *village) shadow(o ShadowOptions) Shadow {
	for owner := range v.before.Own {
		o.Tenants = append(o.Tenants, owner)
	}
	o.Kinds = shadowKinds
	return NewShadow(v.before, v.after, o)
}

// queue is a resource whose values are full of what is the tenant's own.
func queue(name string) resource.Desired {
	return resource.Desired{
		Address: resource.Address{Owner: resource.Tenant(name), Kind: "aws.sqs.queue", Name: "dead"}, Scope: scope,
		Attributes: resource.Attributes{
			"name": resource.String(name + "-dead"), "tags": val(fmt.Sprintf(`{"tenant":%q,"of":%q}`, name, strings.ToUpper(name)+" Ltd.")),
			"policy": val(fmt.Sprintf(`{"Statement":[{"Resource":"arn:aws:sqs:eu-central-1:111111111111:%s-dead"}]}`, name)),
		},
	}
}

// edited is the village of the report's example, and what else can happen to tenants.
func editedVillage() Shadow {
	v := newVillage()
	for i := range 398 {
		name := fmt.Sprintf("calm%03d", i)
		v.add(name, rendering(name, 90), rendering(name, 90))
	}
	for i := range 30 {
		name := fmt.Sprintf("many%02d", i)
		v.add(name, rendering(name, 30), rendering(name, 60, queue(name)))
	}
	for _, name := range []string{"odd1", "odd2"} {
		v.add(name, rendering(name, 45), rendering(name, 60, queue(name)))
	}
	moved := rendering("moved", 30)
	moved[1].Attributes["name"] = resource.String("/other/moved")
	v.add("moved", rendering("moved", 30), moved)
	v.add("less", rendering("less", 30), rendering("less", 30)[:1])
	for _, name := range []string{"broken1", "broken2"} {
		v.after.Broken[v.add(name, rendering(name, 30), nil)] = "tenants/" + name + ".cue:7:3: overrides.logs: " + name + " may not have 45"
	}
	v.before.Broken[v.add("mended", nil, rendering("mended", 60))] = "tenants/mended.cue:1:1: it was odd"
	v.add("own", rendering("own", 30), rendering("own", 7))
	return v.shadow(ShadowOptions{Files: []string{"plans/team.cue"}, Against: "the watched branch", Edited: map[resource.Owner]bool{"tenant/own": true}})
}

func TestShadowGolden(t *testing.T) {
	s := editedVillage()
	golden(t, "shadow.txt", ShadowText(&s, false))
	golden(t, "shadow.color.txt", ShadowText(&s, true))
	golden(t, "shadow.md", Comment(changeset.Changeset{Digest: "sha256:ab"}, CommentOptions{Head: "c0ffee00", Shadow: &s}))
	data, err := JSONWith(changeset.Changeset{}, &s, Facts{})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "shadow.json", string(data))
}

func TestShadowGroups(t *testing.T) {
	s := editedVillage()
	if s.Tenants != 398+30+2+1+1+2+1+1 || s.Unchanged != 398 || s.Edited != 1 || len(s.Groups) != 6 {
		t.Fatalf("%d tenants, %d unchanged, %d edited, %d groups", s.Tenants, s.Unchanged, s.Edited, len(s.Groups))
	}
	if g := s.Groups[0]; len(g.Tenants) != 30 || g.shown() {
		t.Errorf("the largest group has %d tenants, shown: %t", len(g.Tenants), g.shown())
	}
	for _, g := range s.Groups[1:] {
		if !g.shown() && !g.Mended {
			t.Errorf("%v is folded", g.Tenants)
		}
	}
}

// What destroys and whom it breaks is never folded, however many they are.
func TestNothingGraveIsFolded(t *testing.T) {
	v := newVillage()
	for i := range 30 {
		less, broken := fmt.Sprintf("less%02d", i), fmt.Sprintf("broken%02d", i)
		v.add(less, rendering(less, 30), rendering(less, 30)[:1])
		v.after.Broken[v.add(broken, rendering(broken, 30), nil)] = "it may not"
	}
	s := v.shadow(ShadowOptions{Files: []string{"plans/team.cue"}})
	if text := ShadowComment(&s); len(s.Groups) != 2 || strings.Contains(text, "<details>") {
		t.Errorf("%d groups\n%s", len(s.Groups), text)
	}
}

// A folded group has one example, and the plan doesn't repeat the others; what is held or destroyed is
// in it all the same.
func TestACommentTellsAGroupOnce(t *testing.T) {
	s := editedVillage()
	var c changeset.Changeset
	for i := range 30 {
		c.Changes = append(c.Changes, change(changeset.Update, changeset.Config, fmt.Sprintf("tenant/many%02d/aws.logs.group/logs", i), differs("retentionDays", "30", "60")))
	}
	c.Changes = append(c.Changes, held(change(changeset.Update, changeset.Config, "tenant/many07/aws.sqs.queue/jobs"), changeset.HoldData, "because"))
	text := Comment(c, CommentOptions{Shadow: &s})
	for name, want := range map[string]int{"many00": 1, "many07": 1, "many08": 0} {
		if got := strings.Count(text, "<b>tenant/"+name+"</b>"); got != want {
			t.Errorf("%s has %d details, want %d", name, got, want)
		}
	}
	if !strings.Contains(text, "The details of 28 more tenants") {
		t.Error("nobody is told that details are left out")
	}
	if verdict, table := strings.Index(text, "**Plan: "), strings.Index(text, "| Tenants |"); verdict < 0 || table < verdict {
		t.Error("the verdict doesn't come first")
	}
}

// However many groups there are, the text fits and whole groups are left out, with their number.
func TestShadowFitsIntoAComment(t *testing.T) {
	v := newVillage()
	for i := range 3000 {
		name := fmt.Sprintf("t%04d", i)
		v.add(name, rendering(name, 30), rendering(name, 31+i/2))
	}
	for i := range 900 {
		name := fmt.Sprintf("b%04d", i)
		v.after.Broken[v.add(name, rendering(name, 30), nil)] = strings.Repeat("x", 300) + fmt.Sprint(i)
	}
	s := v.shadow(ShadowOptions{Files: []string{"policies/x.cue"}})
	text := Comment(sample(), CommentOptions{Shadow: &s})
	if len(text) > most || !utf8.ValidString(text) {
		t.Errorf("%d bytes", len(text))
	}
	if !strings.Contains(text, "more groups left out here") || strings.Count(text, "<details>") != strings.Count(text, "</details>") || strings.Count(text, "```")%2 != 0 {
		t.Errorf("it isn't cut at whole groups")
	}
	if !strings.Contains(text, "### Destroyed, replaced or retired") {
		t.Error("the shadow leaves no room for what is destroyed")
	}
}

// What a tenant calls its own is a word of its own, and never a part of another.
func TestGeneral(t *testing.T) {
	own := map[string]string{"acme": "‹tenant›", "Acme \"X\" Ltd.": "‹displayName›", "eu-1": "‹cell›", "111111111111": "‹account›", "": "‹region›"}
	for in, want := range map[string]string{
		`"acme"`:                               `"‹tenant›"`,
		`"acme-data"`:                          `"‹tenant›-data"`,
		`"acmeacme acme"`:                      `"acmeacme ‹tenant›"`,
		`"macme"`:                              `"macme"`,
		`"arn:1:111111111111:acme"`:            `"arn:1:‹account›:‹tenant›"`,
		`"for Acme \"X\" Ltd."`:                `"for ‹displayName›"`,
		`111111111111`:                         `111111111111`,
		`{"acme":["eu-1/acme",5]}`:             `{"‹tenant›":["‹cell›/‹tenant›",5]}`,
		`"${tenant/acme/aws.kms.key/key#arn}"`: `"${tenant/‹tenant›/aws.kms.key/key#arn}"`,
	} {
		if got := general(val(in), own).Sealed(); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
	if secret := val(`"acme"`).AsSecret(); general(secret, own) != secret {
		t.Error("a secret is looked into")
	}
}

func TestUnusual(t *testing.T) {
	for want, sizes := range map[string][]int{
		"":      {430},
		"2":     {30, 2},
		"3":     {30, 3},
		"1":     {3, 1},
		"1 1 1": {3, 1, 1, 1},
		"  ":    {2, 1, 1}, // too few to tell
		" ":     {30, 4},
		"40 9":  {400, 40, 9},
	} {
		s := Shadow{}
		for i, n := range sizes {
			s.Groups = append(s.Groups, ShadowGroup{Tenants: slices.Repeat([]resource.Owner{resource.Tenant(fmt.Sprint(i))}, n)})
		}
		s.unusual()
		var got []string
		for _, g := range s.Groups {
			if g.Unusual {
				got = append(got, fmt.Sprint(len(g.Tenants)))
			}
		}
		if strings.Join(got, " ") != strings.TrimSpace(want) {
			t.Errorf("of %v, %v are unusual, want %s", sizes, got, want)
		}
	}
}

// The comparison depends on the renderings alone: not on the order of anything, and a rename of
// tenants changes neither the groups nor what they say.
func TestShadowProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, two := newVillage(), newVillage()
		n := rapid.IntRange(1, 12).Draw(t, "tenants")
		for i := range n {
			before, after := rapid.IntRange(1, 3).Draw(t, "before"), rapid.IntRange(1, 3).Draw(t, "after")
			more := rapid.Bool().Draw(t, "more")
			for v, name := range map[*village]string{one: fmt.Sprintf("a%d", i), two: fmt.Sprintf("zz-%d-x", i)} {
				var extra []resource.Desired
				if more {
					extra = append(extra, queue(name))
				}
				v.add(name, rendering(name, before), rendering(name, after, extra...))
			}
		}
		a, b := one.shadow(ShadowOptions{}), two.shadow(ShadowOptions{})
		count := a.Unchanged
		labels := func(s Shadow) map[string]int {
			out := map[string]int{}
			for _, g := range s.Groups {
				out[g.Label()] += len(g.Tenants)
			}
			return out
		}
		for _, g := range a.Groups {
			count += len(g.Tenants)
			if len(g.Effects) == 0 {
				t.Fatalf("%v changes in nothing", g.Tenants)
			}
		}
		if count != n || a.Tenants != n {
			t.Fatalf("%d of %d tenants are somewhere", count, n)
		}
		if !maps.Equal(labels(a), labels(b)) {
			t.Fatalf("%v under other names is %v", labels(a), labels(b))
		}
		if again := one.shadow(ShadowOptions{}); ShadowText(&again, false) != ShadowText(&a, false) {
			t.Fatal("it isn't the same twice")
		}
	})
}
