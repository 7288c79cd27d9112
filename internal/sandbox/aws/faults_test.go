package awsbox_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

func putTags(bucket, key, value string) *s3.PutBucketTaggingInput {
	return &s3.PutBucketTaggingInput{
		Bucket:  aws.String(bucket),
		Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String(key), Value: aws.String(value)}}},
	}
}

func queues(t *testing.T, client *sqs.Client) int {
	t.Helper()
	return len(do(t, client.ListQueues, &sqs.ListQueuesInput{MaxResults: aws.Int32(100)}).QueueUrls)
}

func TestReadsLagByNumber(t *testing.T) {
	b := newBench(t)
	client := sqs.NewFromConfig(b.as(blue))
	b.SetConditions(awsbox.Conditions{Lag: &awsbox.Lag{Reads: 2, Services: []string{"sqs"}}})
	url := do(t, client.CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("a")}).QueueUrl
	get := &sqs.GetQueueAttributesInput{QueueUrl: url}
	refused(t, "AWS.SimpleQueueService.NonExistentQueue", client.GetQueueAttributes, get)
	do(t, client.SetQueueAttributes, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"DelaySeconds": "1"}}) // writes see it
	refused(t, "AWS.SimpleQueueService.NonExistentQueue", client.GetQueueAttributes, get)
	refused(t, "", client.GetQueueAttributes, get)
	if n := queues(t, client); n != 1 {
		t.Errorf("%d queues listed", n)
	}
}

func TestReadsLagByTime(t *testing.T) {
	b := newBench(t)
	client := iam.NewFromConfig(b.as(blue))
	b.SetConditions(awsbox.Conditions{Lag: &awsbox.Lag{Delay: 10 * time.Second}})
	do(t, client.CreateRole, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trust)})
	get := &iam.GetRoleInput{RoleName: aws.String("r")}
	refused(t, "NoSuchEntity", client.GetRole, get)
	b.now = b.now.Add(9 * time.Second)
	refused(t, "NoSuchEntity", client.GetRole, get)
	b.now = b.now.Add(time.Second)
	do(t, client.GetRole, get)
	do(t, client.DeleteRole, &iam.DeleteRoleInput{RoleName: aws.String("r")})
	do(t, client.GetRole, get)
	b.now = b.now.Add(10 * time.Second)
	refused(t, "NoSuchEntity", client.GetRole, get)
}

func TestThrottling(t *testing.T) {
	b := newBench(t)
	cfg := b.as(blue)
	for service, call := range map[string]func() string{
		"RequestThrottled":    func() string { return try(t, sqs.NewFromConfig(cfg).ListQueues, &sqs.ListQueuesInput{}) },
		"Throttling":          func() string { return try(t, iam.NewFromConfig(cfg).ListRoles, &iam.ListRolesInput{}) },
		"ThrottlingException": func() string { return try(t, kms.NewFromConfig(cfg).ListKeys, &kms.ListKeysInput{}) },
		"SlowDown":            func() string { return try(t, s3.NewFromConfig(cfg).ListBuckets, &s3.ListBucketsInput{}) },
	} {
		b.SetConditions(awsbox.Conditions{Throttle: awsbox.Throttle{Every: 3}})
		var got []string
		for range 6 {
			got = append(got, call())
		}
		if want := strings.Join([]string{"", "", service, "", "", service}, "|"); strings.Join(got, "|") != want {
			t.Errorf("every third: %q", got)
		}
		b.SetConditions(awsbox.Conditions{Throttle: awsbox.Throttle{PerSecond: 2}})
		if got := []string{call(), call(), call()}; got[0]+got[1] != "" || got[2] != service {
			t.Errorf("two per second: %q", got)
		}
		b.now = b.now.Add(time.Second)
		if got := call(); got != "" {
			t.Errorf("a second later: %q", got)
		}
	}
}

func TestThrottledCallsAreRetriedBySDK(t *testing.T) {
	b := newBench(t)
	cfg := b.as(blue)
	cfg.Retryer = nil // the SDK's own
	b.SetConditions(awsbox.Conditions{Throttle: awsbox.Throttle{Every: 2}})
	synctest.Test(t, func(t *testing.T) {
		client := sqs.NewFromConfig(cfg)
		for range 3 {
			if got := try(t, client.ListQueues, &sqs.ListQueuesInput{}); got != "" {
				t.Errorf("got %s", got)
			}
		}
	})
}

func TestDeny(t *testing.T) {
	b := newBench(t)
	mine, theirs := b.as(blue), b.as(green)
	b.SetConditions(awsbox.Conditions{Deny: []awsbox.Match{{Account: green}, {Service: "kms", Operation: "CreateKey"}}})
	refused(t, "", sqs.NewFromConfig(mine).ListQueues, &sqs.ListQueuesInput{})
	refused(t, "AccessDenied", sqs.NewFromConfig(theirs).ListQueues, &sqs.ListQueuesInput{})
	refused(t, "AccessDenied", s3.NewFromConfig(theirs).ListBuckets, &s3.ListBucketsInput{})
	refused(t, "AccessDenied", iam.NewFromConfig(theirs).ListRoles, &iam.ListRolesInput{})
	refused(t, "AccessDeniedException", kms.NewFromConfig(mine).CreateKey, &kms.CreateKeyInput{})
	refused(t, "", kms.NewFromConfig(mine).ListKeys, &kms.ListKeysInput{})
}

