package awsbox_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

func TestQueueLife(t *testing.T) {
	b := newBench(t)
	client := sqs.NewFromConfig(b.as(blue))
	name := aws.String("acme-jobs")
	url := do(t, client.CreateQueue, &sqs.CreateQueueInput{QueueName: name, Tags: map[string]string{"team": "blue"}}).QueueUrl
	if *url != "http://127.0.0.1:9/"+blue+"/acme-jobs" {
		t.Errorf("the URL is %s", *url)
	}
	all := &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"}}
	got := do(t, client.GetQueueAttributes, all).Attributes
	for attribute, want := range map[string]string{
		"VisibilityTimeout": "30", "MessageRetentionPeriod": "345600", "DelaySeconds": "0",
		"MaximumMessageSize": "1048576", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
		"QueueArn": "arn:aws:sqs:" + here + ":" + blue + ":acme-jobs",
	} {
		if got[attribute] != want {
			t.Errorf("%s is %q, want %q", attribute, got[attribute], want)
		}
	}
	set := func(attributes map[string]string) *sqs.SetQueueAttributesInput {
		return &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: attributes}
	}
	do(t, client.SetQueueAttributes, set(map[string]string{"KmsMasterKeyId": "alias/k", "VisibilityTimeout": "60"}))
	got = do(t, client.GetQueueAttributes, all).Attributes
	if got["SqsManagedSseEnabled"] != "false" || got["KmsMasterKeyId"] != "alias/k" || got["VisibilityTimeout"] != "60" {
		t.Errorf("attributes are %v", got)
	}
	refused(t, "InvalidAttributeValue", client.SetQueueAttributes, set(map[string]string{"VisibilityTimeout": "99999"}))
	refused(t, "InvalidAttributeName", client.SetQueueAttributes, set(map[string]string{"Colour": "red"}))
	refused(t, "InvalidParameterValue", client.SetQueueAttributes,
		set(map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:` + here + `:` + blue + `:none","maxReceiveCount":3}`}))
	do(t, client.UntagQueue, &sqs.UntagQueueInput{QueueUrl: url, TagKeys: []string{"team"}})
	do(t, client.TagQueue, &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"a": "b"}})
	if tags := do(t, client.ListQueueTags, &sqs.ListQueueTagsInput{QueueUrl: url}).Tags; len(tags) != 1 || tags["a"] != "b" {
		t.Errorf("tags are %v", tags)
	}
}

func TestQueueNames(t *testing.T) {
	b := newBench(t)
	client := sqs.NewFromConfig(b.as(blue))
	in := &sqs.CreateQueueInput{QueueName: aws.String("jobs"), Attributes: map[string]string{"DelaySeconds": "5"}}
	url := do(t, client.CreateQueue, in).QueueUrl
	do(t, client.CreateQueue, in)
	in.Attributes["DelaySeconds"] = "6"
	_, err := client.CreateQueue(t.Context(), in)
	var exists *types.QueueNameExists
	if !errors.As(err, &exists) || code(err) != "QueueAlreadyExists" {
		t.Errorf("another queue of the name: %v", err)
	}
	do(t, client.DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: url})
	var gone *types.QueueDoesNotExist
	if _, err := client.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: url}); !errors.As(err, &gone) ||
		code(err) != "AWS.SimpleQueueService.NonExistentQueue" {
		t.Errorf("deleting it again: %v", err)
	}
	b.now = b.now.Add(59 * time.Second)
	refused(t, "AWS.SimpleQueueService.QueueDeletedRecently", client.CreateQueue, in)
	b.now = b.now.Add(time.Second)
	do(t, client.CreateQueue, in)
	refused(t, "AccessDenied", sqs.NewFromConfig(b.as(green)).GetQueueAttributes, &sqs.GetQueueAttributesInput{QueueUrl: url})
}

func TestQueueListCutsSilentlyWithoutMaxResults(t *testing.T) {
	b := newBench(t)
	client := sqs.NewFromConfig(b.as(blue))
	for _, name := range []string{"a", "b", "c"} {
		do(t, client.CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String(name)})
	}
	do(t, sqs.NewFromConfig(b.in(blue, "us-east-1")).CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("elsewhere")})
	b.SetConditions(awsbox.Conditions{PageSize: 1})
	if out := do(t, client.ListQueues, &sqs.ListQueuesInput{}); len(out.QueueUrls) != 1 || out.NextToken != nil {
		t.Errorf("without MaxResults: %v, token %v", out.QueueUrls, out.NextToken)
	}
	var urls []string
	pages := sqs.NewListQueuesPaginator(client, &sqs.ListQueuesInput{MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		urls = append(urls, must[*sqs.ListQueuesOutput](t)(pages.NextPage(t.Context())).QueueUrls...)
	}
	if len(urls) != 3 || !strings.HasSuffix(urls[2], "/c") {
		t.Errorf("queues are %v", urls)
	}
}
