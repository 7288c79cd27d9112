package githubbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// hookTimeout is how long GitHub waits for a webhook's answer.
const hookTimeout = 10 * time.Second

// maxDeliveries bounds the log of deliveries, which keeps their payloads.
const maxDeliveries = 2000

// hooks is the queue of webhooks and the log of their deliveries.
type hooks struct {
	client      *http.Client
	url, secret string
	queue       []*delivery
	log         []*delivery
	faults      []Misdelivery
	busy        bool          // one is being sent
	wake        chan struct{} // holds one token when the queue got something
	idle        *sync.Cond    // told when the queue runs empty
	stop        context.CancelFunc
	done        chan struct{}
}

func newHooks(rt http.RoundTripper) hooks {
	return hooks{client: &http.Client{Transport: rt}, wake: make(chan struct{}, 1)}
}

func (h *hooks) configured() bool { return h.url != "" }

// delivery is one attempt to deliver a webhook.
type delivery struct {
	id            int64
	guid          string
	app           *app
	event, action string
	payload       []byte
	redelivery    bool
	sent          time.Time
	took          time.Duration
	status        int
	statusText    string
	header        http.Header // of the request
	answer        string
	repoID        int64
}

// A Misdelivery is what may go wrong with a webhook.
type Misdelivery int

// What may go wrong with a webhook.
const (
	Drop      Misdelivery = iota // it never arrives, and the log says so
	Duplicate                    // it arrives twice with the same id
	Forge                        // it is signed with another secret
)

// SetWebhook says where webhooks go, with which secret they are signed, and sends a ping. An
// empty URL sends none.
func (s *Server) SetWebhook(url, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.url, s.hooks.secret = url, secret
	if url == "" {
		return
	}
	for _, a := range s.apps {
		s.enqueue(a, "ping", "", object{
			"zen": "Keep it logically awesome.", "hook_id": a.id,
			"hook": object{
				"type": "App", "id": a.id, "name": "web", "active": true, "events": a.events, "app_id": a.id, "config": s.hookConfig(),
				"url": s.api("/app/hook/config"), "deliveries_url": s.api("/app/hook/deliveries"),
				"created_at": stamp(a.created), "updated_at": stamp(a.created),
			},
		})
	}
}

func (s *Server) hookConfig() object {
	return object{"content_type": "json", "insecure_ssl": "0", "url": s.hooks.url, "secret": "********"}
}

// Misdeliver has the next webhooks go wrong, one each, in this order.
func (s *Server) Misdeliver(kinds ...Misdelivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks.faults = append(s.hooks.faults, kinds...)
}

// enqueue puts a webhook into the queue.
func (s *Server) enqueue(a *app, event, action string, payload object) {
	raw, err := json.Marshal(payload)
	if err != nil { // only strings, numbers and lists go in
		raw = []byte("{}")
	}
	d := &delivery{id: s.id(), guid: guid(), app: a, event: event, action: action, payload: raw}
	if r, ok := payload["repository"].(object); ok {
		d.repoID, _ = r["id"].(int64)
	}
	s.push(d)
}

func (s *Server) push(d *delivery) {
	s.hooks.queue = append(s.hooks.queue, d)
	select {
	case s.hooks.wake <- struct{}{}:
	default:
	}
}

func guid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Start delivers webhooks, one after the other, until Stop or until ctx ends. What was queued
// before is delivered too. A second Start without a Stop does nothing.
func (s *Server) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hooks.stop != nil {
		return
	}
	ctx, s.hooks.stop = context.WithCancel(ctx)
	s.hooks.done = make(chan struct{})
	go s.deliver(ctx, s.hooks.done)
}

// Stop ends the delivery and waits for the one that is under way. Stop without Start does nothing.
func (s *Server) Stop() {
	s.mu.Lock()
	stop, done := s.hooks.stop, s.hooks.done
	s.hooks.stop = nil
	s.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	<-done
}

func (s *Server) deliver(ctx context.Context, done chan struct{}) {
	defer close(done)
	for {
		for d := s.next(); d != nil && ctx.Err() == nil; d = s.next() {
			s.attempt(ctx, d)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.hooks.wake:
		}
	}
}

// next takes the oldest webhook off the queue.
func (s *Server) next() *delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.hooks.queue) == 0 {
		return nil
	}
	d := s.hooks.queue[0]
	s.hooks.queue = s.hooks.queue[1:]
	s.hooks.busy = true
	return d
}

// attempt sends a webhook once, or as a fault wants it, and logs the outcome.
func (s *Server) attempt(ctx context.Context, d *delivery) {
	s.mu.Lock()
	url, secret := s.hooks.url, s.hooks.secret
	fault := Misdelivery(-1)
	if len(s.hooks.faults) > 0 {
		fault, s.hooks.faults = s.hooks.faults[0], s.hooks.faults[1:]
	}
	d.sent = s.now()
	s.mu.Unlock()

	started := time.Now()
	out := sent{status: 0, text: "failed to connect to host"}
	times := 1
	switch fault {
	case Drop:
		times = 0
	case Duplicate:
		times = 2
	case Forge:
		secret = "forged-" + secret
	}
	for range times {
		out = s.send(ctx, d, url, secret)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	d.took, d.status, d.statusText, d.header, d.answer = time.Since(started), out.status, out.text, out.header, out.answer
	s.hooks.log = append(s.hooks.log, d)
	if len(s.hooks.log) > maxDeliveries {
		s.hooks.log = s.hooks.log[maxDeliveries/2:]
	}
	s.hooks.busy = false
	if s.hooks.idle != nil {
		s.hooks.idle.Broadcast()
	}
}

// sent is what became of a request.
type sent struct {
	status       int
	text, answer string
	header       http.Header
}

func (s *Server) send(ctx context.Context, d *delivery, url, secret string) sent {
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(d.payload))
	if err != nil {
		return sent{text: err.Error()}
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(d.payload)
	for k, v := range map[string]string{
		"Content-Type": "application/json", "Accept": "*/*", "User-Agent": "GitHub-Hookshot/sandbox",
		"X-GitHub-Event": d.event, "X-GitHub-Delivery": d.guid, "X-GitHub-Hook-ID": fmt.Sprint(d.app.id),
		"X-GitHub-Hook-Installation-Target-ID":   fmt.Sprint(d.app.id),
		"X-GitHub-Hook-Installation-Target-Type": "integration",
	} {
		r.Header.Set(k, v)
	}
	if secret != "" {
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	resp, err := s.hooks.client.Do(r)
	if err != nil {
		return sent{text: "failed to connect to host", header: r.Header}
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return sent{text: "connection reset", header: r.Header}
	}
	text := http.StatusText(resp.StatusCode)
	if resp.StatusCode < 300 {
		text = "OK"
	}
	return sent{status: resp.StatusCode, text: text, answer: string(answer), header: r.Header}
}

// WaitIdle returns when every webhook so far has been tried, or when ctx ends.
func (s *Server) WaitIdle(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hooks.idle == nil {
		s.hooks.idle = sync.NewCond(&s.mu)
	}
	defer context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hooks.idle.Broadcast()
	})()
	for len(s.hooks.queue) > 0 || s.hooks.busy {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("wait for %d webhooks: %w", len(s.hooks.queue), err)
		}
		s.hooks.idle.Wait()
	}
	return nil
}
