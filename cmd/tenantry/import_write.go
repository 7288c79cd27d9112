package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/takeover"
	"tenantry.dev/schema"
)

// propose makes the takeover: as a new plan, onto the plan that was named, or onto the one that fits best.
func (i *importing) propose() (takeover.Takeover, error) {
	o := i.order
	if i.asPlan != "" {
		o.Tenant.Plan, o.Plan = i.asPlan, "plans/"+i.asPlan+".cue"
		return i.settled(takeover.AsPlan(o))
	}
	if i.plan != "" {
		return i.settled(i.onto(o))
	}
	var best takeover.Takeover
	for n, p := range i.fleet.Plans {
		o.Tenant.Plan = p.Name
		t, err := takeover.Onto(o)
		if err != nil {
			return best, err
		}
		if n == 0 || t.Better(best) {
			best, i.plan = t, p.Name
		}
	}
	if !best.Ready() || len(best.Pairs) == 0 {
		return best, errors.New("no plan fits what is selected: make one of it with --as-plan NAME, or give --plan to see what stands against one")
	}
	return i.settled(best, nil)
}

// settled adds what is known only here.
func (i *importing) settled(t takeover.Takeover, err error) (takeover.Takeover, error) {
	t.Left = append(t.Left, i.outside...)
	return t, err
}

// onto is takeover.Onto, with a person's answers to its questions.
func (i *importing) onto(o takeover.Order) (takeover.Takeover, error) {
	for {
		t, err := takeover.Onto(o)
		if err != nil || len(t.Questions) == 0 {
			return t, err
		}
		q := t.Questions[0]
		answer := i.ask(question(q))
		switch n, err := strconv.Atoi(answer); {
		case answer == "":
			return t, nil
		case err == nil && n >= 1 && n <= len(q.Candidates):
			o.Decided[q.Name] = q.Candidates[n-1].ID
		default:
			o.Decided[q.Name] = takeover.Nothing
		}
	}
}

func question(q takeover.Question) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Which one is the plan's %s (%s)?\n", q.Name, q.Kind)
	for n, f := range q.Candidates {
		fmt.Fprintf(&b, "  %d  %s\n", n+1, described(f))
	}
	return b.String() + "Its number, or - for none: "
}

// described is a thing on a line: its name, its id where that says more, and its tags.
func described(f providers.Found) string {
	words := []string{f.Name}
	if f.Kind == "aws.kms.key" && f.Name != f.ID {
		words = append(words, f.ID)
	}
	return strings.Join(append(words, tagList(f)...), " ")
}

func tagList(f providers.Found) (list []string) {
	for _, key := range slices.Sorted(maps.Keys(f.Tags)) {
		list = append(list, key+"="+f.Tags[key])
	}
	return list
}

// conclude writes the files if nothing stands against them, and says what comes of it.
func (i *importing) conclude(t takeover.Takeover) error {
	findings, err := i.judge(t)
	if err != nil {
		return err
	}
	invalid := schema.Invalid(findings)
	ready := t.Ready() && !invalid && len(t.Pairs) > 0
	wrote := ready && !i.dryRun
	if wrote {
		if err := writeNew(i.dir, t.Files); err != nil {
			return err
		}
	}
	if err := i.printTakeover(t, findings, wrote); err != nil {
		return err
	}
	switch {
	case len(t.Questions) > 0:
		return exit(codeError, "nothing was written: say which is which with --match RESOURCE=NAME")
	case t.Ready() && len(t.Pairs) == 0:
		return exit(codeError, "nothing was written: nothing that is selected can be adopted")
	case !ready:
		return exit(codeError, "nothing was written: the definitions would not be valid")
	}
	return nil
}

// judge evaluates the whole fleet with the files in it, other tenants and all.
func (i *importing) judge(t takeover.Takeover) ([]schema.Finding, error) {
	if !t.Ready() {
		return nil, nil
	}
	_, findings, err := i.load(takeover.Overlay{Base: i.files, Files: t.Files})
	return findings, err
}

// writeNew writes files that don't exist yet; either all of them, or none.
func writeNew(dir string, files map[string][]byte) (failure error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, root.Close()) }()
	var written []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := create(root, name, files[name]); err != nil {
			for _, name := range written {
				err = errors.Join(err, root.Remove(name))
			}
			return err
		}
		written = append(written, name)
	}
	return nil
}

// create writes a file and never over another one.
func create(root *os.Root, name string, text []byte) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and is not overwritten", name)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}
