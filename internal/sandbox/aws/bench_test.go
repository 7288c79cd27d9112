package awsbox_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

const (
	blue  = "111111111111"
	green = "222222222222"
	here  = "eu-central-1"
)

// A bench is a sandbox with two accounts and a clock that stands still until it is moved.
type bench struct {
	*awsbox.Server
	t   *testing.T
	now time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.Server = awsbox.New(awsbox.Options{
		Accounts: []awsbox.Account{
			{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry", ExternalID: "secret-of-blue", Policies: []string{"boundary"}},
			{ID: green, RoleARN: "arn:aws:iam::" + green + ":role/tenantry", ExternalID: "secret-of-green"},
		},
		Now: func() time.Time { return b.now },
	})
	return b
}

// base is a configuration with the base credentials, in process and without retries.
func (b *bench) base() aws.Config {
	return aws.Config{
		Region:       here,
		BaseEndpoint: aws.String("http://127.0.0.1:9"), // nobody listens there: the transport is in process
		HTTPClient:   &http.Client{Transport: b.Transport()},
		Credentials:  credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// as is a configuration with a session in the account.
func (b *bench) as(account string) aws.Config {
	b.t.Helper()
	external := map[string]string{blue: "secret-of-blue", green: "secret-of-green"}[account]
	cfg := b.base()
	out, err := sts.NewFromConfig(cfg).AssumeRole(b.t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + account + ":role/tenantry"), RoleSessionName: aws.String("test"),
		ExternalId: aws.String(external),
	})
	if err != nil {
		b.t.Fatalf("assume role in %s: %v", account, err)
	}
	cfg.Credentials = credentials.NewStaticCredentialsProvider(
		*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	return cfg
}

func (b *bench) in(account, region string) aws.Config {
	cfg := b.as(account)
	cfg.Region = region
	return cfg
}

// code is what the service called the error; "" for none.
func code(err error) string {
	if failure, ok := errors.AsType[smithy.APIError](err); ok {
		return failure.ErrorCode()
	}
	if err != nil {
		return "not an AWS error: " + err.Error()
	}
	return ""
}

// wantCode checks that a call was refused with the code, or worked if it is "".
func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}

// must stops the test unless a call worked.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// do calls an operation of a client and stops the test unless it works.
func do[In, Out, Opt any](t *testing.T, call func(context.Context, In, ...func(Opt)) (Out, error), in In) Out {
	t.Helper()
	return must[Out](t)(call(t.Context(), in))
}

// try calls an operation and returns the code of its refusal, "" if it works.
func try[In, Out, Opt any](t *testing.T, call func(context.Context, In, ...func(Opt)) (Out, error), in In) string {
	t.Helper()
	_, err := call(t.Context(), in)
	return code(err)
}

// refused checks the code of a refusal.
func refused[In, Out, Opt any](t *testing.T, want string, call func(context.Context, In, ...func(Opt)) (Out, error), in In) {
	t.Helper()
	if got := try(t, call, in); got != want {
		t.Errorf("%T: got code %q, want %q", in, got, want)
	}
}
