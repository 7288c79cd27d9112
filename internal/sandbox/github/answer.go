package githubbox

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
)

// maxBody bounds what a request may carry, packed and unpacked: GitHub's limit for a blob, in
// base64, with room to spare.
const maxBody = 200 << 20

// readBody reads a request to its end, so that no lock is held while a client is slow. Git
// compresses its larger requests.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	in := io.LimitReader(r.Body, maxBody)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("read gzip body: %w", err)
		}
		in = io.LimitReader(unpacked, maxBody)
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	return body, nil
}

// An answer is made whole while the lock is held, and sent after.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func newAnswer() *answer {
	return &answer{status: http.StatusOK, header: http.Header{}}
}

func (a *answer) send(w http.ResponseWriter, method string) {
	maps.Copy(w.Header(), a.header)
	if a.status != http.StatusNotModified && a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	}
	w.WriteHeader(a.status)
	if method != http.MethodHead && a.status != http.StatusNotModified {
		// A client that is gone doesn't read it, and there is nobody to tell.
		_, _ = w.Write(a.body.Bytes())
	}
}

// textf answers with plain text.
func (a *answer) textf(status int, format string, args ...any) {
	a.status = status
	a.header.Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(&a.body, format, args...)
}

// Transport reaches the server without a socket: every request goes to it, whatever its host.
// Pages' and webhooks' links still begin with the server's URL.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server http.Handler }

// RoundTrip has the server answer the request in the caller's goroutine.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := &memoryWriter{header: http.Header{}, status: http.StatusOK}
	in := r.Clone(r.Context())
	in.Host = r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	t.server.ServeHTTP(w, in)
	if w.hungUp {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, io.ErrUnexpectedEOF)
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()),
		Request:       r,
	}, nil
}

// memoryWriter takes the answer for Transport.
type memoryWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
	hungUp bool
}

func (w *memoryWriter) Header() http.Header         { return w.header }
func (w *memoryWriter) WriteHeader(status int)      { w.status = status }
func (w *memoryWriter) Write(p []byte) (int, error) { return w.body.Write(p) }
func (w *memoryWriter) hangUp()                     { w.hungUp = true }

// hangUp ends the exchange without an answer, as a connection that breaks.
func hangUp(w http.ResponseWriter) {
	if m, ok := w.(interface{ hangUp() }); ok {
		m.hangUp()
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // no such connection: the nearest thing to say
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_ = conn.Close() // the point is that it breaks
}
