package aws

import (
	"encoding/json"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"tenantry.dev/providers"
)

func TestWhenTheIndexIsBelieved(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ours, theirs := ourTags(kindQueue), marked(nil, "other", address(kindQueue.Name, "one"), "")
	plain := tagged{"team": "red"}
	mine, all := search{kindQueue.Name, testFleet}, search{kind: kindQueue.Name}
	read := func(tags tagged) hearing { return hearing{read: true, tags: tags.digest()} }
	tests := []struct {
		reason string
		heard  hearing
		says   tagged
		search search
		want   bool
	}{
		{"it says nothing", hearing{}, nil, mine, false},
		{"it says nothing of what the service said is ours", read(ours), nil, mine, false},
		{"it says nothing of what the service said has no tags", read(tagged{}), nil, mine, false},
		{"it says that it is ours", hearing{}, ours, mine, true},
		{"it says that it is another kind", hearing{}, ours, search{kindTopic.Name, testFleet}, false},
		{"it says that it is another fleet's", hearing{}, theirs, mine, false},
		{"it says that it is nobody's", hearing{}, plain, mine, false},
		{"it has half a mark", hearing{}, tagged{tagFleet: testFleet}, mine, false},
		{"a survey: it is somebody's", hearing{}, theirs, all, true},
		{"a survey: it is nobody's", hearing{}, plain, all, false},
		{"the service said the same", read(ours), ours, mine, true},
		{"the service said that it is another fleet's, too", read(theirs), theirs, mine, true},
		{"the service said that it is nobody's, too", read(plain), plain, mine, true},
		{"the service said something else", read(plain), ours, mine, false},
		{"only AWS's own tags differ", read(ours.with(tagged{"aws:x": "y"}, nil)), ours, mine, true},
		{"a key and a value run together", read(tagged{"a": "bc"}), tagged{"ab": "c"}, mine, false},
		{"we wrote a moment ago", hearing{wrote: now.Add(-time.Minute)}, ours, mine, false},
		{"we wrote a moment ago and the service said the same", hearing{wrote: now.Add(-time.Minute), read: true, tags: ours.digest()}, ours, mine, false},
		{"we wrote long ago", hearing{wrote: now.Add(-indexLag)}, ours, mine, true},
	}
	for _, tt := range tests {
		if got := tt.heard.believed(tt.says, tt.search, now); got != tt.want {
			t.Errorf("%s: believed is %t", tt.reason, got)
		}
	}
}

// An indexOnWire is SQS with queues and the tagging API with an index of them, which says what it wants.
type indexOnWire struct {
	queues map[string]tagged // at the service, by name
	says   map[string]tagged // in the index, by name
	broken string            // the code of what the index answers with
}

func (x *indexOnWire) answer(c call) reply {
	text := func(v any) reply {
		body, _ := json.Marshal(v)
		return reply{body: string(body)}
	}
	var in struct{ QueueUrl string }
	_ = json.Unmarshal([]byte(c.body), &in)
	name := in.QueueUrl[len(in.QueueUrl)-min(1, len(in.QueueUrl)):]
	switch c.op {
	case "ListQueues":
		var urls []string
		for name := range x.queues {
			urls = append(urls, "https://sqs.eu-central-1.amazonaws.com/"+testAccount+"/"+name)
		}
		return text(map[string]any{"QueueUrls": urls})
	case "ListQueueTags":
		return text(map[string]any{"Tags": x.queues[name]})
	case "GetQueueAttributes":
		return text(map[string]any{"Attributes": newQueueAttributes()})
	case "GetResources":
		if x.broken != "" {
			return jsonError(x.broken, "no")
		}
		var list []any
		for name, tags := range x.says {
			var pairs []any
			for key, value := range tags {
				pairs = append(pairs, map[string]string{"Key": key, "Value": value})
			}
			list = append(list, map[string]any{"ResourceARN": queueARN(testScope, name), "Tags": pairs})
		}
		return text(map[string]any{"ResourceTagMappingList": list, "PaginationToken": ""})
	}
	return text(map[string]any{})
}

func markedQueue(name string, users map[string]string) tagged {
	return marked(users, testFleet, address(kindQueue.Name, name), "")
}

