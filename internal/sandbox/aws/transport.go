package awsbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// errDropped is what a client sees of a connection that was cut.
var errDropped = errors.New("connection reset by peer")

// Transport returns a RoundTripper that calls the sandbox in process, for any host name. A request
// whose context ends returns at once and may take effect later, as on a real network.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	inner, err := t.read(r)
	if err != nil {
		return nil, err
	}
	answered := make(chan response, 1) // buffered: nobody may be waiting any more
	go func() { answered <- t.server.answer(inner) }()
	select {
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case answer := <-answered:
		if answer.dropped {
			return nil, fmt.Errorf("read: %w", errDropped)
		}
		return answer.http(r), nil
	}
}

// read takes the body of a request before RoundTrip returns, as its contract asks for.
func (t transport) read(r *http.Request) (*http.Request, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	inner := r.Clone(r.Context())
	inner.Body = io.NopCloser(bytes.NewReader(body))
	if inner.Host == "" {
		inner.Host = r.URL.Host
	}
	return inner, nil
}

// A response is an answer before it is on a wire.
type response struct {
	status  int
	header  http.Header
	body    []byte
	dropped bool // the connection is cut instead
}

func (a response) http(r *http.Request) *http.Response {
	body := a.body
	if r.Method == http.MethodHead {
		body = nil
	}
	header := a.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}
