package github

import (
	"bytes"
	"compress/flate"
	"container/list"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
)

const (
	cacheBytes    = 16 << 20 // of all answers together, compressed
	cacheMaxEntry = 8 << 20  // of one; a hundred pull requests have 2 MB on GitHub, of which a tenth is left
)

// cache is a RoundTripper that remembers answers to GET by their ETag and always asks whether
// they still hold: GitHub doesn't count a 304 against the limit ("Best practices for using the
// REST API"). What leaves the cache is never older than the question. Safe for concurrent use.
type cache struct {
	next http.RoundTripper

	mu      sync.Mutex
	entries map[string]*list.Element // of *cached
	recent  *list.List               // newest first
	bytes   int
}

type cached struct {
	key    string
	etag   string
	header http.Header
	packed []byte
}

func newCache(next http.RoundTripper) *cache {
	return &cache{next: next, entries: map[string]*list.Element{}, recent: list.New()}
}

func (c *cache) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.Header.Get("If-None-Match") != "" {
		return c.next.RoundTrip(req)
	}
	key := req.URL.String() + " " + req.Header.Get("Accept")
	known := c.find(key)
	if known != nil {
		req = req.Clone(req.Context())
		req.Header.Set("If-None-Match", known.etag)
	}
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if known != nil && resp.StatusCode == http.StatusNotModified {
		if err := resp.Body.Close(); err != nil {
			return nil, err
		}
		return known.revive(resp)
	}
	if err := c.store(key, resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// revive makes the remembered answer of a 304.
func (k *cached) revive(resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(flate.NewReader(bytes.NewReader(k.packed)))
	if err != nil {
		return nil, fmt.Errorf("unpack a remembered answer: %w", err)
	}
	header := k.header.Clone()
	maps.Copy(header, resp.Header) // what a 304 says is newer
	header.Set("Content-Type", k.header.Get("Content-Type"))
	header.Del("Content-Length")
	resp.Header = header
	resp.StatusCode, resp.Status = http.StatusOK, "200 OK"
	setBody(resp, body)
	return resp, nil
}

// pack compresses a body.
func pack(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(b.Bytes()), nil
}

func (c *cache) find(key string) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*cached)
}

// store remembers a good answer that has an ETag and forgets the longest unused ones over the
// size. The answer's body can be read afterwards.
func (c *cache) store(key string, resp *http.Response) error {
	etag := resp.Header.Get("ETag")
	if resp.StatusCode != http.StatusOK || etag == "" {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	setBody(resp, body)
	if len(body) > cacheMaxEntry {
		return nil
	}
	packed, err := pack(body)
	if err != nil {
		return fmt.Errorf("pack an answer: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.entries[key]; ok {
		c.drop(old)
	}
	c.entries[key] = c.recent.PushFront(&cached{key, etag, resp.Header.Clone(), packed})
	c.bytes += len(packed)
	for c.bytes > cacheBytes {
		c.drop(c.recent.Back())
	}
	return nil
}

func (c *cache) drop(e *list.Element) {
	k := c.recent.Remove(e).(*cached)
	delete(c.entries, k.key)
	c.bytes -= len(k.packed)
}
