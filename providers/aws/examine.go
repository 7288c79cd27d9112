package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// A Visit is an account that was entered to be examined, as the one who reads and as the one who writes.
// Nothing that it does has an effect.
type Visit struct {
	// Tagged tells whether the sessions could be tagged.
	Tagged bool

	client *iam.Client
}

// Enter enters an account by each of its roles and proves that they lead there. Errors wrap
// providers.ErrDenied if a role can't be assumed.
func Enter(ctx context.Context, base aws.Config, account Account) (*Visit, error) {
	base = pooled(base)
	entrance := newEntrance(base, account)
	var creds aws.CredentialsProvider = entrance
	if account.RoleARN == "" {
		creds = base.Credentials
	}
	for _, as := range []context.Context{ctx, providers.WithPurpose(ctx, providers.Purpose{Commit: "doctor", Owner: resource.Fleet})} {
		if err := verify(as, base, account, creds); err != nil {
			return nil, err
		}
	}
	cfg := guarded(base, resource.Scope{Account: account.ID, Region: resource.Global})
	cfg.Credentials = creds
	return &Visit{Tagged: entrance.tags(), client: iam.NewFromConfig(cfg)}, nil
}

// An Ask is whether a role may do something: actions on things, with these values of condition keys.
type Ask struct {
	Actions []string
	On      []string
	With    map[string][]string
}

// A Lack is an action that a role may not do.
type Lack struct {
	Action   string
	On       []string
	Explicit bool // something forbids it
}

// asksAtOnce is how many actions are asked about in one call.
const asksAtOnce = 50

// Lacks asks IAM what of that a role may not do, by its policies, its boundary and the organisation's. It
// takes iam:SimulatePrincipalPolicy; without it the error wraps providers.ErrDenied.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
func (v *Visit) Lacks(ctx context.Context, role string, asks []Ask) ([]Lack, error) {
	var out []Lack
	for _, ask := range asks {
		for actions := range slices.Chunk(ask.Actions, asksAtOnce) {
			input := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: &role, ActionNames: actions, ResourceArns: ask.On}
			for _, key := range slices.Sorted(maps.Keys(ask.With)) {
				input.ContextEntries = append(input.ContextEntries, types.ContextEntry{
					ContextKeyName: &key, ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: ask.With[key],
				})
			}
			pages := iam.NewSimulatePrincipalPolicyPaginator(v.client, input)
			for pages.HasMorePages() {
				page, err := pages.NextPage(ctx)
				if err != nil {
					return nil, failed("ask what is allowed to", role, err)
				}
				for _, r := range page.EvaluationResults {
					if r.EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
						out = append(out, Lack{str(r.EvalActionName), ask.On, r.EvalDecision == types.PolicyEvaluationDecisionTypeExplicitDeny})
					}
				}
			}
		}
	}
	return out, nil
}

// A Prober makes the first call of each listing that Observe begins with, for one page at most, to see
// whether it is allowed. It has no effect.
type Prober interface {
	Probe(ctx context.Context, scope resource.Scope) error
}

// probe makes calls in a scope with a client of its service.
func probe[Client any](ctx context.Context, clients *pool[Client], scope resource.Scope, calls ...func(Client) error) error {
	client, err := clients.in(ctx, scope)
	if err != nil {
		return err
	}
	for _, call := range calls {
		if err := call(client); err != nil {
			return fmt.Errorf("in %s: %w", scope, err)
		}
	}
	return nil
}
