package awsbox

import (
	"maps"
	"net/http"
	"strings"
)

// endpoints tells what the endpoint of a protocol looks like, and whether its owner must confirm.
var endpoints = map[string]struct {
	prefix  string
	confirm bool
}{
	"http": {"http://", true}, "https": {"https://", true}, "email": {"", true}, "email-json": {"", true}, "sms": {"", false},
	"sqs": {"arn:aws:sqs:", false}, "lambda": {"arn:aws:lambda:", false}, "firehose": {"arn:aws:firehose:", false},
}

// subscribe answers with the subscription that is there already, if one is. Where the endpoint's
// owner must confirm, the ARN is told only on request, and lists don't tell it at all.
func subscribe(c *call) (any, error) {
	t, err := topic(c, c.in.str("TopicArn"), "NotFound")
	if err != nil {
		return nil, err
	}
	protocol, endpoint := c.in.str("Protocol"), c.in.str("Endpoint")
	kind, known := endpoints[protocol]
	switch {
	case !known:
		return nil, snsInvalid("Protocol", "Amazon SNS does not support this protocol string: "+protocol)
	case !strings.HasPrefix(endpoint, kind.prefix) || endpoint == "",
		strings.HasPrefix(protocol, "email") && !strings.Contains(endpoint, "@"):
		return nil, snsInvalid("Endpoint", "it is no endpoint for "+protocol+": "+endpoint)
	}
	r := find(subscriptionsOf(c, t), func(r *Resource) bool {
		return r.Attributes["Protocol"] == protocol && r.Attributes["Endpoint"] == endpoint
	})
	if r == nil {
		id := t.Name + ":" + c.srv.ids.uuid()
		r = c.make(kindSubscription, id, c.arn("sns", id))
		maps.Copy(r.Attributes, c.in.texts("Attributes"))
		r.Attributes["TopicArn"], r.Attributes["Protocol"], r.Attributes["Endpoint"] = t.ID, protocol, endpoint
		if kind.confirm && !c.srv.cond.ConfirmAtOnce {
			r.Attributes["Pending"] = "true"
		}
		c.put(r)
	}
	if r.Attributes["Pending"] != "" && !c.in.bool("ReturnSubscriptionArn") {
		return obj{"SubscriptionArn": "pending confirmation"}, nil
	}
	return obj{"SubscriptionArn": r.ID}, nil
}

func find(list []*Resource, is func(*Resource) bool) *Resource {
	for _, r := range list {
		if is(r) {
			return r
		}
	}
	return nil
}

func subscriptionsOf(c *call, topic *Resource) []*Resource {
	to := func(r *Resource) bool { return r.Attributes["TopicArn"] == topic.ID }
	return c.srv.store.list(c.place(kindSubscription), c.lag, to)
}

// subscription finds a subscription by ARN. What lists show of an unconfirmed one is no ARN.
func subscription(c *call) (*Resource, error) {
	arn := c.in.str("SubscriptionArn")
	name, ok := strings.CutPrefix(arn, c.arn("sns", ""))
	if !ok {
		return nil, snsInvalid("SubscriptionArn", "it is no ARN of a subscription here: "+arn)
	}
	if r := c.get(kindSubscription, name); r != nil {
		return r, nil
	}
	return nil, fail(http.StatusNotFound, "NotFound", "Subscription does not exist")
}

func unsubscribe(c *call) (any, error) {
	r, err := subscription(c)
	if err != nil {
		return nil, err
	}
	c.remove(r)
	return nil, nil
}

func getSubscriptionAttributes(c *call) (any, error) {
	r, err := subscription(c)
	if err != nil {
		return nil, err
	}
	out := maps.Clone(r.Attributes)
	delete(out, "Pending")
	out["SubscriptionArn"], out["Owner"], out["PendingConfirmation"] = r.ID, r.Account, "false"
	if r.Attributes["Pending"] != "" {
		out["PendingConfirmation"] = "true"
	}
	return obj{"Attributes": out}, nil
}

func listSubscriptions(c *call) (any, error) { return subscriptionPage(c, c.list(kindSubscription)) }

func listSubscriptionsByTopic(c *call) (any, error) {
	t, err := topic(c, c.in.str("TopicArn"), "NotFound")
	if err != nil {
		return nil, err
	}
	return subscriptionPage(c, subscriptionsOf(c, t))
}

func subscriptionPage(c *call, all []*Resource) (any, error) {
	subscriptions, next, err := page(c, snsPages, all, byName, c.in.str("NextToken"), 0)
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range subscriptions {
		arn := r.ID
		if r.Attributes["Pending"] != "" {
			arn = "PendingConfirmation"
		}
		list = append(list, obj{
			"SubscriptionArn": arn, "TopicArn": r.Attributes["TopicArn"], "Owner": r.Account,
			"Protocol": r.Attributes["Protocol"], "Endpoint": r.Attributes["Endpoint"],
		})
	}
	return obj{"Subscriptions": list}.add("NextToken", next), nil
}
