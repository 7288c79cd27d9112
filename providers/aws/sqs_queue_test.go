package aws

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tenantry.dev/providers"
)

const testQueue = "https://sqs.eu-central-1.amazonaws.com/111122223333/jobs"

// queueOnWire is SQS with one queue and its tags; without tags there is none.
type queueOnWire struct {
	tags   tagged
	create reply
}

func (s queueOnWire) answer(c call) reply {
	switch {
	case c.op == "CreateQueue":
		return s.create
	case c.op == "ListQueues":
		if strings.Contains(c.body, "NextToken") {
			return reply{body: fmt.Sprintf(`{"QueueUrls":[%q]}`, testQueue)}
		}
		return reply{body: `{"QueueUrls":["https://sqs/1/gone"],"NextToken":"t"}`}
	case s.tags == nil || strings.Contains(c.body, "gone"):
		return jsonError("com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
	case c.op == "GetQueueUrl":
		return reply{body: fmt.Sprintf(`{"QueueUrl":%q}`, testQueue)}
	case c.op == "ListQueueTags":
		text := literal(map[string]any{"Tags": s.tags}).Reveal()
		return reply{body: text}
	case c.op == "GetQueueAttributes":
		text := literal(map[string]any{"Attributes": newQueueAttributes()}).Reveal()
		return reply{body: text}
	}
	return reply{body: "{}"}
}

// newQueueAttributes are those of a queue that nobody set anything of, as AWS returns them.
func newQueueAttributes() map[string]string {
	return map[string]string{
		"QueueArn": "arn:aws:sqs:eu-central-1:111122223333:jobs", "ApproximateNumberOfMessages": "7",
		"CreatedTimestamp": "1760000000", "VisibilityTimeout": "30", "MaximumMessageSize": "1048576",
		"MessageRetentionPeriod": "345600", "DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
	}
}

func TestQueuesOfAllPages(t *testing.T) {
	w := newWire(t, queueOnWire{tags: ourTags(kindQueue)}.answer)
	found, err := newQueue(w.sessions()).Observe(t.Context(), testScope, testFleet)
	if err != nil || len(found) != 1 || found[0].ID != testQueue {
		t.Fatalf("observed %v, error %v", found, err)
	}
	for _, c := range w.sent("ListQueues") {
		if !strings.Contains(c.body, `"MaxResults":1000`) {
			t.Errorf("no page size, so that the list ends at 1,000: %s", c.body)
		}
	}
}

// TestNewQueueHasTheDefaults: what AWS gives a queue that nobody set anything of is what our
// definitions mean when they say nothing.
func TestNewQueueHasTheDefaults(t *testing.T) {
	w := newWire(t, queueOnWire{tags: ourTags(kindQueue)}.answer)
	want := desired(kindQueue, map[string]any{"name": "jobs"})
	now, err := newQueue(w.sessions()).Update(t.Context(), have(kindQueue, testQueue, nil), want)
	if err != nil || len(w.wrote()) != 0 {
		t.Fatalf("error %v, wrote %q", err, w.wrote())
	}
	for _, a := range kindQueue.Attributes {
		if now.Attributes[a.Name] != want.Attributes[a.Name] {
			t.Errorf("%s is %q, want %q", a.Name, now.Attributes[a.Name], want.Attributes[a.Name])
		}
	}
}

func TestCreateQueueThatExists(t *testing.T) {
	want := desired(kindQueue, map[string]any{"name": "jobs", "delay": 5})
	for _, test := range []struct {
		name   string
		tags   tagged
		create reply
		err    error
		wrote  []string
	}{
		{"free", nil, reply{body: fmt.Sprintf(`{"QueueUrl":%q}`, testQueue)}, nil, []string{"CreateQueue"}},
		{"ours", ourTags(kindQueue), reply{}, nil, []string{"SetQueueAttributes"}},
		{"nobody's", tagged{}, reply{}, providers.ErrNotOurs, nil},
		{"deleted a moment ago", nil, jsonError("com.amazonaws.sqs#QueueDeletedRecently", "wait 60 seconds"), providers.ErrPending, []string{"CreateQueue"}},
		{"made a moment ago", nil, jsonError("com.amazonaws.sqs#QueueNameExists", "exists"), providers.ErrPending, []string{"CreateQueue"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t, queueOnWire{tags: test.tags, create: test.create}.answer)
			made, err := newQueue(w.sessions()).Create(t.Context(), want, testFleet)
			if !errors.Is(err, test.err) || err == nil && made.ID != testQueue {
				t.Errorf("made %q, error %v, want error %v", made.ID, err, test.err)
			}
			if got := w.wrote(); !slices.Equal(got, test.wrote) {
				t.Errorf("wrote %q, want %q", got, test.wrote)
			}
		})
	}
}

func TestQueueKeyNeedsItsEncryption(t *testing.T) {
	w := newWire(t, queueOnWire{}.answer)
	want := desired(kindQueue, map[string]any{"name": "jobs", "kmsKey": "arn:key"})
	if _, err := newQueue(w.sessions()).Create(t.Context(), want, testFleet); err == nil || len(w.calls) != 0 {
		t.Errorf("error %v, %d calls", err, len(w.calls))
	}
}

// TestQueueAttributesRoundTrip: what is sent and then read is what was wanted.
func TestQueueAttributesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := queueAttributes{
			VisibilityTimeout: rapid.Int64Range(0, 43200).Draw(t, "visibility"),
			MessageRetention:  rapid.Int64Range(60, 1209600).Draw(t, "retention"),
			Delay:             rapid.Int64Range(0, 900).Draw(t, "delay"),
			MaxMessageSize:    rapid.Int64Range(1024, 1048576).Draw(t, "size"),
			ReceiveWait:       rapid.Int64Range(0, 20).Draw(t, "wait"),
			Encryption:        rapid.SampledFrom([]string{encryptedBySQS, encryptedByKMS, notEncrypted}).Draw(t, "encryption"),
			RedriveAllow: rapid.SampledFrom([]redriveAllow{
				everyQueue, {Permission: "denyAll", Sources: []string{}}, {Permission: "byQueue", Sources: []string{"arn:jobs"}},
			}).Draw(t, "redrive"),
		}
		if w.Encryption == encryptedByKMS {
			w.KMSKey = rapid.SampledFrom([]string{"", "arn:key"}).Draw(t, "key")
		}
		if rapid.Bool().Draw(t, "dead letters") {
			w.DeadLetter = &deadLetter{"arn:dead", rapid.Int64Range(1, 1000).Draw(t, "count")}
		}
		got, err := queueFrom(w.creation())
		if err != nil || !reflect.DeepEqual(got, w) {
			t.Fatalf("read %+v, error %v, want %+v", got, err, w)
		}
	})
}

func TestDeadLetterCountAsText(t *testing.T) {
	for text, want := range map[string]int64{
		`{"deadLetterTargetArn":"arn:dead","maxReceiveCount":3}`:   3,
		`{"deadLetterTargetArn":"arn:dead","maxReceiveCount":"3"}`: 3,
	} {
		if got, err := deadLetterFrom(text); err != nil || got.MaxReceiveCount != want {
			t.Errorf("%s: %v, error %v", text, got, err)
		}
	}
	for _, text := range []string{`{"maxReceiveCount":"x"}`, `{}`, `[`} {
		if got, err := deadLetterFrom(text); err == nil {
			t.Errorf("%s: read as %v", text, got)
		}
	}
}
