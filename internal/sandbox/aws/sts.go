package awsbox

import (
	"maps"
	"net/http"
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

// assumeRole knows the roles of Options.Accounts alone: trust policies aren't evaluated.
func assumeRole(c *call) (any, error) {
	arn, name := c.in.str("RoleArn"), c.in.str("RoleSessionName")
	seconds := c.in.int("DurationSeconds", 3600)
	switch {
	case !sessionName.MatchString(name):
		return nil, refuse("ValidationError", "Value %q at 'roleSessionName' failed to satisfy constraint", name)
	case seconds < 900 || seconds > 43200:
		return nil, refuse("ValidationError", "Value '%d' at 'durationSeconds' failed to satisfy constraint: 900 to 43200", seconds)
	}
	for _, a := range c.srv.opts.Accounts {
		if a.RoleARN == arn && (a.ExternalID == "" || a.ExternalID == c.in.str("ExternalId")) {
			return c.srv.startSession(a, name, c.now().Add(time.Duration(seconds)*time.Second)), nil
		}
	}
	return nil, fail(http.StatusForbidden, "AccessDenied",
		"User: %s is not authorized to perform: sts:AssumeRole on resource: %s", c.Caller, arn)
}

// startSession makes credentials. Sessions that ended a day ago are forgotten.
func (s *Server) startSession(a Account, name string, until time.Time) obj {
	maps.DeleteFunc(s.sessions, func(_ string, old identity) bool {
		return !old.until.IsZero() && s.opts.Now().Sub(old.until) > 24*time.Hour
	})
	role := a.RoleARN[strings.LastIndex(a.RoleARN, "/")+1:]
	key, token := s.ids.upper("ASIA"), s.ids.uuid()
	who := identity{
		account: a.ID, token: token, until: until,
		arn: "arn:aws:sts::" + a.ID + ":assumed-role/" + role + "/" + name,
		id:  "AROASANDBOX" + a.ID[len(a.ID)-6:] + "0000:" + name,
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
