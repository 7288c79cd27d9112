package awsbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"time"
)

// jsonRPC is AWS JSON 1.0 and 1.1: the operation in a header, JSON in and out.
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
type jsonRPC struct {
	version string
	// query gives the code that the service used before it spoke JSON, by the shape of the error.
	// The SDK prefers it, as X-Amzn-Query-Error.
	query map[string]string
}

func (j jsonRPC) decode(r *http.Request, body []byte) (string, obj, *apiError) {
	target := r.Header.Get("X-Amz-Target")
	name := target[strings.LastIndex(target, ".")+1:]
	if len(bytes.TrimSpace(body)) == 0 {
		return name, obj{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return name, obj{}, refuse("SerializationException", "the body is no JSON object: %v", err)
	}
	return name, fromJSON(v).(obj), nil
}

func (j jsonRPC) encode(_ *call, result any, requestID string) response {
	o, _ := result.(obj)
	return j.write(http.StatusOK, http.Header{}, o, requestID)
}

func (j jsonRPC) write(status int, header http.Header, o obj, requestID string) response {
	header.Set("Content-Type", "application/x-amz-json-"+j.version)
	header.Set("X-Amzn-Requestid", requestID)
	if o == nil {
		o = obj{}
	}
	body, err := json.Marshal(toJSON(o))
	if err != nil {
		return response{status: http.StatusInternalServerError, header: header, body: []byte(err.Error())}
	}
	return response{status: status, header: header, body: body}
}

func (j jsonRPC) fail(_ *call, e *apiError, requestID string) response {
	header := http.Header{}
	if code, ok := j.query[e.code]; ok {
		header.Set("X-Amzn-Query-Error", code+";Sender")
	}
	return j.write(e.status, header, obj{"__type": e.code, "message": e.message}, requestID)
}

// toJSON writes times as seconds since 1970, which is what JSON protocols do by default.
func toJSON(v any) any {
	switch v := v.(type) {
	case time.Time:
		return float64(v.UnixMilli()) / 1000
	case obj:
		out := make(map[string]any, len(v))
		for key, element := range maps.All(v) {
			if element != nil {
				out[key] = toJSON(element)
			}
		}
		return out
	case []obj:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = toJSON(element)
		}
		return out
	case []string:
		return append([]string{}, v...) // never null
	}
	return v
}
