package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A subscription is whom a topic sends to. Which of them there are is a complete set: an extra one
// is a difference, for it may be somebody listening.
type subscription struct {
	Protocol string `json:"protocol"`
	Endpoint string `json:"endpoint"`
}

// What SNS gives in place of the ARN of a subscription that isn't confirmed, or not there any more.
// https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
// https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html
const (
	unconfirmed = "PendingConfirmation"
	unsubbed    = "Deleted"
)

// subscribers are the subscriptions of a topic, with their ARNs. One that waits for confirmation counts: it
// is up to its endpoint, not to us, to do the rest.
type subscribers map[subscription]string

// list returns the subscriptions in a fixed order.
func (s subscribers) list() []subscription {
	list := slices.SortedFunc(maps.Keys(s), func(a, b subscription) int {
		return strings.Compare(a.Protocol+" "+a.Endpoint, b.Protocol+" "+b.Endpoint)
	})
	return append([]subscription{}, list...)
}

// areAllOf tells whether they are as many as the topic's attributes count.
// https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html (SubscriptionsConfirmed, SubscriptionsPending)
func (s subscribers) areAllOf(attributes map[string]string) bool {
	confirmed, err1 := strconv.Atoi(attributes["SubscriptionsConfirmed"])
	pending, err2 := strconv.Atoi(attributes["SubscriptionsPending"])
	return err1 == nil && err2 == nil && len(s) == confirmed+pending
}

func (s subscribers) add(list []types.Subscription) {
	for _, l := range list {
		if arn := str(l.SubscriptionArn); arn != unsubbed {
			s[subscription{str(l.Protocol), str(l.Endpoint)}] = arn
		}
	}
}

// subscribersOf asks a topic for its subscriptions.
func subscribersOf(ctx context.Context, client *sns.Client, topic string) (subscribers, error) {
	found := subscribers{}
	pages := sns.NewListSubscriptionsByTopicPaginator(client, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the subscriptions of topic", topic, err)
		}
		found.add(page.Subscriptions)
	}
	return found, nil
}

// allSubscribers lists the account's own subscriptions by topic, a hundred per call. Those that another
// account made to a topic of ours are that account's, and missing here.
// https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptions.html ("the requester's subscriptions")
func allSubscribers(ctx context.Context, client *sns.Client) (map[string]subscribers, error) {
	all := map[string]subscribers{}
	pages := sns.NewListSubscriptionsPaginator(client, &sns.ListSubscriptionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list", "subscriptions", err)
		}
		for _, s := range page.Subscriptions {
			topic := str(s.TopicArn)
			if all[topic] == nil {
				all[topic] = subscribers{}
			}
			all[topic].add([]types.Subscription{s})
		}
	}
	return all, nil
}

// setSubscriptions adds what is missing and then removes what is too much. A subscription that waits
// for confirmation can't be removed; SNS drops it after two days.
func (d *topic) setSubscriptions(ctx context.Context, client *sns.Client, now topicNow, want []subscription) error {
	wanted := make(map[subscription]bool, len(want))
	for _, s := range want {
		wanted[s] = true
		if _, there := now.arns[s]; there {
			continue
		}
		_, err := client.Subscribe(ctx, &sns.SubscribeInput{TopicArn: &now.ID, Protocol: &s.Protocol, Endpoint: &s.Endpoint})
		if err != nil {
			return failed(fmt.Sprintf("subscribe %s %s to topic", s.Protocol, s.Endpoint), now.ID, err)
		}
	}
	var waiting []string
	for s, arn := range now.arns {
		switch {
		case wanted[s]:
		case arn == unconfirmed:
			waiting = append(waiting, s.Protocol+" "+s.Endpoint)
		default:
			if _, err := client.Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &arn}); err != nil {
				return failed(fmt.Sprintf("unsubscribe %s %s from topic", s.Protocol, s.Endpoint), now.ID, err)
			}
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	slices.Sort(waiting)
	return fmt.Errorf("unsubscribe %s from topic %s: an unconfirmed subscription can't be removed; it goes by itself after two days: %w",
		strings.Join(waiting, ", "), now.ID, providers.ErrPending)
}

// topicActions are what the default policy allows to the topic's own account. Topics of earlier
// years have sns:Receive as well.
// https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
var topicActions = []string{
	"SNS:AddPermission", "SNS:DeleteTopic", "SNS:GetTopicAttributes", "SNS:ListSubscriptionsByTopic",
	"SNS:Publish", "SNS:RemovePermission", "SNS:SetTopicAttributes", "SNS:Subscribe",
}

// defaultTopicPolicy is the policy of a topic that nobody gave one: all of it for its own account.
func defaultTopicPolicy(scope resource.Scope, arn string, actions []string) json.RawMessage {
	return json.RawMessage(literal(map[string]any{
		"Version": "2008-10-17",
		"Id":      "__default_policy_ID",
		"Statement": []any{map[string]any{
			"Sid":       "__default_statement_ID",
			"Effect":    "Allow",
			"Principal": map[string]any{"AWS": "*"},
			"Action":    actions,
			"Resource":  arn,
			"Condition": map[string]any{"StringEquals": map[string]any{"AWS:SourceOwner": scope.Account}},
		}},
	}).Reveal())
}

// isDefaultTopicPolicy tells whether a topic's policy is the one it was made with.
func isDefaultTopicPolicy(scope resource.Scope, arn string, policy json.RawMessage) bool {
	if len(policy) == 0 {
		return true
	}
	have, err := resource.ParseValue(policy)
	if err != nil {
		return false
	}
	for _, actions := range [][]string{topicActions, append([]string{"SNS:Receive"}, topicActions...)} {
		made, err := resource.ParseValue(defaultTopicPolicy(scope, arn, actions))
		if err == nil && canonicalPolicy(have) == canonicalPolicy(made) {
			return true
		}
	}
	return false
}

// topicPolicy is the policy to send. A topic always has one, so that unset means the default.
func topicPolicy(scope resource.Scope, arn string, policy json.RawMessage) string {
	if len(policy) == 0 {
		policy = defaultTopicPolicy(scope, arn, topicActions)
	}
	return string(policy)
}

// topicOutputs are read off the ARN, whose last part is the name.
func topicOutputs(arn string) map[string]string {
	return map[string]string{"arn": arn, "name": arn[strings.LastIndexByte(arn, ':')+1:]}
}
