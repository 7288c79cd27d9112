package awsbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	tagtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

func TestLogGroups(t *testing.T) {
	b := newBench(t)
	client := cloudwatchlogs.NewFromConfig(b.as(blue))
	in := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/acme/app"), Tags: map[string]string{"team": "blue"}}
	do(t, client.CreateLogGroup, in)
	refused(t, "ResourceAlreadyExistsException", client.CreateLogGroup, in)
	do(t, client.CreateLogGroup, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/acme/web")})
	retain := func(days int32) *cloudwatchlogs.PutRetentionPolicyInput {
		return &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("/acme/app"), RetentionInDays: aws.Int32(days)}
	}
	refused(t, "InvalidParameterException", client.PutRetentionPolicy, retain(8))
	do(t, client.PutRetentionPolicy, retain(30))

	b.SetConditions(awsbox.Conditions{PageSize: 1})
	var arns []string
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(client, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/acme")})
	for pages.HasMorePages() {
		for _, g := range must[*cloudwatchlogs.DescribeLogGroupsOutput](t)(pages.NextPage(t.Context())).LogGroups {
			arns = append(arns, *g.LogGroupArn)
			if *g.Arn != *g.LogGroupArn+":*" || (*g.LogGroupName == "/acme/app") != (g.RetentionInDays != nil) {
				t.Errorf("the group is %+v", g)
			}
		}
	}
	if len(arns) != 2 {
		t.Fatalf("groups are %v", arns)
	}
	tags := &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: aws.String(arns[0])}
	if got := do(t, client.ListTagsForResource, tags).Tags; got["team"] != "blue" {
		t.Errorf("tags are %v", got)
	}
	tags.ResourceArn = aws.String(arns[0] + ":*")
	refused(t, "InvalidParameterException", client.ListTagsForResource, tags)
	do(t, client.TagResource, &cloudwatchlogs.TagResourceInput{ResourceArn: aws.String(arns[1]), Tags: map[string]string{"a": "b"}})
	key := "arn:aws:kms:" + here + ":" + blue + ":key/1"
	do(t, client.AssociateKmsKey, &cloudwatchlogs.AssociateKmsKeyInput{LogGroupName: aws.String("/acme/app"), KmsKeyId: aws.String(key)})
	do(t, client.DisassociateKmsKey, &cloudwatchlogs.DisassociateKmsKeyInput{LogGroupName: aws.String("/acme/app")})
	do(t, client.DeleteRetentionPolicy, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: aws.String("/acme/app")})
	do(t, client.DeleteLogGroup, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/acme/app")})
	refused(t, "ResourceNotFoundException", client.DeleteLogGroup, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("/acme/app")})
}

