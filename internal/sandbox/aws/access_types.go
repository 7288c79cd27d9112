package awsbox

import "strings"

// granting asks, before an operation of Cloud Control, whether the caller may make the calls that the
// type's handler makes in its name, all of them. What a write lacks is told as the end of its request.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations.html
func (b *cloudBox) granting(handler, request string, next func(*call) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		policies, limited := c.srv.access.permits[c.who.role]
		t, err := b.typeOf(c.in.str("TypeName"))
		if !limited || err != nil {
			return next(c)
		}
		refusal := c.refusal(policies, limited, c.handlerNeeds(t, t.Handlers[handler].Permissions))
		if refusal == nil {
			return next(c)
		}
		if request == "" {
			return nil, refusal
		}
		r, again, err := b.begin(c, request)
		if err != nil {
			return nil, err
		}
		if !again {
			r.code, r.message = "AccessDenied", asError(refusal).message
		}
		c.in["RequestToken"] = r.token
		return b.status(c)
	}
}

// handlerNeeds are actions of a handler. What they are done to is known of roles alone; that a handler may
// take a boundary off is left out, since it does so only if it is told to.
func (c *call) handlerNeeds(t *cloudType, actions []string) []need {
	state, _ := readObject(c.in.str("DesiredState")) // none is no object
	if have := c.get(t.Name, c.in.str("Identifier")); have != nil {
		state = t.properties(have)
	}
	boundary, _ := state["PermissionsBoundary"].(string)
	var list []need
	for _, action := range actions {
		if service, name, ok := strings.Cut(action, ":"); !ok || strings.ContainsAny(name, ".") || service == "" || strings.HasPrefix(name, "Delete") && strings.HasSuffix(name, "PermissionsBoundary") {
			continue // no action that a policy could name
		}
		at := target{arn: "*"}
		if action == "iam:PassRole" {
			at.arn = "arn:aws:iam::" + c.Account + ":role/passed"
		}
		n := c.need(action, at, nil)
		if boundary != "" {
			n.context["iam:permissionsboundary"] = []string{boundary}
		}
		list = append(list, n)
	}
	return list
}
