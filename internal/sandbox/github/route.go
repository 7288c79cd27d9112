package githubbox

import (
	"net/url"
	"strings"
)

// A route is a line of the table of an API. Routes are tried in order, and the first that
// matches wins. http.ServeMux can't be used: it refuses "issues/comments/{id}" beside
// "issues/{number}/comments", and has no wildcard for several parts in the middle.
type route struct {
	method string
	// pattern has {name} for one part of the path and {name...} for one or more.
	pattern string
	// needs is what the caller must be allowed to: permissions such as "contents:write", of which
	// one is enough if several are separated by "|"; or one of the words below.
	needs  string
	handle func(*call) (reply, error)
}

// What a route needs if it isn't a permission of the repository.
const (
	needsNothing      = "nothing"      // anybody, also without a token
	needsApp          = "app"          // a JWT
	needsInstallation = "installation" // an installation's token
	needsUser         = "user"         // a person's token
	needsToken        = "token"        // any of the last two
)

// find returns the route for a request and the values of its wildcards.
func find(routes []route, method, escapedPath string) (route, map[string]string, bool) {
	parts := splitPath(escapedPath)
	for _, rt := range routes {
		if rt.method != method {
			continue
		}
		if vars, ok := match(splitPath(rt.pattern), parts); ok {
			return rt, vars, true
		}
	}
	return route{}, nil, false
}

func splitPath(p string) []string {
	p = strings.Trim(p, "/")
	if p == "" {
		return nil
	}
	return strings.Split(p, "/")
}

func match(pattern, parts []string) (map[string]string, bool) {
	vars := map[string]string{}
	for i, want := range pattern {
		name, wild := strings.CutPrefix(want, "{")
		name = strings.TrimSuffix(name, "}")
		if many, ok := strings.CutSuffix(name, "..."); wild && ok {
			rest := len(pattern) - i - 1
			n := len(parts) - rest
			if n < 1 {
				return nil, false
			}
			value, err := url.PathUnescape(strings.Join(parts[:n], "/"))
			if err != nil {
				return nil, false
			}
			vars[many], parts = value, parts[n:]
			continue
		}
		if len(parts) == 0 {
			return nil, false
		}
		value, err := url.PathUnescape(parts[0])
		if err != nil {
			return nil, false
		}
		switch {
		case wild:
			vars[name] = value
		case want != value:
			return nil, false
		}
		parts = parts[1:]
	}
	return vars, len(parts) == 0
}
