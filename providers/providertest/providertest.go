// Package providertest is the suite that every driver passes, whatever cloud stands behind it: an
// emulator, a sandbox or a real account. A driver's whole conformance test is one call of Run.
//
// The suite has two parts. Walks bring resources through sequences of desired states and require
// an empty changeset after each, computed by the same comparison that production uses. Promises
// hold a driver to the sentences of package providers: what a repeated create does, what is never
// touched, which error means what.
package providertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A Cloud is where one check takes place. It may hold other things, but nothing under the name of
// its fleet.
type Cloud struct {
	// Drivers makes a set of drivers that shares no memory with an earlier one, so that what one
	// set did is news to the other.
	Drivers func() (providers.Set, error)
	// Fleet is the mark that the check uses and the beginning of all names that it gives: lower
	// case letters, digits and dashes, at most 24 characters, and new for every check.
	Fleet string
	// Scope is where regional resources are made; global ones go to the same account.
	Scope resource.Scope
	// Elsewhere is another region of the same account, which the check reads and writes nothing in.
	Elsewhere resource.Scope
	// Unmark takes all ownership tags off a resource behind the drivers' back.
	Unmark func(ctx context.Context, have resource.Observed) error
	// Writes returns the number of write calls that the cloud has received so far. May be nil,
	// and then nothing is claimed about superfluous writes.
	Writes func() int
	// Settle is how long a read may lag behind a write. Zero means that reads are never stale.
	Settle time.Duration
}

// A Known is a check that is expected to fail against a foreign server, because the server differs
// from what the suite is about. Run requires that it fails, so that the list can't rot.
type Known struct {
	Check  string // as Check.String writes it
	Reason string
}

// A Check is one claim about the driver of a kind, to be put to the proof.
type Check struct {
	Kind string
	Name string
	run  func(ctx context.Context, s *stage) error
}

// String is "KIND/NAME", as in "aws.sqs.queue/walk tags".
func (c Check) String() string { return c.Kind + "/" + c.Name }

// patience bounds one check; it is only reached when a driver doesn't come back.
const patience = 5 * time.Minute

// Run returns nil if the claim holds in the cloud. It doesn't clean up what a failed check leaves.
func (c Check) Run(ctx context.Context, cloud Cloud) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := newStage(cloud, c.Kind)
	if err != nil {
		return err
	}
	return c.run(ctx, s)
}

// Checks returns everything that is claimed about drivers of these kinds, sorted by kind. Kinds
// without a walk get one check, which fails.
func Checks(kinds map[string]resource.Kind) []Check {
	var checks []Check
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		kind := kinds[name]
		if !typed(kind.Name) { // nobody writes down each property of AWS's types
			checks = append(checks, Check{kind.Name, "walks cover it", func(context.Context, *stage) error {
				return covered(kind, walksOf(kind.Name))
			}})
		}
		for _, w := range walksOf(kind.Name) {
			if _, tagged := kind.Attribute("tags"); w.Name == "tags" && !tagged {
				continue
			}
			checks = append(checks, Check{kind.Name, "walk " + w.Name, func(ctx context.Context, s *stage) error {
				return s.walk(ctx, w)
			}})
		}
		for _, p := range promises() {
			if p.holds(kind) {
				checks = append(checks, Check{kind.Name, p.name, p.run})
			}
		}
	}
	return checks
}

// Run puts every check to the drivers of these kinds, each in a cloud of its own, which open makes,
// and each as a parallel subtest. Checks named in known must fail.
func Run(t *testing.T, kinds map[string]resource.Kind, open func(t *testing.T, c Check) Cloud, known ...Known) {
	t.Helper()
	reasons := make(map[string]string, len(known))
	for _, k := range known {
		reasons[k.Check] = k.Reason
	}
	for _, c := range Checks(kinds) {
		reason, expected := reasons[c.String()]
		delete(reasons, c.String())
		t.Run(c.String(), func(t *testing.T) {
			t.Parallel()
			err := c.Run(t.Context(), open(t, c))
			switch {
			case expected && err == nil:
				t.Errorf("expected to fail here, and passes now: strike it off the list of known differences (%s)", reason)
			case expected:
				t.Logf("known difference: %s: %v", reason, err)
			case err != nil:
				t.Error(err)
			}
		})
	}
	for name := range reasons {
		t.Errorf("the list of known differences names a check that doesn't exist: %s", name)
	}
}

// covered requires walks that set each attribute of the kind to something other than its default
// and, where it has one, back.
func covered(kind resource.Kind, walks []Walk) error {
	var missing []string
	for _, a := range kind.Attributes {
		changes := false
		for _, w := range walks {
			changes = changes || w.Kind == kind.Name && w.changes(a.Name)
		}
		if !changes {
			missing = append(missing, a.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no walk changes %q", missing)
	}
	for _, w := range walks {
		if w.Kind != kind.Name {
			continue
		}
		for _, name := range w.attributes() {
			if _, ok := kind.Attribute(name); !ok {
				return fmt.Errorf("walk %s sets %s, which the kind doesn't have", w.Name, name)
			}
		}
	}
	return nil
}

// want requires that err is the sentinel, and says what was done if it isn't.
func want(err, sentinel error, doing string) error {
	switch {
	case errors.Is(err, sentinel):
		return nil
	case err == nil:
		return fmt.Errorf("%s: want error %q, got none", doing, sentinel.Error())
	}
	return fmt.Errorf("%s: want error %q, got: %w", doing, sentinel.Error(), err)
}
