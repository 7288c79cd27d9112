package awsbox

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// cborRPC is Smithy RPC v2 with CBOR: the operation in the path, CBOR in and out.
// https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
type cborRPC struct {
	// shapes gives the name of an error's shape by the code that the query protocol has for it,
	// which goes along as X-Amzn-Query-Error.
	shapes map[string]string
}

func (p cborRPC) decode(r *http.Request, body []byte) (string, obj, *apiError) {
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if len(body) == 0 {
		return name, obj{}, nil
	}
	v, err := cbor.Decode(body)
	if err != nil {
		return name, obj{}, refuse("SerializationException", "the body is no CBOR: %v", err)
	}
	in, ok := fromCBOR(v).(obj)
	if !ok {
		return name, obj{}, refuse("SerializationException", "the body is no CBOR map")
	}
	return name, in, nil
}

func (p cborRPC) encode(_ *call, result any, requestID string) response {
	o, _ := result.(obj)
	return p.write(http.StatusOK, http.Header{}, o, requestID)
}

func (p cborRPC) fail(_ *call, e *apiError, requestID string) response {
	shape := e.code
	if known, ok := p.shapes[e.code]; ok {
		shape = known
	}
	header := http.Header{"X-Amzn-Query-Error": {e.code + ";Sender"}}
	return p.write(e.status, header, obj{"__type": shape, "message": e.message}, requestID)
}

func (p cborRPC) write(status int, header http.Header, o obj, requestID string) response {
	header.Set("Content-Type", "application/cbor")
	header.Set("Smithy-Protocol", "rpc-v2-cbor")
	header.Set("X-Amzn-Requestid", requestID)
	return response{status: status, header: header, body: cbor.Encode(toCBOR(o))}
}

// fromCBOR gives a decoded value the types of obj.
func fromCBOR(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.Map:
		o := make(obj, len(v))
		for key, element := range v {
			o[key] = fromCBOR(element)
		}
		return o
	case cbor.List:
		list := make([]any, len(v))
		for i, element := range v {
			list[i] = fromCBOR(element)
		}
		return list
	case cbor.String:
		return string(v)
	case cbor.Uint:
		return strconv.FormatUint(uint64(v), 10)
	case cbor.NegInt:
		return "-" + strconv.FormatUint(uint64(v), 10)
	case cbor.Float32:
		return float64(v)
	case cbor.Float64:
		return float64(v)
	case cbor.Bool:
		return bool(v)
	}
	return nil
}

// toCBOR is the inverse; times are seconds since 1970 under tag 1.
func toCBOR(v any) cbor.Value {
	switch v := v.(type) {
	case obj:
		m := cbor.Map{}
		for key, element := range maps.All(v) {
			if element != nil {
				m[key] = toCBOR(element)
			}
		}
		return m
	case []obj:
		list := cbor.List{}
		for _, element := range v {
			list = append(list, toCBOR(element))
		}
		return list
	case []string:
		list := cbor.List{}
		for _, element := range v {
			list = append(list, cbor.String(element))
		}
		return list
	case bool:
		return cbor.Bool(v)
	case int:
		if v < 0 {
			return cbor.NegInt(-v)
		}
		return cbor.Uint(v)
	case float64:
		return cbor.Float64(v)
	case time.Time:
		return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(v.UnixMilli()) / 1000)}
	}
	return cbor.String(text(v))
}
