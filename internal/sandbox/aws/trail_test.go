package awsbox_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

const writesPattern = `{"detail-type":["AWS API Call via CloudTrail"],"detail":{"readOnly":[false],"eventName":[{"anything-but":["CreateLogStream"]}]}}`

// hear makes a queue and a rule that sends events to it, in a region of the blue account.
func (b *bench) hear(region, pattern, policy string) (client *sqs.Client, url *string) {
	b.t.Helper()
	cfg := b.in(blue, region)
	client = sqs.NewFromConfig(cfg)
	attributes := map[string]string{"VisibilityTimeout": "60"}
	if policy != "" {
		attributes["Policy"] = policy
	}
	url = do(b.t, client.CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("events"), Attributes: attributes}).QueueUrl
	state, err := json.Marshal(map[string]any{
		"Name": "events", "EventPattern": json.RawMessage(pattern),
		"Targets": []map[string]string{{"Id": "queue", "Arn": "arn:aws:sqs:" + region + ":" + blue + ":events"}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	do(b.t, cloudcontrol.NewFromConfig(cfg).CreateResource, &cloudcontrol.CreateResourceInput{
		TypeName: aws.String("AWS::Events::Rule"), DesiredState: aws.String(string(state)),
	})
	return client, url
}

const letEventsIn = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*"}]}`

// heard receives what is there, and forgets it.
func (b *bench) heard(client *sqs.Client, url *string) (events []string) {
	b.t.Helper()
	for {
		got := do(b.t, client.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10}).Messages
		if len(got) == 0 {
			return events
		}
		for _, m := range got {
			events = append(events, *m.Body)
			do(b.t, client.DeleteMessage, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle})
		}
	}
}

func TestWritesAreToldToTheQueuesOfRules(t *testing.T) {
	b := newBench(t)
	client, url := b.hear("us-east-1", writesPattern, letEventsIn)
	b.heard(client, url) // of the rule itself
	roles := iam.NewFromConfig(b.as(blue))
	do(t, roles.CreateRole, &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`)})
	_, err := roles.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("app"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`)})
	if err == nil {
		t.Fatal("a role was made twice")
	}
	if err := b.Chaos(awsbox.Mischief{Kind: "aws.iam.role", Name: "app", Do: "admin-attached", By: "assumed-role/admins/robin"}); err != nil {
		t.Fatal(err)
	}
	events := b.heard(client, url)
	if len(events) != 3 {
		t.Fatalf("heard of %d writes: %v", len(events), events)
	}
	for i, want := range []string{
		`"eventName":"CreateRole"`, `"errorCode":"EntityAlreadyExists"`, `"arn":"arn:aws:sts::` + blue + `:assumed-role/admins/robin"`,
	} {
		if !strings.Contains(events[i], want) || !strings.Contains(events[i], `"roleName":"app"`) {
			t.Errorf("event %d lacks %s: %s", i, want, events[i])
		}
	}
}

func TestEventsThatNobodyLetsInAreLost(t *testing.T) {
	b := newBench(t)
	client, url := b.hear(here, writesPattern, "")
	do(t, client.TagQueue, &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"a": "b"}})
	if events := b.heard(client, url); len(events) > 0 {
		t.Errorf("heard %v through a queue that lets nobody in", events)
	}
}

func TestSecretsAreNotInTheTrail(t *testing.T) {
	b := newBench(t)
	client, url := b.hear(here, writesPattern, letEventsIn)
	do(t, secretsmanager.NewFromConfig(b.as(blue)).CreateSecret, &secretsmanager.CreateSecretInput{Name: aws.String("db"), SecretString: aws.String("hunter2")})
	if events := b.heard(client, url); strings.Contains(strings.Join(events, ""), "hunter2") || len(events) != 2 {
		t.Errorf("heard %v", events)
	}
}

func TestEventsAreLateRepeatedAndLost(t *testing.T) {
	b := newBench(t)
	client, url := b.hear(here, writesPattern, letEventsIn)
	b.heard(client, url)
	tag := func() { do(t, client.TagQueue, &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"a": "b"}}) }
	for weather, want := range map[awsbox.EventWeather]int{{}: 1, {Repeat: 1}: 2, {Lose: 1}: 0, {Delay: time.Minute}: 0} {
		b.SetConditions(awsbox.Conditions{Events: weather})
		tag()
		if events := b.heard(client, url); len(events) != want {
			t.Errorf("in %+v, heard %d of one", weather, len(events))
		}
	}
	b.now = b.now.Add(time.Minute)
	if events := b.heard(client, url); len(events) != 1 {
		t.Errorf("what was late came %d times", len(events))
	}
}

// A receiver that waits is woken by what arrives, and by nothing else.
func TestLongPolling(t *testing.T) {
	b := newBench(t)
	client, url := b.hear(here, writesPattern, letEventsIn)
	b.heard(client, url)
	woken := make(chan string, 1)
	go func() {
		got, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
		if err != nil || len(got.Messages) != 1 {
			woken <- "nothing"
			return
		}
		woken <- *got.Messages[0].Body
	}()
	for b.Counts()["sqs.ReceiveMessage"] < 3 { // two of heard
		time.Sleep(time.Millisecond)
	}
	b.Calm() // who waits is not under way
	do(t, client.SendMessage, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("good morning")})
	if got := <-woken; got != "good morning" {
		t.Errorf("received %q", got)
	}
	got := do(t, client.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 0})
	if len(got.Messages) != 0 {
		t.Error("what somebody works on was received again")
	}
	b.now = b.now.Add(time.Minute)
	got = do(t, client.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: url})
	if len(got.Messages) != 1 || got.Messages[0].Attributes["ApproximateReceiveCount"] != "2" {
		t.Errorf("what nobody deleted came back as %+v", got.Messages)
	}
}

func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]int{
		`{"source":["aws.sqs"]}`: 1, `{"source":[{"prefix":"aws."}]}`: 1, `{"source":["aws.iam"]}`: 0, `{"detail":{"errorCode":[{"exists":false}]}}`: 1,
		`{"detail":{"eventName":[{"anything-but":"TagQueue"}]}}`: 0, `{"detail":{"none":["x"]}}`: 0, `{"detail":{"userIdentity":{"type":["AssumedRole"]}}}`: 1,
		`{"source":[{"wildcard":"*"}]}`: 0,
	} {
		b := newBench(t)
		client, url := b.hear(here, pattern, letEventsIn)
		b.heard(client, url)
		do(t, client.TagQueue, &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"a": "b"}})
		if events := b.heard(client, url); len(events) != want {
			t.Errorf("%s matches %d of one", pattern, len(events))
		}
	}
}
