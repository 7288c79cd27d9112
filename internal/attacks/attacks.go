// Package attacks lists what somebody can change in a cloud behind Git's back, and what Tenantry says of
// it. The list is data: a test makes every change through AWS's own API and demands that it is found, and
// docs/reference/watched.md is written from it, so that what users read is what was tried.
package attacks

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// The kinds that the list is about.
const (
	bucket   = "aws.s3.bucket"
	role     = "aws.iam.role"
	key      = "aws.kms.key"
	logGroup = "aws.logs.group"
	alarm    = "aws.cloudwatch.alarm"
	topic    = "aws.sns.topic"
	queue    = "aws.sqs.queue"
	secret   = "aws.secretsmanager.secret"
	function = "AWS::Lambda::Function"
)

// An Attack is a change that an attacker makes, or an engineer in a hurry.
type Attack struct {
	Kind string // of the resource that is changed
	Of   string // the resource's name, if the tenant has several of the kind
	What string // what is done, to complete "somebody …"
	Why  string // what that brings about
	// Finds is the path of a difference that the changeset has; empty if it has none, because the
	// resource is gone or is one too many.
	Finds  string
	Action changeset.Action
	Cause  changeset.Cause
	// At is the resource that the changeset names, if not the one that is changed: its kind and name.
	At string
	// Stays says why putting it back takes more than one write, or a person; empty if an update puts it
	// back.
	Stays string

	do func(ctx context.Context, h Hand) error
}

// Do makes the change.
func (a Attack) Do(ctx context.Context, h Hand) error { return a.do(ctx, h) }

// A Hand is who makes the changes.
type Hand struct {
	Config   aws.Config // allows everything in the tenant's account and region
	Have     map[string]resource.Observed
	Stranger string // another account
	Bucket   string // the ARN of a versioned bucket of theirs
	Queue    string // the ARN of a queue of theirs that everybody may send to
}

// output is an output of the tenant's resource of a name.
func (h Hand) output(name, output string) *string { return aws.String(h.Have[name].Outputs[output]) }

// All is the list, sorted by kind in the order of the documentation.
func All() []Attack {
	return slices.Concat(
		bucketAttacks(), roleAttacks(), keyAttacks(), logAttacks(), alarmAttacks(),
		topicAttacks(), queueAttacks(), secretAttacks(), functionAttacks(), copiedMarks(),
	)
}

// changed is an attack that an update puts back.
func changed(kind, finds, what, why string, do func(ctx context.Context, h Hand) error) Attack {
	return Attack{Kind: kind, What: what, Why: why, Finds: finds, Action: changeset.Update, Cause: changeset.Drift, do: do}
}

// vanished is an attack after which the resource has to be made again, as far as Git can tell.
func vanished(kind, what, why string, do func(ctx context.Context, h Hand) error) Attack {
	return Attack{
		Kind: kind, What: what, Why: why, Action: changeset.Create, Cause: changeset.Drift, do: do,
		Stays: "a resource that is gone is made again, but not what it held",
	}
}

// stays says why one update isn't enough.
func (a Attack) stays(why string) Attack {
	a.Stays = why
	return a
}

// did calls an operation whose answer doesn't matter.
func did[In, Out, Opt any](ctx context.Context, call func(context.Context, In, ...func(Opt)) (Out, error), in In) error {
	_, err := call(ctx, in)
	return err
}

// each makes changes one after the other.
func each(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// The policies that attackers like.
const (
	allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trustAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	admin    = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// openTo is a policy that lets a principal do everything with a resource.
func openTo(principal, arn string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":[{"Sid":"Temporary","Effect":"Allow","Principal":{"AWS":"` + principal +
		`"},"Action":"*","Resource":"` + arn + `"}]}`)
}

// account is the principal that stands for an account.
func account(id string) string { return "arn:aws:iam::" + id + ":root" }
