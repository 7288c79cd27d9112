package aws

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// How messages are received.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
const (
	longPoll = 20 // seconds that a receive waits for a message: the most
	atOnce   = 10 // messages per receive: the most
	// Seconds that messages stay hidden from other receives. What isn't confirmed within that comes again,
	// which costs a receive and nothing else.
	hiddenFor = 120
)

// An EventQueue is an SQS queue that has the change events of one account, as far as they were logged in
// one region. Safe for concurrent use.
type EventQueue struct {
	scope   resource.Scope
	name    string
	about   eventKinds
	ours    func(accessKey string) bool
	clients *pool[*sqs.Client]

	mu  sync.Mutex
	url string // once it is known
}

// EventPlace is where events of an account arrive.
type EventPlace struct {
	Scope resource.Scope
	Queue string // its name
}

// EventQueues returns the queues at the places given, which are in the accounts given. kinds are those that
// events may be about. keys tells which writes are this process's own. No call is made before a queue is used.
func EventQueues(base aws.Config, accounts []Account, keys *Keys, places []EventPlace, kinds []string) ([]*EventQueue, error) {
	s, err := newSessions(base, accounts)
	if err != nil {
		return nil, fmt.Errorf("aws: %w", err)
	}
	about, err := newEventKinds(kinds)
	if err != nil {
		return nil, fmt.Errorf("aws: %w", err)
	}
	clients := newPool(s, func(c aws.Config) *sqs.Client { return sqs.NewFromConfig(c) })
	queues := make([]*EventQueue, len(places))
	for i, p := range places {
		queues[i] = &EventQueue{scope: p.Scope, name: p.Queue, about: about, ours: keys.has, clients: clients}
	}
	return queues, nil
}

// String names the queue for logs.
func (q *EventQueue) String() string { return q.name + " in " + q.scope.String() }

// Receive waits for events, 20 seconds at most, and returns those that came. done confirms them, and
// whatever else came with them, so that none comes again; it may be called at any time, or never. An error
// that wraps providers.ErrForeign is about messages that are thrown away by done, and comes beside events.
func (q *EventQueue) Receive(ctx context.Context) (events []providers.Event, done func(context.Context) error, err error) {
	client, err := q.clients.in(ctx, q.scope)
	if err != nil {
		return nil, nil, fmt.Errorf("events of %s: %w", q.scope, err)
	}
	url, err := q.address(ctx, client)
	if err != nil {
		return nil, nil, err
	}
	out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(url), MaxNumberOfMessages: atOnce, WaitTimeSeconds: longPoll, VisibilityTimeout: hiddenFor,
	})
	if err != nil {
		q.forget(url)
		return nil, nil, failed("receive events from", q.String(), err)
	}
	if len(out.Messages) == 0 {
		return nil, nil, nil
	}
	var foreign error
	entries := make([]types.DeleteMessageBatchRequestEntry, len(out.Messages))
	for i, m := range out.Messages {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: m.ReceiptHandle}
		switch e, err := parseEvent(q.scope.Account, str(m.Body), q.about, q.ours); {
		case errors.Is(err, errRead):
		case err != nil:
			foreign = err
		default:
			events = append(events, e)
		}
	}
	done = func(ctx context.Context) error { return q.confirm(ctx, client, url, entries) }
	return events, done, foreign
}

// address asks for the queue's URL once.
func (q *EventQueue) address(ctx context.Context, client *sqs.Client) (string, error) {
	q.mu.Lock()
	url := q.url
	q.mu.Unlock()
	if url != "" {
		return url, nil
	}
	out, err := client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String(q.name)})
	if err != nil {
		return "", failed("find the events' queue", q.String(), err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.url = str(out.QueueUrl)
	return q.url, nil
}

// forget has the URL asked for again, after a failure with it.
func (q *EventQueue) forget(url string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.url == url {
		q.url = ""
	}
}

// confirm deletes messages. One that can't be deleted comes again.
func (q *EventQueue) confirm(ctx context.Context, client *sqs.Client, url string, entries []types.DeleteMessageBatchRequestEntry) error {
	out, err := client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(url), Entries: entries})
	if err != nil {
		return failed("confirm events of", q.String(), err)
	}
	if len(out.Failed) > 0 {
		return fmt.Errorf("confirm events of %s: %d of %d failed, the first with %s: %s",
			q, len(out.Failed), len(entries), str(out.Failed[0].Code), str(out.Failed[0].Message))
	}
	return nil
}
