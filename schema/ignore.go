package schema

import (
	"slices"

	"tenantry.dev/reconciler/resource"
)

// An Ignore is what may be in the accounts without an owner. In Kind, Name and Tag, * stands for any text.
type Ignore struct {
	Kind    string
	Name    string
	Tag     string // a key, or a key and a value; empty for any tags and none
	Account string // the account's name; empty for any
	Reason  string
	Origin  resource.Origin
}

// ignoreFields is an Ignore as JSON.
type ignoreFields struct{ Reason, Kind, Name, Tag, Account string }

// takeIgnored checks what CUE can't: a rule that fits everything would hide everything, for good.
func (d *definitions) takeIgnored(f *Fleet, in fleetParts, n *sheet) {
	for i, rule := range in.Unmanaged.Ignore {
		path := []string{"unmanaged", "ignore", itoa(i)}
		if rule.Kind == "*" && rule.Name == "*" && rule.Tag == "" && rule.Account == "" {
			n.say(path, "unmanaged.ignore: this ignores everything; say of what kind it is, its name, a tag or its account")
		}
		if rule.Account != "" {
			known := func(name string) bool { return d.accounts[name] != nil }
			n.names([]string{rule.Account}, "account", known, sortedKeys(d.accounts), append(slices.Clip(path), "account")...)
		}
		f.Ignore = append(f.Ignore, Ignore{
			Kind: rule.Kind, Name: rule.Name, Tag: rule.Tag, Account: rule.Account, Reason: rule.Reason, Origin: n.at(path...),
		})
	}
}
