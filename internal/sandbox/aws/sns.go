package awsbox

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// snsService is https://docs.aws.amazon.com/sns/latest/api/, without messages.
func snsService() *service {
	k := queryCodes
	k.denied, k.invalidTag = "AuthorizationError", "InvalidParameter"
	return &service{
		name: "sns", codes: k, speaks: always(query{"http://sns.amazonaws.com/doc/2010-03-31/"}),
		operations: map[string]operation{
			"CreateTopic":               {true, createTopic},
			"DeleteTopic":               {true, deleteTopic},
			"ListTopics":                {false, listTopics},
			"GetTopicAttributes":        {false, getTopicAttributes},
			"SetTopicAttributes":        {true, setTopicAttributes},
			"TagResource":               {true, onTopic(func(c *call, r *Resource) error { return c.tag(r, c.in["Tags"]) })},
			"UntagResource":             {true, onTopic(func(c *call, r *Resource) error { untag(r, c.in.strs("TagKeys")); return nil })},
			"ListTagsForResource":       {false, topicTags},
			"Subscribe":                 {true, subscribe},
			"Unsubscribe":               {true, unsubscribe},
			"ListSubscriptions":         {false, listSubscriptions},
			"ListSubscriptionsByTopic":  {false, listSubscriptionsByTopic},
			"GetSubscriptionAttributes": {false, getSubscriptionAttributes},
		},
	}
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

func snsInvalid(member, why string) error {
	return refuse("InvalidParameter", "Invalid parameter: %s Reason: %s", member, why)
}

var snsPages = pager{size: 100, refusal: func() error { return snsInvalid("NextToken", "it is invalid or expired") }}

// defaultTopicPolicy is what a topic has that was created without a policy.
func defaultTopicPolicy(arn, account string) string {
	return `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow",` +
		`"Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission",` +
		`"SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"` + arn + `",` +
		`"Condition":{"StringEquals":{"AWS:SourceOwner":"` + account + `"}}}]}`
}

// createTopic answers with the topic that is there if attributes and tags agree with it, as far as
// they are given.
func createTopic(c *call) (any, error) {
	name, wanted := c.in.str("Name"), c.in.texts("Attributes")
	if !topicName.MatchString(name) {
		return nil, snsInvalid("Topic Name", "it must be made up of letters, digits, _ and -, 1 to 256 of them")
	}
	tags, err := c.readTags(c.in["Tags"])
	if err != nil {
		return nil, err
	}
	r := c.get(kindTopic, name)
	if r != nil {
		for attribute, value := range wanted {
			if r.Attributes[attribute] != value {
				return nil, snsInvalid("Attributes", "Topic already exists with different attributes")
			}
		}
		if len(tags) > 0 && !maps.Equal(tags, r.Tags) {
			return nil, snsInvalid("Tags", "Topic already exists with different tags")
		}
		return obj{"TopicArn": r.ID}, nil
	}
	r = c.make(kindTopic, name, c.arn("sns", name))
	r.Tags = tags
	r.Attributes["Policy"] = defaultTopicPolicy(r.ID, c.Account)
	for _, attribute := range slices.Sorted(maps.Keys(wanted)) {
		if err := setTopic(r, attribute, wanted[attribute]); err != nil {
			return nil, err
		}
	}
	c.put(r)
	return obj{"TopicArn": r.ID}, nil
}

func setTopic(r *Resource, attribute, value string) error {
	switch attribute {
	case "Policy":
		if checkDocument("", value) != nil {
			return snsInvalid("Policy", "Policy Error: it is no policy")
		}
	case "DisplayName":
		if len(value) > 100 {
			return snsInvalid("DisplayName", "it has more than 100 characters")
		}
	case "KmsMasterKeyId", "DeliveryPolicy", "TracingConfig", "SignatureVersion":
	default:
		return snsInvalid("AttributeName", "there is no attribute "+attribute)
	}
	r.set(attribute, value)
	return nil
}

// topic finds a topic by ARN; the code of what doesn't exist differs between operations.
func topic(c *call, arn, missing string) (*Resource, error) {
	parts := strings.Split(arn, ":")
	switch {
	case len(parts) != 6 || parts[2] != "sns":
		return nil, snsInvalid("TopicArn", "An ARN must have at least 6 elements, not "+strconv.Itoa(len(parts)))
	case parts[4] != c.Account:
		return nil, c.srv.services["sns"].codes.deny(c)
	case parts[3] != c.Region:
		return nil, snsInvalid("TopicArn", "the topic is in another region")
	}
	if r := c.get(kindTopic, parts[5]); r != nil {
		return r, nil
	}
	return nil, fail(http.StatusNotFound, missing, "Topic does not exist")
}

func getTopicAttributes(c *call) (any, error) {
	r, err := topic(c, c.in.str("TopicArn"), "NotFound")
	if err != nil {
		return nil, err
	}
	confirmed, pending := 0, 0
	for _, s := range subscriptionsOf(c, r) {
		if s.Attributes["Pending"] != "" {
			pending++
		} else {
			confirmed++
		}
	}
	out := map[string]string{
		"TopicArn": r.ID, "Owner": r.Account, "DisplayName": "", "SubscriptionsDeleted": "0",
		"SubscriptionsConfirmed": strconv.Itoa(confirmed), "SubscriptionsPending": strconv.Itoa(pending),
		"EffectiveDeliveryPolicy": `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3}}}`,
	}
	maps.Copy(out, r.Attributes)
	return obj{"Attributes": out}, nil
}

func setTopicAttributes(c *call) (any, error) {
	r, err := topic(c, c.in.str("TopicArn"), "NotFound")
	if err != nil {
		return nil, err
	}
	if err := setTopic(r, c.in.str("AttributeName"), c.in.str("AttributeValue")); err != nil {
		return nil, err
	}
	c.put(r)
	return nil, nil
}

// deleteTopic takes the subscriptions along. Deleting what is gone is no error.
func deleteTopic(c *call) (any, error) {
	r, err := topic(c, c.in.str("TopicArn"), "NotFound")
	if err != nil {
		if asError(err).code == "NotFound" {
			return nil, nil
		}
		return nil, err
	}
	for _, s := range subscriptionsOf(c, r) {
		c.remove(s)
	}
	c.remove(r)
	return nil, nil
}

func listTopics(c *call) (any, error) {
	topics, next, err := page(c, snsPages, c.list(kindTopic), byName, c.in.str("NextToken"), 0)
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range topics {
		list = append(list, obj{"TopicArn": r.ID})
	}
	return obj{"Topics": list}.add("NextToken", next), nil
}

func onTopic(change func(*call, *Resource) error) func(*call) (any, error) {
	return func(c *call) (any, error) {
		r, err := topic(c, c.in.str("ResourceArn"), "ResourceNotFound")
		if err != nil {
			return nil, err
		}
		if err := change(c, r); err != nil {
			return nil, err
		}
		c.put(r)
		return obj{}, nil
	}
}

func topicTags(c *call) (any, error) {
	r, err := topic(c, c.in.str("ResourceArn"), "ResourceNotFound")
	if err != nil {
		return nil, err
	}
	return obj{"Tags": tagList(r.Tags, "Key", "Value")}, nil
}
