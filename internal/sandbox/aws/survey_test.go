package awsbox_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/go-cmp/cmp"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
)

// survey goes through every kind of the blue account and returns what it found, by kind and name.
func survey(t *testing.T, b *bench) map[string]providers.Found {
	t.Helper()
	set := must[providers.Set](t)(drivers.Drivers(b.base(), []drivers.Account{
		{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry", ExternalID: "secret-of-blue"},
	}))
	all, ctx := map[string]providers.Found{}, providers.InSweep(t.Context())
	for name, driver := range set {
		scope := resource.Scope{Account: blue, Region: here}
		if driver.Kind().Global {
			scope.Region = resource.Global
		}
		for _, f := range must[[]providers.Found](t)(driver.(providers.Surveyor).Survey(ctx, scope)) {
			key := name + " " + f.Name
			if _, twice := all[key]; twice {
				t.Errorf("%s is in the survey twice", key)
			}
			all[key] = f
		}
	}
	return all
}

// A survey sees one of each kind, none of which Tenantry made, and nothing of AWS's own: the account
// has a service's role, AWS's key for S3 and the alarm of a scaling policy as well.
func TestSurveyLeavesOutWhatAWSKeeps(t *testing.T) {
	b := newBench(t)
	cfg := b.as(blue)
	everything(t, cfg)
	do(t, cloudwatch.NewFromConfig(cfg).PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("TargetTracking-service/web-AlarmHigh"), Namespace: aws.String("AWS/ECS"), MetricName: aws.String("CPUUtilization"),
		Statistic: "Average", Period: aws.Int32(60), EvaluationPeriods: aws.Int32(3), Threshold: aws.Float64(70), ComparisonOperator: "GreaterThanThreshold",
	})
	found := survey(t, b)
	want := []string{
		"aws.cloudwatch.alarm acme", "aws.iam.role acme", "aws.kms.key alias/acme", "aws.logs.group acme",
		"aws.s3.bucket acme", "aws.secretsmanager.secret acme", "aws.sns.topic acme", "aws.sqs.queue acme",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(found))); diff != "" {
		t.Error(diff)
	}
	for key, f := range found {
		if nobodys := !strings.Contains(key, "bucket"); f.Unowned() != nobodys {
			t.Errorf("%s is of fleet %q", key, f.Fleet)
		}
	}
	if f := found["aws.s3.bucket acme"]; f.Fleet != "?" || f.Address != (resource.Address{}) {
		t.Errorf("half a mark is read as fleet %q, %s", f.Fleet, f.Address)
	}
}

// What may be listed and not read is in the list, and never passes for nobody's.
func TestSurveyNamesWhatItMayNotRead(t *testing.T) {
	b := newBench(t)
	everything(t, b.as(blue))
	b.SetConditions(awsbox.Conditions{Deny: []awsbox.Match{{Operation: "GetKeyPolicy"}, {Operation: "ListQueueTags"}}})
	found := survey(t, b)
	unread := 0
	for key, f := range found {
		if f.Unread == "" {
			continue
		}
		unread++
		if f.Unowned() || !strings.Contains(f.Unread, "denied") {
			t.Errorf("%s: unowned %t, unread because %s", key, f.Unowned(), f.Unread)
		}
	}
	if len(found) != 8 || unread != 2 {
		t.Errorf("found %d, of which %d can't be read", len(found), unread)
	}
	b.SetConditions(awsbox.Conditions{Deny: []awsbox.Match{{Operation: "ListQueues"}}})
	set := must[providers.Set](t)(drivers.Drivers(b.base(), []drivers.Account{{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry", ExternalID: "secret-of-blue"}}))
	list, err := set["aws.sqs.queue"].(providers.Surveyor).Survey(t.Context(), resource.Scope{Account: blue, Region: here})
	if err == nil {
		t.Errorf("a list that can't be made is not an error: %v", list)
	}
}

// The calls of a survey are those of its comments: per kind a listing and what each resource costs.
func TestSurveyCalls(t *testing.T) {
	const n = 3
	b := newBench(t)
	cfg := b.as(blue)
	for i := range n {
		do(t, sqs.NewFromConfig(cfg).CreateQueue, &sqs.CreateQueueInput{QueueName: aws.String(fmt.Sprint("q", i))})
	}
	everything(t, cfg)
	before := b.Counts()
	survey(t, b)
	got := map[string]int{}
	for operation, times := range b.Counts() {
		if times -= before[operation]; times > 0 && !strings.HasPrefix(operation, "sts.") {
			got[operation] = times
		}
	}
	want := map[string]int{
		"s3.ListBuckets": 1, "s3.GetBucketTagging": 1, "s3.GetPublicAccessBlock": 1, "s3.GetBucketEncryption": 1,
		"s3.GetBucketVersioning": 1, "s3.GetBucketLifecycleConfiguration": 1, "s3.GetBucketPolicy": 1,
		"s3.GetBucketOwnershipControls": 1, "s3.GetBucketNotificationConfiguration": 1,
		"iam.GetAccountAuthorizationDetails": 1, "iam.ListRoles": 1,
		"kms.ListKeys": 1, "kms.ListAliases": 1, "kms.ListResourceTags": 1, "kms.DescribeKey": 1, "kms.GetKeyPolicy": 1, "kms.GetKeyRotationStatus": 1, "kms.ListGrants": 1,
		"logs.DescribeLogGroups": 1, "logs.ListTagsForResource": 1, "logs.DescribeSubscriptionFilters": 1,
		"monitoring.DescribeAlarms": 1, "monitoring.ListTagsForResource": 1,
		"sns.ListTopics": 1, "sns.ListTagsForResource": 1, "sns.GetTopicAttributes": 1, "sns.ListSubscriptions": 1,
		"sqs.ListQueues": 1, "sqs.ListQueueTags": n + 1, "sqs.GetQueueAttributes": n + 1,
		"secretsmanager.ListSecrets": 1, "secretsmanager.GetResourcePolicy": 1,
		"tagging.GetResources": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
