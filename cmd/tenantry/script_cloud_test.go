package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/internal/store"
	"tenantry.dev/reconciler/changeset"
)

// cloudVerb is what people do at AWS's console, and the weather there.
func (s *scene) cloudVerb(ts *testscript.TestScript, args []string) error {
	usage := errors.New("usage: cloud live [OWNER] | show ADDRESS | wait ADDRESS gone|live|retired|NAME=VALUE | chaos ADDRESS DO|NAME=VALUE [WHO] | " +
		"estate CUSTOMER DAYS | touch KIND NAME DO|NAME=VALUE | make TYPE STATE | kind KIND | lost | writes [same|N] | calls [N] | mail late=DURATION twice=N lost=N | deny ACCOUNT | throttle EVERY | lag READS | slow DURATION | takes TYPE DURATION | fine")
	if s.world == nil || len(args) == 0 {
		return usage
	}
	switch verb, rest := args[0], args[1:]; {
	case verb == "live" && len(rest) <= 1:
		return s.showLive(ts, strings.Join(rest, ""))
	case verb == "show" && len(rest) == 1:
		return s.showResource(ts, rest[0])
	case verb == "wait" && len(rest) == 2:
		return s.waitForCloud(rest[0], rest[1])
	case verb == "chaos" && (len(rest) == 2 || len(rest) == 3):
		return s.play(awsbox.Mischief{Address: rest[0], By: strings.Join(rest[2:], "")}, rest[1])
	case verb == "calls" && len(rest) <= 1:
		return s.countCalls(ts, strings.Join(rest, ""))
	case verb == "mail":
		return s.mail(rest)
	case verb == "estate", verb == "touch", verb == "make", verb == "kind", verb == "lost":
		return s.estateVerb(ts, verb, rest)
	case verb == "takes" && len(rest) == 2:
		return s.slowType(rest[0], rest[1])
	case verb == "writes" && len(rest) <= 1:
		return s.countWrites(ts, strings.Join(rest, ""))
	case len(rest) <= 1:
		return s.weather(verb, strings.Join(rest, ""))
	}
	return usage
}

// marked are the resources that carry an address, by it. The address of a retired one is followed
// by " retired".
func (s *scene) marked() map[string]awsbox.Resource {
	found := map[string]awsbox.Resource{}
	for _, r := range s.world.AWS.Live() {
		address := r.Tags["tenantry:address"]
		if address == "" {
			continue
		}
		if r.Tags["tenantry:retired"] != "" {
			address += " retired"
		}
		found[address] = r
	}
	return found
}

// showLive prints the addresses that are live, of one owner or of all.
func (s *scene) showLive(ts *testscript.TestScript, owner string) error {
	for _, address := range slices.Sorted(maps.Keys(s.marked())) {
		if owner == "" || strings.HasPrefix(address, owner+"/") {
			_, _ = fmt.Fprintln(ts.Stdout(), address)
		}
	}
	_, err := fmt.Fprint(ts.Stdout(), "") // so that nothing live is no output, and not the last command's
	return err
}

func (s *scene) showResource(ts *testscript.TestScript, address string) error {
	all := s.marked()
	r, live := all[address]
	if !live {
		r, live = all[address+" retired"]
	}
	if !live {
		return fmt.Errorf("%s is not in the cloud", address)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Attributes)) {
		_, _ = fmt.Fprintf(ts.Stdout(), "%s=%s\n", name, r.Attributes[name])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Tags)) {
		_, _ = fmt.Fprintf(ts.Stdout(), "tag %s=%s\n", name, r.Tags[name])
	}
	return nil
}

func (s *scene) waitForCloud(address, what string) error {
	return s.eventually(func() (string, error) {
		all := s.marked()
		r, live := all[address]
		_, retired := all[address+" retired"]
		name, value, isAttribute := strings.Cut(what, "=")
		switch {
		case isAttribute && live && r.Attributes[name] == value,
			what == "gone" && !live && !retired, what == "live" && live, what == "retired" && retired:
			return "", nil
		case isAttribute:
			return fmt.Sprintf("%s of %s is %q", name, address, r.Attributes[name]), nil
		}
		return fmt.Sprintf("%s is live: %t, is retired: %t", address, live, retired), nil
	})
}

