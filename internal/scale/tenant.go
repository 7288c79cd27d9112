// Package scale generates fleets of any size at the sandbox, to count and to time what observing them
// costs.
package scale

import (
	"fmt"

	"tenantry.dev/reconciler/resource"
)

// Fleet is the name of the generated fleets.
const Fleet = "scale"

// Region is where the generated tenants live.
const Region = "eu-central-1"

// Home is where a tenant lives.
func Home(account string) resource.Scope { return resource.Scope{Account: account, Region: Region} }

// Nine returns a tenant with one resource of each native kind, and two alarms. Its bucket is versioned if
// asked for.
func Nine(name, account string, versioned bool) []resource.Desired {
	t := tenant{name, account}
	key := resource.Ref{Address: t.address("aws.kms.key", "key"), Output: "arn"}.Placeholder()
	return []resource.Desired{
		t.want("aws.kms.key", "key", map[string]any{"alias": "alias/" + name, "rotation": true}),
		t.want("aws.s3.bucket", "data", map[string]any{
			"name": "scale-" + name, "versioning": versioned, "encryption": map[string]any{"algorithm": "aws:kms", "kmsKey": key},
			"lifecycle": []any{map[string]any{"id": "tmp", "prefix": "tmp/", "expireDays": 7, "noncurrentExpireDays": 30}},
		}),
		t.want("aws.logs.group", "app", map[string]any{"name": "/scale/" + name, "retentionDays": 30}),
		t.want("aws.sns.topic", "alerts", map[string]any{
			"name": "scale-" + name, "subscriptions": []any{map[string]any{"protocol": "email", "endpoint": "ops@" + name + ".example.com"}},
		}),
		t.alarm("errors", "Errors"),
		t.alarm("latency", "Latency"),
		t.want("aws.sqs.queue", "jobs", map[string]any{"name": "scale-" + name, "visibilityTimeout": 60}),
		t.want("aws.secretsmanager.secret", "db", map[string]any{"name": "scale/" + name, "description": "database of " + name}),
		t.role("app"),
	}
}

// Fifteen returns Nine with six more: alarms, a role, a queue and a log group.
func Fifteen(name, account string) []resource.Desired {
	t := tenant{name, account}
	return append(Nine(name, account, true),
		t.alarm("saturation", "Saturation"), t.alarm("traffic", "Traffic"), t.alarm("restarts", "Restarts"), t.role("worker"),
		t.want("aws.sqs.queue", "mail", map[string]any{"name": "scale-" + name + "-mail"}),
		t.want("aws.logs.group", "audit", map[string]any{"name": "/scale/" + name + "/audit", "retentionDays": 365}),
	)
}

type tenant struct{ name, account string }

func (t tenant) address(kind, name string) resource.Address {
	return resource.Address{Owner: resource.Tenant(t.name), Kind: kind, Name: name}
}

// want is a resource of the tenant. Every one carries two tags of the user's.
func (t tenant) want(kind, name string, attributes map[string]any) resource.Desired {
	d := resource.Desired{Address: t.address(kind, name), Scope: Home(t.account), Cell: "one", Attributes: resource.Attributes{}}
	if kind == "aws.iam.role" {
		d.Scope.Region = resource.Global
	}
	attributes["tags"] = map[string]string{"team": "platform", "tenant": t.name}
	for name, v := range attributes {
		d.Attributes[name], _ = resource.Of(v) // literals, which can be encoded
	}
	return d
}

func (t tenant) alarm(name, metric string) resource.Desired {
	return t.want("aws.cloudwatch.alarm", name, map[string]any{
		"name": "scale-" + t.name + "-" + name, "namespace": "Scale", "metric": metric, "dimensions": map[string]string{"tenant": t.name},
		"statistic": "Sum", "period": 60, "evaluationPeriods": 5, "threshold": 1.0, "comparison": "GreaterThanThreshold",
		"alarmActions": []string{resource.Ref{Address: t.address("aws.sns.topic", "alerts"), Output: "arn"}.Placeholder()},
	})
}

func (t tenant) role(name string) resource.Desired {
	return t.want("aws.iam.role", name, map[string]any{
		"name": "scale-" + t.name + "-" + name,
		"assumeRolePolicy": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Principal": map[string]any{"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole",
		}}},
		"inlinePolicies": map[string]any{"data": map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Effect": "Allow", "Action": []string{"s3:GetObject", "s3:PutObject"}, "Resource": fmt.Sprintf("arn:aws:s3:::scale-%s/*", t.name),
		}}}},
	})
}
