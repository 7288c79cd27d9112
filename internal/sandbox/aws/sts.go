package awsbox

import (
	"maps"
	"regexp"
	"strings"
	"time"
)

// stsService is https://docs.aws.amazon.com/STS/latest/APIReference/.
func stsService() *service {
	return &service{
		name: "sts", codes: queryCodes,
		speaks: always(query{"https://sts.amazonaws.com/doc/2011-06-15/"}),
		operations: map[string]operation{
			"AssumeRole":        {handle: assumeRole},
			"GetCallerIdentity": {handle: getCallerIdentity},
		},
	}
}

func getCallerIdentity(c *call) (any, error) {
	return obj{"Account": c.Account, "Arn": c.Caller, "UserId": c.who.id}, nil
}

var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// assumeRole knows the roles of Options.Accounts alone. Their trust policies are evaluated if there are any;
// without one, the external id is all that is asked for, and tags are welcome.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func assumeRole(c *call) (any, error) {
	arn, name := c.in.str("RoleArn"), c.in.str("RoleSessionName")
	seconds := c.in.int("DurationSeconds", 3600)
	switch {
	case !sessionName.MatchString(name):
		return nil, refuse("ValidationError", "Value %q at 'roleSessionName' failed to satisfy constraint", name)
	case seconds < 900 || seconds > 43200:
		return nil, refuse("ValidationError", "Value '%d' at 'durationSeconds' failed to satisfy constraint: 900 to 43200", seconds)
	}
	tags, err := c.readTags(c.in["Tags"])
	if err != nil {
		return nil, err
	}
	for _, a := range c.srv.opts.Accounts {
		if arn != a.RoleARN && (arn != a.ReaderARN || arn == "") {
			continue
		}
		if action := c.trusted(a, arn, tags); action != "" {
			return nil, notTrusted(c.Caller, action, arn)
		}
		return c.srv.startSession(a.ID, arn, name, tags, c.now().Add(time.Duration(seconds)*time.Second)), nil
	}
	return nil, notTrusted(c.Caller, "sts:AssumeRole", arn)
}

// trusted returns the action that a role doesn't allow to a caller; "" if it allows everything. Tags of
// the session ask for an action of their own.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_permissions-required
func (c *call) trusted(a Account, role string, tags map[string]string) (denied string) {
	policy, limited := c.srv.access.trusts[role]
	if !limited {
		if a.ExternalID != "" && a.ExternalID != c.in.str("ExternalId") {
			return "sts:AssumeRole"
		}
		return ""
	}
	for _, action := range []string{"sts:AssumeRole", "sts:TagSession"} {
		n := c.need(action, target{arn: role}, tags)
		if id := c.in.str("ExternalId"); id != "" {
			n.context["sts:externalid"] = []string{id}
		}
		if _, ok := decide([]document{policy}, n); !ok && (action == "sts:AssumeRole" || len(tags) > 0) {
			return action
		}
	}
	return ""
}

// startSession makes credentials. Sessions that ended a day ago are forgotten.
func (s *Server) startSession(account, roleARN, name string, tags map[string]string, until time.Time) obj {
	maps.DeleteFunc(s.sessions, func(_ string, old identity) bool {
		return !old.until.IsZero() && s.opts.Now().Sub(old.until) > 24*time.Hour
	})
	role := roleARN[strings.LastIndex(roleARN, "/")+1:]
	key, token := s.ids.upper("ASIA"), s.ids.uuid()
	who := identity{
		account: account, token: token, until: until, role: roleARN, tags: tags,
		arn: "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + name,
		id:  "AROASANDBOX" + account[len(account)-6:] + "0000:" + name,
	}
	s.sessions[key] = who
	return obj{
		"AssumedRoleUser": obj{"Arn": who.arn, "AssumedRoleId": who.id},
		"Credentials": obj{
			"AccessKeyId": key, "SecretAccessKey": s.ids.upper("sandbox"), "SessionToken": token,
			"Expiration": until,
		},
	}
}
