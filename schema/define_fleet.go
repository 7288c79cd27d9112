package schema

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // time zones are the same wherever Tenantry runs

	"github.com/robfig/cron/v3"
)

// fleetParts is what fleet.cue says beyond accounts and limits, as JSON. A mistake in it leaves the fleet usable.
type fleetParts struct {
	Environments map[string]struct {
		Description, Kind, Expires string
		Accounts, Cells            []string
	}
	Windows       map[string]struct{ Opens, Lasts, TimeZone string }
	Freezes       map[string]freezeFields
	Notifications map[string]struct {
		Kind   string
		To     []string
		Secret struct{ Env, ARN string }
		Events []string
	}
	Unmanaged struct{ Ignore []ignoreFields }
	Correct   []correctionFields
	Glossary  map[string]Term
	Prices    struct {
		Currency string
		Monthly  []priceFields
	}
}

type freezeFields struct {
	From, Until, Reason string
	Except              []string
}

// takeParts checks what CUE can't and fills the fleet.
func (d *definitions) takeParts(f *Fleet, in fleetParts, src *source) {
	n := &sheet{src: src}
	d.takeEnvironments(f, in, n)
	for _, name := range sortedKeys(in.Windows) {
		w, path := in.Windows[name], []string{"windows", name}
		if _, err := cron.ParseStandard(w.Opens); err != nil || strings.HasPrefix(w.Opens, "@") || strings.Contains(w.Opens, "=") {
			n.say(append(path, "opens"), "windows.%s.opens: %q is not a cron expression of five fields, such as \"0 22 * * 1-5\"", name, w.Opens)
		}
		if _, err := time.LoadLocation(w.TimeZone); err != nil || w.TimeZone == "" || w.TimeZone == "Local" {
			n.say(append(path, "timeZone"), "windows.%s.timeZone: there is no time zone %q; write one such as \"Europe/Berlin\" or \"UTC\"", name, w.TimeZone)
		}
		f.Windows = append(f.Windows, Window{
			Name: name, Opens: w.Opens, Lasts: n.duration(w.Lasts, append(path, "lasts")...), TimeZone: w.TimeZone, Origin: n.at(path...),
		})
	}
	for _, name := range sortedKeys(in.Freezes) {
		f.Freezes = append(f.Freezes, n.freeze(name, in.Freezes[name]))
	}
	for _, name := range sortedKeys(in.Notifications) {
		t, path := in.Notifications[name], []string{"notifications", name}
		switch hasSecret := t.Secret.Env != "" || t.Secret.ARN != ""; {
		case t.Kind == "email" && len(t.To) == 0:
			n.say(path, "notifications.%s: e-mail needs to, such as [\"oncall@example.com\"]", name)
		case t.Kind == "email" && hasSecret:
			n.say(append(path, "secret"), "notifications.%s.secret: e-mail needs none; its addresses stand in to", name)
		case t.Kind != "email" && len(t.To) > 0:
			n.say(append(path, "to"), "notifications.%s.to: only e-mail has addresses; the target of %s is what its secret says", name, t.Kind)
		case t.Kind != "email" && !hasSecret:
			n.say(path, "notifications.%s: say where the secret is kept: secret: env: \"NAME\", an environment variable, or secret: arn: \"arn:…\", in Secrets Manager", name)
		case t.Secret.Env != "" && t.Secret.ARN != "":
			n.say(append(path, "secret"), "notifications.%s.secret: give env or arn, not both", name)
		}
		f.Notifications = append(f.Notifications, Notification{
			Name: name, Kind: t.Kind, To: t.To, Env: t.Secret.Env, ARN: t.Secret.ARN, Events: t.Events, Origin: n.at(path...),
		})
	}
	d.takeIgnored(f, in, n)
	d.takeCorrections(f, in, n)
	d.takePrices(f, in, n)
	f.Glossary, d.windows = in.Glossary, sortedKeys(in.Windows)
	d.freezes, d.found = f.Freezes, append(d.found, n.found...)
}

