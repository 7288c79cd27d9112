package providertest

import "maps"

// The walks of the kinds that hold data or guard it.

func bucketWalks() []Walk {
	const kind = "aws.s3.bucket"
	key := []Resource{named("aws.kms.key", "key")}
	block := func(a, b, c, d bool) Attr {
		return Attr{"blockPublicAcls": a, "ignorePublicAcls": b, "blockPublicPolicy": c, "restrictPublicBuckets": d}
	}
	rule := func(id, prefix string, expire, noncurrent int) Attr {
		return Attr{"id": id, "prefix": prefix, "expireDays": expire, "noncurrentExpireDays": noncurrent}
	}
	bucket := []any{"arn:aws:s3:::{fleet}-one", "arn:aws:s3:::{fleet}-one/*"}
	tls := allow("*", "s3:*", bucket, Attr{"Bool": Attr{"aws:SecureTransport": "false"}})
	tls["Statement"].([]any)[0].(Attr)["Effect"] = "Deny"
	read := allow(root(), []any{"s3:GetObject", "s3:ListBucket"}, bucket, nil)
	return append(common(kind),
		values(kind, "publicAccessBlock", nil,
			block(true, true, false, false), block(false, false, false, false), block(false, true, true, true)),
		values(kind, "encryption", key,
			Attr{"algorithm": "aws:kms", "kmsKey": ""},
			Attr{"algorithm": "aws:kms", "kmsKey": "${key.arn}"},
			Attr{"algorithm": "aws:kms", "kmsKey": ""}),
		values(kind, "versioning", nil, true, false, true),
		values(kind, "lifecycle", nil,
			[]any{rule("old", "tmp/", 30, 0)},
			[]any{rule("old", "tmp/", 31, 0), rule("versions", "", 0, 90)},
			[]any{rule("versions", "", 365, 90)}),
		values(kind, "policy", nil, tls, tls.and(read), read),
		values(kind, "objectOwnership", nil, "ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced", "ObjectWriter"),
		replicationWalk(kind), notificationWalk(kind),
		values(kind, "eventBridge", nil, true, false, true),
	)
}

// replicationWalk copies to another bucket. Both stay versioned, but that versioning ends with replication.
func replicationWalk(kind string) Walk {
	copies := []Resource{
		named(kind, "copies").with(Attr{"versioning": true}), named(kind, "more").with(Attr{"versioning": true}),
	}
	rule := func(id, prefix, to string, priority int, more Attr) Attr {
		r := Attr{"id": id, "priority": priority, "prefix": prefix, "destination": to, "account": "", "kmsKey": "", "deleteMarkers": false}
		maps.Copy(r, more)
		return r
	}
	replicate := func(role string, rules ...any) Attr {
		return Attr{"roleArn": "arn:aws:iam::{account}:role/" + role, "rules": rules}
	}
	w := values(kind, "replication", copies,
		replicate("copy", rule("all", "", "${copies.arn}", 0, nil)),
		replicate("copy", rule("b", "b/", "${more.arn}", 1, Attr{"deleteMarkers": true}), rule("a", "a/", "${copies.arn}", 2, nil)),
		replicate("other", rule("a", "", "${more.arn}", 2, Attr{"account": "{account}", "kmsKey": "arn:aws:kms:{region}:{account}:key/1"})))
	for i := 1; i < len(w.Steps)-1; i++ {
		w.Steps[i].State[0] = w.Steps[i].State[0].with(Attr{"versioning": true})
	}
	return w
}

// notificationWalk tells queues and a topic, whose policies let S3 in.
func notificationWalk(kind string) Walk {
	lets := func(kind, name, action string) Resource {
		arn := "arn:aws:" + map[string]string{"aws.sqs.queue": "sqs", "aws.sns.topic": "sns"}[kind] + ":{region}:{account}:{fleet}-{name}"
		return named(kind, name).with(Attr{"policy": allow(Attr{"Service": "s3.amazonaws.com"}, action, arn, nil)})
	}
	targets := []Resource{lets("aws.sqs.queue", "jobs", "sqs:SendMessage"), lets("aws.sns.topic", "news", "sns:Publish")}
	to := func(id, target, prefix, suffix string, events ...any) Attr {
		return Attr{"id": id, "target": target, "events": events, "prefix": prefix, "suffix": suffix}
	}
	return values(kind, "notifications", targets,
		[]any{to("jobs", "${jobs.arn}", "", "", "s3:ObjectCreated:*")},
		[]any{to("news", "${news.arn}", "in/", ".csv", "s3:ObjectRemoved:*", "s3:ObjectCreated:Put"), to("jobs", "${jobs.arn}", "out/", "", "s3:ObjectCreated:*")},
		[]any{to("news", "${news.arn}", "", ".csv", "s3:ObjectRemoved:*")})
}

