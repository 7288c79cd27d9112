package github

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Hooks takes the deliveries for several repositories at one address, as an App has no more than one. Each goes to the
// Webhook of the repository that it says it is about, and only what is signed with that one's secret is believed. What
// is about none of them is accepted and dropped, if one of the secrets signed it. The zero value knows none. Safe for
// concurrent use.
type Hooks struct {
	// Dropped hears of what is dropped; may be nil.
	Dropped func(event, delivery, repository string)

	mu    sync.Mutex
	known []*mailbox
}

// A mailbox is a repository that deliveries are taken for.
type mailbox struct {
	repo   string // "owner/name"
	secret Secret
	hook   *Webhook // nil while nobody takes them
}

// Expect says that there are deliveries for a repository, signed with a secret. Until they are served, GitHub is told
// that they can't be taken at this moment.
func (h *Hooks) Expect(repo string, secret Secret) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = append(h.known, &mailbox{repo: repo, secret: secret})
}

// Serve has the deliveries for an expected repository go to a Webhook from now on, or to nobody if it is nil.
func (h *Hooks) Serve(repo string, hook *Webhook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, box := range h.known {
		if strings.EqualFold(box.repo, repo) {
			box.hook = hook
		}
	}
}

func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhookLimit))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		http.Error(w, "the event is too long", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the body ended early", http.StatusBadRequest)
		return
	}
	// What nobody signed decides only who looks at the signature.
	var about struct {
		Repository struct {
			ID       int64  `json:"id"`
			FullName string `json:"full_name"`
		} `json:"repository"`
	}
	_ = json.Unmarshal(body, &about) // what can't be read is about nothing
	r.Body = io.NopCloser(bytes.NewReader(body))
	box, secrets := h.find(about.Repository.ID, about.Repository.FullName)
	switch {
	case box.hook != nil:
		box.hook.ServeHTTP(w, r)
	case !signedWith(secrets, body, r.Header.Get("X-Hub-Signature-256")):
		http.Error(w, "the signature doesn't match", http.StatusUnauthorized)
	case box.repo != "":
		http.Error(w, "this repository is not served at the moment", http.StatusServiceUnavailable)
	default:
		if h.Dropped != nil {
			h.Dropped(r.Header.Get("X-GitHub-Event"), r.Header.Get("X-GitHub-Delivery"), about.Repository.FullName)
		}
		w.WriteHeader(http.StatusAccepted)
	}
}

// find returns the mailbox of a repository, or an empty one, and the secrets that may have signed what is for it. One
// that was renamed is known by its id, and comes before one that has its old name now.
func (h *Hooks) find(id int64, name string) (mailbox, []Secret) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, box := range h.known {
		if box.hook != nil && box.hook.place.known(id) {
			return *box, []Secret{box.secret}
		}
	}
	var all []Secret
	for _, box := range h.known {
		if strings.EqualFold(box.repo, name) {
			return *box, []Secret{box.secret}
		}
		all = append(all, box.secret)
	}
	return mailbox{}, all
}

func signedWith(secrets []Secret, body []byte, signature string) bool {
	for _, secret := range secrets {
		if (&Webhook{secret: secret}).signed(body, signature) {
			return true
		}
	}
	return false
}
