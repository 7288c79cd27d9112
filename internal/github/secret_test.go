package github

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "ghs_verysecret"
	type holder struct {
		Token Secret
		Ptr   *Secret
		In    map[string]Secret
	}
	s := NewSecret(text)
	h := holder{s, &s, map[string]Secret{"a": s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", s, h)
	}
	fmt.Fprintln(&out, s, h, Options{Token: s, PrivateKey: s})
	js, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(js)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "holder", h)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "holder", h)
	out.Write(log.Bytes())
	for _, shape := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), "verysecret"} {
		if strings.Contains(out.String(), shape) {
			t.Errorf("the secret shows as %q in:\n%s", shape, out.String())
		}
	}
	if s.String() != "***" || NewSecret("").String() != "" || NewSecret("").IsSet() || !s.IsSet() {
		t.Error("a secret tells whether it is set, and no more")
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"token ghs_16C7e42F292c6912E7 refused":                      "token *** refused",
		"ghs_123_eyJhbGci.eyJpc3Mi.c2ln-_x at end":                  "*** at end",
		"github_pat_11ABC_def":                                      "***",
		"Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl":  "Bearer ***",
		"https://x-access-token:gho_abc@github.com/o/r.git failed":  "https://x-access-token:***@github.com/o/r.git failed",
		"nothing secret: ghost_ship, right_hand, sigh_s, eyJ alone": "nothing secret: ghost_ship, right_hand, sigh_s, eyJ alone",
	} {
		if got := redact(in); got != want {
			t.Errorf("redact(%q) = %q, want %q", in, got, want)
		}
	}
}
