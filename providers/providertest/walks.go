package providertest

import (
	"fmt"
	"maps"
	"slices"
)

// Walks returns the walks of all kinds that have a driver of their own. The first walk of each kind is "tags", whose first two
// steps are one resource that needs no other, at its plainest and changed.
func Walks() []Walk {
	return slices.Concat(
		bucketWalks(), roleWalks(), keyWalks(), groupWalks(),
		alarmWalks(), topicWalks(), queueWalks(), secretWalks(),
	)
}

// walksOf are the walks of one kind.
func walksOf(kind string) []Walk {
	if s, ok := sampleOf(kind); ok {
		return typeWalks(s)
	}
	return slices.DeleteFunc(Walks(), func(w Walk) bool { return w.Kind != kind })
}

// plainest has the attributes without which a resource of the kind can't be made.
func plainest(kind string) Attr {
	if s, ok := sampleOf(kind); ok {
		return Attr(s.Plain)
	}
	switch kind {
	case "aws.iam.role":
		return Attr{"name": "{fleet}-{name}", "assumeRolePolicy": trust("ec2.amazonaws.com")}
	case "aws.kms.key":
		return Attr{"alias": "alias/{fleet}-{name}"}
	case "aws.logs.group":
		return Attr{"name": "/{fleet}/{name}"}
	case "aws.cloudwatch.alarm":
		return Attr{
			"name": "{fleet}-{name}", "namespace": "AWS/SQS", "metric": "ApproximateAgeOfOldestMessage",
			"statistic": "Maximum", "threshold": 300, "comparison": "GreaterThanThreshold",
		}
	}
	return Attr{"name": "{fleet}-{name}"}
}

// one is the resource that most walks are about.
func one(kind string) Resource {
	return Resource{Kind: kind, Name: "one", Attributes: plainest(kind)}
}

// named is another resource, for one to refer to.
func named(kind, name string) Resource {
	return Resource{Kind: kind, Name: name, Attributes: plainest(kind)}
}

// values walks one attribute from its default through the values and back. The needed resources
// are there all the time.
func values(kind, attribute string, needed []Resource, list ...any) Walk {
	w := Walk{Kind: kind, Name: attribute}
	add := func(step string, r Resource) {
		w.Steps = append(w.Steps, Step{Name: step, State: append([]Resource{r}, needed...)})
	}
	add("default", one(kind))
	for i, value := range list {
		add(fmt.Sprintf("value %d", i+1), one(kind).with(Attr{attribute: value}))
	}
	add("default again", one(kind))
	return w
}

// required walks an attribute that has no default from its plainest value through others.
func required(kind, attribute string, list ...any) Walk {
	w := values(kind, attribute, nil, list...)
	w.Steps[len(w.Steps)-1].Name = "first value again"
	return w
}

// common has the walks that every kind takes: its tags, and two resources side by side.
func common(kind string) []Walk {
	tags := values(kind, "tags", nil,
		map[string]any{"team": "blue", "cost-centre": "4711"},
		map[string]any{"team": "green", "cost-centre": "4711", "note": "a b/c:d=e+f-g@h"},
		map[string]any{"team": "green"},
	)
	changed := named(kind, "two").with(Attr{"tags": map[string]any{"team": "red"}})
	two := Walk{Kind: kind, Name: "two side by side", Steps: []Step{
		{Name: "one", State: []Resource{one(kind)}},
		{Name: "both", State: []Resource{one(kind), named(kind, "two")}},
		{Name: "the second changed", State: []Resource{one(kind), changed}},
		{Name: "the first gone", State: []Resource{changed}},
	}}
	if kind != "aws.sqs.queue" { // whose names are blocked for a minute after deletion
		two.Steps = append(two.Steps, Step{Name: "both again", State: []Resource{one(kind), changed}})
	}
	return []Walk{tags, two}
}

// renamed replaces a resource by one of another name: that of an immutable attribute.
func renamed(kind, attribute string, to any) Walk {
	return Walk{Kind: kind, Name: "another " + attribute, Steps: []Step{
		{Name: "the old", State: []Resource{one(kind)}},
		{Name: "the new", State: []Resource{one(kind).with(Attr{attribute: to})}},
	}}
}

// allow is a policy document with one statement.
func allow(principal, action, on, condition any) Attr {
	statement := Attr{"Sid": "Suite", "Effect": "Allow", "Action": action}
	if principal != nil {
		statement["Principal"] = principal
	}
	if on != nil {
		statement["Resource"] = on
	}
	if condition != nil {
		statement["Condition"] = condition
	}
	return Attr{"Version": "2012-10-17", "Statement": []any{statement}}
}

// and adds the statements of another document.
func (a Attr) and(b Attr) Attr {
	both := slices.Concat(a["Statement"].([]any), b["Statement"].([]any))
	second := maps.Clone(both[len(both)-1].(Attr))
	second["Sid"] = "Second"
	both[len(both)-1] = second
	return Attr{"Version": "2012-10-17", "Statement": both}
}

// trust lets a service assume a role.
func trust(service string) Attr {
	return allow(Attr{"Service": service}, "sts:AssumeRole", nil, nil)
}

// root is the principal that stands for a whole account.
func root() Attr { return Attr{"AWS": "arn:aws:iam::{account}:root"} }
