package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	cctypes "github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/rogpeppe/go-internal/testscript"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

// An estate is what a company made for a customer with its own scripts, long before Tenantry: it goes
// through AWS's API and shares no code with the drivers.
type estate struct {
	ctx      context.Context
	cfg      awssdk.Config
	account  string
	customer string
	days     int32 // that logs are kept
	err      error
}

// estateSecret is a secret value, which must never be seen anywhere.
const estateSecret = "hunter2-is-not-for-Git"

// layEstate is "cloud estate CUSTOMER DAYS": everything of a customer in the first account, by
// another hand.
func (s *scene) layEstate(args []string) error {
	days, err := strconv.ParseInt(args[1], 10, 32)
	if err != nil {
		return err
	}
	e := &estate{ctx: s.t.Context(), customer: args[0], days: int32(days), account: "111122223333", cfg: s.console()}
	key := e.key()
	e.bucket(key)
	e.logs()
	dead := e.queue("dead", nil)
	e.queue("jobs", map[string]string{
		"VisibilityTimeout": "120", "RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"5"}`, dead),
	})
	e.alarm(e.topic())
	e.role(key)
	e.secret(key)
	return e.err
}

// makeByHand makes a resource of one of AWS's types in the first account, by another hand.
func (s *scene) makeByHand(name, state string) error {
	client := cloudcontrol.NewFromConfig(s.console())
	out, err := client.CreateResource(s.t.Context(), &cloudcontrol.CreateResourceInput{TypeName: &name, DesiredState: &state})
	if err != nil {
		return err
	}
	for range 5 {
		now, err := client.GetResourceRequestStatus(s.t.Context(), &cloudcontrol.GetResourceRequestStatusInput{RequestToken: out.ProgressEvent.RequestToken})
		if err != nil || now.ProgressEvent.OperationStatus == cctypes.OperationStatusSuccess {
			return err
		}
		if now.ProgressEvent.OperationStatus == cctypes.OperationStatusFailed {
			return errors.New(awssdk.ToString(now.ProgressEvent.StatusMessage))
		}
	}
	return errors.New("it isn't done")
}

// showKind prints what there is of a kind, whether it has an address or not: the service's name and what
// is set.
func (s *scene) showKind(ts *testscript.TestScript, kind string) error {
	var lines []string
	for _, r := range s.world.AWS.Live() {
		if r.Kind == kind {
			lines = append(lines, fmt.Sprintf("%s %v", r.Name, r.Attributes))
		}
	}
	slices.Sort(lines)
	_, err := fmt.Fprint(ts.Stdout(), strings.Join(append(lines, ""), "\n"))
	return err
}

// console is how somebody reaches the first account by hand.
func (s *scene) console() awssdk.Config {
	return awssdk.Config{
		Region: "eu-central-1", BaseEndpoint: awssdk.String("http://127.0.0.1:9"), // nobody listens there: the transport is in process
		HTTPClient:  &http.Client{Transport: s.world.AWS.Transport()},
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}
}

// made makes one call unless an earlier one failed.
func made[In, Out, Opt any](e *estate, call func(context.Context, *In, ...func(*Opt)) (*Out, error), in *In) *Out {
	if e.err != nil {
		return new(Out)
	}
	out, err := call(e.ctx, in)
	if err != nil {
		e.err = fmt.Errorf("%T: %w", in, err)
		return new(Out)
	}
	return out
}

func (e *estate) name(of string) *string { return awssdk.String(e.customer + "-" + of) }

func (e *estate) key() string {
	client := kms.NewFromConfig(e.cfg)
	out := made(e, client.CreateKey, &kms.CreateKeyInput{
		Description: awssdk.String("Data of " + e.customer),
		Tags:        []kmstypes.Tag{{TagKey: awssdk.String("customer"), TagValue: &e.customer}},
	})
	if e.err != nil {
		return ""
	}
	made(e, client.CreateAlias, &kms.CreateAliasInput{AliasName: awssdk.String("alias/" + e.customer + "-key"), TargetKeyId: out.KeyMetadata.KeyId})
	made(e, client.EnableKeyRotation, &kms.EnableKeyRotationInput{KeyId: out.KeyMetadata.KeyId})
	return *out.KeyMetadata.Arn
}

func (e *estate) bucket(key string) {
	client, name := s3.NewFromConfig(e.cfg), e.name("data")
	made(e, client.CreateBucket, &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
		LocationConstraint: "eu-central-1",
	}})
	made(e, client.PutBucketTagging, &s3.PutBucketTaggingInput{Bucket: name, Tagging: &s3types.Tagging{
		TagSet: []s3types.Tag{{Key: awssdk.String("customer"), Value: &e.customer}},
	}})
	made(e, client.PutBucketVersioning, &s3.PutBucketVersioningInput{Bucket: name, VersioningConfiguration: &s3types.VersioningConfiguration{
		Status: s3types.BucketVersioningStatusEnabled,
	}})
	made(e, client.PutBucketEncryption, &s3.PutBucketEncryptionInput{Bucket: name, ServerSideEncryptionConfiguration: &s3types.ServerSideEncryptionConfiguration{
		Rules: []s3types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &s3types.ServerSideEncryptionByDefault{
			SSEAlgorithm: "aws:kms", KMSMasterKeyID: &key,
		}}},
	}})
	made(e, client.PutBucketLifecycleConfiguration, &s3.PutBucketLifecycleConfigurationInput{Bucket: name, LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{
		Rules: []s3types.LifecycleRule{{
			ID: awssdk.String("old"), Status: "Enabled", Filter: &s3types.LifecycleRuleFilter{Prefix: awssdk.String("")},
			NoncurrentVersionExpiration: &s3types.NoncurrentVersionExpiration{NoncurrentDays: awssdk.Int32(30)},
		}},
	}})
}

