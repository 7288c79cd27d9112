package bare

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
)

// ErrProtocol means that a client sent what the protocol doesn't allow.
var ErrProtocol = errors.New("git protocol error")

// uploadRequest is the body of POST git-upload-pack, read as far as it goes.
type uploadRequest struct {
	wants    []Hash
	shallows []Hash // commits whose parents the client hasn't got
	depth    int    // 0 for all
	caps     []string
	haves    [][]Hash // one list for each flush
	done     bool
}

// ServeUpload answers POST git-upload-pack, one stateless round: the client repeats what was
// agreed earlier.
func (r *Repo) ServeUpload(w io.Writer, body io.Reader) error {
	req, err := readUpload(body)
	if err != nil {
		return err
	}
	for _, want := range req.wants {
		if !r.Has(want) {
			return pktline.NewEncoder(w).Encodef("ERR upload-pack: not our ref %s", want)
		}
	}
	if len(req.wants) == 0 {
		return nil
	}
	e := pktline.NewEncoder(w)
	cut := map[Hash]bool{}
	if req.depth > 0 {
		if cut, err = r.boundary(req.wants, req.depth); err != nil {
			return err
		}
		if err := writeShallow(e, req, cut); err != nil {
			return err
		}
	}
	ready, err := r.negotiate(e, req)
	if err != nil || !ready {
		return err
	}
	var pack bytes.Buffer
	if err := r.pack(&pack, req, cut); err != nil {
		return err
	}
	switch {
	case hasCapability(req.caps, "side-band-64k"):
		if err := writeBand(e, 1, pack.Bytes()); err != nil {
			return err
		}
		return e.Flush()
	default:
		_, err := w.Write(pack.Bytes())
		return err
	}
}

func readUpload(body io.Reader) (uploadRequest, error) {
	var req uploadRequest
	var round []Hash
	wanting := true
	s := pktline.NewScanner(body)
	for s.Scan() {
		line := strings.TrimSuffix(string(s.Bytes()), "\n")
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "":
			if !wanting {
				req.haves, round = append(req.haves, round), nil
			}
			wanting = false
		case "want":
			id, caps, _ := strings.Cut(rest, " ")
			if caps != "" {
				req.caps = strings.Fields(caps)
			}
			req.wants = append(req.wants, hashOf(id))
		case "shallow":
			req.shallows = append(req.shallows, hashOf(rest))
		case "deepen":
			n, err := strconv.Atoi(rest)
			if err != nil {
				return req, fmt.Errorf("deepen %q: %w", rest, ErrProtocol)
			}
			req.depth = n
		case "have":
			round = append(round, hashOf(rest))
		case "done":
			req.haves, req.done = append(req.haves, round), true
		default:
			return req, fmt.Errorf("upload-pack: unexpected %q: %w", word, ErrProtocol)
		}
	}
	if err := s.Err(); err != nil {
		return req, fmt.Errorf("upload-pack: %w: %w", ErrProtocol, err)
	}
	return req, nil
}

// hashOf reads an id; text that is none is the zero hash, which nothing has.
func hashOf(s string) Hash {
	h, _ := ParseHash(s)
	return h
}

// negotiate answers the client's haves. It returns true when the pack is to follow.
func (r *Repo) negotiate(e *pktline.Encoder, req uploadRequest) (ready bool, err error) {
	detailed := hasCapability(req.caps, "multi_ack_detailed")
	multi := detailed || hasCapability(req.caps, "multi_ack")
	var common []Hash
	last := func() string { return common[len(common)-1].String() }
	for i, round := range req.haves {
		if common, err = r.acknowledge(e, req.caps, common, round); err != nil {
			return false, err
		}
		if req.done && i == len(req.haves)-1 {
			break
		}
		enough := detailed && len(common) > 0 && r.covered(req.wants, common)
		if enough {
			if err := e.Encodef("ACK %s ready\n", last()); err != nil {
				return false, err
			}
		}
		if multi || len(common) == 0 {
			if err := e.EncodeString("NAK\n"); err != nil {
				return false, err
			}
		}
		if enough && hasCapability(req.caps, "no-done") {
			return true, e.Encodef("ACK %s\n", last())
		}
	}
	switch {
	case !req.done:
		return false, nil
	case len(common) == 0:
		return true, e.EncodeString("NAK\n")
	case multi:
		return true, e.Encodef("ACK %s\n", last())
	}
	return true, nil
}