func TestAlarms(t *testing.T) {
	b := newBench(t)
	client := cloudwatch.NewFromConfig(b.as(blue))
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("acme-errors"), AlarmDescription: aws.String("Too many errors"), Namespace: aws.String("Acme"), MetricName: aws.String("Errors"),
		Dimensions: []cwtypes.Dimension{{Name: aws.String("Tenant"), Value: aws.String("acme")}}, Statistic: "Sum", Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(3), DatapointsToAlarm: aws.Int32(2), Threshold: aws.Float64(-1.5), ComparisonOperator: "GreaterThanThreshold",
		TreatMissingData: aws.String("notBreaching"), AlarmActions: []string{"arn:aws:sns:" + here + ":" + blue + ":alerts"},
		Tags: []cwtypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	}
	do(t, client.PutMetricAlarm, in)
	get := func() cwtypes.MetricAlarm {
		t.Helper()
		alarms := do(t, client.DescribeAlarms, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{"acme-errors"}}).MetricAlarms
		if len(alarms) != 1 {
			t.Fatalf("alarms are %+v", alarms)
		}
		return alarms[0]
	}
	got := get()
	if *got.Threshold != -1.5 || *got.DatapointsToAlarm != 2 || !*got.ActionsEnabled || *got.Dimensions[0].Value != "acme" ||
		got.AlarmActions[0] != in.AlarmActions[0] || !got.AlarmConfigurationUpdatedTimestamp.Equal(b.now) || got.StateValue != "INSUFFICIENT_DATA" {
		t.Errorf("the alarm is %+v", got)
	}
	in.Dimensions, in.AlarmActions, in.DatapointsToAlarm, in.Threshold = nil, nil, nil, aws.Float64(10)
	in.Tags = []cwtypes.Tag{{Key: aws.String("ignored"), Value: aws.String("yes")}}
	do(t, client.PutMetricAlarm, in)
	if got = get(); len(got.Dimensions)+len(got.AlarmActions) != 0 || got.DatapointsToAlarm != nil || *got.Threshold != 10 {
		t.Errorf("the replaced alarm is %+v", got)
	}
	tags := do(t, client.ListTagsForResource, &cloudwatch.ListTagsForResourceInput{ResourceARN: got.AlarmArn}).Tags
	if len(tags) != 1 || *tags[0].Key != "team" {
		t.Errorf("tags are %+v", tags)
	}
	do(t, client.TagResource, &cloudwatch.TagResourceInput{ResourceARN: got.AlarmArn, Tags: []cwtypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	do(t, client.UntagResource, &cloudwatch.UntagResourceInput{ResourceARN: got.AlarmArn, TagKeys: []string{"team"}})
	in.Period = aws.Int32(61)
	refused(t, "ValidationError", client.PutMetricAlarm, in)
	in.Period, in.Statistic = aws.Int32(60), "Median"
	refused(t, "ValidationError", client.PutMetricAlarm, in)
	refused(t, "ResourceNotFound", client.DeleteAlarms, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"acme-errors", "none"}})
	if got := do(t, client.DescribeAlarms, &cloudwatch.DescribeAlarmsInput{AlarmTypes: []cwtypes.AlarmType{"CompositeAlarm"}}).MetricAlarms; len(got) != 0 {
		t.Errorf("composite alarms are %+v", got)
	}
	do(t, client.DeleteAlarms, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"acme-errors"}})
}