func (e *estate) logs() {
	client, name := cloudwatchlogs.NewFromConfig(e.cfg), awssdk.String("/"+e.customer+"/app")
	made(e, client.CreateLogGroup, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name, Tags: map[string]string{"customer": e.customer}})
	made(e, client.PutRetentionPolicy, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: &e.days})
}

func (e *estate) queue(of string, attributes map[string]string) string {
	made(e, sqs.NewFromConfig(e.cfg).CreateQueue, &sqs.CreateQueueInput{
		QueueName: e.name(of), Attributes: attributes, Tags: map[string]string{"customer": e.customer},
	})
	return "arn:aws:sqs:eu-central-1:" + e.account + ":" + *e.name(of)
}

func (e *estate) topic() *string {
	client := sns.NewFromConfig(e.cfg)
	out := made(e, client.CreateTopic, &sns.CreateTopicInput{
		Name: e.name("alerts"), Tags: []snstypes.Tag{{Key: awssdk.String("customer"), Value: &e.customer}},
	})
	made(e, client.Subscribe, &sns.SubscribeInput{
		TopicArn: out.TopicArn, Protocol: awssdk.String("https"), Endpoint: awssdk.String("https://pager.example/" + e.customer),
	})
	return out.TopicArn
}

func (e *estate) alarm(topic *string) {
	made(e, cloudwatch.NewFromConfig(e.cfg).PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: e.name("backlog"), Namespace: awssdk.String("AWS/SQS"), MetricName: awssdk.String("ApproximateAgeOfOldestMessage"),
		Dimensions: []cwtypes.Dimension{{Name: awssdk.String("QueueName"), Value: e.name("jobs")}},
		Statistic:  "Maximum", Period: awssdk.Int32(300), EvaluationPeriods: awssdk.Int32(1), Threshold: awssdk.Float64(900),
		ComparisonOperator: "GreaterThanThreshold", AlarmActions: []string{awssdk.ToString(topic)},
		Tags: []cwtypes.Tag{{Key: awssdk.String("customer"), Value: &e.customer}},
	})
}

func (e *estate) role(key string) {
	client := iam.NewFromConfig(e.cfg)
	made(e, client.CreateRole, &iam.CreateRoleInput{
		RoleName: e.name("app"), Tags: []iamtypes.Tag{{Key: awssdk.String("customer"), Value: &e.customer}},
		AssumeRolePolicyDocument: awssdk.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}}`),
	})
	made(e, client.PutRolePolicy, &iam.PutRolePolicyInput{
		RoleName: e.name("app"), PolicyName: awssdk.String("access"),
		PolicyDocument: awssdk.String(`{"Version":"2012-10-17","Statement":[` +
			`{"Sid":"Files","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::` + *e.name("data") + `/${aws:username}/*"},` +
			`{"Sid":"Key","Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"` + key + `"},` +
			`{"Sid":"Jobs","Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-central-1:` + e.account + `:` + *e.name("jobs") + `"}]}`),
	})
}

func (e *estate) secret(key string) {
	made(e, secretsmanager.NewFromConfig(e.cfg).CreateSecret, &secretsmanager.CreateSecretInput{
		Name: awssdk.String(e.customer + "/database"), SecretString: awssdk.String(estateSecret), KmsKeyId: &key,
		Tags: []smtypes.Tag{{Key: awssdk.String("customer"), Value: &e.customer}},
	})
}

// touch is "cloud touch KIND NAME DO|NAME=VALUE": a change by hand to what has no address.
func (s *scene) touch(kind, name, do string) error {
	m := awsbox.Mischief{Kind: kind, Name: name}
	return s.play(m, do)
}

// lost is "cloud lost": prints what was ever deleted.
func (s *scene) lost(ts *testscript.TestScript) error {
	for _, e := range s.world.AWS.History() {
		if e.What == awsbox.Deleted {
			_, _ = fmt.Fprintln(ts.Stdout(), e.Kind, e.Name, e.Operation)
		}
	}
	_, err := fmt.Fprint(ts.Stdout(), "") // so that nothing lost is no output, and not the last command's
	return err
}

// estateVerb is the part of "cloud" that has to do with what others made.
func (s *scene) estateVerb(ts *testscript.TestScript, verb string, rest []string) error {
	switch {
	case verb == "estate" && len(rest) == 2:
		return s.layEstate(rest)
	case verb == "touch" && len(rest) == 3:
		return s.touch(rest[0], rest[1], rest[2])
	case verb == "make" && len(rest) == 2:
		return s.makeByHand(rest[0], rest[1])
	case verb == "kind" && len(rest) == 1:
		return s.showKind(ts, rest[0])
	case verb == "lost" && len(rest) == 0:
		return s.lost(ts)
	}
	return errors.New("usage: cloud estate CUSTOMER DAYS | touch KIND NAME DO|NAME=VALUE | make TYPE STATE | kind KIND | lost")
}
