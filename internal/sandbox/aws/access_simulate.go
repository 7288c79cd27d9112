package awsbox

import (
	"strings"
)

// simulatePrincipalPolicy tells what a role may do, by the same rules that calls are judged by.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func simulatePrincipalPolicy(c *call) (any, error) {
	role := c.in.str("PolicySourceArn")
	if !c.srv.isRole(c.Account, role) {
		return nil, fail(404, "NoSuchEntity", "The role %s cannot be found.", role)
	}
	policies, limited := c.srv.access.permits[role]
	context := map[string][]string{}
	for _, entry := range c.in.list("ContextEntries") {
		e, _ := entry.(obj)
		context[strings.ToLower(e.str("ContextKeyName"))] = e.strs("ContextKeyValues")
	}
	resources := c.in.strs("ResourceArns")
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	results := []obj{}
	for _, action := range c.in.strs("ActionNames") {
		decision := "allowed"
		for _, resource := range resources {
			why, allowed := decide(policies, need{action, resource, context})
			switch {
			case allowed || !limited:
			case strings.HasPrefix(why, "with an explicit"):
				decision = "explicitDeny"
			case decision == "allowed":
				decision = "implicitDeny"
			}
		}
		results = append(results, obj{"EvalActionName": action, "EvalDecision": decision})
	}
	return obj{"EvaluationResults": results, "IsTruncated": false}, nil
}

// isRole tells whether an account has a role that may be assumed.
func (s *Server) isRole(account, role string) bool {
	for _, a := range s.opts.Accounts {
		if a.ID == account && role != "" && (a.RoleARN == role || a.ReaderARN == role) {
			return true
		}
	}
	return false
}
