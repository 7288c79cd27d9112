package bare

import (
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
)

// The services of Git's smart HTTP protocol.
const (
	UploadPack  = "git-upload-pack"  // clone and fetch
	ReceivePack = "git-receive-pack" // push
)

const agent = "agent=tenantry-sandbox"

// capabilities are what each service offers, in protocol version 0. A client that asks for a
// newer version takes this answer too.
func (r *Repo) capabilities(service string) string {
	if service == ReceivePack {
		return "report-status delete-refs side-band-64k quiet ofs-delta no-thin " + agent
	}
	return "multi_ack multi_ack_detailed no-done side-band-64k ofs-delta shallow no-progress " +
		"allow-tip-sha1-in-want allow-reachable-sha1-in-want symref=HEAD:" + r.Head() + " " + agent
}

// Advertise writes the answer to GET info/refs.
// See https://git-scm.com/docs/http-protocol and https://git-scm.com/docs/gitprotocol-pack.
func (r *Repo) Advertise(w io.Writer, service string) error {
	e := pktline.NewEncoder(w)
	if err := e.Encodef("# service=%s\n", service); err != nil {
		return fmt.Errorf("advertise refs: %w", err)
	}
	if err := e.Flush(); err != nil {
		return fmt.Errorf("advertise refs: %w", err)
	}
	for i, line := range r.advertised(service) {
		if i == 0 {
			line += "\x00" + r.capabilities(service)
		}
		if err := e.Encodef("%s\n", line); err != nil {
			return fmt.Errorf("advertise refs: %w", err)
		}
	}
	if err := e.Flush(); err != nil {
		return fmt.Errorf("advertise refs: %w", err)
	}
	return nil
}

func (r *Repo) advertised(service string) []string {
	var lines []string
	if h, ok := r.Ref(r.Head()); ok && service == UploadPack {
		lines = append(lines, h.String()+" HEAD")
	}
	for _, ref := range r.Refs() {
		lines = append(lines, ref.Hash.String()+" "+ref.Name)
		if peeled := r.Peel(ref.Hash); peeled != ref.Hash && service == UploadPack {
			lines = append(lines, peeled.String()+" "+ref.Name+"^{}")
		}
	}
	if len(lines) == 0 {
		lines = append(lines, Hash{}.String()+" capabilities^{}")
	}
	return lines
}

// hasCapability looks for a word in a client's list of capabilities.
func hasCapability(list []string, name string) bool {
	for _, c := range list {
		if c == name || strings.HasPrefix(c, name+"=") {
			return true
		}
	}
	return false
}

// bandSize is how much fits in a packet of side-band-64k.
const bandSize = 65515

// writeBand sends data on a band of the side-band-64k protocol: 1 is data, 2 is text for people.
func writeBand(e *pktline.Encoder, band byte, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), bandSize)
		if err := e.Encode(append([]byte{band}, data[:n]...)); err != nil {
			return fmt.Errorf("write band %d: %w", band, err)
		}
		data = data[n:]
	}
	return nil
}
