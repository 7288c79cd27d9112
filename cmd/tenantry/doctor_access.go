package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/internal/iampolicy"
	"tenantry.dev/providers"
	"tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// An examination is of one account's permissions.
type examination struct {
	fleet   *schema.Fleet
	account schema.Account
	base    awssdk.Config
	dir     string
	visit   *aws.Visit
}

// examineAccount enters an account and compares what its roles may do with what the fleet needs. It has no
// effect: what can't be known without one is said to be unknown.
func examineAccount(ctx context.Context, base awssdk.Config, fleet *schema.Fleet, account schema.Account, dir string) []diagnosis {
	x := examination{fleet: fleet, account: account, base: base, dir: dir}
	d := diagnosis{What: "account " + account.Name, OK: true, Says: account.ID + " as " + account.RoleARN}
	if account.ReadRole != "" {
		d.Says += ", and as " + account.ReadRole + " to read"
	}
	var err error
	if x.visit, err = aws.Enter(ctx, base, accountOf(fleet, account)); err != nil {
		d.OK, d.Says = false, err.Error()
		d.Mend = "check the credentials of this process, and that the trust policy of " + account.RoleARN + " names them and the external id at " +
			account.Origin.String() + ", as " + x.command("trust") + " writes it"
		return []diagnosis{d}
	}
	list := []diagnosis{d}
	if !x.visit.Tagged {
		list = append(list, diagnosis{
			What: "sessions of " + account.Name, OK: true, Says: "the role doesn't let them be tagged, so that CloudTrail names commit and tenant by the session's name alone",
			Mend: "let its trust policy allow sts:TagSession, as " + x.command("trust") + " writes it",
		})
	}
	return append(list, x.permissions(ctx)...)
}

// accountOf is an account as drivers enter it.
func accountOf(fleet *schema.Fleet, a schema.Account) aws.Account {
	return aws.Account{ID: a.ID, RoleARN: a.RoleARN, ReadRole: a.ReadRole, ExternalID: a.ExternalID, Fleet: fleet.Name}
}

// command is what writes the policies for a role of the account.
func (x examination) command(role string) string {
	return fmt.Sprintf("\"tenantry iam-policy %s --account %s --role %s\"", quotedIfNeeded(x.dir), x.account.Name, role)
}

// permissions asks IAM about both roles. If that isn't allowed, what reads is tried, and what writes isn't.
func (x examination) permissions(ctx context.Context) []diagnosis {
	set, err := policiesOf(x.fleet, x.account, policySettings{})
	if err != nil {
		return []diagnosis{{What: "permissions in " + x.account.Name, Says: err.Error()}}
	}
	reads := x.ask(ctx, "reading", "reader", x.reader(), set.Reader)
	if reads == nil {
		return []diagnosis{x.probe(ctx), {
			What: "writing in " + x.account.Name, OK: true,
			Says: "can't be examined without writing, since iam:SimulatePrincipalPolicy isn't allowed; a write that is denied names the action that it lacks",
			Mend: "attach what " + x.command("writer") + " writes; it allows this role to ask",
		}}
	}
	list := []diagnosis{*reads}
	if writes := x.ask(ctx, "writing", "writer", x.account.RoleARN, set.Writer); writes != nil {
		list = append(list, *writes)
	}
	return list
}

// reader is the role that reads.
func (x examination) reader() string {
	if x.account.ReadRole != "" {
		return x.account.ReadRole
	}
	return x.account.RoleARN
}

// ask is what a role lacks of what the policies would allow it; nil if IAM may not be asked.
func (x examination) ask(ctx context.Context, what, kind, role string, policies []iampolicy.Policy) *diagnosis {
	d := diagnosis{What: what + " in " + x.account.Name, OK: true}
	var asks []aws.Ask
	actions := 0
	for _, p := range policies {
		for _, s := range p.Document.Statement {
			if s.Effect == "Allow" && s.Sid != iampolicy.Asking {
				asks = append(asks, askOf(s))
				actions += len(s.Action)
			}
		}
	}
	lacks, err := x.visit.Lacks(ctx, role, asks)
	switch {
	case errors.Is(err, providers.ErrDenied):
		return nil
	case err != nil:
		d.OK, d.Says, d.Mend = false, err.Error(), "run this again; if it stays so, see the message"
	case len(lacks) > 0:
		d.OK, d.Says = false, role+" may not "+lackText(lacks)
		d.Mend = "attach what " + x.command(kind) + " writes; where something forbids it, look at the account's boundaries and service control policies"
	default:
		d.Says = fmt.Sprintf("%s may do all that is needed: %s", role, count(actions, "action", "actions"))
	}
	return &d
}

// askOf asks about what a statement allows. Patterns become names that fit them, and conditions what
// fulfils them.
func askOf(s iampolicy.Statement) aws.Ask {
	ask := aws.Ask{Actions: s.Action, With: map[string][]string{}}
	for _, on := range s.Resource {
		if on != "*" {
			on = strings.ReplaceAll(on, "*", "tenantry-doctor")
		}
		ask.On = append(ask.On, on)
	}
	for operator, keys := range s.Condition {
		for key, values := range keys {
			switch operator {
			case "StringEquals":
				ask.With[key] = values[:1]
			case "StringLike":
				ask.With[key] = []string{strings.ReplaceAll(values[len(values)-1], "*", "")}
			}
		}
	}
	return ask
}

// mostLacks is how many missing actions are told, the rest being counted.
const mostLacks = 12

func lackText(lacks []aws.Lack) string {
	var parts []string
	seen := map[string]bool{}
	for _, l := range lacks {
		text := l.Action
		if on := strings.Join(l.On, " "); on != "*" {
			text += " on " + strings.ReplaceAll(on, "tenantry-doctor", "*")
		}
		if l.Explicit {
			text += " (something forbids it)"
		}
		if !seen[text] {
			parts = append(parts, text)
		}
		seen[text] = true
	}
	if more := len(parts) - mostLacks; more > 0 {
		parts = append(parts[:mostLacks], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

// probe makes the first call of each listing, in each place.
func (x examination) probe(ctx context.Context) diagnosis {
	d := diagnosis{What: "reading in " + x.account.Name, OK: true}
	one := *x.fleet
	one.Accounts = []schema.Account{x.account}
	set, err := drivers(x.base)(&one, nil)
	if err != nil {
		d.OK, d.Says = false, err.Error()
		return d
	}
	missing, calls := map[string]bool{}, 0
	for _, kind := range slices.Sorted(maps.Keys(set)) {
		prober, ok := set[kind].(aws.Prober)
		for _, scope := range one.Scopes() {
			if !ok || (scope.Region == resource.Global) != set[kind].Kind().Global {
				continue
			}
			calls++
			if err := prober.Probe(ctx, scope); err != nil {
				missing[lackOf(kind, err)] = true
			}
		}
	}
	if len(missing) > 0 {
		d.OK, d.Says = false, strings.Join(slices.Sorted(maps.Keys(missing)), "; ")
		d.Mend = "attach what " + x.command("reader") + " writes to " + x.reader()
		return d
	}
	d.Says = fmt.Sprintf("%s can be listed; what the details take isn't known, since iam:SimulatePrincipalPolicy isn't allowed", count(len(set), "kind", "kinds"))
	return d
}

// lackOf names the action that is missing, or else what went wrong.
func lackOf(kind string, err error) string {
	if denial, ok := aws.DenialOf(err); ok && denial.Action != "" {
		return kind + " takes " + denial.Action
	}
	return kind + ": " + err.Error()
}