// play changes something by hand.
func (s *scene) play(m awsbox.Mischief, do string) error {
	m.Do = do
	if name, value, isAttribute := strings.Cut(do, "="); isAttribute {
		m.Do, m.Attribute, m.Value = "", name, value
	}
	return s.world.AWS.Chaos(m)
}

// countWrites looks how many requests for a write the cloud got: it prints the number and keeps
// it, wants it to be "same", or waits for N more.
func (s *scene) countWrites(ts *testscript.TestScript, want string) error {
	switch want {
	case "":
		s.writes = s.world.AWS.Writes()
		_, err := fmt.Fprintln(ts.Stdout(), s.writes)
		return err
	case "same":
		if now := s.world.AWS.Writes(); now != s.writes {
			calls := s.world.AWS.Calls()
			calls = slices.DeleteFunc(calls, func(c awsbox.Call) bool { return !c.Write || c.Seq <= s.writes })
			return fmt.Errorf("%d more writes: %v", now-s.writes, calls)
		}
		return nil
	}
	more, err := strconv.Atoi(want)
	if err != nil {
		return err
	}
	return s.eventually(func() (string, error) {
		if now := s.world.AWS.Writes(); now < s.writes+more {
			return fmt.Sprintf("%d more writes", now-s.writes), nil
		}
		return "", nil
	})
}

// slowType has writes of a resource type take their time from now on.
func (s *scene) slowType(name, takes string) error {
	d, err := time.ParseDuration(takes)
	if err != nil {
		return err
	}
	c := s.world.AWS.Conditions()
	c.Takes = maps.Clone(c.Takes)
	if c.Takes == nil {
		c.Takes = map[string]time.Duration{}
	}
	c.Takes[name] = d
	s.world.AWS.SetConditions(c)
	return nil
}

// weather changes how the cloud treats everybody; what isn't named stays.
func (s *scene) weather(verb, value string) (err error) {
	c := s.world.AWS.Conditions()
	switch verb {
	case "deny":
		account, operation, _ := strings.Cut(value, "/")
		c.Deny = append(c.Deny, awsbox.Match{Account: account, Operation: operation})
	case "throttle":
		c.Throttle.Every, err = strconv.Atoi(value)
	case "lag":
		c.Lag = &awsbox.Lag{}
		c.Lag.Reads, err = strconv.Atoi(value)
	case "slow":
		c.Latency, err = time.ParseDuration(value)
	case "fine":
		c = awsbox.Conditions{}
	default:
		err = fmt.Errorf("the cloud has no %s", verb)
	}
	if err != nil {
		return err
	}
	s.world.AWS.SetConditions(c)
	if verb == "fine" {
		s.world.AWS.Calm() // what was held up on its way arrives
	}
	return nil
}

// logVerb looks into the audit log. "log answered" wants an entry after each write's entry before it.
func (s *scene) logVerb(ts *testscript.TestScript, args []string) error {
	if len(args) != 1 || args[0] != "answered" {
		return errors.New("usage: log answered")
	}
	kept, err := store.Open(s.t.Context(), filepath.Join(s.dir, "data"), store.ReadOnly)
	if err != nil {
		return err
	}
	entries, err := kept.Entries(s.t.Context(), time.Time{})
	if err := errors.Join(err, kept.Close()); err != nil {
		return err
	}
	open := map[int64]changeset.Entry{}
	writes := 0
	for _, e := range entries {
		switch e.Phase {
		case changeset.Before:
			open[e.Seq] = e
			writes++
		case changeset.After:
			delete(open, e.Before)
		}
	}
	for _, e := range open {
		err = errors.Join(err, fmt.Errorf("%s of %s has no entry after it", e.Action, e.Address))
	}
	_, _ = fmt.Fprintf(ts.Stdout(), "%d writes, each with its answer\n", writes)
	return err
}
