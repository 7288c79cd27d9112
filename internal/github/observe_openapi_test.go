//go:build conformance

package github_test

// With the build tag conformance, all that the stories send and all that the sandbox answers is
// checked against GitHub's own OpenAPI description. The file is the "api.github.com.json" of the
// package @octokit/openapi; GITHUB_OPENAPI names another place for it.

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

const openapiFile = "../../.cache/openapi/node_modules/@octokit/openapi/generated/api.github.com.json"

// exceptions are the differences that are known and meant, each with its reason. A difference is
// excused if its operation begins with the first word and its text contains the second.
var exceptions = []struct{ operation, text, reason string }{
	{
		"POST /repos/{owner}/{repo}/issues/{issue_number}/labels", "request: request body has an error: doesn't match schema: doesn't match schema due to: value must be an object",
		"go-github sends the labels as a list; the description says in words that a list is taken too",
	},
	{
		"GET /repos/{owner}/{repo}/pulls", "/description\": Value is not nullable",
		"a label without a description has null there, on GitHub too; the schema \"label\" itself allows it",
	},
	{
		"GET /user", "discriminator property \"user_view_type\"",
		"the sandbox leaves it out, and no client reads it",
	},
}

// inUse are the operations that the client has. A full run must have seen each of them.
var inUse = []string{
	"GET /app",
	"GET /app/hook/deliveries",
	"GET /orgs/{org}/teams/{team_slug}",
	"GET /orgs/{org}/teams/{team_slug}/memberships/{username}",
	"GET /repos/{owner}/{repo}",
	"GET /repos/{owner}/{repo}/collaborators/{username}/permission",
	"GET /repos/{owner}/{repo}/commits/{ref}",
	"GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls",
	"GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
	"GET /repos/{owner}/{repo}/commits/{ref}/statuses",
	"GET /repos/{owner}/{repo}/deployments",
	"GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
	"GET /repos/{owner}/{repo}/git/commits/{commit_sha}",
	"GET /repos/{owner}/{repo}/git/matching-refs/{ref}",
	"GET /repos/{owner}/{repo}/git/ref/{ref}",
	"GET /repos/{owner}/{repo}/git/trees/{tree_sha}",
	"GET /repos/{owner}/{repo}/installation",
	"GET /repos/{owner}/{repo}/issues/comments",
	"GET /repos/{owner}/{repo}/issues/comments/{comment_id}",
	"GET /repos/{owner}/{repo}/issues/{issue_number}",
	"GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
	"GET /repos/{owner}/{repo}/pulls",
	"GET /repos/{owner}/{repo}/pulls/{pull_number}",
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/files",
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
	"GET /user",
	"DELETE /repos/{owner}/{repo}/git/refs/{ref}",
	"DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}",
	"PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
	"PATCH /repos/{owner}/{repo}/git/refs/{ref}",
	"PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
	"PATCH /repos/{owner}/{repo}/pulls/{pull_number}",
	"POST /app-manifests/{code}/conversions",
	"POST /app/hook/deliveries/{delivery_id}/attempts",
	"POST /app/installations/{installation_id}/access_tokens",
	"POST /repos/{owner}/{repo}/check-runs",
	"POST /repos/{owner}/{repo}/deployments",
	"POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
	"POST /repos/{owner}/{repo}/git/blobs",
	"POST /repos/{owner}/{repo}/git/commits",
	"POST /repos/{owner}/{repo}/git/refs",
	"POST /repos/{owner}/{repo}/git/trees",
	"POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
	"POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
	"POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
	"POST /repos/{owner}/{repo}/pulls",
	"POST /repos/{owner}/{repo}/statuses/{sha}",
}

// seen has the operations that passed with a good answer.
var seen sync.Map

func TestMain(m *testing.M) {
	code := m.Run()
	if code != 0 || flag.Lookup("test.run").Value.String() != "" {
		os.Exit(code)
	}
	for _, operation := range inUse {
		if _, ok := seen.Load(operation); !ok {
			fmt.Printf("FAIL: %s is in use and was never checked\n", operation)
			code = 1
		}
	}
	seen.Range(func(operation, _ any) bool {
		if !slices.Contains(inUse, operation.(string)) {
			fmt.Printf("FAIL: %s is in use and not in the list\n", operation)
			code = 1
		}
		return true
	})
	os.Exit(code)
}

// The lane is worth something only if it notices what is wrong.
func TestTheLaneNoticesDifferences(t *testing.T) {
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, method, path, body, answer, says string }{
		{"an operation that doesn't exist", "GET", "/repos/a/b/nonsense", "", "{}", "no such operation"},
		{"a request without what is required", "POST", "/repos/a/b/git/refs", `{"ref":"refs/heads/x"}`, `{}`, `property "sha" is missing`},
		{"a value of another type", "PATCH", "/repos/a/b/git/refs/heads/x/y", `{"sha":"x","force":"yes"}`, `{}`, "value must be a boolean"},
		{"too many annotations", "PATCH", "/repos/a/b/check-runs/1", `{"output":{"summary":"x","annotations":[` + strings.Repeat("{},", 50) + `{}]}}`, `{}`, "request"},
		{"an answer of another shape", "GET", "/repos/a/b/git/ref/heads/x/y", "", `{"ref":7}`, "reply 200"},
		{"a parameter of another kind", "GET", "/repos/a/b/pulls?state=shut", "", `[]`, "request"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var found []string
			o := &observer{doc: doc, report: func(text string) { found = append(found, text) }, next: answers(tt.answer)}
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "https://api.github.com"+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if _, err := o.RoundTrip(r); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(strings.Join(found, "\n"), tt.says) {
				t.Errorf("found %q, want something about %q", found, tt.says)
			}
		})
	}
}

