package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	webhookLimit   = 1 << 20 // bytes of a body; ours are far below, pushes of thousands of files too
	deliveriesKept = 4096
	deliveriesFor  = 24 * time.Hour
)

// A Webhook is the http.Handler that GitHub delivers events to. It takes only what is signed with
// the secret (HMAC with SHA-256 over the body as sent), at most 1 MiB, and answers 202 before any
// work is done. A delivery that was seen before is accepted and dropped; the signature covers no
// time, so that this is the only thing that stops a replay, and events are hints for that reason
// too. Safe for concurrent use.
//
// GitHub doesn't deliver again by itself what failed: polling must be enough without it.
type Webhook struct {
	secret Secret
	sink   func(Event)
	place  *place
	us     func() (who Identity, watched string)
	seen   deliveries
}

// Webhook makes the handler for this client's repository. sink gets each event once, before the
// answer; it must return at once and may be called concurrently. A secret is required.
func (c *Client) Webhook(secret Secret, sink func(Event)) (*Webhook, error) {
	if !secret.IsSet() {
		return nil, errors.New("the webhook has no secret, so that nothing could be believed")
	}
	return &Webhook{
		secret: secret,
		sink:   sink,
		place:  c.place,
		us: func() (Identity, string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.who, c.branch
		},
	}, nil
}

func (h *Webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, status, reason := h.receive(w, r)
	if status != 0 {
		http.Error(w, reason, status)
		return
	}
	delivery := r.Header.Get("X-GitHub-Delivery")
	event, about, ok, err := parseEvent(r.Header.Get("X-GitHub-Event"), body)
	if err != nil {
		http.Error(w, "the body isn't the JSON of this event", http.StatusBadRequest)
		return
	}
	event.Delivery = delivery
	if ok && h.matters(&event, about) && h.seen.first(delivery, time.Now()) {
		h.sink(event)
	}
	w.WriteHeader(http.StatusAccepted)
}

// receive reads and authenticates a delivery. A status other than 0 refuses it.
func (h *Webhook) receive(w http.ResponseWriter, r *http.Request) (body []byte, status int, reason string) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, http.StatusMethodNotAllowed, "events come by POST"
	}
	if r.Header.Get("X-Hub-Signature-256") == "" {
		return nil, http.StatusUnauthorized, "the SHA-256 signature is missing"
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType, "set the webhook's content type to application/json"
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhookLimit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, http.StatusRequestEntityTooLarge, "the event is too long"
	case err != nil:
		return nil, http.StatusBadRequest, "the body ended early"
	case !h.signed(body, r.Header.Get("X-Hub-Signature-256")):
		return nil, http.StatusUnauthorized, "the signature doesn't match"
	case r.Header.Get("X-GitHub-Delivery") == "":
		return nil, http.StatusBadRequest, "the delivery has no id"
	}
	return body, 0, ""
}

// signed checks "sha256=<hex>" in constant time ("Validating webhook deliveries").
func (h *Webhook) signed(body []byte, signature string) bool {
	text, ok := strings.CutPrefix(signature, "sha256=")
	if !ok {
		return false
	}
	given, err := hex.DecodeString(text)
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, []byte(h.secret.text))
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}

// matters drops what is about another repository, pushes to other branches than the watched one, and
// what the App did itself, for fear of answering our own answers. A push of ours to the watched branch
// stays: that branch is the truth whoever moved it. With a person's token everything stays, since that
// person may be the one who works here.
func (h *Webhook) matters(e *Event, p payload) bool {
	if !h.place.is(p.Repository.ID, p.Repository.FullName) {
		return false
	}
	who, watched := h.us()
	if e.Kind == Push && watched != "" && e.Ref != "refs/heads/"+watched {
		return false
	}
	e.SenderIsUs = who.Login != "" && sameLogin(who.Login, e.Sender)
	if !e.SenderIsUs || !who.App {
		return true
	}
	return e.Kind == Push
}

// deliveries remembers the ids of deliveries, for a time and up to a number.
type deliveries struct {
	mu    sync.Mutex
	ids   map[string]bool
	order []delivery // oldest first
}

type delivery struct {
	id string
	at time.Time
}

// first tells whether the id is new, and remembers it.
func (d *deliveries) first(id string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ids == nil {
		d.ids = make(map[string]bool)
	}
	for len(d.order) > 0 && (len(d.order) >= deliveriesKept || now.Sub(d.order[0].at) > deliveriesFor) {
		delete(d.ids, d.order[0].id)
		d.order = d.order[1:]
	}
	if d.ids[id] {
		return false
	}
	d.ids[id] = true
	d.order = append(d.order, delivery{id, now})
	return true
}
