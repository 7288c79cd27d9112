package changeset

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// A contrast is one place inside an attribute at which Git and the cloud differ.
type contrast struct {
	attribute string
	keys      []string // into the attribute's objects; none for the attribute as a whole
	before    resource.Value
	after     resource.Value
	cause     Cause
}

func (x contrast) path() string { return Path(append([]string{x.attribute}, x.keys...)...) }

// Path writes the way to a value inside a resource: an attribute and the keys of objects in it,
// joined by dots. A key that isn't plain is quoted as in JSON.
func Path(keys ...string) string {
	var b strings.Builder
	for i, key := range keys {
		if i > 0 {
			b.WriteByte('.')
		}
		if plain(key) {
			b.WriteString(key)
		} else {
			b.WriteString(strconv.Quote(key))
		}
	}
	return b.String()
}

// SplitPath is the inverse of Path. Text that Path doesn't write is returned as one key.
func SplitPath(path string) []string {
	var keys []string
	for rest := path; ; {
		var key, after string
		var more bool
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return []string{path}
			}
			key, _ = strconv.Unquote(quoted)
			after, more = strings.CutPrefix(rest[len(quoted):], ".")
			if !more && after != "" {
				return []string{path}
			}
		} else {
			key, after, more = strings.Cut(rest, ".")
		}
		keys = append(keys, key)
		if !more {
			return keys
		}
		rest = after
	}
}

func plain(key string) bool {
	return key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return r == '.' || r == '"' || r == '\\' || !strconv.IsPrint(r) || r == ' '
	})
}

// contrasts compares a desired resource with the observed one, attribute by attribute over all
// that the kind has, and returns where they differ, sorted by path. Outputs that are known are
// filled in on Git's side.
func (c *comparison) contrasts(k *kind, d *resource.Desired, o *resource.Observed) []contrast {
	var out []contrast
	settled := c.settledTo(d.Address)
	hasRefs := len(c.refsOf(d.Address)) > 0
	for i := range k.attributes {
		a := &k.attributes[i]
		wanted := d.Attributes[a.Name]
		after := wanted
		if hasRefs {
			after = wanted.Resolve(c.output)
		}
		before := o.Attributes[a.Name]
		if after == before {
			continue
		}
		after, before = a.normal(after), a.normal(before)
		if a.Asked != nil {
			before = c.askedFor(a, d.Address, before, after)
		}
		if after.Equal(before) {
			continue
		}
		before3 := threeWay{c: c, attribute: a, wanted: wanted, settled: settled != nil, follows: c.follows(d.Address), begun: c.begunOn(d.Address)}
		if settled != nil {
			before3.applied = settled.Attributes[a.Name]
		}
		out = append(out, before3.contrasts(after, before)...)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Attributes)) {
		if _, known := k.index[name]; !known {
			out = append(out, contrast{attribute: name, before: o.Attributes[name], cause: Config})
		}
	}
	return out
}

// settledTo is what was applied of an address, if its owner is settled and had it, and nothing was
// begun on it since.
func (c *comparison) settledTo(address resource.Address) *resource.Desired {
	if c.Doubtful[address] || c.Doubtful[c.moved[address]] {
		return nil
	}
	return c.appliedTo(address)
}

// follows tells whether something that a resource refers to was written since it was applied.
func (c *comparison) follows(address resource.Address) bool {
	return c.Follows[address] || c.Follows[c.moved[address]]
}

// begunOn is what updates asked for that were begun on a resource since it was applied.
func (c *comparison) begunOn(address resource.Address) []resource.Desired {
	return append(slices.Clip(c.Begun[address]), c.Begun[c.moved[address]]...)
}

// askedFor leaves of the cloud's value what Git says something of, or said, also in a commit that was
// begun and not finished.
func (c *comparison) askedFor(a *attribute, address resource.Address, have, want resource.Value) resource.Value {
	out := a.asked(have, want, c.lastWord(address).Attributes[a.Name].Resolve(c.output))
	for _, begun := range c.begunOn(address) {
		if want.Equal(out) {
			out = a.asked(have, want, begun.Attributes[a.Name])
		}
	}
	return out
}

// lastWord is what Git last said of a resource, as far as it is remembered.
func (c *comparison) lastWord(address resource.Address) resource.Desired {
	if applied := c.appliedTo(address); applied != nil {
		return *applied
	}
	return resource.Desired{}
}

// asked leaves of the cloud's value what Git says something of, or said.
func (a *attribute) asked(have, want, applied resource.Value) resource.Value {
	return a.Asked(have, want, a.normal(applied))
}