func TestTheIndexSavesReadsAndIsNeverTheAuthority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &indexOnWire{
			queues: map[string]tagged{"a": markedQueue("a", nil), "b": markedQueue("b", nil), "c": {"team": "red"}},
			says:   map[string]tagged{"a": markedQueue("a", nil), "c": {"team": "red"}},
		}
		w := newWire(t, x.answer)
		d := newQueue(w.sessions())
		look := func(reason string, reads int, want ...string) map[string]bool {
			t.Helper()
			before := len(w.sent("ListQueueTags"))
			seen, err := d.Observe(t.Context(), testScope, testFleet)
			if err != nil {
				t.Fatal(err)
			}
			got, hearsay := map[string]bool{}, map[string]bool{}
			for _, o := range seen {
				got[o.Address.Name+" "+o.Attributes["tags"].Text()], hearsay[o.Address.Name] = true, o.Hearsay
			}
			for _, name := range want {
				if !got[name] {
					t.Errorf("%s: %q is missing in %v", reason, name, got)
				}
			}
			if n := len(w.sent("ListQueueTags")) - before; len(got) != len(want) || n != reads {
				t.Errorf("%s: %d reads of tags, want %d; saw %v", reason, n, reads, got)
			}
			return hearsay
		}
		if heard := look("at the start", 2, "a {}", "b {}"); !heard["a"] || heard["b"] {
			t.Errorf("hearsay is %v, want a alone", heard)
		}
		look("what the index lacks, again and again", 1, "a {}", "b {}")
		x.says["b"] = markedQueue("b", map[string]string{"late": "x"})
		look("the index and the service differ", 1, "a {}", "b {}")
		x.says["b"] = x.queues["b"]
		if heard := look("they agree", 0, "a {}", "b {}"); heard["b"] {
			t.Error("what the service confirmed is hearsay")
		}
		x.queues["b"] = markedQueue("b", map[string]string{"team": "blue"})
		look("the index is late", 0, "a {}", "b {}")
		b := have(kindQueue, "https://sqs.eu-central-1.amazonaws.com/"+testAccount+"/b", nil)
		b.Address.Name = "b"
		now, err := d.Refresh(t.Context(), b)
		if err != nil || now.Hearsay {
			t.Fatalf("%+v, %v", now, err)
		}
		look("the service said so by the way", 1, "a {}", `b {"team":"blue"}`)
		x.says = nil
		look("an index that has lost everything", 3, "a {}", `b {"team":"blue"}`)
		x.says, x.broken = map[string]tagged{"a": x.queues["a"], "b": x.queues["b"]}, "AccessDeniedException"
		look("an index that may not be read", 3, "a {}", `b {"team":"blue"}`)
		x.broken = "PaginationTokenExpiredException"
		look("an index that can't be read to its end", 3, "a {}", `b {"team":"blue"}`)
		x.broken = ""
		look("it is back", 1, "a {}", `b {"team":"blue"}`)
	})
}

// After a write of ours the service is asked until the index must have heard of it.
func TestAfterAWriteTheIndexIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &indexOnWire{queues: map[string]tagged{"a": markedQueue("a", nil)}, says: map[string]tagged{"a": markedQueue("a", nil)}}
		var s *sessions
		w := newWire(t, func(c call) reply {
			if arn := queueARN(testScope, "a"); c.op == "TagQueue" && s.tagIndex(testScope).heard[arn].wrote.IsZero() {
				t.Error("the index is asked while a write is under way")
			}
			return x.answer(c)
		})
		s = w.sessions()
		d := newQueue(s)
		reads := func() int {
			before := len(w.sent("ListQueueTags"))
			if _, err := d.Observe(t.Context(), testScope, testFleet); err != nil {
				t.Fatal(err)
			}
			return len(w.sent("ListQueueTags")) - before
		}
		if n := reads(); n != 0 {
			t.Errorf("%d reads before the write", n)
		}
		client, err := d.clients.in(t.Context(), testScope)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.setTags(t.Context(), client, "https://sqs.eu-central-1.amazonaws.com/"+testAccount+"/a", tagged{"team": "red"}, nil); err != nil {
			t.Fatal(err)
		}
		if n := reads(); n != 1 {
			t.Errorf("%d reads after the write", n)
		}
		time.Sleep(indexLag)
		if n := reads(); n != 0 {
			t.Errorf("%d reads when the index must know", n)
		}
	})
}

// In a sweep the index is listed once for all who ask, outside of one for each.
func TestTheIndexIsListedOnceInASweep(t *testing.T) {
	x := &indexOnWire{queues: map[string]tagged{"a": markedQueue("a", nil)}, says: map[string]tagged{"a": markedQueue("a", nil)}}
	w := newWire(t, x.answer)
	d := newQueue(w.sessions())
	ctx := providers.InSweep(t.Context())
	for range 3 {
		if _, err := d.Observe(ctx, testScope, testFleet); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.sent("GetResources")); n != 1 {
		t.Errorf("listed %d times", n)
	}
	if _, err := d.Observe(providers.InSweep(t.Context()), testScope, testFleet); err != nil || len(w.sent("GetResources")) != 2 {
		t.Errorf("the next sweep lists it anew: %d times, %v", len(w.sent("GetResources")), err)
	}
	seen, err := d.Observe(providers.AtSource(providers.InSweep(t.Context())), testScope, testFleet)
	if err != nil || len(w.sent("GetResources")) != 2 || len(w.sent("ListQueueTags")) != 1 || seen[0].Hearsay {
		t.Errorf("at the source the index is asked all the same: %v, %v", seen, err)
	}
	if _, err := d.Observe(t.Context(), testScope, testFleet); err != nil || len(w.sent("GetResources")) != 3 {
		t.Errorf("a look at one kind lists what it needs: %d times, %v", len(w.sent("GetResources")), err)
	}
}

func TestTagsArePackedWhole(t *testing.T) {
	for _, tags := range []tagged{nil, {}, {"": ""}, {"a": ""}, {"b": "x y", "a": "="}, ourTags(kindQueue)} {
		want := tags
		if tags == nil {
			want = tagged{} // what has an entry has one, whatever is in it
		}
		if got := tags.pack().unpack(); got == nil || !maps.Equal(got, want) {
			t.Errorf("%v came back as %v", tags, got)
		}
	}
	if packedTags("").unpack() != nil {
		t.Error("no entry is an entry")
	}
}
