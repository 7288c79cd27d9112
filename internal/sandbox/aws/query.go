package awsbox

import (
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is the AWS Query protocol: forms in, XML out.
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
type query struct{ namespace string }

func (q query) decode(r *http.Request, body []byte) (string, obj, *apiError) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return "", nil, refuse("MalformedQueryString", "The query string contains a syntax error: %v", err)
	}
	for name, values := range r.URL.Query() {
		form[name] = append(form[name], values...)
	}
	return form.Get("Action"), decodeForm(form), nil
}

// decodeForm turns "Tags.member.1.Key=a" into structures, lists and maps.
func decodeForm(form url.Values) obj {
	root := obj{}
	for name, values := range form {
		at := root
		parts := strings.Split(name, ".")
		for i, part := range parts {
			if i == len(parts)-1 {
				at[part] = values[0]
				continue
			}
			next, ok := at[part].(obj)
			if !ok { // an empty list is written as "Name=" beside nothing else
				next = obj{}
				at[part] = next
			}
			at = next
		}
	}
	for name, member := range root {
		root[name] = fold(member)
	}
	return root
}

// fold replaces what was written as "member.N" by lists and "entry.N" by maps.
func fold(v any) any {
	o, ok := v.(obj)
	if !ok {
		return v
	}
	if members, ok := o["member"].(obj); ok && len(o) == 1 {
		return numbered(members)
	}
	if entries, ok := o["entry"].(obj); ok && len(o) == 1 {
		pairs := obj{}
		for _, e := range numbered(entries) {
			if pair, ok := e.(obj); ok {
				pairs[pair.str("key")] = pair["value"]
			}
		}
		return pairs
	}
	for name, member := range o {
		o[name] = fold(member)
	}
	return o
}

func numbered(o obj) []any {
	keys := slices.SortedFunc(maps.Keys(o), func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	out := make([]any, len(keys))
	for i, key := range keys {
		out[i] = fold(o[key])
	}
	return out
}

func (q query) encode(c *call, result any, requestID string) response {
	var b strings.Builder
	b.WriteString("<" + c.Operation + `Response xmlns="` + q.namespace + `">`)
	if o, ok := result.(obj); ok {
		writeXML(&b, c.Operation+"Result", o)
	}
	b.WriteString("<ResponseMetadata><RequestId>" + requestID + "</RequestId></ResponseMetadata>")
	b.WriteString("</" + c.Operation + "Response>")
	return xmlResponse(http.StatusOK, b.String(), requestID)
}

func (q query) fail(_ *call, e *apiError, requestID string) response {
	kind := "Sender"
	if e.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	var b strings.Builder
	b.WriteString(`<ErrorResponse xmlns="` + q.namespace + `">`)
	writeXML(&b, "Error", obj{"Type": kind, "Code": e.code, "Message": e.message})
	b.WriteString("<RequestId>" + requestID + "</RequestId></ErrorResponse>")
	return xmlResponse(e.status, b.String(), requestID)
}

func xmlResponse(status int, body, requestID string) response {
	return response{
		status: status, body: []byte(body),
		header: http.Header{"Content-Type": {"text/xml"}, "X-Amzn-Requestid": {requestID}},
	}
}

// writeXML writes a value as an element, members in the order of their names.
func writeXML(b *strings.Builder, name string, v any) {
	b.WriteString("<" + name + ">")
	switch v := v.(type) {
	case obj:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if v[key] != nil {
				writeXML(b, key, v[key])
			}
		}
	case map[string]string:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.WriteString("<entry>")
			writeXML(b, "key", key)
			writeXML(b, "value", v[key])
			b.WriteString("</entry>")
		}
	case []obj:
		for _, element := range v {
			writeXML(b, "member", element)
		}
	case []string:
		for _, element := range v {
			writeXML(b, "member", element)
		}
	case time.Time:
		b.WriteString(v.UTC().Format("2006-01-02T15:04:05Z"))
	default:
		_ = xml.EscapeText(b, []byte(text(v))) // a Builder doesn't fail
	}
	b.WriteString("</" + name + ">")
}
