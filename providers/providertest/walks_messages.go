package providertest

// The walks of the kinds that carry messages and raise alarms.

func alarmWalks() []Walk {
	const kind = "aws.cloudwatch.alarm"
	topics := []Resource{named("aws.sns.topic", "pager"), named("aws.sns.topic", "mail")}
	return append(common(kind),
		values(kind, "description", nil, "Messages wait too long", "Messages wait far too long"),
		required(kind, "namespace", "AWS/Lambda", "Suite/Own Metrics"),
		required(kind, "metric", "ApproximateNumberOfMessagesVisible"),
		values(kind, "dimensions", nil,
			Attr{"QueueName": "{fleet}-queue"},
			Attr{"QueueName": "{fleet}-queue", "Stage": "live"},
			Attr{"Stage": "test"}),
		required(kind, "statistic", "Average", "Sum", "Minimum", "SampleCount"),
		values(kind, "period", nil, 300, 10),
		values(kind, "evaluationPeriods", nil, 3, 5),
		datapoints(kind),
		required(kind, "threshold", 0.5, 0, -12.25, 1e12),
		required(kind, "comparison", "GreaterThanOrEqualToThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold"),
		values(kind, "treatMissingData", nil, "breaching", "notBreaching", "ignore"),
		values(kind, "actionsEnabled", nil, false, true, false),
		values(kind, "alarmActions", topics,
			[]any{"${pager.arn}"}, []any{"${mail.arn}", "${pager.arn}"}, []any{"${mail.arn}"}),
		values(kind, "okActions", topics, []any{"${mail.arn}"}, []any{"${pager.arn}"}),
		renamed(kind, "name", "{fleet}-renamed"),
	)
}

// datapoints needs more than one evaluation period to choose from.
func datapoints(kind string) Walk {
	w := values(kind, "datapointsToAlarm", nil, 2, 3)
	for i := range w.Steps {
		w.Steps[i].State[0] = w.Steps[i].State[0].with(Attr{"evaluationPeriods": 5})
	}
	return w
}

func topicWalks() []Walk {
	const kind = "aws.sns.topic"
	key := []Resource{named("aws.kms.key", "key")}
	queues := []Resource{named("aws.sqs.queue", "first"), named("aws.sqs.queue", "second")}
	publish := allow(Attr{"Service": "cloudwatch.amazonaws.com"}, "sns:Publish", "arn:aws:sns:{region}:{account}:{fleet}-one",
		Attr{"StringEquals": Attr{"aws:SourceAccount": "{account}"}})
	share := allow(root(), []any{"sns:Subscribe", "sns:Publish"}, "arn:aws:sns:{region}:{account}:{fleet}-one", nil)
	to := func(protocol, endpoint string) Attr { return Attr{"protocol": protocol, "endpoint": endpoint} }
	return append(common(kind),
		values(kind, "displayName", nil, "The suite", "Suite"),
		values(kind, "kmsKey", key, "arn:aws:kms:{region}:{account}:alias/aws/sns", "${key.arn}"),
		values(kind, "policy", nil, publish, publish.and(share), share),
		values(kind, "subscriptions", queues,
			[]any{to("sqs", "${first.arn}")},
			[]any{to("sqs", "${first.arn}"), to("sqs", "${second.arn}"), to("email", "ops@example.com")},
			[]any{to("email", "ops@example.com"), to("sqs", "${second.arn}")}),
		renamed(kind, "name", "{fleet}-renamed"),
	)
}

func queueWalks() []Walk {
	const kind = "aws.sqs.queue"
	keys := []Resource{named("aws.kms.key", "key"), named("aws.kms.key", "other")}
	dead := []Resource{named(kind, "dead"), named(kind, "buried")}
	send := allow(Attr{"Service": "sns.amazonaws.com"}, "sqs:SendMessage", "arn:aws:sqs:{region}:{account}:{fleet}-one",
		Attr{"ArnEquals": Attr{"aws:SourceArn": "arn:aws:sns:{region}:{account}:{fleet}-topic"}})
	read := allow(root(), []any{"sqs:ReceiveMessage", "sqs:DeleteMessage"}, "arn:aws:sqs:{region}:{account}:{fleet}-one", nil)
	keyed := values(kind, "kmsKey", keys, "${key.arn}", "${other.arn}")
	for i := range keyed.Steps { // its default means the account's own key
		keyed.Steps[i].State[0] = keyed.Steps[i].State[0].with(Attr{"encryption": "kms"})
	}
	return append(common(kind),
		values(kind, "visibilityTimeout", nil, 0, 43200),
		values(kind, "messageRetention", nil, 60, 1209600),
		values(kind, "delay", nil, 5, 900),
		values(kind, "maxMessageSize", nil, 1024, 65536),
		values(kind, "receiveWait", nil, 20, 1),
		values(kind, "encryption", nil, "none", "sqs", "kms", "none"), keyed,
		values(kind, "deadLetter", dead,
			Attr{"targetArn": "${dead.arn}", "maxReceiveCount": 3},
			Attr{"targetArn": "${buried.arn}", "maxReceiveCount": 3},
			Attr{"targetArn": "${buried.arn}", "maxReceiveCount": 10}),
		values(kind, "redriveAllow", dead,
			Attr{"permission": "denyAll", "sources": []any{}},
			Attr{"permission": "byQueue", "sources": []any{"${dead.arn}"}},
			Attr{"permission": "byQueue", "sources": []any{"${dead.arn}", "${buried.arn}"}}),
		values(kind, "policy", nil, send, send.and(read), read),
		renamed(kind, "name", "{fleet}-renamed"),
	)
}
