//go:build conformance

package github_test

// With the build tag conformance, all that the stories send and all that the sandbox answers is
// checked against GitHub's own OpenAPI description. The file is the "api.github.com.json" of the
// package @octokit/openapi; TENANTRY_OPENAPI names another place for it.

import (
	"bytes"
	"cmp"
	"context"
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

const openapiFile = "../../.cache/openapi/package/generated/api.github.com.json"

// exceptions are the differences that are known and meant, each with its reason. A difference is
// excused if its operation begins with the first word and its text contains the second.
var exceptions = []struct{ operation, text, reason string }{}

var described = sync.OnceValues(func() (*openapi3.T, error) {
	file := cmp.Or(os.Getenv("TENANTRY_OPENAPI"), openapiFile)
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
	return &observer{t: t, doc: doc, next: next}
}

type observer struct {
	t    *testing.T
	doc  *openapi3.T
	next http.RoundTripper
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
		o.report(r.Method+" "+path, "", "GitHub has no such operation")
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
		o.report(operation, "request", err.Error())
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests {
		return // the description leaves these out of most operations
	}
	reply := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header, Options: input.Options,
	}
	reply.SetBodyBytes(answer)
	for _, err := range flatten(openapi3filter.ValidateResponse(r.Context(), reply)) {
		o.report(operation, fmt.Sprintf("reply %d", resp.StatusCode), err.Error())
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

func (o *observer) report(operation, side, text string) {
	for _, known := range exceptions {
		if strings.HasPrefix(operation, known.operation) && strings.Contains(side+": "+text, known.text) {
			return
		}
	}
	first, _, _ := strings.Cut(text, "\nSchema:")
	o.t.Errorf("%s: %s: %s", operation, side, strings.TrimSpace(first))
}