func (n *sheet) freeze(name string, in freezeFields) Freeze {
	path := []string{"freezes", name}
	out := Freeze{Name: name, Reason: in.Reason, Except: in.Except, Origin: n.at(path...)}
	var fromOK, untilOK bool
	out.From, fromOK = n.time(in.From, append(slices.Clip(path), "from")...)
	out.Until, untilOK = n.time(in.Until, append(slices.Clip(path), "until")...)
	if fromOK && untilOK && !out.Until.After(out.From) {
		n.say(append(slices.Clip(path), "until"), "freezes.%s.until: the freeze ends before it begins", name)
	}
	return out
}

func (d *definitions) takeEnvironments(f *Fleet, in fleetParts, n *sheet) {
	d.environments = map[string]Environment{}
	for _, name := range sortedKeys(in.Environments) {
		e, path := in.Environments[name], []string{"environments", name}
		at := func(field string) []string { return append(slices.Clip(path), field) }
		out := Environment{Name: name, Description: e.Description, Kind: e.Kind, Accounts: e.Accounts, Cells: e.Cells, Origin: n.at(path...)}
		expires, ok := n.time(e.Expires, at("expires")...)
		out.Expires = expires
		switch preview := e.Kind == "preview"; {
		case preview && e.Expires == "":
			n.sayAt(out.Origin, Error, "environments.%s: a preview ends; say when, as in expires: \"2026-12-31T18:00:00Z\"", name)
		case !preview && e.Expires != "":
			n.say(at("expires"), "environments.%s.expires: only a preview ends, and this is kind: %q", name, e.Kind)
		case ok && preview && !d.ahead(expires):
			n.say(at("expires"), "the preview %s expired at %s: remove what is in it, or move the time", name, e.Expires)
		}
		n.names(e.Accounts, "account", func(a string) bool { return d.accounts[a] != nil }, sortedKeys(d.accounts), at("accounts")...)
		d.environments[name] = out
		f.Environments = append(f.Environments, out)
	}
}

// checkParts finds what the parts of fleet.cue name and there isn't.
func (d *definitions) checkParts(f *Fleet) {
	n := &sheet{src: d.fleet.source}
	cells := func(name string) bool { return d.knows(cellsDir, name) }
	for _, e := range f.Environments {
		n.names(e.Cells, "cell", cells, d.files[cellsDir], "environments", e.Name, "cells")
	}
	limits := map[string]bool{}
	for _, p := range d.plans {
		for name := range p.Limits {
			limits[name] = true
		}
	}
	for _, name := range sortedKeys(f.Glossary) {
		if !limits[name] && !d.spoiledIn(plansDir) {
			n.sayAt(n.at("glossary", name), Error, "glossary: no plan has a limit %q%s", name, maybe(name, sortedKeys(limits)))
		}
	}
	for _, z := range f.Freezes {
		d.checkExcept(n, z)
	}
	d.found = append(d.found, n.found...)
}

// checkExcept finds owners and teams in a freeze that there aren't.
func (d *definitions) checkExcept(n *sheet, z Freeze) {
	for i, whom := range z.Except {
		path := []string{"freezes", z.Name, "except", itoa(i)}
		class, name, _ := strings.Cut(whom, "/")
		switch {
		case class == "tenant":
			d.mentions = append(d.mentions, Mention{name, n.value(path...), "freezes." + z.Name + ".except"})
		case class == "cell" && !d.knows(cellsDir, name):
			n.say(path, "freezes.%s.except: there is no cell %q%s", z.Name, name, maybe(name, d.files[cellsDir]))
		case class == "team" && !d.knows(accessDir, name):
			n.say(path, "freezes.%s.except: there is no team %q in access/%s", z.Name, name, maybe(name, d.files[accessDir]))
		}
	}
}

// spoiledIn tells whether a definition in a folder can't be used.
func (d *definitions) spoiledIn(folder string) bool {
	for key := range d.spoiled {
		if strings.HasPrefix(key, folder+"/") {
			return true
		}
	}
	return false
}