var described = sync.OnceValues(func() (*openapi3.T, error) {
	file := cmp.Or(os.Getenv("GITHUB_OPENAPI"), openapiFile)
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("GitHub's description of its API (make conformance installs it): %w", err)
	}
	return doc, nil
})

// observe checks the traffic of a story.
func observe(t *testing.T, next http.RoundTripper) http.RoundTripper {
	t.Helper()
	doc, err := described()
	if err != nil {
		t.Fatal(err)
	}
	return &observer{doc: doc, next: next, report: func(text string) { t.Error(text) }}
}

type observer struct {
	doc    *openapi3.T
	next   http.RoundTripper
	report func(text string)
}

func (o *observer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := drain(r.Body)
	if err != nil {
		return nil, err
	}
	send := r.Clone(r.Context())
	send.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := o.next.RoundTrip(send)
	if err != nil {
		return nil, err
	}
	answer, err := drain(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	o.check(r, body, resp, answer)
	return resp, nil
}

func drain(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

func (o *observer) check(r *http.Request, body []byte, resp *http.Response, answer []byte) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/api/v3")
	template, item, vars := o.route(r.Method, path)
	if item == nil {
		o.note(r.Method+" "+path, "request", "GitHub has no such operation")
		return
	}
	asked := r.Clone(context.Background())
	asked.Body = io.NopCloser(bytes.NewReader(body))
	input := &openapi3filter.RequestValidationInput{
		Request: asked, PathParams: vars,
		Route: &routers.Route{Spec: o.doc, Path: template, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)},
		Options: &openapi3filter.Options{
			MultiError: true, IncludeResponseStatus: true, SkipSettingDefaults: true,
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
	operation := r.Method + " " + template
	for _, err := range flatten(openapi3filter.ValidateRequest(r.Context(), input)) {
		o.note(operation, "request", err.Error())
	}
	if resp.StatusCode < 300 {
		seen.Store(operation, true)
	}
	if refusal(resp.StatusCode) && input.Route.Operation.Responses.Status(resp.StatusCode) == nil {
		return
	}
	reply := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header, Options: input.Options,
	}
	reply.SetBodyBytes(answer)
	for _, err := range flatten(openapi3filter.ValidateResponse(r.Context(), reply)) {
		o.note(operation, fmt.Sprintf("reply %d", resp.StatusCode), err.Error())
	}
}

// route finds the operation for a path. The last parameter of some, such as {ref}, holds slashes.
// Of several, the one with the most literal parts is meant.
func (o *observer) route(method, path string) (template string, item *openapi3.PathItem, vars map[string]string) {
	best := -1
	for _, candidate := range o.doc.Paths.InMatchingOrder() {
		found := o.doc.Paths.Value(candidate)
		if found.GetOperation(method) == nil {
			continue
		}
		if values, literal, ok := matchTemplate(candidate, path); ok && literal > best {
			template, item, vars, best = candidate, found, values, literal
		}
	}
	return template, item, vars
}

func matchTemplate(template, path string) (vars map[string]string, literal int, ok bool) {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if last := want[len(want)-1]; (last == "{ref}" || last == "{path}") && len(have) > len(want) {
		n := len(want) - 1
		have = append(slices.Clone(have[:n]), strings.Join(have[n:], "/"))
	}
	if len(want) != len(have) {
		return nil, 0, false
	}
	vars = make(map[string]string)
	for i, part := range want {
		switch {
		case strings.HasPrefix(part, "{"):
			vars[strings.Trim(part, "{}")] = have[i]
		case part != have[i]:
			return nil, 0, false
		default:
			literal++
		}
	}
	return vars, literal, true
}

// flatten takes apart the errors of one message.
func flatten(err error) []error {
	switch e := err.(type) {
	case nil:
		return nil
	case openapi3.MultiError:
		var all []error
		for _, one := range e {
			all = append(all, flatten(one)...)
		}
		return all
	case *openapi3filter.RequestError:
		if many, ok := e.Err.(openapi3.MultiError); ok {
			return flatten(many)
		}
	case *openapi3filter.ResponseError:
		if many, ok := e.Err.(openapi3.MultiError); ok {
			return flatten(many)
		}
	}
	return []error{err}
}

// refusal tells whether any request may be answered with a status. The description names these with
// few operations only.
func refusal(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// note reports a difference that isn't excused.
func (o *observer) note(operation, side, text string) {
	for _, known := range exceptions {
		if strings.HasPrefix(operation, known.operation) && strings.Contains(side+": "+text, known.text) {
			return
		}
	}
	first, _, _ := strings.Cut(text, "\nSchema:")
	o.report(fmt.Sprintf("%s: %s: %s", operation, side, strings.TrimSpace(first)))
}

// answers is a server that says the same to everything.
func answers(body string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		code := http.StatusOK
		if r.Method == http.MethodPost {
			code = http.StatusCreated
		}
		return &http.Response{
			StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(body)), Request: r,
		}, nil
	})
}
