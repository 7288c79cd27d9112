package attacks

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantry.dev/reconciler/changeset"
)

func (h Hand) cloudwatch() *cloudwatch.Client { return cloudwatch.NewFromConfig(h.Config) }
func (h Hand) sns() *sns.Client               { return sns.NewFromConfig(h.Config) }
func (h Hand) sqs() *sqs.Client               { return sqs.NewFromConfig(h.Config) }

// put changes an alarm as the console does: it is read, changed, and put again whole.
func (h Hand) put(ctx context.Context, change func(*cloudwatch.PutMetricAlarmInput)) error {
	out, err := h.cloudwatch().DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{*h.output("backlog", "name")}})
	if err != nil {
		return err
	}
	a := out.MetricAlarms[0]
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName: a.AlarmName, AlarmDescription: a.AlarmDescription, Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions,
		Statistic: a.Statistic, Period: a.Period, EvaluationPeriods: a.EvaluationPeriods, Threshold: a.Threshold, ComparisonOperator: a.ComparisonOperator,
		TreatMissingData: a.TreatMissingData, ActionsEnabled: a.ActionsEnabled, AlarmActions: a.AlarmActions, OKActions: a.OKActions,
	}
	change(in)
	return did(ctx, h.cloudwatch().PutMetricAlarm, in)
}

func alarmAttacks() []Attack {
	put := func(change func(*cloudwatch.PutMetricAlarmInput)) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error { return h.put(ctx, change) }
	}
	theirs := func(h Hand) string { return "arn:aws:sns:eu-central-1:" + h.Stranger + ":loot" }
	return []Attack{
		changed(alarm, "actionsEnabled", "silences the alarm", "nobody is told", put(func(in *cloudwatch.PutMetricAlarmInput) { in.ActionsEnabled = aws.Bool(false) })),
		changed(alarm, "alarmActions", "takes the alarm's action away", "nobody is told", put(func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmActions = nil })),
		changed(alarm, "alarmActions", "has the alarm tell another account", "strangers learn of incidents", func(ctx context.Context, h Hand) error {
			return h.put(ctx, func(in *cloudwatch.PutMetricAlarmInput) { in.AlarmActions = append(in.AlarmActions, theirs(h)) })
		}),
		changed(alarm, "okActions", "has another account told when it is over", "strangers learn of incidents", func(ctx context.Context, h Hand) error {
			return h.put(ctx, func(in *cloudwatch.PutMetricAlarmInput) { in.OKActions = []string{theirs(h)} })
		}),
		changed(alarm, "statistic", "has another account told when there is no data", "strangers learn of outages", func(ctx context.Context, h Hand) error {
			return h.put(ctx, func(in *cloudwatch.PutMetricAlarmInput) { in.InsufficientDataActions = []string{theirs(h)} })
		}),
		changed(alarm, "threshold", "raises the threshold", "the alarm never goes off", put(func(in *cloudwatch.PutMetricAlarmInput) { in.Threshold = aws.Float64(1e6) })),
		changed(alarm, "comparison", "turns the comparison round", "the alarm goes off when all is well", put(func(in *cloudwatch.PutMetricAlarmInput) {
			in.ComparisonOperator = cwtypes.ComparisonOperatorLessThanThreshold
		})),
		changed(alarm, "evaluationPeriods", "waits for a hundred periods", "the alarm goes off too late", put(func(in *cloudwatch.PutMetricAlarmInput) { in.EvaluationPeriods = aws.Int32(100) })),
		changed(alarm, "treatMissingData", "takes missing values for good ones", "an outage raises no alarm", put(func(in *cloudwatch.PutMetricAlarmInput) { in.TreatMissingData = aws.String("notBreaching") })),
		changed(alarm, "dimensions.QueueName", "watches another queue", "the alarm says nothing about this one", put(func(in *cloudwatch.PutMetricAlarmInput) {
			in.Dimensions = []cwtypes.Dimension{{Name: aws.String("QueueName"), Value: aws.String("quiet")}}
		})),
		changed(alarm, "tags.tenant", "changes a tag", "costs are billed to somebody else", func(ctx context.Context, h Hand) error {
			return did(ctx, h.cloudwatch().TagResource, &cloudwatch.TagResourceInput{ResourceARN: h.output("backlog", "arn"), Tags: []cwtypes.Tag{{Key: aws.String("tenant"), Value: aws.String("globex")}}})
		}),
		vanished(alarm, "tidies the ownership tags away", "nobody looks after the alarm any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.cloudwatch().UntagResource, &cloudwatch.UntagResourceInput{ResourceARN: h.output("backlog", "arn"), TagKeys: marks})
		}),
		vanished(alarm, "deletes the alarm", "nobody is told", func(ctx context.Context, h Hand) error {
			return did(ctx, h.cloudwatch().DeleteAlarms, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{*h.output("backlog", "name")}})
		}),
	}
}