func TestHooks(t *testing.T) {
	b := newBench(t)
	client := sqs.NewFromConfig(b.as(blue))
	on := func(f awsbox.Fault) awsbox.Hook {
		return func(c awsbox.Call) awsbox.Fault {
			if c.Operation == "CreateQueue" {
				return f
			}
			return awsbox.Fault{}
		}
	}
	create := func(name string) string {
		return try(t, client.CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String(name)})
	}
	remove := b.Before(on(awsbox.Fault{Code: "ServiceUnavailable", Status: 503}))
	if got := create("a"); got != "ServiceUnavailable" || queues(t, client) != 0 {
		t.Errorf("refused before the effect: %q, %d queues", got, queues(t, client))
	}
	remove()
	remove = b.After(on(awsbox.Fault{Code: "InternalError"}))
	if got := create("b"); got != "InternalError" || queues(t, client) != 1 {
		t.Errorf("refused after the effect: %q, %d queues", got, queues(t, client))
	}
	remove()
	remove = b.After(on(awsbox.Fault{Drop: true}))
	if got := create("c"); !strings.Contains(got, "connection reset") || queues(t, client) != 2 {
		t.Errorf("answer lost: %q, %d queues", got, queues(t, client))
	}
	remove()
	if got := create("d"); got != "" {
		t.Errorf("after all hooks are gone: %q", got)
	}
}

// A lost answer makes the SDK send a create again: two keys and no error. It is the reason for the
// create protocol, so the sandbox has to show it.
func TestLostAnswerDuplicatesAKey(t *testing.T) {
	b := newBench(t)
	cfg := b.as(blue)
	cfg.Retryer = nil
	lost := false
	b.After(func(c awsbox.Call) awsbox.Fault {
		if c.Operation != "CreateKey" || lost {
			return awsbox.Fault{}
		}
		lost = true
		return awsbox.Fault{Drop: true}
	})
	synctest.Test(t, func(t *testing.T) {
		do(t, kms.NewFromConfig(cfg).CreateKey, &kms.CreateKeyInput{})
	})
	if n := len(b.Live()); n != 2 {
		t.Errorf("%d keys", n)
	}
}

// A request that the network held up takes effect after its sender gave up.
func TestLateEffect(t *testing.T) {
	b := newBench(t)
	cfg := b.as(blue)
	remove := b.Before(func(c awsbox.Call) awsbox.Fault { return awsbox.Fault{Delay: time.Minute} })
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := sqs.NewFromConfig(cfg).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("late")})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the sender got %v", err)
		}
		if n := len(b.Live()); n != 0 {
			t.Errorf("%d resources at once", n)
		}
		timer := time.NewTimer(2 * time.Minute)
		<-timer.C
		if n := len(b.Live()); n != 1 {
			t.Errorf("%d resources in the end", n)
		}
	})
	remove()
}

func TestOverASocket(t *testing.T) {
	b := newBench(t)
	running := must[*awsbox.Running](t)(b.Start())
	defer func() { _ = running.Close() }()
	cfg := b.as(blue)
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String(running.URL), http.DefaultClient
	client := sqs.NewFromConfig(cfg)
	url := do(t, client.CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("a")}).QueueUrl
	if !strings.HasPrefix(*url, running.URL) {
		t.Errorf("the URL %s doesn't lead to %s", *url, running.URL)
	}
	buckets := s3.NewFromConfig(cfg)
	do(t, buckets.CreateBucket, &s3.CreateBucketInput{Bucket: aws.String("over-the-wire"), CreateBucketConfiguration: inRegion(here)})
	do(t, buckets.HeadBucket, &s3.HeadBucketInput{Bucket: aws.String("over-the-wire")})
	b.After(func(awsbox.Call) awsbox.Fault { return awsbox.Fault{Drop: true} })
	if got := try(t, client.DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: url}); !strings.Contains(got, "EOF") {
		t.Errorf("a cut connection looks like %q", got)
	}
	if live := b.Live(); len(live) != 1 {
		t.Errorf("left: %+v", live)
	}
}

func TestExpiredAndForeignTokens(t *testing.T) {
	b := newBench(t)
	client := iam.NewFromConfig(b.as(blue))
	do(t, client.CreateRole, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(trust)})
	b.SetConditions(awsbox.Conditions{PageSize: 1, TokenLife: time.Minute})
	marker := do(t, client.ListRoles, &iam.ListRolesInput{}).Marker
	do(t, client.ListRoles, &iam.ListRolesInput{Marker: marker})
	refused(t, "ValidationError", client.GetAccountAuthorizationDetails, &iam.GetAccountAuthorizationDetailsInput{Marker: marker})
	refused(t, "ValidationError", client.ListRoles, &iam.ListRolesInput{Marker: aws.String("nonsense")})
	b.now = b.now.Add(time.Minute)
	refused(t, "ValidationError", client.ListRoles, &iam.ListRolesInput{Marker: marker})
}

func TestUnknownOperationsAreNamed(t *testing.T) {
	b := newBench(t)
	cfg := b.as(blue)
	_, err := iam.NewFromConfig(cfg).ListUsers(t.Context(), &iam.ListUsersInput{})
	wantCode(t, "ListUsers", err, "InvalidAction")
	if !strings.Contains(err.Error(), "iam.ListUsers") {
		t.Errorf("the message is %v", err)
	}
	refused(t, "NotImplemented", s3.NewFromConfig(cfg).GetBucketCors, &s3.GetBucketCorsInput{Bucket: aws.String("b")})
	refused(t, "UnknownOperationException", kms.NewFromConfig(cfg).Encrypt, &kms.EncryptInput{KeyId: aws.String("k"), Plaintext: []byte("p")})
	refused(t, "UnknownOperationException", sqs.NewFromConfig(cfg).PurgeQueue, &sqs.PurgeQueueInput{QueueUrl: aws.String("u")})
}
