//go:build conformance

package conformance

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"

	awsdrivers "tenantry.dev/providers/aws"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

// TestMoto walks all drivers through moto's server, which others wrote against AWS's own models:
// https://docs.getmoto.org/. Every check has an account of its own. Roles have a server of their
// own, because they need AWS's managed policies, which cost moto a second in each account.
func TestMoto(t *testing.T) {
	plain := motoConfig(startMoto(t))
	withPolicies := motoConfig(startMoto(t, "MOTO_IAM_LOAD_MANAGED_POLICIES=true"))
	var accounts numbers
	providertest.Run(t, allKinds(t), func(_ *testing.T, c providertest.Check) providertest.Cloud {
		account := accounts.next()
		base := plain
		if c.Kind == "aws.iam.role" {
			base = withPolicies
		}
		return Cloud(base, account, "suite-"+account.ID[8:])
	}, motoDifferences...)
}

// numbers gives every check an account of its own.
type numbers struct{ last atomic.Int64 }

// next returns an account that no other check has, with the role that is assumed in it.
func (n *numbers) next() awsdrivers.Account {
	id := fmt.Sprintf("%012d", 500000000000+n.last.Add(1))
	return awsdrivers.Account{ID: id, RoleARN: "arn:aws:iam::" + id + ":role/tenantry", ExternalID: "suite"}
}

// allKinds are the kinds that have drivers, which must be those that there are walks for.
func allKinds(t *testing.T) map[string]resource.Kind {
	t.Helper()
	set, err := awsdrivers.Drivers(aws.Config{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	walked := map[string]bool{}
	for _, w := range providertest.Walks() {
		walked[w.Kind] = true
		if set[w.Kind] == nil {
			t.Errorf("there is no driver for %s", w.Kind)
		}
	}
	if len(walked) != len(set) {
		t.Errorf("%d kinds have drivers, %d have walks", len(set), len(walked))
	}
	return set.Kinds()
}

// python is the interpreter that moto is installed for.
func python(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("MOTO_PYTHON"); path != "" {
		return path
	}
	path := filepath.Join("..", "..", ".cache", "moto", "bin", "python")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("moto isn't installed (%v): run make conformance, or set MOTO_PYTHON to a python that has it", err)
	}
	return path
}

var listening = regexp.MustCompile(`Running on (http://127\.0\.0\.1:[0-9]+)`)

// startMoto starts the server on a free port of the loopback and returns its address. The server
// ends with the test.
func startMoto(t *testing.T, settings ...string) string {
	t.Helper()
	server := exec.Command(python(t), "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	server.Env = append(os.Environ(), settings...)
	output, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill() // it may have ended already
		_ = server.Wait()         // killed: the error says nothing
	})
	address := make(chan string, 1)
	go func() { // ends when the server does, and its output with it
		defer close(address)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	select {
	case url, ok := <-address:
		if !ok {
			t.Fatal("moto's server ended before it listened")
		}
		return url
	case <-time.After(time.Minute):
		t.Fatal("moto's server didn't say within a minute where it listens")
	}
	return ""
}

// motoConfig leads every client to moto. The product has no switch for any of this. Calls are
// retried as always: moto isn't made for many at once, and now and then answers one with 500.
func motoConfig(url string) aws.Config {
	return aws.Config{
		Region:       "eu-central-1",
		BaseEndpoint: aws.String(url),
		Credentials:  credentials.NewStaticCredentialsProvider("suite", "suite", ""),
		ServiceOptions: []func(string, any){func(_ string, options any) {
			switch o := options.(type) {
			case *s3.Options:
				o.UsePathStyle = true
			case *cloudwatch.Options:
				// The SDK speaks RPC v2 CBOR, and moto the query protocol only.
				o.Protocol = awsquery.New(schemas.GraniteServiceVersion20100801)
			}
		}},
	}
}

func TestDifferencesAreSortedAndExplained(t *testing.T) {
	names := make([]string, len(motoDifferences))
	for i, k := range motoDifferences {
		names[i] = k.Check
		if k.Reason == "" {
			t.Errorf("%s has no reason", k.Check)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %q", names)
	}
}