func TestTopics(t *testing.T) {
	b := newBench(t)
	client := sns.NewFromConfig(b.as(blue))
	in := &sns.CreateTopicInput{
		Name: aws.String("alerts"), Attributes: map[string]string{"DisplayName": "Alerts"},
		Tags: []snstypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	}
	arn := do(t, client.CreateTopic, in).TopicArn
	do(t, client.CreateTopic, in)
	in.Tags[0].Value = aws.String("green")
	refused(t, "InvalidParameter", client.CreateTopic, in)
	attributes := do(t, client.GetTopicAttributes, &sns.GetTopicAttributesInput{TopicArn: arn}).Attributes
	if attributes["DisplayName"] != "Alerts" || attributes["Policy"] == "" || attributes["Owner"] != blue {
		t.Errorf("attributes are %v", attributes)
	}
	do(t, client.SetTopicAttributes, &sns.SetTopicAttributesInput{TopicArn: arn, AttributeName: aws.String("DisplayName"), AttributeValue: aws.String("")})

	queue := "arn:aws:sqs:" + here + ":" + blue + ":jobs"
	subscribe := func(protocol, endpoint string) *sns.SubscribeInput {
		return &sns.SubscribeInput{TopicArn: arn, Protocol: aws.String(protocol), Endpoint: aws.String(endpoint)}
	}
	first := do(t, client.Subscribe, subscribe("sqs", queue)).SubscriptionArn
	if again := do(t, client.Subscribe, subscribe("sqs", queue)).SubscriptionArn; *again != *first {
		t.Errorf("subscribing twice made %s and %s", *first, *again)
	}
	if pending := do(t, client.Subscribe, subscribe("email", "a@example.org")).SubscriptionArn; *pending != "pending confirmation" {
		t.Errorf("an e-mail subscription is %s", *pending)
	}
	refused(t, "InvalidParameter", client.Subscribe, subscribe("sqs", "jobs"))
	refused(t, "InvalidParameter", client.Subscribe, subscribe("pigeon", "roof"))
	b.SetConditions(awsbox.Conditions{PageSize: 1})
	listed := map[string]string{}
	pages := sns.NewListSubscriptionsByTopicPaginator(client, &sns.ListSubscriptionsByTopicInput{TopicArn: arn})
	for pages.HasMorePages() {
		for _, s := range must[*sns.ListSubscriptionsByTopicOutput](t)(pages.NextPage(t.Context())).Subscriptions {
			listed[*s.Endpoint] = *s.SubscriptionArn
		}
	}
	if len(listed) != 2 || listed[queue] != *first || listed["a@example.org"] != "PendingConfirmation" {
		t.Errorf("subscriptions are %v", listed)
	}
	do(t, client.Unsubscribe, &sns.UnsubscribeInput{SubscriptionArn: first})
	refused(t, "InvalidParameter", client.Unsubscribe, &sns.UnsubscribeInput{SubscriptionArn: aws.String("PendingConfirmation")})
	do(t, client.TagResource, &sns.TagResourceInput{ResourceArn: arn, Tags: []snstypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	if tags := do(t, client.ListTagsForResource, &sns.ListTagsForResourceInput{ResourceArn: arn}).Tags; len(tags) != 2 {
		t.Errorf("tags are %+v", tags)
	}
	refused(t, "AuthorizationError", sns.NewFromConfig(b.as(green)).GetTopicAttributes, &sns.GetTopicAttributesInput{TopicArn: arn})
	do(t, client.DeleteTopic, &sns.DeleteTopicInput{TopicArn: arn})
	do(t, client.DeleteTopic, &sns.DeleteTopicInput{TopicArn: arn})
	refused(t, "NotFound", client.GetTopicAttributes, &sns.GetTopicAttributesInput{TopicArn: arn})
	if live := b.Live(); len(live) != 0 {
		t.Errorf("left over: %+v", live)
	}
}

func TestSecrets(t *testing.T) {
	b := newBench(t)
	client := secretsmanager.NewFromConfig(b.as(blue))
	name := aws.String("acme/db")
	in := &secretsmanager.CreateSecretInput{
		Name: name, Description: aws.String("The database"), ClientRequestToken: aws.String("0123456789abcdef0123456789abcdef"),
		Tags: []smtypes.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	}
	arn := do(t, client.CreateSecret, in).ARN
	refused(t, "ResourceExistsException", client.CreateSecret, in)
	refused(t, "ResourceNotFoundException", client.GetSecretValue, &secretsmanager.GetSecretValueInput{SecretId: name})
	do(t, client.UpdateSecret, &secretsmanager.UpdateSecretInput{SecretId: arn, Description: aws.String("")})
	do(t, client.PutResourcePolicy, &secretsmanager.PutResourcePolicyInput{SecretId: name, ResourcePolicy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:DeleteSecret","Resource":"*"}]}`)})
	if got := do(t, client.GetResourcePolicy, &secretsmanager.GetResourcePolicyInput{SecretId: name}).ResourcePolicy; got == nil {
		t.Error("the policy is gone")
	}
	do(t, client.DeleteResourcePolicy, &secretsmanager.DeleteResourcePolicyInput{SecretId: name})
	if got := do(t, client.GetResourcePolicy, &secretsmanager.GetResourcePolicyInput{SecretId: name}).ResourcePolicy; got != nil {
		t.Errorf("the policy is still %s", *got)
	}
	refused(t, "InvalidRequestException", client.RotateSecret, &secretsmanager.RotateSecretInput{SecretId: name})
	do(t, client.RotateSecret, &secretsmanager.RotateSecretInput{
		SecretId: name, RotationLambdaARN: aws.String("arn:aws:lambda:" + here + ":" + blue + ":function:rotate"),
		RotationRules: &smtypes.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
	})
	got := do(t, client.DescribeSecret, &secretsmanager.DescribeSecretInput{SecretId: name})
	if !*got.RotationEnabled || *got.RotationRules.AutomaticallyAfterDays != 30 || got.Description != nil || len(got.Tags) != 1 {
		t.Errorf("the secret is %+v", got)
	}
	do(t, client.CancelRotateSecret, &secretsmanager.CancelRotateSecretInput{SecretId: name})

	refused(t, "InvalidParameterException", client.DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: name, RecoveryWindowInDays: aws.Int64(6)})
	do(t, client.DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: name})
	if list := do(t, client.ListSecrets, &secretsmanager.ListSecretsInput{}).SecretList; len(list) != 0 {
		t.Errorf("a secret scheduled for deletion is listed: %+v", list)
	}
	if list := do(t, client.ListSecrets, &secretsmanager.ListSecretsInput{IncludePlannedDeletion: aws.Bool(true)}).SecretList; len(list) != 1 || list[0].DeletedDate == nil {
		t.Errorf("a secret scheduled for deletion isn't listed although asked for: %+v", list)
	}
	refused(t, "InvalidRequestException", client.CreateSecret, in)
	refused(t, "InvalidRequestException", client.UpdateSecret, &secretsmanager.UpdateSecretInput{SecretId: name, Description: aws.String("x")})
	do(t, client.RestoreSecret, &secretsmanager.RestoreSecretInput{SecretId: name})
	do(t, client.DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: name})
	b.now = b.now.Add(30 * 24 * time.Hour)
	do(t, secretsmanager.NewFromConfig(b.as(blue)).CreateSecret, in)
}

func TestTaggingAPI(t *testing.T) {
	b := newBench(t)
	cfg := b.as(blue)
	for _, name := range []string{"a", "b"} {
		do(t, sqs.NewFromConfig(cfg).CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String(name), Tags: map[string]string{"fleet": "x", "n": name}})
	}
	do(t, sqs.NewFromConfig(cfg).CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String("untagged")})
	do(t, s3.NewFromConfig(cfg).CreateBucket, &s3.CreateBucketInput{Bucket: aws.String("here"), CreateBucketConfiguration: inRegion(here)})
	do(t, s3.NewFromConfig(cfg).PutBucketTagging, putTags("here", "fleet", "x"))
	client := resourcegroupstaggingapi.NewFromConfig(cfg)
	b.SetConditions(awsbox.Conditions{PageSize: 1})
	count := func(in *resourcegroupstaggingapi.GetResourcesInput) (n int) {
		t.Helper()
		pages := resourcegroupstaggingapi.NewGetResourcesPaginator(client, in)
		for pages.HasMorePages() {
			n += len(must[*resourcegroupstaggingapi.GetResourcesOutput](t)(pages.NextPage(t.Context())).ResourceTagMappingList)
		}
		return n
	}
	fleet := []tagtypes.TagFilter{{Key: aws.String("fleet"), Values: []string{"x"}}}
	if got := count(&resourcegroupstaggingapi.GetResourcesInput{TagFilters: fleet}); got != 3 {
		t.Errorf("%d resources carry the tag", got)
	}
	if got := count(&resourcegroupstaggingapi.GetResourcesInput{TagFilters: fleet, ResourceTypeFilters: []string{"sqs"}}); got != 2 {
		t.Errorf("%d queues carry the tag", got)
	}
	first := do(t, client.GetResources, &resourcegroupstaggingapi.GetResourcesInput{})
	b.now = b.now.Add(15 * time.Minute)
	refused(t, "PaginationTokenExpiredException", client.GetResources, &resourcegroupstaggingapi.GetResourcesInput{PaginationToken: first.PaginationToken})
}
