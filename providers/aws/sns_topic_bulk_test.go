package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What the account's own list of subscriptions lacks is asked for at the topic: what another account
// subscribed is in no list of ours, and only the topic's count tells of it.
func TestSubscriptionsAreTakenFromTheBulkListOnlyWhenItIsWhole(t *testing.T) {
	ours := subscribed("sqs", "arn:ours", testTopic+":1")
	in := func(member string) string {
		return strings.Replace(member, "<member>", "<member><TopicArn>"+testTopic+"</TopicArn>", 1)
	}
	theirs := subscribed("sqs", "arn:theirs", testTopic+":2")
	waiting := subscribed("email", "ops@example.com", unconfirmed)
	tests := []struct {
		reason             string
		listed             []string
		there              []string
		confirmed, pending string
		byTopic            int // calls
		want               []string
	}{
		{"no subscription", nil, nil, "0", "0", 0, nil},
		{"all are ours", []string{in(ours), in(waiting)}, []string{ours, waiting}, "1", "1", 0, []string{"arn:ours", "ops@example.com"}},
		{"another account listens", []string{in(ours)}, []string{ours, theirs}, "2", "0", 2, []string{"arn:ours", "arn:theirs"}},
		{"another account listens in ours' place", nil, []string{theirs}, "1", "0", 1, []string{"arn:theirs"}},
		{"the list has one that is gone", []string{in(ours)}, nil, "0", "0", 1, nil},
		{"the topic doesn't count", []string{in(ours)}, []string{ours}, "", "", 1, []string{"arn:ours"}},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			one := topicOnWire{tags: ourTags(kindTopic), subscriptions: tt.there}
			w := newWire(t, func(c call) reply {
				switch c.op {
				case "ListTopics":
					return answerOf(c, "<Topics><member><TopicArn>"+testTopic+"</TopicArn></member></Topics>")
				case "ListSubscriptions":
					return answerOf(c, "<Subscriptions>"+strings.Join(tt.listed, "")+"</Subscriptions>")
				case "GetTopicAttributes":
					return answerOf(c, fmt.Sprintf("<Attributes><entry><key>SubscriptionsConfirmed</key><value>%s</value></entry>"+
						"<entry><key>SubscriptionsPending</key><value>%s</value></entry></Attributes>", tt.confirmed, tt.pending))
				}
				return one.answer(c)
			})
			seen, err := newTopic(w.sessions()).Observe(t.Context(), testScope, testFleet)
			if err != nil || len(seen) != 1 {
				t.Fatalf("%v, %v", seen, err)
			}
			var got []subscription
			if err := json.Unmarshal([]byte(seen[0].Attributes["subscriptions"].Reveal()), &got); err != nil {
				t.Fatal(err)
			}
			var endpoints []string
			for _, s := range got {
				endpoints = append(endpoints, s.Endpoint)
			}
			slices.Sort(endpoints)
			if !slices.Equal(endpoints, tt.want) {
				t.Errorf("subscribed are %q, want %q", endpoints, tt.want)
			}
			if n := len(w.sent("ListSubscriptionsByTopic")); n != tt.byTopic {
				t.Errorf("%d calls for the topic's own, want %d", n, tt.byTopic)
			}
		})
	}
}

func answerOf(c call, body string) reply {
	return reply{body: fmt.Sprintf(`<%sResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><%sResult>%s</%sResult></%sResponse>`, c.op, c.op, body, c.op, c.op)}
}
