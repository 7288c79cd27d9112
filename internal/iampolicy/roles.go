package iampolicy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// guards keep a role that may write IAM from giving itself, or anything else, more than it has: nobody
// who may only act through it can change Tenantry's own roles, pass them to a service, or loosen what
// bounds the fleet's roles.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
func (e Estate) guards(writes *collection) []Statement {
	touches := false
	for _, b := range writes.blocks {
		for action := range b.actions {
			touches = touches || strings.HasPrefix(action, "iam:")
		}
	}
	if !touches {
		return nil
	}
	policies := append(e.boundaries(), fmt.Sprintf("arn:%s:iam::%s:policy/%s-tenantry-*", e.partition(), e.Account.ID, e.Fleet))
	slices.Sort(policies)
	return []Statement{
		{
			Sid: "NeverItself", Effect: "Deny", Resource: e.ownRoles(),
			Action: []string{
				"iam:AttachRolePolicy", "iam:DeleteRole", "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PassRole",
				"iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
			},
		},
		{
			Sid: "NeverItsBounds", Effect: "Deny", Resource: policies,
			Action: []string{"iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:TagPolicy", "iam:UntagPolicy"},
		},
	}
}

// unknownPrincipal stands in a trust policy for an ARN that nobody said. IAM refuses it.
const unknownPrincipal = "THE-ARN-THAT-TENANTRY-RUNS-AS"

// SessionTags are the keys that sessions of Tenantry are tagged with.
func SessionTags() []string { return []string{"tenantry:commit", "tenantry:fleet", "tenantry:tenant"} }

// trust lets Tenantry in, with the external id, and lets it tag its sessions, with its own keys and the
// fleet's name. Tagging is an action of its own, so that a session without tags is still let in.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
func (e Estate) trust() Policy {
	who := map[string]string{"AWS": cmp.Or(e.Principal, unknownPrincipal)}
	enter := Statement{
		Sid: "Enter", Effect: "Allow", Principal: who, Action: []string{"sts:AssumeRole"},
		Condition: map[string]Condition{"StringEquals": {"sts:ExternalId": {e.Account.ExternalID}}},
	}
	tag := Statement{
		Sid: "TagItsSessions", Effect: "Allow", Principal: who, Action: []string{"sts:TagSession"},
		Condition: map[string]Condition{
			"StringEquals":              {"aws:RequestTag/tenantry:fleet": {e.Fleet}},
			"ForAllValues:StringEquals": {"aws:TagKeys": SessionTags()},
		},
	}
	d := document(enter, tag)
	return Policy{Name: e.Fleet + "-tenantry-trust", Size: d.size(), Document: d}
}

// boundary is the most that a role of the fleet can have: what the definitions give to any of them, and
// never Tenantry's own roles.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
func (e Estate) boundary() Policy {
	var actions []string
	for _, r := range e.Roles {
		actions = append(actions, r.Actions...)
	}
	actions = distinct(actions)
	statements := []Statement{{Sid: "AtMost", Effect: "Allow", Action: actions, Resource: []string{"*"}}}
	if len(actions) == 0 {
		statements = []Statement{{Sid: "Nothing", Effect: "Deny", Action: []string{"*"}, Resource: []string{"*"}}}
	}
	statements = append(statements, Statement{Sid: "NeverTenantry", Effect: "Deny", Action: []string{"sts:AssumeRole"}, Resource: e.ownRoles()})
	d := document(statements...)
	name := e.boundaries()[0]
	return Policy{Name: name[strings.LastIndex(name, "/")+1:], Size: d.size(), Document: d}
}

// distinct sorts actions, whose case doesn't matter to IAM, and leaves out repetitions.
func distinct(actions []string) []string {
	slices.SortFunc(actions, func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(b, a)) // small letters first
	})
	return slices.CompactFunc(actions, strings.EqualFold)
}
