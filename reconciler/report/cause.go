package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"tenantry.dev/reconciler/changeset"
)

// A Cause is a group of changes that most likely came about in one way, and that are decided on
// together: the same attributes of the same kind changed, the same kind deleted, and so on.
type Cause struct {
	// Slug names the cause for ever, in branches and files: lower-case letters, digits, dots,
	// dashes and underscores.
	Slug string
	// Digest identifies what was found: the addresses and what the cloud has there. It stays the
	// same as long as that does.
	Digest  string
	Kind    string // of the resources; empty if they are of several
	Sort    Sort
	Paths   []string // that differ, if Sort is Changed
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
)

// Group groups the changes that no commit asked for by their cause, sorted by slug.
func Group(c changeset.Changeset) []Cause {
	found := map[string]*Cause{}
	var causes []*Cause
	for _, change := range c.Changes {
		if change.Cause != changeset.Drift && change.Cause != changeset.Orphan {
			continue
		}
		cause := causeOf(change)
		if found[cause.Slug] == nil {
			found[cause.Slug] = &cause
			causes = append(causes, &cause)
		}
		found[cause.Slug].Changes = append(found[cause.Slug].Changes, change)
	}
	out := make([]Cause, len(causes))
	for i, cause := range causes {
		slices.SortFunc(cause.Changes, func(a, b changeset.Change) int { return a.Address.Compare(b.Address) })
		cause.Digest = causeDigest(cause.Changes)
		out[i] = *cause
	}
	slices.SortFunc(out, func(a, b Cause) int { return cmp.Compare(a.Slug, b.Slug) })
	return out
}

// causeOf is the cause of one change, without the change itself.
func causeOf(change changeset.Change) Cause {
	cause := Cause{Kind: change.Address.Kind}
	switch {
	case change.HoldKind == changeset.HoldDouble:
		cause.Sort = Duplicate
	case change.HoldKind == changeset.HoldNotInGit:
		cause.Sort, cause.Kind = Absent, ""
		cause.Slug = slug(string(Absent), string(change.Address.Owner))
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
		cause.Slug = slug(append([]string{cause.Kind}, cause.Paths...)...)
		return cause
	}
	cause.Slug = slug(cause.Kind, string(cause.Sort))
	return cause
}

// slug joins parts into a name that Git, GitHub and every file system take. Where that loses
// something, a hash of the parts keeps the name unique.
func slug(parts ...string) string {
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