// appliedTo is what was applied of an address, whatever was begun on it since.
func (c *comparison) appliedTo(address resource.Address) *resource.Desired {
	owner, other := c.settledBy[address]
	if !other {
		owner = address.Owner
	}
	if !c.Settled[owner] {
		return nil
	}
	return c.applied[address]
}

// A threeWay tells, for one attribute, who moved: Git, or the cloud.
type threeWay struct {
	c         *comparison
	attribute *attribute
	wanted    resource.Value // as Git has it, references open
	applied   resource.Value // as Git had it
	settled   bool           // there was such a moment
	follows   bool           // and what it refers to was written since
	begun     []resource.Desired
}

// contrasts returns the places at which the two sides differ. What can't be judged, because it
// hangs on a resource that can't be read, isn't there, unless Git moved.
func (t threeWay) contrasts(after, before resource.Value) []contrast {
	same := t.sameInGit()
	if same && t.c.unjudged(after) {
		return nil
	}
	applied := t.attribute.normal(t.applied.Resolve(t.output))
	if t.attribute.Secret || after.IsSecret() || before.IsSecret() {
		applied = resource.Value{}
		if same {
			applied = after
		}
	}
	var out []contrast
	leaves(nil, after, before, applied, func(keys []string, after, before, applied resource.Value) {
		cause := t.cause(after, applied)
		if cause == Drift && t.ours(keys, before, applied) {
			cause = Config
		}
		out = append(out, contrast{t.attribute.Name, keys, before, after, cause})
	})
	return out
}

// output is what a reference in what was applied points at. What Git doesn't refer to any more is not
// compared for that: it may refer to this resource by now, and the two would wait for each other.
func (t threeWay) output(ref resource.Ref) (string, bool) {
	if slices.Contains(t.wanted.Refs(), ref) {
		return t.c.output(ref)
	}
	have := t.c.observed[ref.Address]
	if have == nil {
		return "", false
	}
	text, ok := have.Outputs[ref.Output]
	return text, ok
}

// sameInGit tells whether Git says of the attribute what it said when the owner was settled.
func (t threeWay) sameInGit() bool {
	return t.settled && t.attribute.normal(t.wanted).Equal(t.attribute.normal(t.applied))
}

// cause judges one place. A place that hangs on a change that is still to be made follows that
// change: its cause is the same.
func (t threeWay) cause(after, applied resource.Value) Cause {
	if !t.settled || !after.Equal(applied) || t.follows && len(t.wanted.Refs()) > 0 {
		return Config
	}
	for _, ref := range after.Refs() {
		if t.c.foresee(ref.Address).cause == Config {
			return Config
		}
	}
	return Drift
}

// ours tells whether an update that was begun and not finished explains a value at a place: it asked for
// it, or for another one than there was, and had only taken that away when it ended.
func (t threeWay) ours(keys []string, before, applied resource.Value) bool {
	return slices.ContainsFunc(t.begun, func(d resource.Desired) bool {
		asked := t.attribute.normal(d.Attributes[t.attribute.Name])
		for _, key := range keys {
			in, _ := members(asked)
			asked = in[key]
		}
		away := !before.IsSet() || len(keys) == 0 && before.Equal(t.attribute.absent)
		return before.Equal(asked) || away && !asked.Equal(applied)
	})
}

// leaves visits the places at which two values differ, going down into objects. Lists and policy
// documents are compared as a whole, as is anything secret.
func leaves(keys []string, after, before, applied resource.Value, visit func(keys []string, after, before, applied resource.Value)) {
	if after.Equal(before) {
		return
	}
	inAfter, ok1 := members(after)
	inBefore, ok2 := members(before)
	if !ok1 || !ok2 {
		visit(keys, after, before, applied)
		return
	}
	inApplied, _ := members(applied)
	names := maps.Clone(inAfter)
	maps.Copy(names, inBefore)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		leaves(append(slices.Clone(keys), name), inAfter[name], inBefore[name], inApplied[name], visit)
	}
}

// members opens an object that is no document and no secret.
func members(v resource.Value) (map[string]resource.Value, bool) {
	if v.IsSecret() {
		return nil, false
	}
	in, ok := v.Members()
	if _, document := in["Statement"]; document {
		return nil, false
	}
	return in, ok
}

// put returns the value with another one at the end of keys, or with none there if it is unset.
func put(v resource.Value, keys []string, leaf resource.Value) resource.Value {
	if len(keys) == 0 {
		return leaf
	}
	in, _ := v.Members()
	if in == nil {
		in = map[string]resource.Value{}
	}
	in[keys[0]] = put(in[keys[0]], keys[1:], leaf)
	return resource.Object(in)
}
