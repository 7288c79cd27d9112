package github

import (
	"encoding/json"
	"fmt"
	"strings"

	"tenantry.dev/reconciler"
)

// A Kind is what an event is about.
type Kind string

// The kinds of events that matter. All others are accepted and dropped.
const (
	Push           Kind = "push"            // Ref, Head
	PullRequest    Kind = "pull_request"    // Number, Action, Ref, Head, Base, Merged
	Review         Kind = "review"          // Number, Action, Ref, Head
	Comment        Kind = "comment"         // Number, Command, CommentID
	CheckRerequest Kind = "check_rerequest" // Head, Check (empty for all checks), Number if known
	MergeGroup     Kind = "merge_group"     // Action, Ref, Head
)

// An Event is a hint that something happened, and no more: events get lost, come twice and out of
// order. Whoever gets one reads the state again from GitHub or Git.
type Event struct {
	Kind      Kind
	Delivery  string // GitHub's id of the delivery; empty if it was found by asking
	Action    string // GitHub's word: "opened", "synchronize", "closed" …
	Number    int    // of the pull request
	Ref       string // "refs/heads/main"; the head's for pull requests
	Head      reconciler.Commit
	Base      reconciler.Commit // of pull requests: what they are to be merged into
	Merged    bool
	Check     string // the check's name
	Command   Command
	CommentID int64
	Sender    string // a login
	// SenderIsUs tells that it was done with our credentials. An App's own events are dropped, but
	// for pushes to the watched branch.
	SenderIsUs bool
}

// payload is the part of the events' bodies that is read, by the names in GitHub's page "Webhook
// events and payloads". Whatever else they hold can't make reading fail.
type payload struct {
	Action     string `json:"action"`
	Ref        string `json:"ref"`
	After      string `json:"after"`
	Repository struct {
		ID       int64  `json:"id"`
		FullName string `json:"full_name"`
	} `json:"repository"`
	Sender struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"sender"`
	PullRequest struct {
		Number int    `json:"number"`
		Merged bool   `json:"merged"`
		Head   gitRef `json:"head"`
		Base   gitRef `json:"base"`
	} `json:"pull_request"`
	Issue struct {
		Number      int              `json:"number"`
		PullRequest *json.RawMessage `json:"pull_request"`
	} `json:"issue"`
	Comment struct {
		ID   int64  `json:"id"`
		Body string `json:"body"`
	} `json:"comment"`
	CheckRun struct {
		Name         string      `json:"name"`
		HeadSHA      string      `json:"head_sha"`
		PullRequests []numbering `json:"pull_requests"`
	} `json:"check_run"`
	CheckSuite struct {
		HeadSHA      string      `json:"head_sha"`
		PullRequests []numbering `json:"pull_requests"`
	} `json:"check_suite"`
	MergeGroup struct {
		HeadSHA string `json:"head_sha"`
		HeadRef string `json:"head_ref"`
	} `json:"merge_group"`
}

type gitRef struct {
	Ref string `json:"ref"`
	SHA string `json:"sha"`
}

type numbering struct {
	Number int `json:"number"`
}

// parseEvent reads a delivery's body. ok is false for events that say nothing to us; the error is
// about a body that isn't what the event's name promises.
func parseEvent(name string, body []byte) (e Event, p payload, ok bool, err error) {
	switch name { // the name first: other events need not look like anything we know
	case "push", "pull_request", "pull_request_review", "issue_comment", "check_run", "check_suite", "merge_group":
	default:
		return Event{}, payload{}, false, nil
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return Event{}, payload{}, false, fmt.Errorf("read a %s event: %w", name, err)
	}
	e = Event{Action: p.Action, Sender: p.Sender.Login}
	switch name {
	case "push":
		e.Kind, e.Ref, e.Head = Push, p.Ref, reconciler.Commit(p.After)
		return e, p, e.Ref != "", nil
	case "pull_request", "pull_request_review":
		e.Kind = PullRequest
		if name == "pull_request_review" {
			e.Kind = Review
		}
		e.Number, e.Merged = p.PullRequest.Number, p.PullRequest.Merged
		e.Ref, e.Head = "refs/heads/"+p.PullRequest.Head.Ref, reconciler.Commit(p.PullRequest.Head.SHA)
		e.Base = reconciler.Commit(p.PullRequest.Base.SHA)
		return e, p, e.Number != 0, nil
	case "issue_comment":
		ok = e.comment(p)
		return e, p, ok, nil
	case "merge_group":
		e.Kind, e.Ref, e.Head = MergeGroup, p.MergeGroup.HeadRef, reconciler.Commit(p.MergeGroup.HeadSHA)
		return e, p, e.Head != "", nil
	}
	return e, p, e.rerequest(name, p), nil
}

// comment fills in a command. Only a new comment of a person on a pull request can be one: an
// edited comment may carry somebody else's edit.
func (e *Event) comment(p payload) (ok bool) {
	if p.Action != "created" || p.Issue.PullRequest == nil || isBot(p.Sender.Type, p.Sender.Login) {
		return false
	}
	e.Kind, e.Number, e.CommentID = Comment, p.Issue.Number, p.Comment.ID
	e.Command, ok = ParseCommand(p.Comment.Body)
	return ok
}

// rerequest fills in the wish to run one check or all checks of a commit again. Their list of pull
// requests is empty for a head in a fork; then the commit is the only way to it.
func (e *Event) rerequest(name string, p payload) (ok bool) {
	if p.Action != "rerequested" {
		return false
	}
	e.Kind = CheckRerequest
	head, pulls := p.CheckSuite.HeadSHA, p.CheckSuite.PullRequests
	if name == "check_run" {
		head, pulls, e.Check = p.CheckRun.HeadSHA, p.CheckRun.PullRequests, p.CheckRun.Name
	}
	e.Head = reconciler.Commit(head)
	if len(pulls) == 1 {
		e.Number = pulls[0].Number
	}
	return e.Head != ""
}

func isBot(kind, login string) bool {
	return kind == "Bot" || strings.HasSuffix(login, "[bot]")
}
