package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/internal/audit"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// chain makes a log of n entries.
func chain(t testing.TB, n int) ([]audit.Record, audit.Head) {
	t.Helper()
	var head audit.Head
	list := make([]audit.Record, n)
	for i := range list {
		var err error
		if list[i], head, err = head.Append(changeset.Entry{
			Time: time.Unix(1e9+int64(i), 5e8), Run: "r1", Phase: changeset.Before, Fleet: "f",
			Address: resource.Address{Owner: "tenant/acme", Kind: "aws.s3.bucket", Name: fmt.Sprint("b", i)},
			Action:  changeset.Create, Detail: `<"quoted" & escaped>`,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return list, head
}

func each(list []audit.Record) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestVerifyASoundLog(t *testing.T) {
	list, head := chain(t, 20)
	got, err := audit.Verify(each(list), head)
	if err != nil || got != head {
		t.Errorf("%v, %v; want %v", got, err, head)
	}
	older := audit.Head{Size: 7, Hash: list[6].Hash}
	if _, err := audit.Verify(each(list), older, audit.Head{}, head); err != nil {
		t.Errorf("with an older head: %v", err)
	}
	if got, err := audit.Verify(each(nil)); err != nil || got != (audit.Head{}) {
		t.Errorf("the empty log: %v, %v", got, err)
	}
	e, err := list[3].Decode()
	if err != nil || e.Seq != 4 || e.Address.Name != "b3" || !e.Time.Equal(time.Unix(1e9+3, 5e8)) {
		t.Errorf("entry 4: %+v, %v", e, err)
	}
}

func TestTheFirstBadEntryIsNamed(t *testing.T) {
	sound, head := chain(t, 20)
	forged := func(from int) []audit.Record { // somebody who knows how: all hashes are made anew
		list := slices.Clone(sound[:from])
		at := audit.Head{Size: int64(from), Hash: sound[from-1].Hash}
		for i := from; i < len(sound); i++ {
			e, err := sound[i].Decode()
			if err != nil {
				t.Fatal(err)
			}
			e.Actor = "somebody else"
			var r audit.Record
			if r, at, err = at.Append(e); err != nil {
				t.Fatal(err)
			}
			list = append(list, r)
		}
		return list
	}
	edited := slices.Clone(sound)
	edited[4].Entry = bytes.Replace(edited[4].Entry, []byte("acme"), []byte("acne"), 1)
	rehashed := slices.Clone(sound)
	rehashed[4].Hash = rehashed[5].Hash
	unreadable := slices.Clone(sound)
	unreadable[4].Entry = []byte("{")
	swapped := slices.Clone(sound)
	swapped[4], swapped[5] = swapped[5], swapped[4]
	single := slices.Clone(sound) // the same, of one entry alone
	single[4] = forged(4)[4]
	skipped, _, err := audit.Head{Size: 5, Hash: sound[3].Hash}.Append(changeset.Entry{})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		list  []audit.Record
		known []audit.Head
		seq   int64
	}{
		{"edited", edited, nil, 5},
		{"rehashed", rehashed, nil, 5},
		{"unreadable", unreadable, nil, 5},
		{"swapped", swapped, nil, 5},
		{"dropped", slices.Delete(slices.Clone(sound), 4, 5), nil, 5},
		{"dropped first", sound[1:], nil, 1},
		{"twice", slices.Insert(slices.Clone(sound), 4, sound[3]), nil, 5},
		{"one forged", single, nil, 6},
		{"a number skipped", append(slices.Clone(sound[:4]), skipped), nil, 5},
		{"cut", sound[:4], []audit.Head{head}, 5},
		{"emptied", nil, []audit.Head{head}, 1},
		{"forged, the last head known", forged(12), []audit.Head{head}, 20},
		{"forged, an older head known", forged(12), []audit.Head{{Size: 14, Hash: sound[13].Hash}, head}, 14},
	}
	for _, test := range tests {
		_, err := audit.Verify(each(test.list), test.known...)
		var tampered *audit.Tampered
		if !errors.As(err, &tampered) || tampered.Seq != test.seq {
			t.Errorf("%s: %v; want entry %d", test.name, err, test.seq)
		}
	}
	if _, err := audit.Verify(each(sound), head, audit.Head{Size: 20, Hash: "sha256:other"}); err == nil {
		t.Error("two heads that contradict one another are no error")
	}
}

func TestTamperingWithAnExportIsFound(t *testing.T) {
	list, head := chain(t, 30)
	var exported bytes.Buffer
	if err := audit.Export(&exported, head, each(list)); err != nil {
		t.Fatal(err)
	}
	if err := verifyExport(exported.Bytes(), head); err != nil {
		t.Fatalf("untouched: %v", err)
	}
	random := rand.New(rand.NewPCG(11, 12))
	for i := range 1000 {
		text := tamper(random, exported.Bytes())
		if err := verifyExport(text, head); err == nil && !meansTheSame(text, exported.Bytes()) {
			t.Errorf("tampering %d is not found:\n%s", i, cmp.Diff(exported.String(), string(text)))
		}
	}
}

func verifyExport(text []byte, known audit.Head) error {
	head, log, err := audit.Import(bytes.NewReader(text))
	if err != nil {
		return err
	}
	_, err = audit.Verify(log, head, known)
	return err
}

// tamper changes an export in a random way: a byte, a line dropped, doubled, moved, or a cut.
func tamper(random *rand.Rand, text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	lines = lines[:len(lines)-1]
	at := 1 + random.IntN(len(lines)-1)
	switch random.IntN(5) {
	case 0:
		text = bytes.Clone(text)
		text[random.IntN(len(text))] ^= byte(1 + random.IntN(255))
		return text
	case 1:
		return bytes.Join(slices.Delete(slices.Clone(lines), at, at+1), nil)
	case 2:
		return bytes.Join(slices.Insert(slices.Clone(lines), at, lines[at]), nil)
	case 3:
		lines = slices.Clone(lines)
		other := 1 + random.IntN(len(lines)-1)
		if other == at {
			return text[:len(text)-len(lines[len(lines)-1])]
		}
		lines[at], lines[other] = lines[other], lines[at]
		return bytes.Join(lines, nil)
	}
	return text[:random.IntN(len(text)-2)]
}

// meansTheSame tells whether two exports hold the same log: JSON lets white space and the case of
// our own envelope's names vary, which is no tampering.
func meansTheSame(a, b []byte) bool {
	read := func(text []byte) (list []audit.Record, head audit.Head) {
		head, log, err := audit.Import(bytes.NewReader(text))
		if err != nil {
			return nil, head
		}
		for r, err := range log {
			if err != nil {
				return nil, head
			}
			list = append(list, r)
		}
		return list, head
	}
	la, ha := read(a)
	lb, hb := read(b)
	return cmp.Equal(la, lb) && ha == hb
}

func TestExportsOfOtherKinds(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "not JSON": "hello\n", "another version": `{"format_version":"2","head":{"size":0}}` + "\n",
		"no head":       `{"format_version":"1"}` + "\n",
		"half a head":   `{"format_version":"1","head":{"size":3}}` + "\n",
		"unknown field": `{"format_version":"1","head":{"size":0},"more":1}` + "\n",
		"two values":    `{"format_version":"1","head":{"size":0}} {}` + "\n",
	} {
		if _, _, err := audit.Import(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	head, log, err := audit.Import(strings.NewReader(`{"format_version":"1","head":{"size":1,"hash":"x"}}` + "\nhello\n"))
	if err != nil || head.Size != 1 {
		t.Fatal(err)
	}
	if _, err := audit.Verify(log); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
}

func TestExportReportsAFullDisk(t *testing.T) {
	list, head := chain(t, 100)
	r, w := io.Pipe()
	_ = r.CloseWithError(errors.New("disk full"))
	if err := audit.Export(w, head, each(list)); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("%v", err)
	}
}

func TestAnEntryOfANewerVersionStaysProvable(t *testing.T) {
	list, head := chain(t, 1)
	text := strings.Replace(string(list[0].Entry), `"seq":1`, `"seq":2,"invented":"later"`, 1)
	var e map[string]any
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		t.Fatal(err)
	}
	if got, err := (audit.Record{Entry: []byte(text)}).Decode(); err != nil || got.Seq != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := audit.Verify(each(list), head); err != nil {
		t.Error(err)
	}
}

func FuzzImport(f *testing.F) {
	list, head := chain(f, 3)
	var exported bytes.Buffer
	if err := audit.Export(&exported, head, each(list)); err != nil {
		f.Fatal(err)
	}
	f.Add(exported.Bytes())
	f.Add([]byte(`{"format_version":"1","head":{"size":0}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := verifyExport(text, head); err == nil && !meansTheSame(text, exported.Bytes()) {
			t.Errorf("another log has the same head: %q", text)
		}
	})
}
