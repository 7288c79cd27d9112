package awsbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// This file evaluates policies, as far as those that Tenantry generates go: actions and resources with
// wildcards, explicit denials, and the operators below. What it can't evaluate it refuses to take.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

// A document is a policy.
type document struct{ Statement []rule }

// A rule is one statement of a policy.
type rule struct {
	Sid, Effect      string
	Action, Resource texts
	NotAction        texts
	NotResource      texts
	Principal        json.RawMessage
	Condition        map[string]map[string]texts
}

// texts is a text or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*t = texts{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// A need is one action that a request asks to be allowed, with what conditions may ask about.
type need struct {
	action   string // "s3:PutBucketTagging"
	resource string // an ARN, or "*" for actions that AWS allows on everything only
	context  map[string][]string
}

// readPolicies reads policies, and refuses what decide doesn't understand.
func readPolicies(list []string) ([]document, error) {
	var out []document
	for _, text := range list {
		var d document
		dec := json.NewDecoder(strings.NewReader(text))
		if err := dec.Decode(&d); err != nil {
			return nil, fmt.Errorf("read the policy: %w", err)
		}
		for _, r := range d.Statement {
			for operator := range r.Condition {
				if _, ok := operators[plainOperator(operator)]; !ok {
					return nil, fmt.Errorf("statement %q: the sandbox can't evaluate %s", r.Sid, operator)
				}
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// decide says whether policies allow what is needed. A denial says why, in IAM's words.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func decide(policies []document, n need) (why string, allowed bool) {
	why = "because no identity-based policy allows the " + n.action + " action"
	for _, d := range policies {
		for _, r := range d.Statement {
			switch {
			case !r.applies(n):
			case r.Effect == "Deny":
				return "with an explicit deny in an identity-based policy", false
			default:
				allowed = true
			}
		}
	}
	return why, allowed
}

func (r rule) applies(n need) bool {
	if len(r.Action) > 0 && !like(r.Action, strings.ToLower(n.action), strings.ToLower) || like(r.NotAction, strings.ToLower(n.action), strings.ToLower) {
		return false
	}
	if len(r.Resource) > 0 && !like(r.Resource, n.resource, nil) || like(r.NotResource, n.resource, nil) {
		return false
	}
	for operator, keys := range r.Condition {
		for key, want := range keys {
			if !holds(operator, want, n.context[strings.ToLower(key)]) {
				return false
			}
		}
	}
	return true
}

// like tells whether one of the patterns matches. fold is applied to patterns first; nil leaves them.
func like(patterns texts, text string, fold func(string) string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if fold != nil {
			p = fold(p)
		}
		return globbed(p, text)
	})
}

// globbed tells whether a text fits a pattern, in which * is any text and ? any character.
func globbed(pattern, text string) bool {
	for {
		switch {
		case pattern == "":
			return text == ""
		case pattern[0] == '*':
			rest := strings.TrimLeft(pattern, "*")
			for i := 0; i <= len(text); i++ {
				if globbed(rest, text[i:]) {
					return true
				}
			}
			return false
		case text == "" || pattern[0] != '?' && pattern[0] != text[0]:
			return false
		}
		pattern, text = pattern[1:], text[1:]
	}
}

// operators compare one value of a request with those of a condition.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
var operators = map[string]func(want texts, have string) bool{
	"StringEquals":    slices.Contains[texts],
	"StringNotEquals": func(want texts, have string) bool { return !slices.Contains(want, have) },
	"StringLike":      func(want texts, have string) bool { return like(want, have, nil) },
	"StringNotLike":   func(want texts, have string) bool { return !like(want, have, nil) },
	"ArnLike":         func(want texts, have string) bool { return like(want, have, nil) },
	"ArnEquals":       func(want texts, have string) bool { return like(want, have, nil) },
	"Null":            nil,
}

func plainOperator(operator string) string {
	_, name, quantified := strings.Cut(operator, ":")
	if !quantified {
		name = operator
	}
	return strings.TrimSuffix(name, "IfExists")
}

// holds tells whether a condition is true of the values that a request has for its key.
func holds(operator string, want texts, have []string) bool {
	name := plainOperator(operator)
	test := operators[name]
	switch {
	case name == "Null":
		return slices.Contains(want, fmt.Sprint(len(have) == 0))
	case len(have) == 0:
		return strings.HasSuffix(operator, "IfExists") || strings.HasPrefix(operator, "ForAllValues:") || strings.Contains(name, "Not")
	}
	negated := func(v string) bool { return !test(want, v) }
	if strings.HasPrefix(operator, "ForAllValues:") {
		return !slices.ContainsFunc(have, negated)
	}
	return slices.ContainsFunc(have, func(v string) bool { return test(want, v) })
}

// unauthorized is the refusal of an action, as each service words it.
func (k codes) unauthorized(caller string, n need, why string) *apiError {
	on := ""
	if n.resource != "*" {
		on = " on resource: " + n.resource
	}
	return fail(k.deniedStatus, k.denied, "User: %s is not authorized to perform: %s%s %s", caller, n.action, on, why)
}

// notTrusted is the refusal to assume a role.
func notTrusted(caller, action, role string) *apiError {
	return fail(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s", caller, action, role)
}
