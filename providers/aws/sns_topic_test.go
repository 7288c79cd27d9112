package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tenantry.dev/providers"
)

const testTopic = "arn:aws:sns:eu-central-1:111122223333:alerts"

// topicOnWire is SNS with one topic, its tags and its subscriptions, one to a page.
type topicOnWire struct {
	tags          tagged // nil: there is no topic
	policy        string
	subscriptions []string // XML of members
}

func (s topicOnWire) answer(c call) reply {
	body := ""
	switch c.op {
	case "ListTagsForResource":
		if s.tags == nil {
			return queryError(404, "ResourceNotFound", "Resource does not exist")
		}
		for key, value := range s.tags {
			body += fmt.Sprintf("<member><Key>%s</Key><Value>%s</Value></member>", key, value)
		}
		body = "<Tags>" + body + "</Tags>"
	case "GetTopicAttributes":
		body = "<Attributes><entry><key>Policy</key><value>" + escapeXML(s.policy) + "</value></entry></Attributes>"
	case "ListSubscriptionsByTopic":
		body = s.page(c.form.Get("NextToken"))
	case "CreateTopic":
		body = "<TopicArn>" + testTopic + "</TopicArn>"
	}
	return reply{body: fmt.Sprintf(`<%sResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><%sResult>%s</%sResult></%sResponse>`, c.op, c.op, body, c.op, c.op)}
}

func (s topicOnWire) page(token string) string {
	i := len(token)
	if i >= len(s.subscriptions) {
		return "<Subscriptions></Subscriptions>"
	}
	next := ""
	if i+1 < len(s.subscriptions) {
		next = "<NextToken>" + strings.Repeat("n", i+1) + "</NextToken>"
	}
	return "<Subscriptions>" + s.subscriptions[i] + "</Subscriptions>" + next
}

func escapeXML(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(text)
}

func subscribed(protocol, endpoint, arn string) string {
	return fmt.Sprintf("<member><Protocol>%s</Protocol><Endpoint>%s</Endpoint><SubscriptionArn>%s</SubscriptionArn></member>", protocol, endpoint, arn)
}

func TestDefaultTopicPolicyIsUnset(t *testing.T) {
	made := string(defaultTopicPolicy(testScope, testTopic, topicActions))
	for _, test := range []struct {
		name, policy string
		unset        bool
	}{
		{"none", "", true},
		{"as made", made, true},
		{"actions in another order", strings.Replace(made, `"SNS:AddPermission","SNS:DeleteTopic"`, `"SNS:DeleteTopic","SNS:AddPermission"`, 1), true},
		{"as made in earlier years", strings.Replace(made, `["SNS:`, `["SNS:Receive","SNS:`, 1), true},
		{"another account", strings.Replace(made, testAccount+`"}`, `999999999999"}`, 1), false},
		{"without its condition", strings.Replace(made, `"Condition"`, `"X"`, 1), false},
		{"another topic", strings.Replace(made, testTopic, testTopic+"x", 1), false},
		{"one more action", strings.Replace(made, `["SNS:`, `["SNS:*","SNS:`, 1), false},
		{"not JSON", "{", false},
	} {
		if test.policy != "" && !test.unset && test.policy == made {
			t.Errorf("%s: the test changes nothing", test.name)
		}
		if got := isDefaultTopicPolicy(testScope, testTopic, policyFrom(test.policy)); got != test.unset {
			t.Errorf("%s: default is %t, want %t", test.name, got, test.unset)
		}
	}
}

