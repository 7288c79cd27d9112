package awsbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
)

// receiver is the events' queue of the blue account, for a process that has its own keys, and that process's
// drivers.
func (b *bench) receiver() (*drivers.EventQueue, providers.Set) {
	b.t.Helper()
	keys := drivers.NewKeys()
	base := keys.Watch(b.base())
	accounts := []drivers.Account{{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry", ExternalID: "secret-of-blue"}}
	set := must[providers.Set](b.t)(drivers.Drivers(base, accounts))
	var kinds []string
	for name := range set {
		kinds = append(kinds, name)
	}
	place := drivers.EventPlace{Scope: resource.Scope{Account: blue, Region: here}, Queue: "events"}
	queues := must[[]*drivers.EventQueue](b.t)(drivers.EventQueues(base, accounts, keys, []drivers.EventPlace{place}, kinds))
	return queues[0], set
}

// all receives what is there, confirms it, and returns it by action.
func (b *bench) all(q *drivers.EventQueue) map[string]providers.Event {
	b.t.Helper()
	found := map[string]providers.Event{}
	for {
		// Nothing comes while the clock stands still: what is there is all there will be.
		ctx, cancel := context.WithTimeout(b.t.Context(), 200*time.Millisecond)
		events, done, err := q.Receive(ctx)
		cancel()
		if err != nil && !errors.Is(err, providers.ErrForeign) {
			return found
		}
		for _, e := range events {
			found[e.Action] = e
		}
		if done != nil {
			if err := done(b.t.Context()); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}

// Of two sessions of one role, with one name, one is this process's.
func TestEventsOfOurselvesAreRecognised(t *testing.T) {
	b := newBench(t)
	client, url := b.hear(here, writesPattern, letEventsIn)
	q, set := b.receiver()
	b.all(q)
	want := resource.Desired{
		Address: resource.Address{Owner: "tenant/acme", Kind: "aws.sqs.queue", Name: "jobs"}, Scope: resource.Scope{Account: blue, Region: here},
		Attributes: resource.Attributes{"name": resource.String("acme-jobs")},
	}
	want.Attributes = set["aws.sqs.queue"].Kind().Canonical(want.Attributes)
	if _, err := set["aws.sqs.queue"].Create(t.Context(), want, "brightdesk"); err != nil {
		t.Fatal(err)
	}
	ours := b.all(q)["sqs:CreateQueue"]
	if !ours.Ours || ours.Session != "tenantry" || ours.Kinds[0] != "aws.sqs.queue" {
		t.Errorf("what we did reads %+v", ours)
	}
	session := do(t, sts.NewFromConfig(b.base()).AssumeRole, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + blue + ":role/tenantry"), RoleSessionName: aws.String("tenantry"), ExternalId: aws.String("secret-of-blue"),
	})
	cfg := b.base()
	cfg.Credentials = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := session.Credentials
		return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}, nil
	}))
	do(t, sqs.NewFromConfig(cfg).TagQueue, &sqs.TagQueueInput{QueueUrl: aws.String(strings.Replace(*url, "/events", "/acme-jobs", 1)), Tags: map[string]string{"a": "b"}})
	theirs := b.all(q)["sqs:TagQueue"]
	if theirs.Ours || theirs.By != ours.By || theirs.Session != ours.Session || theirs.From == "" {
		t.Errorf("what somebody with our name did reads %+v", theirs)
	}
	do(t, client.SendMessage, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("not for you")})
	events, done, err := q.Receive(t.Context())
	if len(events) != 0 || done == nil || !errors.Is(err, providers.ErrForeign) {
		t.Errorf("a letter to somebody else: %v, %v", events, err)
	}
	if err := done(t.Context()); err != nil {
		t.Error(err)
	}
	b.now = b.now.Add(10 * time.Minute)
	if left := b.heard(client, url); len(left) > 0 {
		t.Errorf("what was confirmed came again: %v", left)
	}
}

// A queue that isn't there yet, or that denies, is an error with a name, and is found once it is there.
func TestEventsQueuesThatFail(t *testing.T) {
	b := newBench(t)
	q, _ := b.receiver()
	if _, _, err := q.Receive(t.Context()); !errors.Is(err, providers.ErrGone) || !strings.Contains(err.Error(), "events in "+blue+"/"+here) {
		t.Errorf("a queue that isn't there: %v", err)
	}
	client, url := b.hear(here, writesPattern, letEventsIn)
	if got := b.all(q); got["cloudcontrolapi:CreateResource"].ID == "" {
		t.Errorf("received %v", got)
	}
	b.SetConditions(awsbox.Conditions{Deny: []awsbox.Match{{Service: "sqs", Operation: "ReceiveMessage"}}})
	if _, _, err := q.Receive(t.Context()); !errors.Is(err, providers.ErrDenied) {
		t.Errorf("a queue that denies: %v", err)
	}
	b.SetConditions(awsbox.Conditions{})
	do(t, client.DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: url})
	if _, _, err := q.Receive(t.Context()); !errors.Is(err, providers.ErrGone) {
		t.Errorf("a queue that was deleted: %v", err)
	}
	b.now = b.now.Add(10 * time.Minute)
	do(t, client.CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("events"), Attributes: map[string]string{"Policy": letEventsIn}})
	do(t, client.TagQueue, &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"a": "b"}})
	if got := b.all(q); got["sqs:TagQueue"].ID == "" {
		t.Errorf("received %v", got)
	}
}

// A receive ends with its context, and soon.
func TestAReceiveIsGivenUp(t *testing.T) {
	b := newBench(t)
	b.hear(here, writesPattern, letEventsIn)
	q, _ := b.receiver()
	b.all(q)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := q.Receive(ctx)
		ended <- err
	}()
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits on")
	}
}
