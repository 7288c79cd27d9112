package aws

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// kindTopic describes aws.sns.topic.
// https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
var kindTopic = resource.Kind{
	Name: "aws.sns.topic",
	Uses: []string{"aws.kms.key", "aws.sqs.queue"},
	Attributes: []resource.Attribute{
		{Name: "name", Immutable: true},
		{Name: "displayName", Default: resource.String("")},
		{Name: "kmsKey", Default: resource.String("")},
		{Name: "policy", Canonical: canonicalPolicy},
		{Name: "subscriptions", Default: emptyList, Set: true},
		{Name: "tags", Default: emptyMap},
	},
	Outputs: []string{"arn", "name"},
}

type topicAttributes struct {
	Name          string            `json:"name"`
	DisplayName   string            `json:"displayName"`
	KMSKey        string            `json:"kmsKey"` // empty: not encrypted at rest
	Policy        json.RawMessage   `json:"policy,omitempty"`
	Subscriptions []subscription    `json:"subscriptions"`
	Tags          map[string]string `json:"tags"`
}

// topic drives topics. Their id is the ARN.
type topic struct {
	sessions *sessions
	clients  *pool[*sns.Client]
}

func newTopic(s *sessions) *topic {
	return &topic{sessions: s, clients: newPool(s, func(c aws.Config) *sns.Client { return sns.NewFromConfig(c) })}
}

// Kind describes topics.
func (d *topic) Kind() resource.Kind { return kindTopic }

// Observe costs ⌈topics of the scope / 100⌉ ListTopics + ours × GetTopicAttributes + ⌈subscriptions of
// the account / 100⌉ ListSubscriptions, and ListTagsForResource for each topic whose tags the index
// doesn't tell. The list of all subscriptions lacks those that other accounts made to our topics; a topic
// that has more or fewer than the list shows is asked for its own, with ListSubscriptionsByTopic.
func (d *topic) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	return scanner(d.scan).ours(ctx, scope, kindTopic, fleet)
}

// Survey costs what Observe does, with all topics for ours.
func (d *topic) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(d.scan).everything(ctx, scope, kindTopic)
}

func (d *topic) scan(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	var arns []string
	pages := sns.NewListTopicsPaginator(client, &sns.ListTopicsInput{}) // of 100 each, which can't be chosen
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list topics of", scope.String(), err)
		}
		for _, t := range page.Topics {
			arns = append(arns, str(t.TopicArn))
		}
	}
	index := d.sessions.index(ctx, scope)
	subscribed := once(func() (map[string]subscribers, error) { return allSubscribers(ctx, client) })
	return each(ctx, arns, func(ctx context.Context, arn string) (sighting, error) {
		return s.indexed(index, arn, arn,
			func() (tagged, error) { return d.tags(ctx, client, "read the tags of topic", arn) },
			func(tags tagged) (resource.Observed, error) {
				now, err := d.readWith(ctx, client, scope, arn, tags, func(attributes map[string]string) (subscribers, error) {
					if all, err := subscribed(); err == nil && all[arn].areAllOf(attributes) {
						return all[arn], nil
					}
					return subscribersOf(ctx, client, arn)
				})
				return now.Observed, err
			})
	})
}

// Refresh reads one topic again.
func (d *topic) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	var tags tagged
	var known subscribers
	err = together(ctx,
		func(ctx context.Context) (err error) {
			tags, err = d.tags(ctx, client, "read topic", have.ID)
			return err
		},
		func(ctx context.Context) (err error) { known, err = subscribersOf(ctx, client, have.ID); return err },
	)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.require("read topic", have.ID, have.Fleet, have.Address); err != nil {
		return resource.Observed{}, err
	}
	now, err := d.readWith(ctx, client, have.Scope, have.ID, tags, func(map[string]string) (subscribers, error) { return known, nil })
	return now.Observed, err
}

// Create makes the topic with its tags, and then sets the rest. SNS answers a create of what exists
// with the existing topic if the tags are the same, and else with an error; so it looks first. What
// is there is finished, provided that it is ours.
// https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
func (d *topic) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	var w topicAttributes
	if err := decode(kindTopic, want, &w); err != nil {
		return resource.Observed{}, err
	}
	there := resource.Observed{
		Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: arnOf(want.Scope, "sns", w.Name),
	}
	finished, err := d.Update(ctx, there, want)
	if !errors.Is(err, providers.ErrGone) {
		return finished, err
	}
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags := marked(w.Tags, fleet, want.Address, "")
	out, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: &w.Name, Tags: toTopicTags(tags)})
	if err != nil {
		return resource.Observed{}, failed("create topic", w.Name, err)
	}
	fresh, err := seen{
		kind: kindTopic, scope: want.Scope, id: str(out.TopicArn), tags: tags,
		attributes: topicAttributes{Name: w.Name, Tags: tags.users(), Subscriptions: []subscription{}},
		outputs:    topicOutputs(str(out.TopicArn)),
	}.observed()
	if err != nil {
		return resource.Observed{}, err
	}
	return d.bring(ctx, client, topicNow{Observed: fresh, tags: tags}, want, w)
}

// Update writes only what differs from what is there now.
func (d *topic) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	var w topicAttributes
	if err := decode(kindTopic, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, now, err := d.checked(ctx, "update topic", have)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.bring(ctx, client, now, want, w)
}

