package changeset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strconv"

	"tenantry.dev/reconciler/resource"
)

// digest identifies what a changeset would do because of Git: the fleet, and for every such change
// its address, scope, action and wanted values, secrets sealed. The order of changes, the commit,
// what holds them, and what the cloud has now don't count, so that an approval survives being
// committed, and drift elsewhere. What was changed in the cloud counts only where correcting it
// destroys something.
func digest(c Changeset) string {
	e := newEncoder("changeset", c.Fleet)
	for _, change := range byAddressOf(c.Changes) {
		if !change.counts() {
			continue
		}
		e.text(change.Address.String(), change.Scope.Account, change.Scope.Region, string(change.Action), string(change.Cause))
		for _, d := range change.Attributes {
			if d.Cause == Config || change.Action == Create {
				e.text("=", d.Path, d.After.Sealed(), secrecy(d.After))
			}
		}
		if change.Want != nil {
			e.text("adopt", change.Want.Adopt)
		}
		if change.Action == Move {
			e.text("from", change.From.String())
		}
	}
	return e.sum()
}

// counts tells whether a change is part of the digest.
func (c Change) counts() bool {
	return c.Cause == Config || c.Cause == Drift && c.Action.Destructive() && c.HoldKind != HoldDrift
}

// destruction identifies all that is to be destroyed or retired in one window, made or still to be
// made. It stays the same while an approved destruction is under way, so that an interrupted one
// can go on. The turn tells one time from the next, for which the first one's approval is no good.
func destruction(fleet string, going []*Change, spent []Spent, turn int) string {
	retired := map[resource.Address]bool{}
	for _, s := range spent {
		retired[s.Address] = s.Retired
	}
	for _, change := range going {
		retired[change.Address] = change.Action == Retire
	}
	e := newEncoder("destruction", fleet)
	for _, address := range slices.SortedFunc(maps.Keys(retired), resource.Address.Compare) {
		e.text(address.String())
		if retired[address] {
			e.text("retire")
		}
	}
	if turn > 0 {
		e.text("turn", strconv.Itoa(turn))
	}
	return e.sum()
}

func byAddressOf(changes []Change) []*Change {
	list := make([]*Change, len(changes))
	for i := range changes {
		list[i] = &changes[i]
	}
	slices.SortFunc(list, func(a, b *Change) int { return a.Address.Compare(b.Address) })
	return list
}

func secrecy(v resource.Value) string {
	switch {
	case v.IsSecret():
		return "secret"
	case v.IsSet():
		return "plain"
	}
	return "unset"
}

// An encoder hashes texts in a way that no two different lists of texts share: each is preceded by
// its length.
type encoder struct{ hash hash.Hash }

func newEncoder(what, fleet string) encoder {
	e := encoder{sha256.New()}
	e.text("tenantry", what, "1", fleet)
	return e
}

func (e encoder) text(texts ...string) {
	for _, text := range texts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		e.hash.Write(length[:])
		e.hash.Write([]byte(text))
	}
}

func (e encoder) sum() string { return "sha256:" + hex.EncodeToString(e.hash.Sum(nil)) }