func roleWalks() []Walk {
	const kind = "aws.iam.role"
	s3Read := allow(nil, []any{"s3:GetObject", "s3:ListBucket"}, "*", nil)
	own := allow(nil, "s3:*", []any{"arn:aws:s3:::{fleet}/${aws:username}/*"}, nil)
	send := allow(nil, "sqs:SendMessage", "${queue.arn}", nil)
	queue := []Resource{named("aws.sqs.queue", "queue")}
	return append(common(kind),
		values(kind, "description", nil, "For the suite", "Pounds (£), quotes and <brackets>"),
		required(kind, "assumeRolePolicy",
			trust("lambda.amazonaws.com"),
			allow(root(), "sts:AssumeRole", nil, Attr{"StringEquals": Attr{"sts:ExternalId": "{fleet}"}}),
			trust("lambda.amazonaws.com").and(trust("ec2.amazonaws.com"))),
		values(kind, "inlinePolicies", queue,
			Attr{"read": s3Read},
			Attr{"read": s3Read.and(own), "send": send},
			Attr{"send": own}),
		values(kind, "managedPolicies", nil,
			[]any{"arn:aws:iam::aws:policy/ReadOnlyAccess"},
			[]any{"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess"},
			[]any{"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"}),
		values(kind, "permissionsBoundary", nil,
			"arn:aws:iam::aws:policy/PowerUserAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
		values(kind, "maxSessionDuration", nil, 7200, 43200),
		renamed(kind, "path", "/suite/deep/"),
		renamed(kind, "name", "{fleet}-renamed"),
	)
}

func keyWalks() []Walk {
	const kind = "aws.kms.key"
	admin := allow(root(), "kms:*", "*", nil)
	logs := allow(Attr{"Service": "logs.{region}.amazonaws.com"}, []any{"kms:Encrypt*", "kms:Decrypt*"}, "*", nil)
	return append(common(kind),
		values(kind, "description", nil, "For the suite", "For the suite again"),
		values(kind, "policy", nil, admin.and(logs), admin),
		values(kind, "grants", nil,
			[]any{grant("reports", "role/reports", "Decrypt")},
			[]any{grant("reports", "role/reports", "Encrypt", "Decrypt"), grant("backup", "user/backup", "Decrypt").with("retiringPrincipal", "arn:aws:iam::{account}:role/backup")},
			[]any{grant("backup", "user/backup", "Decrypt").with("encryptionContext", Attr{"tenant": "acme"})}),
		values(kind, "rotation", nil, true, false, true),
		values(kind, "enabled", nil, false, true, false),
		renamedData(kind, "alias", "alias/{fleet}-renamed"),
	)
}

// grant lets somebody of the account use a key.
func grant(name, who string, operations ...any) Attr {
	return Attr{
		"name": name, "principal": "arn:aws:iam::{account}:" + who, "operations": operations,
		"retiringPrincipal": "", "encryptionContext": Attr{},
	}
}

// with returns the attributes with one of them set.
func (a Attr) with(name string, value any) Attr {
	out := maps.Clone(a)
	out[name] = value
	return out
}

func groupWalks() []Walk {
	const kind = "aws.logs.group"
	keys := []Resource{named("aws.kms.key", "key"), named("aws.kms.key", "other")}
	return append(common(kind),
		values(kind, "retentionDays", nil, 30, 3653, 1),
		values(kind, "kmsKey", keys, "${key.arn}", "${other.arn}"),
		values(kind, "subscriptionFilters", nil,
			[]any{filter("first", "", "first")},
			[]any{filter("second", "ERROR", "second"), filter("first", "WARN", "first")},
			[]any{filter("second", "ERROR", "first").with("distribution", "Random")}),
		renamedData(kind, "name", "/{fleet}/renamed"),
	)
}

// filter sends events to a destination, which needs no role of the account.
func filter(name, pattern, to string) Attr {
	return Attr{
		"name": name, "pattern": pattern, "destinationArn": "arn:aws:logs:{region}:{account}:destination:" + to,
		"roleArn": "", "distribution": "ByLogStream",
	}
}

func secretWalks() []Walk {
	const kind = "aws.secretsmanager.secret"
	keys := []Resource{named("aws.kms.key", "key"), named("aws.kms.key", "other")}
	lambda := "arn:aws:lambda:{region}:{account}:function:rotate"
	read := allow(root(), "secretsmanager:GetSecretValue", "*", nil)
	list := allow(root(), "secretsmanager:DescribeSecret", "*", nil)
	return append(common(kind),
		values(kind, "description", nil, "For the suite", "For the suite again"),
		values(kind, "kmsKey", keys, "${key.arn}", "${other.arn}"),
		values(kind, "rotation", nil,
			Attr{"lambdaArn": lambda, "days": 30}, Attr{"lambdaArn": lambda, "days": 7}),
		values(kind, "policy", nil, read, read.and(list), list),
		values(kind, "replicas", nil,
			[]any{Attr{"region": "us-east-2", "kmsKey": ""}},
			[]any{Attr{"region": "us-east-2", "kmsKey": ""}, Attr{"region": "eu-north-1", "kmsKey": "arn:aws:kms:eu-north-1:{account}:key/1"}},
			[]any{Attr{"region": "eu-north-1", "kmsKey": ""}}),
		renamedData(kind, "name", "{fleet}-renamed"),
	)
}

// renamedData is what renaming means for data: the old one is retired under its own address and a
// new one is made under another.
func renamedData(kind, attribute, to string) Walk {
	second := Resource{Kind: kind, Name: "second", Attributes: plainest(kind)}.with(Attr{attribute: to})
	return Walk{Kind: kind, Name: "another " + attribute, Steps: []Step{
		{Name: "the old", State: []Resource{one(kind)}},
		{Name: "the new", State: []Resource{second}},
		{Name: "the old returns", State: []Resource{one(kind), second}},
	}}
}