func TestSubscriptionsOfAllPages(t *testing.T) {
	w := newWire(t, topicOnWire{tags: ourTags(kindTopic), subscriptions: []string{
		subscribed("sqs", "arn:q", testTopic+":1"),
		subscribed("email", "ops@example.com", unconfirmed),
		subscribed("email", "gone@example.com", unsubbed),
	}}.answer)
	now, err := newTopic(w.sessions()).Refresh(t.Context(), have(kindTopic, testTopic, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got []subscription
	if err := json.Unmarshal([]byte(now.Attributes["subscriptions"].Reveal()), &got); err != nil {
		t.Fatal(err)
	}
	want := []subscription{{"email", "ops@example.com"}, {"sqs", "arn:q"}}
	slices.SortFunc(got, func(a, b subscription) int { return strings.Compare(a.Protocol, b.Protocol) })
	if !slices.Equal(got, want) {
		t.Errorf("subscriptions %v, want %v", got, want)
	}
}

// TestSubscriptionsAreACompleteSet: what is missing is added, what is too much goes, and one that
// nobody confirmed is waited for after everything else is done.
func TestSubscriptionsAreACompleteSet(t *testing.T) {
	w := newWire(t, topicOnWire{tags: ourTags(kindTopic), subscriptions: []string{
		subscribed("sqs", "arn:stranger", testTopic+":1"),
		subscribed("email", "old@example.com", unconfirmed),
		subscribed("sqs", "arn:kept", testTopic+":2"),
	}}.answer)
	want := desired(kindTopic, map[string]any{"name": "alerts", "subscriptions": []subscription{{"sqs", "arn:kept"}, {"sqs", "arn:new"}}})
	_, err := newTopic(w.sessions()).Update(t.Context(), have(kindTopic, testTopic, nil), want)
	if !errors.Is(err, providers.ErrPending) || !strings.Contains(err.Error(), "old@example.com") {
		t.Errorf("error %v, want %v about old@example.com", err, providers.ErrPending)
	}
	if got := w.wrote(); !slices.Equal(got, []string{"Subscribe", "Unsubscribe"}) {
		t.Fatalf("wrote %q", got)
	}
	if got := w.sent("Subscribe")[0].form.Get("Endpoint"); got != "arn:new" {
		t.Errorf("subscribed %s", got)
	}
	if got := w.sent("Unsubscribe")[0].form.Get("SubscriptionArn"); got != testTopic+":1" {
		t.Errorf("unsubscribed %s", got)
	}
}

func TestTopicPolicyGoesBackToTheDefault(t *testing.T) {
	w := newWire(t, topicOnWire{tags: ourTags(kindTopic), policy: `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sns:*","Resource":"*"}]}`}.answer)
	want := desired(kindTopic, map[string]any{"name": "alerts"})
	if _, err := newTopic(w.sessions()).Update(t.Context(), have(kindTopic, testTopic, nil), want); err != nil {
		t.Fatal(err)
	}
	if got := w.wrote(); !slices.Equal(got, []string{"SetTopicAttributes"}) {
		t.Fatalf("wrote %q", got)
	}
	if sent := w.sent("SetTopicAttributes")[0].form.Get("AttributeValue"); !isDefaultTopicPolicy(testScope, testTopic, policyFrom(sent)) {
		t.Errorf("sent %s", sent)
	}
}

// TestTopicOfOthersIsNotWritten: a create of what exists would succeed.
func TestTopicOfOthersIsNotWritten(t *testing.T) {
	d := func(w *wire) *topic { return newTopic(w.sessions()) }
	want := desired(kindTopic, map[string]any{"name": "alerts", "displayName": "Ours"})
	for name, act := range map[string]func(*topic) error{
		"create": func(d *topic) error { _, err := d.Create(t.Context(), want, testFleet); return err },
		"update": func(d *topic) error {
			_, err := d.Update(t.Context(), have(kindTopic, testTopic, nil), want)
			return err
		},
		"delete": func(d *topic) error { return d.Delete(t.Context(), have(kindTopic, testTopic, nil)) },
	} {
		w := newWire(t, topicOnWire{tags: tagged{}}.answer)
		if err := act(d(w)); !errors.Is(err, providers.ErrNotOurs) || len(w.wrote()) != 0 {
			t.Errorf("%s: error %v, wrote %q", name, err, w.wrote())
		}
	}
	w := newWire(t, topicOnWire{}.answer)
	if _, err := d(w).Create(t.Context(), want, testFleet); err != nil || !slices.Equal(w.wrote(), []string{"CreateTopic", "SetTopicAttributes"}) {
		t.Errorf("create of a free name: error %v, wrote %q", err, w.wrote())
	}
}