// bring makes the calls that a topic needs to be as wanted.
func (d *topic) bring(ctx context.Context, client *sns.Client, now topicNow, want resource.Desired, w topicAttributes) (resource.Observed, error) {
	wish := wishFor(kindTopic, now.Attributes, want, w)
	for _, a := range []struct{ attribute, name, value string }{
		{"displayName", "DisplayName", w.DisplayName},
		{"kmsKey", "KmsMasterKeyId", w.KMSKey},
		{"policy", "Policy", topicPolicy(now.Scope, now.ID, w.Policy)},
	} {
		if !wish.differs(a.attribute) {
			continue
		}
		_, err := client.SetTopicAttributes(ctx, &sns.SetTopicAttributesInput{
			TopicArn: &now.ID, AttributeName: &a.name, AttributeValue: &a.value,
		})
		if err != nil {
			return resource.Observed{}, d.sessions.failed("set "+a.attribute+" of topic", now.ID, err)
		}
	}
	set, remove := now.tags.change(w.Tags)
	if err := d.setTags(ctx, client, now.ID, set, remove); err != nil {
		return resource.Observed{}, err
	}
	if wish.differs("subscriptions") {
		if err := d.setSubscriptions(ctx, client, now, w.Subscriptions); err != nil {
			return resource.Observed{}, err
		}
	}
	return wish.met(now.Observed), nil
}

// Delete removes the topic; its subscriptions go with it.
func (d *topic) Delete(ctx context.Context, have resource.Observed) error {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return err
	}
	tags, err := d.tags(ctx, client, "delete topic", have.ID)
	if errors.Is(err, providers.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tags.require("delete topic", have.ID, have.Fleet, have.Address); err != nil {
		return err
	}
	_, err = client.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &have.ID})
	return failed("delete topic", have.ID, err)
}

// Adopt puts our mark on the topic that want.Adopt names by its ARN.
func (d *topic) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags, err := d.tags(ctx, client, "adopt topic", want.Adopt)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	mark := marked(nil, fleet, want.Address, "")
	now, err := d.read(ctx, client, want.Scope, want.Adopt, tags.with(mark, nil))
	if err != nil {
		return resource.Observed{}, err
	}
	return now.Observed, d.setTags(ctx, client, want.Adopt, mark, nil)
}

func (d *topic) setTags(ctx context.Context, client *sns.Client, arn string, set tagged, remove []string) error {
	if len(set) > 0 {
		_, err := client.TagResource(ctx, &sns.TagResourceInput{ResourceArn: &arn, Tags: toTopicTags(set)})
		if err != nil {
			return failed("tag topic", arn, err)
		}
	}
	if len(remove) > 0 {
		_, err := client.UntagResource(ctx, &sns.UntagResourceInput{ResourceArn: &arn, TagKeys: remove})
		return failed("untag topic", arn, err)
	}
	return nil
}

// topicNow is a topic as it was read, with what can't be told from its attributes.
type topicNow struct {
	resource.Observed
	tags tagged
	// arns are those of the subscriptions.
	arns subscribers
}

// checked reads a topic whole, and refuses one that no longer carries the mark it had.
func (d *topic) checked(ctx context.Context, operation string, have resource.Observed) (*sns.Client, topicNow, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return nil, topicNow{}, err
	}
	tags, err := d.tags(ctx, client, operation, have.ID)
	if err != nil {
		return nil, topicNow{}, err
	}
	if err := tags.require(operation, have.ID, have.Fleet, have.Address); err != nil {
		return nil, topicNow{}, err
	}
	now, err := d.read(ctx, client, have.Scope, have.ID, tags)
	return client, now, err
}

// read reads the attributes and subscriptions of a topic.
func (d *topic) read(ctx context.Context, client *sns.Client, scope resource.Scope, arn string, tags tagged) (topicNow, error) {
	return d.readWith(ctx, client, scope, arn, tags, func(map[string]string) (subscribers, error) {
		return subscribersOf(ctx, client, arn)
	})
}

// readWith is read with another way to learn of the subscriptions, which is given the attributes.
func (d *topic) readWith(ctx context.Context, client *sns.Client, scope resource.Scope, arn string, tags tagged, subscribed func(map[string]string) (subscribers, error)) (topicNow, error) {
	out, err := client.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: &arn})
	if err != nil {
		return topicNow{}, failed("read topic", arn, err)
	}
	arns, err := subscribed(out.Attributes)
	if err != nil {
		return topicNow{}, err
	}
	attributes := topicAttributes{
		Name: topicOutputs(arn)["name"], DisplayName: out.Attributes["DisplayName"], KMSKey: out.Attributes["KmsMasterKeyId"],
		Subscriptions: arns.list(), Tags: tags.users(),
	}
	if policy := policyFrom(out.Attributes["Policy"]); !isDefaultTopicPolicy(scope, arn, policy) {
		attributes.Policy = policy
	}
	now, err := seen{
		kind: kindTopic, scope: scope, id: arn, tags: tags, attributes: attributes, outputs: topicOutputs(arn),
	}.observed()
	return topicNow{Observed: now, tags: tags, arns: arns}, err
}

func (d *topic) tags(ctx context.Context, client *sns.Client, operation, arn string) (tagged, error) {
	out, err := client.ListTagsForResource(ctx, &sns.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return nil, failed(operation, arn, err)
	}
	return fromTags(out.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }), nil
}

func toTopicTags(tags tagged) []types.Tag {
	return toTags(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}