func topicAttacks() []Attack {
	arn := func(h Hand) *string { return h.output("news", "arn") }
	set := func(attribute string, value func(h Hand) string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.sns().SetTopicAttributes, &sns.SetTopicAttributesInput{TopicArn: arn(h), AttributeName: &attribute, AttributeValue: aws.String(value(h))})
		}
	}
	subscribe := func(protocol string, endpoint func(h Hand) string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.sns().Subscribe, &sns.SubscribeInput{TopicArn: arn(h), Protocol: &protocol, Endpoint: aws.String(endpoint(h))})
		}
	}
	return []Attack{
		changed(topic, "policy", "opens the topic to the world", "everybody can listen, and write in the tenant's name", set("Policy", func(h Hand) string { return *openTo("*", *arn(h)) })),
		changed(topic, "policy", "opens the topic to another account", "strangers can listen, and write in the tenant's name", set("Policy", func(h Hand) string { return *openTo(account(h.Stranger), *arn(h)) })),
		changed(topic, "subscriptions", "subscribes a queue of another account", "strangers read every message", subscribe("sqs", func(h Hand) string { return h.Queue })),
		changed(topic, "subscriptions", "subscribes a private address", "somebody reads every message at home", subscribe("email", func(Hand) string { return "robin@example.org" })),
		changed(topic, "subscriptions", "ends the subscription that is there", "messages don't arrive any more", func(ctx context.Context, h Hand) error {
			out, err := h.sns().ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: arn(h)})
			if err != nil {
				return err
			}
			return did(ctx, h.sns().Unsubscribe, &sns.UnsubscribeInput{SubscriptionArn: out.Subscriptions[0].SubscriptionArn})
		}),
		changed(topic, "kmsKey", "takes the key off the topic", "messages lie unencrypted", set("KmsMasterKeyId", func(Hand) string { return "" })),
		changed(topic, "displayName", "changes the sender's name", "mail comes in somebody else's name", set("DisplayName", func(Hand) string { return "Your bank" })),
		changed(topic, "tags.tenant", "changes a tag", "costs are billed to somebody else", func(ctx context.Context, h Hand) error {
			return did(ctx, h.sns().TagResource, &sns.TagResourceInput{ResourceArn: arn(h), Tags: []snstypes.Tag{{Key: aws.String("tenant"), Value: aws.String("globex")}}})
		}),
		vanished(topic, "tidies the ownership tags away", "nobody looks after the topic any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.sns().UntagResource, &sns.UntagResourceInput{ResourceArn: arn(h), TagKeys: marks})
		}),
		vanished(topic, "deletes the topic", "messages and alarms go nowhere", func(ctx context.Context, h Hand) error {
			return did(ctx, h.sns().DeleteTopic, &sns.DeleteTopicInput{TopicArn: arn(h)})
		}),
	}
}

func queueAttacks() []Attack {
	set := func(attribute string, value func(h Hand) string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.sqs().SetQueueAttributes, &sqs.SetQueueAttributesInput{QueueUrl: h.output("jobs", "url"), Attributes: map[string]string{attribute: value(h)}})
		}
	}
	is := func(text string) func(Hand) string { return func(Hand) string { return text } }
	list := []Attack{
		changed(queue, "policy", "opens the queue to the world", "everybody can read and send messages", set("Policy", func(h Hand) string { return *openTo("*", *h.output("jobs", "arn")) })),
		changed(queue, "policy", "opens the queue to another account", "strangers can read and send messages", set("Policy", func(h Hand) string { return *openTo(account(h.Stranger), *h.output("jobs", "arn")) })),
		changed(queue, "deadLetter.targetArn", "moves what fails to another queue", "whoever reads that queue gets the tenant's messages", set("RedrivePolicy", func(h Hand) string {
			return `{"deadLetterTargetArn":"` + *h.output("spare", "arn") + `","maxReceiveCount":3}`
		})),
		changed(queue, "deadLetter.maxReceiveCount", "moves messages at the first failure", "work is lost that would have been done", set("RedrivePolicy", func(h Hand) string {
			return `{"deadLetterTargetArn":"` + *h.output("dead", "arn") + `","maxReceiveCount":1}`
		})),
		changed(queue, "deadLetter", "keeps what fails in the queue", "one bad message blocks the others", set("RedrivePolicy", is(""))),
		changed(queue, "redriveAllow.permission", "lets no queue move its failures here", "they are lost", set("RedriveAllowPolicy", is(`{"redrivePermission":"denyAll"}`))),
		changed(queue, "encryption", "turns encryption off", "messages lie unencrypted", func(ctx context.Context, h Hand) error {
			return did(ctx, h.sqs().SetQueueAttributes, &sqs.SetQueueAttributesInput{
				QueueUrl: h.output("jobs", "url"), Attributes: map[string]string{"KmsMasterKeyId": "", "SqsManagedSseEnabled": "false"},
			})
		}),
		changed(queue, "kmsKey", "encrypts with another key", "whoever has that key can read messages", set("KmsMasterKeyId", func(h Hand) string { return "arn:aws:kms:eu-central-1:" + h.Stranger + ":key/theirs" })),
		changed(queue, "messageRetention", "keeps messages for a minute", "work that isn't done at once is lost", set("MessageRetentionPeriod", is("60"))),
		changed(queue, "visibilityTimeout", "hides received messages for no time", "everything is worked on several times", set("VisibilityTimeout", is("0"))),
		changed(queue, "delay", "holds messages back for a quarter of an hour", "everything is late", set("DelaySeconds", is("900"))),
		changed(queue, "tags.tenant", "changes a tag", "costs are billed to somebody else", func(ctx context.Context, h Hand) error {
			return did(ctx, h.sqs().TagQueue, &sqs.TagQueueInput{QueueUrl: h.output("jobs", "url"), Tags: map[string]string{"tenant": "globex"}})
		}),
		vanished(queue, "tidies the ownership tags away", "nobody looks after the queue any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.sqs().UntagQueue, &sqs.UntagQueueInput{QueueUrl: h.output("jobs", "url"), TagKeys: marks})
		}),
		vanished(queue, "deletes the queue", "messages are lost", func(ctx context.Context, h Hand) error {
			return did(ctx, h.sqs().DeleteQueue, &sqs.DeleteQueueInput{QueueUrl: h.output("jobs", "url")})
		}),
	}
	for i := range list {
		list[i].Of = "jobs"
	}
	return list
}

