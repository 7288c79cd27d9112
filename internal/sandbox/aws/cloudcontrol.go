package awsbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"tenantry.dev/internal/awstypes"
)

// cloudControlService is https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/: every type
// that AWS publishes a schema of, as far as the schema says what the type does. It refuses what the
// schema refuses, fills in what AWS sets and the schema's defaults, and takes its time.
func cloudControlService() *service {
	b := &cloudBox{
		types: map[string]*cloudType{}, requests: map[string]*cloudRequest{}, tokens: map[string]*cloudRequest{}, latest: map[string]*cloudRequest{},
	}
	b.table, b.err = awstypes.Open()
	return &service{
		name: "cloudcontrolapi", codes: jsonCodes, speaks: always(jsonRPC{version: "1.0"}),
		operations: map[string]operation{
			"CreateResource":           {true, b.granting("create", "CREATE", b.create)},
			"UpdateResource":           {true, b.granting("update", "UPDATE", b.update)},
			"DeleteResource":           {true, b.granting("delete", "DELETE", b.delete)},
			"GetResource":              {false, b.granting("read", "", b.get)},
			"ListResources":            {false, b.granting("list", "", b.list)},
			"GetResourceRequestStatus": {false, b.status},
			"ListResourceRequests":     {false, b.requested},
		},
	}
}

// requestLooks is how often a request is looked at before it is done.
const requestLooks = 2

// tokenLife is how long a client token is remembered.
const tokenLife = 36 * time.Hour

// cloudBox has what Cloud Control remembers besides the resources. It is used under the server's lock.
type cloudBox struct {
	table    *awstypes.Table
	err      error
	types    map[string]*cloudType
	requests map[string]*cloudRequest
	tokens   map[string]*cloudRequest
	latest   map[string]*cloudRequest // of a resource that took its time
}

// A cloudRequest is a write and what became of it.
type cloudRequest struct {
	token, operation, typeName, id string
	account, region                string
	asked                          string // the body, which the same client token must come with
	code, message                  string // of a failure
	looks                          int
	at                             time.Time
	srv                            *Server
	long                           bool // it takes as long as its type does
}

// going tells whether a request isn't done.
func (r *cloudRequest) going() bool {
	return r.looks > 0 || r.long && r.srv.opts.Now().Before(r.at.Add(r.srv.cond.Takes[r.typeName]))
}

// takes has a request go on for as long as its type takes, and the resource busy meanwhile: what the
// service sets isn't known before a create is done, and other requests are refused.
func (b *cloudBox) takes(c *call, r *cloudRequest) {
	r.long = true
	b.latest[r.object(c)] = r
}

func (r *cloudRequest) object(c *call) string {
	return strings.Join([]string{c.Account, c.Region, r.typeName, r.id}, "/")
}

// busy is the request that is at a resource, other than r; nil if there is none. Cloud Control refuses
// others then.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_UpdateResource.html (ConcurrentOperationException)
func (b *cloudBox) busy(c *call, r *cloudRequest) *cloudRequest {
	if at := b.latest[r.object(c)]; at != nil && at != r && c.srv.cond.Takes[at.typeName] > 0 && at.going() {
		return at
	}
	return nil
}

// refuse forgets a request that another one is in the way of, so that its token may come again.
func (b *cloudBox) refuse(r, at *cloudRequest) error {
	delete(b.requests, r.token)
	maps.DeleteFunc(b.tokens, func(_ string, known *cloudRequest) bool { return known == r })
	return refuse("ConcurrentOperationException", "Request %s is at the resource.", at.token)
}

func (b *cloudBox) typeOf(name string) (*cloudType, error) {
	if b.err != nil {
		return nil, b.err
	}
	if t := b.types[name]; t != nil {
		return t, nil
	}
	published, err := b.table.Type(name)
	if err != nil {
		return nil, fail(http.StatusNotFound, "TypeNotFoundException", "The type '%s' cannot be found.", name)
	}
	if len(published.Handlers) == 0 {
		return nil, refuse("UnsupportedActionException", "Resource type %s does not support CREATE action", name)
	}
	t, err := newCloudType(published)
	if err != nil {
		return nil, err
	}
	b.types[name] = t
	return t, nil
}

