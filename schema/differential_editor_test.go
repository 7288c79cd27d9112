//go:build differential

package schema

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// An editor talks to "cue lsp", as editors with CUE support do.
// https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/
type editor struct {
	t    *testing.T
	in   io.Writer
	out  *textproto.Reader
	raw  *bufio.Reader
	id   int
	seen []string // the methods and contents of all that it said by itself
}

type message struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  json.RawMessage `json:"error,omitempty"`
}

func open(t *testing.T, dir string) *editor {
	t.Helper()
	cmd := exec.Command(cueProgram(t), "lsp")
	cmd.Dir, cmd.Env = dir, offline(t)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	raw := bufio.NewReader(out)
	e := &editor{t: t, in: in, raw: raw, out: textproto.NewReader(raw)}
	uri := "file://" + dir
	e.ask("initialize", map[string]any{
		"rootUri": uri, "workspaceFolders": []any{map[string]any{"uri": uri, "name": "fleet"}},
		"capabilities": map[string]any{"workspace": map[string]any{"workspaceFolders": true, "configuration": true}},
	})
	e.send(message{Method: "initialized", Params: json.RawMessage("{}")})
	return e
}

func (e *editor) send(m message) {
	e.t.Helper()
	text, err := json.Marshal(struct {
		Version string `json:"jsonrpc"`
		message
	}{"2.0", m})
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
		e.t.Fatal(err)
	}
}

// next reads one message, and answers what the server asks.
func (e *editor) next() message {
	e.t.Helper()
	header, err := e.out.ReadMIMEHeader()
	if err != nil {
		e.t.Fatal(err)
	}
	length, err := strconv.Atoi(header.Get("Content-Length"))
	if err != nil {
		e.t.Fatal(err)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(e.raw, text); err != nil {
		e.t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		e.t.Fatal(err)
	}
	if m.Method != "" {
		e.seen = append(e.seen, string(text))
		if len(m.ID) > 0 {
			e.send(message{ID: m.ID, Result: json.RawMessage("[{}]")})
		}
	}
	return m
}

// ask sends a request and waits for its answer.
func (e *editor) ask(method string, params any) json.RawMessage {
	e.t.Helper()
	e.id++
	text, err := json.Marshal(params)
	if err != nil {
		e.t.Fatal(err)
	}
	id := strconv.Itoa(e.id)
	e.send(message{ID: json.RawMessage(id), Method: method, Params: text})
	for {
		if m := e.next(); m.Method == "" && string(m.ID) == id {
			if len(m.Error) > 0 {
				e.t.Fatalf("%s: %s", method, m.Error)
			}
			return m.Result
		}
	}
}

// show opens a file with a text in the editor and returns where a word is in it.
func (e *editor) show(path, text, word string) map[string]any {
	e.t.Helper()
	uri := "file://" + path
	params, err := json.Marshal(map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "cue", "version": 1, "text": text}})
	if err != nil {
		e.t.Fatal(err)
	}
	e.send(message{Method: "textDocument/didOpen", Params: params})
	before, _, found := strings.Cut(text, word)
	if !found {
		e.t.Fatalf("%q is not in %s", word, path)
	}
	line := strings.Count(before, "\n")
	return map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": len(before) - strings.LastIndexByte(before, '\n') + 1}}
}

// An editor shows the documentation of a field, completes, and marks a mistake, all without a network; it says
// nothing of modules that it can't find.
func TestEditorsWorkOffline(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "fleet")
	if err := Init(dir, "fleet"); err != nil {
		t.Fatal(err)
	}
	e := open(t, dir)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	at := e.show(filepath.Join(dir, "plans/starter.cue"), read("plans/starter.cue"), "isolation")
	if hover := string(e.ask("textDocument/hover", at)); !strings.Contains(hover, "silo") || !strings.Contains(hover, "cue.mod/pkg/tenantry.dev/schema/plan.cue") {
		t.Errorf("over isolation the editor shows %s", hover)
	}
	if items := string(e.ask("textDocument/completion", at)); !strings.Contains(items, `"backup"`) {
		t.Errorf("in a plan the editor completes %s", items)
	}
	e.show(filepath.Join(dir, "tenants/example.cue"), strings.Replace(read("tenants/example.cue"), "plan: ", "plan ", 1), "residency")
	var marked message
	for marked.Method != "textDocument/publishDiagnostics" {
		marked = e.next()
	}
	if !strings.Contains(string(marked.Params), "tenants/example.cue") || !strings.Contains(string(marked.Params), `"severity":1`) {
		t.Errorf("the editor marks %s", marked.Params)
	}
	said := strings.Join(e.seen, "\n")
	for _, bad := range []string{"cannot find module", "registry", "127.0.0.1:9", "no such host"} {
		if strings.Contains(said, bad) {
			t.Errorf("the editor speaks of %q: %s", bad, said)
		}
	}
}