func functionAttacks() []Attack {
	patch := func(text string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, cloudcontrol.NewFromConfig(h.Config).UpdateResource, &cloudcontrol.UpdateResourceInput{
				TypeName: aws.String(function), Identifier: aws.String(h.Have["report"].ID), PatchDocument: &text,
			})
		}
	}
	return []Attack{
		changed(function, "Role", "lets the function run as another role", "it can do what that role can", patch(`[{"op":"replace","path":"/Role","value":"arn:aws:iam::111111111111:role/admin"}]`)),
		changed(function, "Handler", "has the function begin elsewhere", "other code runs in its name", patch(`[{"op":"replace","path":"/Handler","value":"evil.handler"}]`)),
		changed(function, "Environment", "changes what the function is set up with", "it sends its results elsewhere", patch(`[{"op":"replace","path":"/Environment/Variables/ENDPOINT","value":"https://example.org"}]`)),
		changed(function, "Environment", "adds a variable to what the function is set up with", "it loads somebody else's code", patch(`[{"op":"add","path":"/Environment/Variables/NODE_OPTIONS","value":"--require /tmp/x.js"}]`)),
	}
}

// copiedMarks are resources that pass for the tenant's.
func copiedMarks() []Attack {
	rogue := func(name, address string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.sqs().CreateQueue, &sqs.CreateQueueInput{
				QueueName: &name, Tags: map[string]string{"tenantry:fleet": "suite", "tenantry:address": "tenant/acme/" + queue + "/" + address},
			})
		}
	}
	return []Attack{
		{
			Kind: queue, Of: "jobs", What: "makes a queue with a copy of the tags of the tenant's", Why: "a change that is meant for one reaches the other",
			Action: changeset.None, Cause: changeset.Orphan, Stays: "nobody can tell which of the two is meant: both are left alone until a person decides", do: rogue("rogue", "jobs"),
		},
		{
			Kind: queue, What: "makes a queue with tags that name no resource in Git", Why: "it hides among the tenant's resources", At: queue + "/extra",
			Action: changeset.Delete, Cause: changeset.Orphan, Stays: "neither Git nor the log knows of it: it is left alone until a person decides", do: rogue("rogue", "extra"),
		},
		{
			Kind: role, What: "makes a role with a copy of the tags of the tenant's", Why: "it passes for the tenant's, with other permissions", At: role + "/app",
			Action: changeset.None, Cause: changeset.Orphan, Stays: "nobody can tell which of the two is meant: both are left alone until a person decides",
			do: func(ctx context.Context, h Hand) error {
				return did(ctx, h.iam().CreateRole, &iam.CreateRoleInput{
					RoleName: aws.String("rogue"), AssumeRolePolicyDocument: aws.String(trustAll),
					Tags: []iamtypes.Tag{
						{Key: aws.String("tenantry:fleet"), Value: aws.String("suite")},
						{Key: aws.String("tenantry:address"), Value: aws.String("tenant/acme/" + role + "/app")},
					},
				})
			},
		},
		{
			Kind: queue, Of: "jobs", What: "writes another tenant's address into the queue's tags", Why: "the other tenant's commits change this one's queue", At: queue + "/jobs",
			Action: changeset.Create, Cause: changeset.Drift, Stays: "its name is taken by something that isn't the tenant's any more, which is never touched",
			do: func(ctx context.Context, h Hand) error {
				return did(ctx, h.sqs().TagQueue, &sqs.TagQueueInput{
					QueueUrl: h.output("jobs", "url"), Tags: map[string]string{"tenantry:address": "tenant/globex/" + queue + "/jobs"},
				})
			},
		},
	}
}
