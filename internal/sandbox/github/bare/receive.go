package bare

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
)

// A Command is one ref of a push. A zero Old creates it, a zero New deletes it.
type Command struct {
	Ref      string
	Old, New Hash
}

// ServeReceive answers POST git-receive-pack. The objects are stored first; then move is called
// for each ref, and must itself change the ref or return why not. What it returns is shown to the
// person who pushes, as is the notice. A flush alone, git's way to try its password, is answered
// with nothing.
func (r *Repo) ServeReceive(w io.Writer, body io.Reader, move func(Command) error, notice func([]Command) string) error {
	commands, caps, err := readCommands(body)
	if err != nil || len(commands) == 0 {
		return err
	}
	unpack := r.unpack(commands, body)
	var report bytes.Buffer
	e := pktline.NewEncoder(&report)
	status := "ok"
	if unpack != nil {
		status = unpack.Error()
	}
	lines := []string{"unpack " + status}
	var done []Command
	for _, c := range commands {
		err := unpack
		if err == nil {
			err = r.command(c, move)
		}
		if err != nil {
			lines = append(lines, "ng "+c.Ref+" "+oneLine(err))
			continue
		}
		done = append(done, c)
		lines = append(lines, "ok "+c.Ref)
	}
	for _, line := range lines {
		if err := e.EncodeString(line + "\n"); err != nil {
			return fmt.Errorf("report status: %w", err)
		}
	}
	if err := e.Flush(); err != nil {
		return fmt.Errorf("report status: %w", err)
	}
	return sendReport(w, caps, report.Bytes(), notice(done))
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

func sendReport(w io.Writer, caps []string, report []byte, notice string) error {
	if !hasCapability(caps, "report-status") {
		return nil
	}
	if !hasCapability(caps, "side-band-64k") {
		_, err := w.Write(report)
		return err
	}
	e := pktline.NewEncoder(w)
	if err := writeBand(e, 2, []byte(notice)); err != nil {
		return err
	}
	if err := writeBand(e, 1, report); err != nil {
		return err
	}
	return e.Flush()
}

func readCommands(body io.Reader) ([]Command, []string, error) {
	var commands []Command
	var caps []string
	s := pktline.NewScanner(body)
	for s.Scan() {
		if len(s.Bytes()) == 0 {
			return commands, caps, nil
		}
		line, list, ok := strings.Cut(strings.TrimSuffix(string(s.Bytes()), "\n"), "\x00")
		if ok {
			caps = strings.Fields(list)
		}
		f := strings.SplitN(line, " ", 3)
		if len(f) != 3 {
			return nil, nil, fmt.Errorf("receive-pack: unexpected %q: %w", line, ErrProtocol)
		}
		commands = append(commands, Command{Ref: f[2], Old: hashOf(f[0]), New: hashOf(f[1])})
	}
	if err := s.Err(); err != nil {
		return nil, nil, fmt.Errorf("receive-pack: %w: %w", ErrProtocol, err)
	}
	return commands, caps, nil
}

// unpack stores the pack that follows the commands; deletions alone come without one.
func (r *Repo) unpack(commands []Command, body io.Reader) error {
	needed := false
	for _, c := range commands {
		needed = needed || !c.New.IsZero()
	}
	if !needed {
		return nil
	}
	p, err := packfile.NewParserWithStorage(packfile.NewScanner(body), r.store)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	if _, err := p.Parse(); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	return nil
}

// command checks what Git itself would before it lets the forge decide.
func (r *Repo) command(c Command, move func(Command) error) error {
	if !ValidRefName(c.Ref) || !strings.HasPrefix(c.Ref, "refs/") {
		return fmt.Errorf("funny refname")
	}
	if now, _ := r.Ref(c.Ref); now != c.Old {
		return fmt.Errorf("failed to update ref")
	}
	if !c.New.IsZero() {
		commit, err := r.Commit(r.Peel(c.New))
		if err != nil {
			return fmt.Errorf("missing necessary objects")
		}
		if _, err := r.Tree(commit.Tree); err != nil {
			return fmt.Errorf("missing necessary objects")
		}
	}
	return move(c)
}
