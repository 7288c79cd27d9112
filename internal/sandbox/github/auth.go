package githubbox

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A caller is who sent a request: nobody, a person, an App, or an App's installation.
type caller struct {
	account *account // nil for nobody; the bot for an App and its installation
	app     *app     // set for an App and its installation
	token   *token   // set for a person and an installation
}

// isApp tells whether the caller showed a JWT.
func (c caller) isApp() bool { return c.app != nil && c.token == nil }

// isInstallation tells whether the caller showed an installation's token.
func (c caller) isInstallation() bool { return c.app != nil && c.token != nil }

// key is what rate limits are counted by.
func (c caller) key() string {
	if c.account == nil {
		return "anonymous"
	}
	return c.account.login
}

// authenticate finds out who sent an API request.
func (s *Server) authenticate(r *http.Request) (caller, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return caller{}, nil
	}
	scheme, value, _ := strings.Cut(header, " ")
	switch strings.ToLower(scheme) {
	case "basic":
		_, password, _ := r.BasicAuth()
		return s.byToken(password)
	case "bearer", "token":
		if strings.Count(value, ".") == 2 {
			return s.byJWT(value)
		}
		return s.byToken(value)
	}
	return caller{}, fail(http.StatusUnauthorized, "Bad credentials")
}

func (s *Server) byToken(value string) (caller, error) {
	t := s.tokens[value]
	if t == nil || (!t.expires.IsZero() && !s.now().Before(t.expires)) {
		return caller{}, fail(http.StatusUnauthorized, "Bad credentials")
	}
	return caller{account: t.account, app: t.app, token: t}, nil
}

// byJWT checks an App's JWT: RS256 over its key, issued by it, alive, and not for longer than ten
// minutes. See docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App".
func (s *Server) byJWT(value string) (caller, error) {
	parts := strings.Split(value, ".")
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		Issuer  any     `json:"iss"`
		Issued  float64 `json:"iat"`
		Expires float64 `json:"exp"`
	}
	if !decodePart(parts[0], &head) || !decodePart(parts[1], &claims) || head.Alg != "RS256" {
		return caller{}, fail(http.StatusUnauthorized, "A JSON web token could not be decoded")
	}
	id, _ := strconv.ParseInt(fmt.Sprint(claims.Issuer), 10, 64)
	if f, ok := claims.Issuer.(float64); ok {
		id = int64(f)
	}
	a := s.apps[id]
	if a == nil {
		return caller{}, fail(http.StatusNotFound, "Integration not found")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(&a.key.PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return caller{}, fail(http.StatusUnauthorized, "A JSON web token could not be decoded")
	}
	if problem := checkTimes(s.now(), claims.Issued, claims.Expires); problem != "" {
		return caller{}, fail(http.StatusUnauthorized, "%s", problem)
	}
	return caller{account: a.bot, app: a}, nil
}

func decodePart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, into) == nil
}

// checkTimes words what is wrong with a JWT's times; GitHub allows a minute for clocks that differ.
func checkTimes(now time.Time, issued, expires float64) string {
	at := float64(now.Unix())
	switch {
	case expires <= at:
		return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
	case expires > at+600+60:
		return "'Expiration time' claim ('exp') is too far in the future"
	case issued > at+60:
		return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
	}
	return ""
}

// rank orders the levels of a permission.
func rank(level string) int {
	return map[string]int{"read": 1, "triage": 1, "write": 2, "maintain": 2, "admin": 3}[level]
}

// sees tells whether the caller can see that a repository exists.
func (c caller) sees(r *repo) bool {
	switch {
	case c.isApp():
		return c.app.installedOn(r)
	case c.isInstallation():
		return c.app.installedOn(r) && (c.token.repos == nil || c.token.repos[r.fullName()])
	}
	return c.account != nil || !r.private
}

// allowed tells whether the caller may use a route. Its errors are GitHub's.
func (c caller) allowed(needs string) error {
	switch needs {
	case needsNothing:
		return nil
	case needsApp:
		if c.isApp() {
			return nil
		}
		return fail(http.StatusUnauthorized, "A JSON web token could not be decoded")
	case needsInstallation:
		if c.isInstallation() {
			return nil
		}
		return fail(http.StatusForbidden, "You must authenticate with an installation access token in order to list repositories for an installation.")
	case needsUser:
		if c.token != nil && c.app == nil {
			return nil
		}
		return c.refuse()
	case needsToken:
		if c.token != nil {
			return nil
		}
		return c.refuse()
	}
	for need := range strings.SplitSeq(needs, "|") {
		if c.granted(need) {
			return nil
		}
	}
	return c.refuse()
}

// granted tells whether the caller has one permission such as "contents:write" on a repository
// that it sees.
func (c caller) granted(need string) bool {
	name, level, _ := strings.Cut(need, ":")
	switch {
	case c.isApp():
		return false
	case c.isInstallation():
		return rank(c.token.grants[name]) >= rank(level)
	case c.account == nil:
		return level == "read" // what is private it doesn't even see
	case name == "checks":
		return level == "read" // only Apps may write check runs
	}
	return rank(c.account.role) >= rank(level)
}

func (c caller) refuse() error {
	switch {
	case c.account == nil:
		return fail(http.StatusUnauthorized, "Requires authentication")
	case c.isApp():
		return fail(http.StatusUnauthorized, "A JSON web token could not be decoded")
	case c.isInstallation():
		return fail(http.StatusForbidden, "Resource not accessible by integration")
	}
	return fail(http.StatusForbidden, "Resource not accessible by personal access token")
}
