package aws

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// kindQueue describes aws.sqs.queue. The defaults are those of a queue that is made today; the
// largest message became 1 MiB in 2025.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
var kindQueue = resource.Kind{
	Name:     "aws.sqs.queue",
	Uses:     []string{"aws.kms.key"},
	Patience: resource.Patience{Create: 5 * time.Minute}, // a name rests for a minute
	Attributes: []resource.Attribute{
		{Name: "name", Immutable: true},
		{Name: "visibilityTimeout", Default: resource.Int(30)},
		{Name: "messageRetention", Default: resource.Int(345600)},
		{Name: "delay", Default: resource.Int(0)},
		{Name: "maxMessageSize", Default: resource.Int(1048576)},
		{Name: "receiveWait", Default: resource.Int(0)},
		{Name: "encryption", Default: resource.String(encryptedBySQS)},
		{Name: "kmsKey", Default: resource.String("")},
		{Name: "deadLetter"},
		{Name: "redriveAllow", Default: literal(everyQueue), Canonical: tidied(tidyRedrive)},
		{Name: "policy", Canonical: canonicalPolicy},
		{Name: "tags", Default: emptyMap},
	},
	Outputs: []string{"arn", "url", "name"},
}

type queueAttributes struct {
	Name              string            `json:"name"`
	VisibilityTimeout int64             `json:"visibilityTimeout"` // seconds, as all times here
	MessageRetention  int64             `json:"messageRetention"`
	Delay             int64             `json:"delay"`
	MaxMessageSize    int64             `json:"maxMessageSize"` // bytes
	ReceiveWait       int64             `json:"receiveWait"`
	Encryption        string            `json:"encryption"`
	KMSKey            string            `json:"kmsKey"` // with encryption kms; empty: the account's aws/sqs key
	DeadLetter        *deadLetter       `json:"deadLetter,omitempty"`
	RedriveAllow      redriveAllow      `json:"redriveAllow"`
	Policy            json.RawMessage   `json:"policy,omitempty"`
	Tags              map[string]string `json:"tags"`
}

// queue drives queues. Their id is the URL.
type queue struct {
	sessions *sessions
	clients  *pool[*sqs.Client]
}

func newQueue(s *sessions) *queue {
	return &queue{sessions: s, clients: newPool(s, func(c aws.Config) *sqs.Client { return sqs.NewFromConfig(c) })}
}

// Kind describes queues.
func (d *queue) Kind() resource.Kind { return kindQueue }

// Observe costs ⌈queues of the scope / 1,000⌉ ListQueues + ours × GetQueueAttributes, and ListQueueTags for
// each queue whose tags the index doesn't tell. Without a page size, ListQueues stops at 1,000 and doesn't
// say so.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListQueues.html
func (d *queue) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	return scanner(d.scan).ours(ctx, scope, kindQueue, fleet)
}

// Survey costs ⌈queues of the scope / 1,000⌉ ListQueues + queues × 2.
func (d *queue) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(d.scan).everything(ctx, scope, kindQueue)
}

func (d *queue) scan(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	var urls []string
	pages := sqs.NewListQueuesPaginator(client, &sqs.ListQueuesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list queues of", scope.String(), err)
		}
		urls = append(urls, page.QueueUrls...)
	}
	index := d.sessions.index(ctx, scope)
	return each(ctx, urls, func(ctx context.Context, url string) (sighting, error) {
		return s.indexed(index, queueARN(scope, url), url,
			func() (tagged, error) { return d.tags(ctx, client, "read the tags of queue", url) },
			func(tags tagged) (resource.Observed, error) { return d.read(ctx, client, scope, url, tags) })
	})
}

// Refresh reads one queue again.
func (d *queue) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	_, _, now, err := d.checked(ctx, "read queue", have)
	return now, err
}

// Create makes the queue with all its attributes and tags. It looks first, because what CreateQueue
// does to the tags of an existing queue isn't documented. What is there is finished, provided that
// it is ours. ErrPending for a minute after a queue of the name was deleted.
func (d *queue) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	w, err := decodeQueue(want)
	if err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	finished, err := d.finish(ctx, client, want, fleet, w.Name)
	if !errors.Is(err, providers.ErrGone) {
		return finished, err
	}
	out, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: &w.Name, Attributes: w.creation(), Tags: marked(w.Tags, fleet, want.Address, ""),
	})
	if hasCode(err, "QueueNameExists", "QueueAlreadyExists") { // with other attributes, since we looked
		finished, err := d.finish(ctx, client, want, fleet, w.Name)
		return finished, existing("create queue", w.Name, err)
	}
	if err != nil {
		return resource.Observed{}, d.sessions.failed("create queue", w.Name, err)
	}
	url := str(out.QueueUrl)
	return resource.Observed{
		Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: url,
		Attributes: kindQueue.Canonical(want.Attributes),
		Outputs:    map[string]string{"arn": arnOf(want.Scope, "sqs", w.Name), "url": url, "name": w.Name},
	}, nil
}

