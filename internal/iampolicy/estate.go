package iampolicy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// Fill takes from the fleet's resources what policies of the account depend on: names, and roles. Kinds are
// those that definitions name, besides: the first customer of a plan needs no new policies.
func (e *Estate) Fill(resources []resource.Desired, kinds ...string) {
	e.Written, e.Names = map[string]bool{}, map[string][]string{}
	for _, kind := range kinds {
		e.Written[kind] = true
	}
	for _, r := range resources {
		kind := r.Address.Kind
		e.Written[kind] = true // wherever it is: a tenant may move
		if r.Scope.Account != e.Account.ID {
			continue
		}
		var name string
		if json.Unmarshal([]byte(r.Attributes["name"].Sealed()), &name) == nil && name != "" {
			e.Names[kind] = append(e.Names[kind], name)
		}
		if kind == "aws.iam.role" || kind == "AWS::IAM::Role" {
			e.Roles = append(e.Roles, roleOf(r))
		}
	}
}

// roleOf reads a role, by a driver of its own or by its type.
func roleOf(r resource.Desired) Role {
	out := Role{Address: r.Address.String()}
	text := func(names ...string) (value string) {
		for _, name := range names {
			if v := r.Attributes[name]; v.IsSet() {
				value = v.Sealed()
			}
		}
		return value
	}
	_ = json.Unmarshal([]byte(text("permissionsBoundary", "PermissionsBoundary")), &out.Boundary) // empty if it is none
	_ = json.Unmarshal([]byte(text("managedPolicies", "ManagedPolicyArns")), &out.Managed)
	var inline map[string]json.RawMessage
	_ = json.Unmarshal([]byte(text("inlinePolicies")), &inline)
	var listed []struct{ PolicyDocument json.RawMessage }
	_ = json.Unmarshal([]byte(text("Policies")), &listed)
	documents := slices.Collect(maps.Values(inline))
	for _, p := range listed {
		documents = append(documents, p.PolicyDocument)
	}
	for _, d := range documents {
		actions, open := allowedBy(d)
		out.Actions = append(out.Actions, actions...)
		out.Open = out.Open || open
	}
	out.Actions = distinct(out.Actions)
	return out
}

// allowedBy are the actions that a policy allows; open if it allows all, or all but some.
func allowedBy(document json.RawMessage) (actions []string, open bool) {
	var text string
	if json.Unmarshal(document, &text) == nil { // a document within a text
		document = json.RawMessage(text)
	}
	var d struct{ Statement json.RawMessage }
	if json.Unmarshal(document, &d) != nil {
		return nil, false
	}
	type statement struct {
		Effect            string
		Action, NotAction json.RawMessage
	}
	var list []statement
	if json.Unmarshal(d.Statement, &list) != nil {
		var one statement
		if json.Unmarshal(d.Statement, &one) != nil {
			return nil, false
		}
		list = []statement{one}
	}
	for _, s := range list {
		if s.Effect != "Allow" {
			continue
		}
		open = open || len(s.NotAction) > 0
		for _, action := range textsOf(s.Action) {
			if strings.Contains(action, ":") {
				actions = append(actions, action)
			} else {
				open = true
			}
		}
	}
	return actions, open
}

// textsOf reads a text or a list of them.
func textsOf(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	return nil
}
