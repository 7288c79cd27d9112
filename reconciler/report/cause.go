package report

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"tenantry.dev/reconciler/changeset"
)

// A Cause is a group of changes that most likely came about in one way, and that are decided on
// together: the same attributes of the same kind changed, the same kind deleted, what one person did in one go.
type Cause struct {
	// Slug names the cause for ever, in branches and files: lower-case letters, digits, dots,
	// dashes and underscores.
	Slug string
	// Digest identifies what was found: the addresses and what the cloud has there. It stays the
	// same as long as that does.
	Digest  string
	Kind    string // of the resources; empty if they are of several
	Sort    Sort
	Paths   []string // that differ, if Sort is Changed or Mixed
	Changes []changeset.Change
}

// A Sort is what happened in the cloud.
type Sort string

// The sorts of causes.
const (
	Changed   Sort = "changed"   // somebody changed attributes
	Missing   Sort = "missing"   // somebody deleted resources
	Stray     Sort = "orphan"    // resources carry the mark, and nothing says that they are ours
	Duplicate Sort = "duplicate" // several resources carry one address
	Absent    Sort = "absent"    // their owner is absent from Git, and no commit removed it
	Mixed     Sort = "mixed"     // some were changed, and some deleted
)

// causeOf is the cause of one change, without the change itself.
func causeOf(change changeset.Change) Cause {
	cause := Cause{Kind: change.Address.Kind}
	switch {
	case change.HoldKind == changeset.HoldDouble:
		cause.Sort = Duplicate
	case change.HoldKind == changeset.HoldNotInGit:
		cause.Sort, cause.Kind = Absent, ""
		cause.Slug = slugOf(string(Absent), string(change.Address.Owner))
		return cause
	case change.Cause == changeset.Orphan:
		cause.Sort = Stray
	case change.Have == nil:
		cause.Sort = Missing
	default:
		cause.Sort = Changed
		for _, d := range change.Attributes {
			cause.Paths = append(cause.Paths, d.Path)
		}
		cause.Slug = slugOf(append([]string{cause.Kind}, cause.Paths...)...)
		return cause
	}
	cause.Slug = slugOf(cause.Kind, string(cause.Sort))
	return cause
}

// slugOf joins parts into a name that Git, GitHub and every file system take. Where that loses
// something, a hash of the parts keeps the name unique.
func slugOf(parts ...string) string {
	const longest = 60
	lossy := false
	names := make([]string, len(parts))
	for i, part := range parts {
		part = strings.TrimPrefix(part, "aws.")
		part = strings.ReplaceAll(strings.ReplaceAll(part, "/", "-"), ".", "-")
		// Attributes never differ by case alone, keys of tags may.
		_, key, _ := strings.Cut(parts[i], ".")
		lossy = lossy || strings.ContainsFunc(key, unicode.IsUpper)
		names[i] = strings.Map(func(r rune) rune {
			r = unicode.ToLower(r)
			if r == '-' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			lossy = true
			return -1
		}, part)
	}
	name := strings.Trim(strings.Join(names, "_"), "-_")
	if len(name) > longest {
		name, lossy = strings.TrimRight(name[:longest], "-_"), true
	}
	if !lossy && name != "" {
		return name
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.TrimPrefix(name+"-"+hex.EncodeToString(sum[:4]), "-")
}

// newCause is the cause of this name for changes in the order of their addresses.
func newCause(slug string, changes []changeset.Change) Cause {
	first := causeOf(changes[0])
	cause := Cause{Slug: slug, Digest: causeDigest(changes), Kind: first.Kind, Sort: first.Sort, Paths: first.Paths, Changes: changes}
	for _, change := range changes[1:] {
		other := causeOf(change)
		if other.Kind != cause.Kind {
			cause.Kind = ""
		}
		if other.Sort != cause.Sort {
			cause.Sort = Mixed
		}
		for _, path := range other.Paths {
			if !slices.Contains(cause.Paths, path) {
				cause.Paths = append(slices.Clip(cause.Paths), path)
			}
		}
	}
	return cause
}

// Only is the part of a cause that is about some of its changes; false if that is nothing.
func (c Cause) Only(which func(changeset.Change) bool) (Cause, bool) {
	var some []changeset.Change
	for _, change := range c.Changes {
		if which(change) {
			some = append(some, change)
		}
	}
	if len(some) == 0 {
		return Cause{}, false
	}
	return newCause(c.Slug, some), true
}

// Shown tells whether changes are exactly what a cause showed, in any order.
func (c Cause) Shown(changes []changeset.Change) bool {
	return causeDigest(byAddress(drifting(changes))) == c.Digest
}

// DigestOf identifies one change that no commit asked for, and what the cloud has there.
func DigestOf(change changeset.Change) string { return causeDigest([]changeset.Change{change}) }

func causeDigest(changes []changeset.Change) string {
	type seen struct {
		Address, Action, ID string
		Hold                string   // the sort of hold; a duplicate names the resources in its text
		Paths, Values       []string // what the cloud has, secrets sealed
	}
	list := make([]seen, len(changes))
	for i, change := range changes {
		s := seen{Address: change.Address.String(), Action: string(change.Action)}
		if change.Have != nil {
			s.ID = change.Have.ID
		}
		if change.HoldKind == changeset.HoldDouble {
			s.Hold = change.Hold
		}
		for _, d := range change.Attributes {
			s.Paths = append(s.Paths, d.Path)
			s.Values = append(s.Values, d.Before.Sealed())
		}
		list[i] = s
	}
	text, _ := json.Marshal(list) // strings alone: this can't fail
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Key names one difference for as long as it lasts, to remember since when it is known.
func Key(change changeset.Change, d changeset.Difference) string {
	return change.Address.String() + " " + d.Path
}

// Keys are the keys of all differences of a change; one of its own if it has none.
func Keys(change changeset.Change) []string {
	if whole(change) {
		return []string{change.Address.String() + " " + string(change.Action)}
	}
	keys := make([]string, len(change.Attributes))
	for i, d := range change.Attributes {
		keys[i] = Key(change, d)
	}
	return keys
}

// whole tells whether a change is about the resource as such rather than about its attributes.
func whole(change changeset.Change) bool {
	return change.Have == nil || change.Cause == changeset.Orphan || len(change.Attributes) == 0
}