// finish brings the queue of that name to what is wanted, if it is ours; ErrGone if there is none.
func (d *queue) finish(ctx context.Context, client *sqs.Client, want resource.Desired, fleet, name string) (resource.Observed, error) {
	url, err := d.find(ctx, client, name)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.Update(ctx, resource.Observed{Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: url}, want)
}

// Update writes only what differs from what is there now.
func (d *queue) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	w, err := decodeQueue(want)
	if err != nil {
		return resource.Observed{}, err
	}
	client, tags, now, err := d.checked(ctx, "update queue", have)
	if err != nil {
		return resource.Observed{}, err
	}
	wish := wishFor(kindQueue, now.Attributes, want, w)
	if send := w.changes(wish.differs); len(send) > 0 {
		_, err := client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &have.ID, Attributes: send})
		if err != nil {
			return resource.Observed{}, d.sessions.failed("update queue", have.ID, err)
		}
	}
	set, remove := tags.change(w.Tags)
	if err := d.setTags(ctx, client, have.ID, set, remove); err != nil {
		return resource.Observed{}, err
	}
	return wish.met(now), nil
}

// Delete removes the queue and what is in it; queues carry messages and keep none.
func (d *queue) Delete(ctx context.Context, have resource.Observed) error {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return err
	}
	tags, err := d.tags(ctx, client, "delete queue", have.ID)
	if errors.Is(err, providers.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tags.require("delete queue", have.ID, have.Fleet, have.Address); err != nil {
		return err
	}
	_, err = client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &have.ID})
	if err = failed("delete queue", have.ID, err); errors.Is(err, providers.ErrGone) {
		return nil
	}
	return err
}

// Adopt puts our mark on the queue that want.Adopt names, by URL or name.
func (d *queue) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	url := want.Adopt
	if !strings.Contains(url, "://") {
		if url, err = d.find(ctx, client, url); err != nil {
			return resource.Observed{}, err
		}
	}
	tags, err := d.tags(ctx, client, "adopt queue", url)
	if err != nil {
		return resource.Observed{}, err
	}
	if err := tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	mark := marked(nil, fleet, want.Address, "")
	now, err := d.read(ctx, client, want.Scope, url, tags.with(mark, nil))
	if err != nil {
		return resource.Observed{}, err
	}
	return now, d.setTags(ctx, client, url, mark, nil)
}

func (d *queue) setTags(ctx context.Context, client *sqs.Client, url string, set tagged, remove []string) error {
	if len(set) > 0 {
		if _, err := client.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: set}); err != nil {
			return failed("tag queue", url, err)
		}
	}
	if len(remove) > 0 {
		_, err := client.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: remove})
		return failed("untag queue", url, err)
	}
	return nil
}

// find returns the URL of the account's queue of that name; ErrGone if there is none.
func (d *queue) find(ctx context.Context, client *sqs.Client, name string) (string, error) {
	out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return "", failed("find queue", name, err)
	}
	return str(out.QueueUrl), nil
}

// checked reads a queue whole, and refuses one that no longer carries the mark it had.
func (d *queue) checked(ctx context.Context, operation string, have resource.Observed) (*sqs.Client, tagged, resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return nil, nil, resource.Observed{}, err
	}
	tags, err := d.tags(ctx, client, operation, have.ID)
	if err != nil {
		return nil, nil, resource.Observed{}, err
	}
	if err := tags.require(operation, have.ID, have.Fleet, have.Address); err != nil {
		return nil, nil, resource.Observed{}, err
	}
	now, err := d.read(ctx, client, have.Scope, have.ID, tags)
	return client, tags, now, err
}

func (d *queue) read(ctx context.Context, client *sqs.Client, scope resource.Scope, url string, tags tagged) (resource.Observed, error) {
	out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		return resource.Observed{}, failed("read queue", url, err)
	}
	attributes, err := queueFrom(out.Attributes)
	if err != nil {
		return resource.Observed{}, failed("read queue", url, err)
	}
	attributes.Name = url[strings.LastIndexByte(url, '/')+1:]
	attributes.Tags = tags.users()
	return seen{
		kind: kindQueue, scope: scope, id: url, tags: tags, attributes: attributes,
		outputs: map[string]string{"arn": out.Attributes["QueueArn"], "url": url, "name": attributes.Name},
	}.observed()
}

func (d *queue) tags(ctx context.Context, client *sqs.Client, operation, url string) (tagged, error) {
	out, err := client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
	if err != nil {
		return nil, failed(operation, url, err)
	}
	tags := tagged{}
	maps.Copy(tags, out.Tags)
	return tags, nil
}