// begin notes a request, or finds the one that was made with the same client token.
func (b *cloudBox) begin(c *call, name string) (r *cloudRequest, again bool, err error) {
	body, err := json.Marshal(c.in)
	if err != nil {
		return nil, false, err
	}
	key := strings.Join([]string{c.Account, c.Region, c.in.str("ClientToken")}, "/")
	if old := b.tokens[key]; old != nil && c.in.has("ClientToken") && c.now().Sub(old.at) < tokenLife {
		if old.asked != string(body) {
			return nil, false, refuse("ClientTokenConflictException", "The client token was used for another request.")
		}
		return old, true, nil
	}
	r = &cloudRequest{
		token: c.srv.ids.uuid(), operation: name, typeName: c.in.str("TypeName"), id: c.in.str("Identifier"), account: c.Account, region: c.Region,
		asked: string(body), looks: requestLooks, at: c.now(), srv: c.srv,
	}
	b.requests[r.token] = r
	if c.in.has("ClientToken") {
		b.tokens[key] = r
	}
	return r, false, nil
}

// event is how a request is answered.
func (r *cloudRequest) event() obj {
	e := obj{"TypeName": r.typeName, "RequestToken": r.token, "Operation": r.operation, "EventTime": r.at, "OperationStatus": "SUCCESS"}
	e.add("Identifier", r.id)
	switch {
	case r.going():
		e["OperationStatus"] = "IN_PROGRESS"
	case r.code != "":
		e["OperationStatus"], e["ErrorCode"], e["StatusMessage"] = "FAILED", r.code, r.message
	}
	return obj{"ProgressEvent": e}
}

func (r *cloudRequest) fail(code, format string, args ...any) obj {
	r.code, r.message = code, fmt.Sprintf(format, args...)
	return r.event()
}

func (b *cloudBox) create(c *call) (any, error) {
	t, err := b.typeOf(c.in.str("TypeName"))
	if err != nil {
		return nil, err
	}
	r, again, err := b.begin(c, "CREATE")
	if err != nil || again {
		return r.eventOr(), err
	}
	properties, err := readObject(c.in.str("DesiredState"))
	if err != nil {
		return nil, refuse("ValidationException", "DesiredState: %v", err)
	}
	if err := t.refuses(properties); err != nil {
		return r.fail("InvalidRequest", "Model validation failed (%v)", err), nil
	}
	t.fill(c, properties)
	r.id = t.identifier(properties)
	if at := b.busy(c, r); at != nil {
		return nil, b.refuse(r, at)
	}
	if c.get(t.Name, r.id) != nil {
		return r.fail("AlreadyExists", "Resource of type '%s' with identifier '%s' already exists.", t.Name, r.id), nil
	}
	if err := t.put(c, c.make(t.Name, r.id, t.arn(c, properties)), properties); err != nil {
		return r.fail("InvalidRequest", "%v", err), nil
	}
	b.takes(c, r)
	return r.event(), nil
}

// eventOr is the event of a request that may be none.
func (r *cloudRequest) eventOr() any {
	if r == nil {
		return nil
	}
	return r.event()
}

func (b *cloudBox) update(c *call) (any, error) {
	t, err := b.typeOf(c.in.str("TypeName"))
	if err != nil {
		return nil, err
	}
	r, again, err := b.begin(c, "UPDATE")
	if err != nil || again {
		return r.eventOr(), err
	}
	if at := b.busy(c, r); at != nil {
		return nil, b.refuse(r, at)
	}
	old := c.get(t.Name, r.id)
	if old == nil {
		return nil, notFound(t.Name, r.id)
	}
	before := t.properties(old)
	after, err := patched(before, c.in.str("PatchDocument"))
	if err != nil {
		return nil, refuse("ValidationException", "PatchDocument: %v", err)
	}
	if err := t.refuses(t.writable(after)); err != nil {
		return r.fail("InvalidRequest", "Model validation failed (%v)", err), nil
	}
	if t.shape.Replaces(t.shape.Normal(before), t.shape.Normal(after)) {
		return r.fail("NotUpdatable", "Invalid patch update: createOnlyProperties cannot be updated"), nil
	}
	if err := t.put(c, old, after); err != nil {
		return r.fail("InvalidRequest", "%v", err), nil
	}
	b.takes(c, r)
	return r.event(), nil
}

func (b *cloudBox) delete(c *call) (any, error) {
	t, err := b.typeOf(c.in.str("TypeName"))
	if err != nil {
		return nil, err
	}
	r, again, err := b.begin(c, "DELETE")
	if err != nil || again {
		return r.eventOr(), err
	}
	if at := b.busy(c, r); at != nil {
		return nil, b.refuse(r, at)
	}
	old := c.get(t.Name, r.id)
	if old == nil {
		return r.fail("NotFound", "Resource of type '%s' with identifier '%s' was not found.", t.Name, r.id), nil
	}
	c.remove(old)
	b.takes(c, r)
	return r.event(), nil
}

func notFound(name, id string) error {
	return refuse("ResourceNotFoundException", "Resource of type '%s' with identifier '%s' was not found.", name, id)
}

