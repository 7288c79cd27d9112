package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/takeover"
	"tenantry.dev/schema"
)

// A ruleSet says what of that without an owner nobody needs to hear of.
type ruleSet []ignoreRule

// An ignoreRule is one of them: what fits all that it says. In kind, name and tag, * stands for any text.
type ignoreRule struct {
	kind, name, tag string // an empty tag fits everything
	account         string // its number; empty for any
	at, reason      string // where the fleet says it, and why; empty for a flag
}

// rulesOf are the fleet's rules and those of flags.
func rulesOf(fleet *schema.Fleet, flags []string) (ruleSet, error) {
	var rules ruleSet
	ids := map[string]string{}
	for _, a := range fleet.Accounts {
		ids[a.Name] = a.ID
	}
	for _, i := range fleet.Ignore {
		rules = append(rules, ignoreRule{kind: i.Kind, name: i.Name, tag: i.Tag, account: ids[i.Account], at: i.Origin.String(), reason: i.Reason})
	}
	more, err := parseRules(flags)
	return append(rules, more...), err
}

// parseRules reads the rules of flags.
func parseRules(texts []string) (ruleSet, error) {
	var rules ruleSet
	for _, text := range texts {
		kind, name, ok := strings.Cut(text, ":")
		if !ok || kind == "" || name == "" {
			return nil, fmt.Errorf("--ignore %s: write KIND:PATTERN, as in aws.logs.group:/aws/*", text)
		}
		rules = append(rules, ignoreRule{kind: kind, name: name})
	}
	return rules, nil
}

// unowned is what nobody owns or is about to, less what the rules ignore, of which it gives the number of
// each rule. What several fit counts for the first of them.
func (r ruleSet) unowned(found []providers.Found, claimed map[string]string) (list []providers.Found, ignored []int) {
	ignored = make([]int, len(r))
	for _, f := range found {
		if f.Fleet != "" || f.Retired != "" || claimed[f.ID] != "" {
			continue
		}
		if at := slices.IndexFunc(r, func(rule ignoreRule) bool { return rule.fits(f) }); at >= 0 {
			ignored[at]++
			continue
		}
		list = append(list, f)
	}
	return list, ignored
}

func (r ignoreRule) fits(f providers.Found) bool {
	return takeover.Glob(r.kind, f.Kind) && (takeover.Glob(r.name, f.Name) || takeover.Glob(r.name, f.ID)) &&
		(r.account == "" || r.account == f.Scope.Account) && r.fitsTags(f.Tags)
}

// fitsTags tells whether one of the tags is the rule's: by its key, or by its key and value.
func (r ignoreRule) fitsTags(tags map[string]string) bool {
	if r.tag == "" {
		return true
	}
	key, value, hasValue := strings.Cut(r.tag, "=")
	for name := range maps.Keys(tags) {
		if takeover.Glob(key, name) && (!hasValue || takeover.Glob(value, tags[name])) {
			return true
		}
	}
	return false
}

// total is how many all rules ignore.
func total(ignored []int) int {
	sum := 0
	for _, n := range ignored {
		sum += n
	}
	return sum
}

// ignoredBy says of each rule of the fleet how much it ignores. One that ignores nothing may be wrong, or
// needed no more.
func (r ruleSet) ignoredBy(ignored []int) string {
	var b strings.Builder
	for i, rule := range r {
		if rule.at == "" {
			continue
		}
		fmt.Fprintln(&b, oneLine(fmt.Sprintf("%s ignores %s: %s", rule.at, count(ignored[i], "resource", "resources"), rule.reason)))
	}
	return b.String()
}

// ignoredJSON is ignoredBy for programs.
func (r ruleSet) ignoredJSON(ignored []int) []map[string]any {
	out := []map[string]any{}
	for i, rule := range r {
		if rule.at != "" {
			out = append(out, map[string]any{"origin": rule.at, "reason": rule.reason, "ignored": ignored[i]})
		}
	}
	return out
}
