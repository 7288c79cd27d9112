package schema

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/resource"
)

func TestLostAccounts(t *testing.T) {
	fleet := func(lost string) map[string][]byte {
		return edit(t, map[string]string{"fleet.cue": string(example(t)["fleet.cue"]) + lost + "\n"})
	}
	f, found := loaded(t, fleet(`lost: {"999988887777": {reason: "Closed by mistake.", by: "dana"}}`))
	if len(found) > 0 {
		t.Fatal(found)
	}
	f.Lost[0].Origin.Line = 0
	if diff := cmp.Diff([]LostAccount{{"999988887777", "Closed by mistake.", "dana", resource.Origin{File: "fleet.cue", Col: 8}}}, f.Lost); diff != "" {
		t.Error(diff)
	}
	if _, err := vet(t, onDisk(t, fleet(`lost: {"999988887777": {reason: "Closed by mistake.", by: "dana"}}`))); err != nil {
		t.Errorf("cue refuses it: %v", err)
	}
	if f, _ := loaded(t, example(t)); len(f.Lost) != 0 {
		t.Errorf("lost by default: %v", f.Lost)
	}
}

func TestLostAccountsThatCantBe(t *testing.T) {
	for lost, want := range map[string]string{
		`lost: {"111122223333": {reason: "x", by: "y"}}`: `lost: 111122223333 is the account production-eu (`,
		`lost: {"99998888": {reason: "x", by: "y"}}`:     `there is no field "99998888" here`,
		`lost: {"999988887777": {reason: "x"}}`:          `by`,
		`lost: {"999988887777": {reason: "", by: "y"}}`:  `lost.999988887777.reason: "" is not a text that says what happened`,
	} {
		files := example(t)
		files["fleet.cue"] = append(files["fleet.cue"], lost+"\n"...)
		fsys := fstest.MapFS{}
		for path, text := range files {
			fsys[path] = &fstest.MapFile{Data: text}
		}
		if _, found := Load(fsys, time.Now()); len(found) != 1 || !strings.Contains(found[0].String(), want) {
			t.Errorf("%s: found %v, want %s", lost, found, want)
		}
	}
}