// acknowledge answers one round of haves, in the manner that the client asked for, and adds to
// what both sides have.
func (r *Repo) acknowledge(e *pktline.Encoder, caps []string, common, round []Hash) ([]Hash, error) {
	for _, have := range round {
		if !r.Has(have) {
			continue
		}
		common = append(common, have)
		var err error
		switch {
		case hasCapability(caps, "multi_ack_detailed"):
			err = e.Encodef("ACK %s common\n", have)
		case hasCapability(caps, "multi_ack"):
			err = e.Encodef("ACK %s continue\n", have)
		case len(common) == 1:
			err = e.Encodef("ACK %s\n", have)
		}
		if err != nil {
			return common, err
		}
	}
	return common, nil
}

// covered tells whether every wanted commit descends from a common one: then there is nothing
// more to ask.
func (r *Repo) covered(wants, common []Hash) bool {
	for _, want := range wants {
		descends := func(h Hash) bool {
			is, err := r.Ancestor(r.Peel(h), r.Peel(want))
			return err == nil && is
		}
		if !slices.ContainsFunc(common, descends) {
			return false
		}
	}
	return true
}

// boundary finds the commits at the given depth from the wants that have parents: the client
// gets them without.
func (r *Repo) boundary(wants []Hash, depth int) (map[Hash]bool, error) {
	cut, seen := map[Hash]bool{}, map[Hash]bool{}
	level := wants
	for d := 1; len(level) > 0; d++ {
		var next []Hash
		for _, h := range level {
			h = r.Peel(h)
			if seen[h] {
				continue
			}
			seen[h] = true
			c, err := r.Commit(h)
			if err != nil {
				return nil, err
			}
			if d >= depth && len(c.Parents) > 0 {
				cut[h] = true
				continue
			}
			next = append(next, c.Parents...)
		}
		level = next
	}
	return cut, nil
}

// writeShallow tells the client where its history ends now, and where it no longer does.
func writeShallow(e *pktline.Encoder, req uploadRequest, cut map[Hash]bool) error {
	for h := range cut {
		if err := e.Encodef("shallow %s", h); err != nil {
			return err
		}
	}
	for _, h := range req.shallows {
		if cut[h] {
			continue
		}
		if err := e.Encodef("unshallow %s", h); err != nil {
			return err
		}
	}
	return e.Flush()
}

// pack writes the objects that the wants need and the haves lack.
func (r *Repo) pack(w io.Writer, req uploadRequest, cut map[Hash]bool) error {
	c := collect{repo: r, cut: cut, shallow: map[Hash]bool{}, seen: map[Hash]bool{}}
	for _, h := range req.shallows {
		c.shallow[h] = true
	}
	for _, h := range slices.Concat(req.haves...) {
		if err := c.exclude(h); err != nil {
			return err
		}
	}
	wants := slices.Clone(req.wants)
	for _, h := range req.shallows {
		if req.depth > 0 && !cut[h] { // the client asks for what lies behind its old end
			commit, err := r.Commit(h)
			if err != nil {
				return err
			}
			wants = append(wants, commit.Parents...)
		}
	}
	for _, h := range wants {
		if err := c.include(h); err != nil {
			return err
		}
	}
	// A window of 0 makes no deltas: time matters here, size doesn't.
	if _, err := packfile.NewEncoder(w, r.store, false).Encode(c.out, 0); err != nil {
		return fmt.Errorf("encode pack: %w", err)
	}
	return nil
}
