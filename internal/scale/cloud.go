package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
)

// A Plan says what a tenant of a name in an account has.
type Plan func(name, account string) []resource.Desired

// A Cloud is a sandbox with generated tenants in it.
type Cloud struct {
	*awsbox.Server
	Size
	Plan Plan
}

// A Size is how many accounts there are, and how many tenants in each.
type Size struct{ Accounts, Tenants int }

// AccountIDs returns the accounts' ids.
func (s Size) AccountIDs() []string {
	ids := make([]string, s.Accounts)
	for i := range ids {
		ids[i] = fmt.Sprintf("%012d", 100_000_000_000+i)
	}
	return ids
}

// Accounts are those that drivers work in.
func (s Size) accounts() []drivers.Account {
	list := make([]drivers.Account, s.Accounts)
	for i, id := range s.AccountIDs() {
		list[i] = drivers.Account{ID: id, RoleARN: roleOf(id)}
	}
	return list
}

// Scopes are the places to observe.
func (s Size) Scopes() []resource.Scope {
	var scopes []resource.Scope
	for _, id := range s.AccountIDs() {
		scopes = append(scopes, resource.Scope{Account: id, Region: resource.Global}, Home(id))
	}
	return scopes
}

// Desired is what all tenants have.
func (s Size) Desired(plan Plan) []resource.Desired {
	var all []resource.Desired
	for i, id := range s.AccountIDs() {
		for j := range s.Tenants {
			all = append(all, plan(nameOf(i*s.Tenants+j), id)...)
		}
	}
	return all
}

func roleOf(account string) string { return "arn:aws:iam::" + account + ":role/tenantry" }

func nameOf(i int) string { return fmt.Sprintf("t%05dt", i) }

// NewCloud makes a sandbox in which every tenant has what the plan says. The first one is made by the
// drivers, the others are copies of it under other names: so that a big one is there at once.
func NewCloud(ctx context.Context, size Size, plan Plan) (*Cloud, error) {
	options := awsbox.Options{Conditions: awsbox.Conditions{ConfirmAtOnce: true}}
	for _, id := range size.AccountIDs() {
		options.Accounts = append(options.Accounts, awsbox.Account{ID: id, RoleARN: roleOf(id)})
	}
	c := &Cloud{Server: awsbox.New(options), Size: size, Plan: plan}
	if err := c.create(ctx); err != nil {
		return nil, err
	}
	first, home, key := nameOf(0), size.AccountIDs()[0], "no key"
	var text []string
	for _, r := range c.Live() {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("copy %s: %w", r.ID, err)
		}
		if r.Kind == "aws.kms.key" {
			key = r.Name
		}
		if strings.Contains(string(line), first) {
			text = append(text, string(line))
		}
	}
	for i, id := range size.AccountIDs() {
		for j := range size.Tenants {
			n := i*size.Tenants + j
			names := strings.NewReplacer(first, nameOf(n), home, id, key, fmt.Sprintf("%08x-0000-4000-8000-000000000000", n))
			if n == 0 {
				continue
			}
			if err := c.copyAs(text, names); err != nil {
				return nil, err
			}
		}
	}
	c.ResetCounts()
	return c, nil
}

// create has the drivers make the first tenant.
func (c *Cloud) create(ctx context.Context) error {
	set, err := c.Drivers(c.Base())
	if err != nil {
		return err
	}
	arns := map[resource.Address]string{}
	arn := func(ref resource.Ref) (string, bool) { arn, made := arns[ref.Address]; return arn, made }
	for _, d := range c.Plan(nameOf(0), c.AccountIDs()[0]) {
		for name, v := range d.Attributes {
			d.Attributes[name] = v.Resolve(arn)
		}
		made, err := set[d.Address.Kind].Create(ctx, d, Fleet)
		if err != nil {
			return fmt.Errorf("create %s: %w", d.Address, err)
		}
		arns[d.Address] = made.Outputs["arn"]
	}
	return nil
}

func (c *Cloud) copyAs(text []string, names *strings.Replacer) error {
	list := make([]awsbox.Resource, len(text))
	for i, line := range text {
		if err := json.Unmarshal([]byte(names.Replace(line)), &list[i]); err != nil {
			return fmt.Errorf("copy a tenant: %w", err)
		}
	}
	c.Load(list)
	return nil
}

// Base is the configuration of clients that call the sandbox in process.
func (c *Cloud) Base() aws.Config {
	base := Base("http://127.0.0.1:9") // nobody listens there: the transport is in process
	base.HTTPClient = &http.Client{Transport: c.Transport()}
	return base
}

// Base is the configuration of clients that call a sandbox by its URL.
func Base(url string) aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}
}

// Drivers are new drivers for the accounts, which know nothing yet.
func (s Size) Drivers(base aws.Config) (providers.Set, error) {
	return drivers.Drivers(base, s.accounts())
}
