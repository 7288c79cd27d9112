package aws

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"tenantry.dev/reconciler/resource"
)

// The account and places that these tests are about.
const (
	testAccount = "111122223333"
	testRole    = "arn:aws:iam::111122223333:role/tenantry"
	testFleet   = "shop"
)

var (
	testScope  = resource.Scope{Account: testAccount, Region: "eu-central-1"}
	testGlobal = resource.Scope{Account: testAccount, Region: resource.Global}
)

// A wire stands in the place of the network: the SDK's requests go in, what answer returns comes
// back. It answers STS by itself, for the account that it is in.
type wire struct {
	t       *testing.T
	account string // whose credentials lead here
	answer  func(c call) reply

	mu    sync.Mutex
	calls []call
}

// A call is a request as it stood on the wire.
type call struct {
	op     string // "CreateKey", "AssumeRole"; for S3 "GET tagging", "PUT", "HEAD"
	host   string
	query  url.Values
	header http.Header
	body   string
	form   url.Values // of query protocols
}

// A reply is what comes back: an answer, or the loss of it.
type reply struct {
	status int // 200 if zero
	body   string
	lost   error // the connection breaks with it after the request was read
}

func newWire(t *testing.T, answer func(c call) reply) *wire {
	return &wire{t: t, account: testAccount, answer: answer}
}

// base is what LoadDefaultConfig would return, with the wire in the network's place.
func (w *wire) base() aws.Config {
	return aws.Config{
		Region:      "eu-central-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIDBASE", "secret", ""),
		HTTPClient:  &http.Client{Transport: w},
	}
}

func (w *wire) sessions(accounts ...Account) *sessions {
	w.t.Helper()
	if len(accounts) == 0 {
		accounts = []Account{{ID: testAccount, RoleARN: testRole, ExternalID: "fleet-1"}}
	}
	s, err := newSessions(w.base(), accounts)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// RoundTrip is the network.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	c, err := readCall(r)
	if err != nil {
		return nil, err
	}
	w.mu.Lock() // also while answering, so that what answers may have state
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
	answer := w.answer
	if c.op == "AssumeRole" || c.op == "GetCallerIdentity" {
		answer = w.sts
	}
	a := answer(c)
	if a.lost != nil {
		return nil, a.lost
	}
	if a.status == 0 {
		a.status = 200
	}
	return &http.Response{
		StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"X-Amzn-Requestid": {"req-1"}}, ContentLength: int64(len(a.body)),
		Body: io.NopCloser(strings.NewReader(a.body)),
	}, nil
}

func readCall(r *http.Request) (call, error) {
	c := call{host: r.URL.Host, query: r.URL.Query(), header: r.Header}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return call{}, err
		}
		c.body = string(bytes.TrimSpace(body))
	}
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		_, c.op, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	case strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		form, err := url.ParseQuery(c.body)
		if err != nil {
			return call{}, err
		}
		c.form, c.op = form, form.Get("Action")
	default:
		c.op = r.Method
		for _, sub := range []string{"tagging", "publicAccessBlock", "encryption", "versioning", "lifecycle", "policy", "ownershipControls", "notification", "replication"} {
			if c.query.Has(sub) {
				c.op += " " + sub
			}
		}
	}
	return c, nil
}

func (w *wire) sts(c call) reply {
	if c.op == "AssumeRole" {
		return reply{body: `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
			`<AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>` +
			`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`}
	}
	return reply{body: fmt.Sprintf(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>`+
		`<Account>%s</Account><Arn>arn:aws:sts::%s:assumed-role/x/y</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`, w.account, w.account)}
}

// sent returns the calls of an operation.
func (w *wire) sent(op string) []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []call
	for _, c := range w.calls {
		if c.op == op {
			out = append(out, c)
		}
	}
	return out
}

// wrote returns the operations that weren't reads, in order.
func (w *wire) wrote() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, c := range w.calls {
		verb, _, _ := strings.Cut(c.op, " ")
		if !isRead(c.op) && verb != "GET" && verb != "HEAD" {
			out = append(out, c.op)
		}
	}
	return out
}

// jsonError and xmlError are how services say no.
func jsonError(code, message string) reply {
	return reply{status: 400, body: fmt.Sprintf(`{"__type":%q,"message":%q}`, code, message)}
}

func queryError(status int, code, message string) reply {
	return reply{status: status, body: fmt.Sprintf(`<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>req-1</RequestId></ErrorResponse>`, code, message)}
}

func s3Error(status int, code string) reply {
	return reply{status: status, body: fmt.Sprintf(`<Error><Code>%s</Code><Message>no</Message><RequestId>req-1</RequestId></Error>`, code)}
}

func address(kind, name string) resource.Address {
	return resource.Address{Owner: resource.Tenant("acme"), Kind: kind, Name: name}
}

// desired is a resource of tenant acme; attributes are pairs of name and value.
func desired(kind resource.Kind, attributes map[string]any) resource.Desired {
	want := resource.Desired{Address: address(kind.Name, "main"), Scope: testScope, Attributes: resource.Attributes{}}
	if kind.Global {
		want.Scope = testGlobal
	}
	for name, v := range attributes {
		want.Attributes[name] = literal(v)
	}
	want.Attributes = kind.Canonical(want.Attributes)
	return want
}

// have is the resource as an observation would show it.
func have(kind resource.Kind, id string, attributes map[string]any) resource.Observed {
	want := desired(kind, attributes)
	return resource.Observed{
		Address: want.Address, Scope: want.Scope, Fleet: testFleet, ID: id,
		Attributes: want.Attributes, Outputs: map[string]string{"arn": "arn:" + id},
	}
}

// A doer is a wire of one function that sees the request's context.
type doer func(ctx context.Context, c call) reply

// Do is the network.
func (d doer) Do(r *http.Request) (*http.Response, error) {
	one := &wire{answer: func(c call) reply { return d(r.Context(), c) }}
	return one.RoundTrip(r)
}

// clientFunc is a doer that answers STS as well.
type clientFunc func(c call) reply

// Do is the network.
func (f clientFunc) Do(r *http.Request) (*http.Response, error) {
	c, err := readCall(r)
	if err != nil {
		return nil, err
	}
	a := f(c)
	return &http.Response{StatusCode: max(a.status, 200), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, a.lost
}

// apiError is an error as the SDK gives it.
func apiError(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}