func (b *cloudBox) get(c *call) (any, error) {
	t, err := b.typeOf(c.in.str("TypeName"))
	if err != nil {
		return nil, err
	}
	r := c.get(t.Name, c.in.str("Identifier"))
	if r == nil {
		return nil, notFound(t.Name, c.in.str("Identifier"))
	}
	return obj{"TypeName": t.Name, "ResourceDescription": obj{"Identifier": r.Name, "Properties": t.text(b.known(c, t, r))}}, nil
}

// known is what a read shows of a resource: what the service sets isn't there while it is being made.
func (b *cloudBox) known(c *call, t *cloudType, r *Resource) map[string]any {
	out := t.readable(r)
	at := b.busy(c, &cloudRequest{typeName: t.Name, id: r.Name})
	if at == nil || at.operation != "CREATE" {
		return out
	}
	for _, name := range t.ReadOnly {
		if !slices.Contains(t.Identifier, name) {
			delete(out, name)
		}
	}
	return out
}

// list gives identifiers alone, as the handlers of many types do. Of a type that is listed within
// something it wants to know of what.
func (b *cloudBox) list(c *call) (any, error) {
	t, err := b.typeOf(c.in.str("TypeName"))
	if err != nil {
		return nil, err
	}
	listed, err := t.within(c.list(t.Name), c.in.str("ResourceModel"))
	if err != nil {
		return nil, err
	}
	p := pager{size: 100, refusal: func() error { return refuse("InvalidRequestException", "Invalid NextToken") }}
	resources, next, err := page(c, p, listed, byName, c.in.str("NextToken"), c.in.int("MaxResults", 0))
	if err != nil {
		return nil, err
	}
	out := []obj{}
	for _, r := range resources {
		all, shown := t.readable(r), map[string]any{}
		for _, path := range t.Identifier {
			if name, _, nested := strings.Cut(path, "."); !nested {
				shown[name] = all[name]
			}
		}
		out = append(out, obj{"Identifier": r.Name, "Properties": t.text(shown)})
	}
	return obj{"TypeName": t.Name, "ResourceDescriptions": out}.add("NextToken", next), nil
}

func (b *cloudBox) status(c *call) (any, error) {
	r := b.requests[c.in.str("RequestToken")]
	if r == nil {
		return nil, refuse("RequestTokenNotFoundException", "Request token not found.")
	}
	r.looks = max(0, r.looks-1)
	return r.event(), nil
}

// requestLife is how long a request can be asked about.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations-manage-requests.html
const requestLife = 7 * 24 * time.Hour

// requested lists requests by what they do and what became of them.
func (b *cloudBox) requested(c *call) (any, error) {
	filter := c.in.obj("ResourceRequestStatusFilter")
	wanted := func(name string, value any) bool {
		list, ok := filter[name].([]any)
		return !ok || slices.Contains(list, value)
	}
	out := []obj{}
	for _, token := range sortedNames(b.requests) {
		r := b.requests[token]
		event, _ := r.event()["ProgressEvent"].(obj)
		if r.account == c.Account && r.region == c.Region && c.now().Sub(r.at) < requestLife &&
			wanted("Operations", r.operation) && wanted("OperationStatuses", event["OperationStatus"]) {
			out = append(out, event)
		}
	}
	return obj{"ResourceRequestStatusSummaries": out}, nil
}

// patched applies a JSON patch whose paths lead through objects. https://www.rfc-editor.org/rfc/rfc6902
func patched(before map[string]any, document string) (map[string]any, error) {
	var patch []awstypes.Operation
	if err := json.Unmarshal([]byte(document), &patch); err != nil {
		return nil, err
	}
	text, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	after, err := readObject(string(text)) // a copy
	if err != nil {
		return nil, err
	}
	for _, op := range patch {
		keys := strings.Split(strings.TrimPrefix(op.Path, "/"), "/")
		at := after
		for i, key := range keys {
			keys[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
		}
		for _, key := range keys[:len(keys)-1] {
			inner, ok := at[key].(map[string]any)
			if !ok {
				return nil, fmt.Errorf("there is no object at %s", op.Path)
			}
			at = inner
		}
		last := keys[len(keys)-1]
		_, there := at[last]
		switch {
		case op.Op == "remove" && there:
			delete(at, last)
		case op.Op == "add", op.Op == "replace" && there:
			at[last] = op.Value
		default:
			return nil, fmt.Errorf("%s %s: there is nothing", op.Op, op.Path)
		}
	}
	return after, nil
}

func readObject(text string) (map[string]any, error) {
	var out map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		return nil, err
	}
	if out == nil {
		return nil, fmt.Errorf("it is no object")
	}
	return out, nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
