package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// kindRole describes aws.iam.role. Its inline and attached policies are complete: one that isn't
// wanted is removed.
var kindRole = resource.Kind{
	Name:   "aws.iam.role",
	Global: true,
	Uses: []string{
		"aws.s3.bucket", "aws.kms.key", "aws.logs.group", "aws.sns.topic", "aws.sqs.queue", "aws.secretsmanager.secret",
	},
	Attributes: []resource.Attribute{
		{Name: "name", Immutable: true},
		{Name: "path", Default: resource.String("/"), Immutable: true},
		{Name: "description", Default: resource.String("")},
		{Name: "assumeRolePolicy", Canonical: canonicalPolicy},
		{Name: "inlinePolicies", Default: emptyMap, Canonical: canonicalPolicies},
		{Name: "managedPolicies", Default: emptyList, Set: true},
		{Name: "permissionsBoundary", Default: resource.String("")},
		{Name: "maxSessionDuration", Default: resource.Int(3600)},
		{Name: "tags", Default: emptyMap},
	},
	Outputs: []string{"arn", "name", "id"},
}

type roleAttributes struct {
	Name                string                     `json:"name"`
	Path                string                     `json:"path"`
	Description         string                     `json:"description"`
	AssumeRolePolicy    json.RawMessage            `json:"assumeRolePolicy,omitempty"`
	InlinePolicies      map[string]json.RawMessage `json:"inlinePolicies"`
	ManagedPolicies     []string                   `json:"managedPolicies"`     // ARNs
	PermissionsBoundary string                     `json:"permissionsBoundary"` // ARN
	MaxSessionDuration  int32                      `json:"maxSessionDuration"`  // seconds
	Tags                map[string]string          `json:"tags"`
}

type role struct {
	sessions *sessions
	clients  *pool[*iam.Client]
}

func newRole(s *sessions) *role {
	return &role{sessions: s, clients: newPool(s, func(c aws.Config) *iam.Client { return iam.NewFromConfig(c) })}
}

// Kind describes roles.
func (d *role) Kind() resource.Kind { return kindRole }

// Observe costs ⌈roles of the account / 1,000⌉ GetAccountAuthorizationDetails, which has everything
// but descriptions and session durations; for these, if any role is ours, as many ListRoles.
func (d *role) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	return scanner(d.scan).ours(ctx, scope, kindRole, fleet)
}

// Survey costs 2⌈roles of the account / 1,000⌉. Roles that services and IAM Identity Center keep for
// themselves are left out; nobody else may change them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
func (d *role) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(d.scan).everything(ctx, scope, kindRole)
}

func (d *role) scan(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	var details []types.RoleDetail
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(client, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []types.EntityType{types.EntityTypeRole}, MaxItems: aws.Int32(1000),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list roles of", scope.String(), err)
		}
		for _, r := range page.RoleDetailList {
			if _, wanted := s.wants(roleTags(r.Tags)); wanted && (s.fleet != "" || !keptByAWS(str(r.Path))) {
				details = append(details, r)
			}
		}
	}
	if len(details) == 0 {
		return nil, nil
	}
	listed, err := d.list(ctx, client, scope)
	if err != nil {
		return nil, err
	}
	return each(ctx, details, func(ctx context.Context, detail types.RoleDetail) (sighting, error) {
		return s.sight(str(detail.RoleName),
			func() (tagged, error) { return roleTags(detail.Tags), nil },
			func(tags tagged) (resource.Observed, error) {
				r, there := listed[str(detail.RoleName)]
				if !there { // made or deleted between the two lists
					out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: detail.RoleName})
					if err != nil {
						return resource.Observed{}, failed("read role", str(detail.RoleName), err)
					}
					r = *out.Role
				}
				detail.Tags = toRoleTags(tags)
				return observedRole(scope, detail, r)
			})
	})
}

// keptByAWS tells by its path whether a role is AWS's own.
func keptByAWS(path string) bool {
	return strings.HasPrefix(path, "/aws-service-role/") || strings.HasPrefix(path, "/aws-reserved/")
}

// list returns the account's roles by name. ListRoles leaves out tags and boundaries.
func (d *role) list(ctx context.Context, client *iam.Client, scope resource.Scope) (map[string]types.Role, error) {
	roles := map[string]types.Role{}
	pages := iam.NewListRolesPaginator(client, &iam.ListRolesInput{MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list roles of", scope.String(), err)
		}
		for _, r := range page.Roles {
			roles[str(r.RoleName)] = r
		}
	}
	return roles, nil
}

// observedRole joins what the two lists tell about a role.
func observedRole(scope resource.Scope, detail types.RoleDetail, r types.Role) (resource.Observed, error) {
	tags := roleTags(detail.Tags)
	attributes := roleAttributes{
		Name: str(detail.RoleName), Path: str(detail.Path), Description: str(r.Description),
		AssumeRolePolicy:   escapedPolicyFrom(str(detail.AssumeRolePolicyDocument)),
		InlinePolicies:     map[string]json.RawMessage{},
		ManagedPolicies:    []string{},
		MaxSessionDuration: aws.ToInt32(r.MaxSessionDuration),
		Tags:               tags.users(),
	}
	for _, p := range detail.RolePolicyList {
		attributes.InlinePolicies[str(p.PolicyName)] = escapedPolicyFrom(str(p.PolicyDocument))
	}
	for _, p := range detail.AttachedManagedPolicies {
		attributes.ManagedPolicies = append(attributes.ManagedPolicies, str(p.PolicyArn))
	}
	if b := detail.PermissionsBoundary; b != nil {
		attributes.PermissionsBoundary = str(b.PermissionsBoundaryArn)
	}
	return seen{
		kind: kindRole, scope: scope, id: attributes.Name, tags: tags, attributes: attributes,
		outputs: roleOutputs(str(detail.Arn), attributes.Name, str(detail.RoleId)),
	}.observed()
}

func roleOutputs(arn, name, id string) map[string]string {
	return map[string]string{"arn": arn, "name": name, "id": id}
}

// Refresh reads one role again, at the cost of 3 calls and one for each inline policy.
func (d *role) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	var r *types.Role
	var inline, attached []string
	err = together(ctx,
		func(ctx context.Context) (err error) { r, err = d.owned(ctx, client, "read role", have); return err },
		func(ctx context.Context) (err error) { inline, err = inlineNames(ctx, client, have.ID); return err },
		func(ctx context.Context) (err error) {
			attached, err = attachedPolicies(ctx, client, have.ID)
			return err
		},
	)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.policies(ctx, client, have.Scope, r, inline, attached)
}

// details reads the policies of a role that GetRole returned.
func (d *role) details(ctx context.Context, client *iam.Client, scope resource.Scope, r *types.Role) (resource.Observed, error) {
	inline, err := inlineNames(ctx, client, str(r.RoleName))
	if err != nil {
		return resource.Observed{}, err
	}
	attached, err := attachedPolicies(ctx, client, str(r.RoleName))
	if err != nil {
		return resource.Observed{}, err
	}
	return d.policies(ctx, client, scope, r, inline, attached)
}

// policies reads the inline policies of a role.
func (d *role) policies(ctx context.Context, client *iam.Client, scope resource.Scope, r *types.Role, inline, attached []string) (resource.Observed, error) {
	detail := types.RoleDetail{
		RoleName: r.RoleName, Path: r.Path, Arn: r.Arn, RoleId: r.RoleId, Tags: r.Tags,
		AssumeRolePolicyDocument: r.AssumeRolePolicyDocument, PermissionsBoundary: r.PermissionsBoundary,
		RolePolicyList: make([]types.PolicyDetail, len(inline)),
	}
	var reads []func(context.Context) error
	for i, name := range inline {
		reads = append(reads, func(ctx context.Context) error {
			out, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: r.RoleName, PolicyName: &name})
			if err != nil {
				return failed("read inline policy "+name+" of role", str(r.RoleName), err)
			}
			detail.RolePolicyList[i] = types.PolicyDetail{PolicyName: &name, PolicyDocument: out.PolicyDocument}
			return nil
		})
	}
	if err := together(ctx, reads...); err != nil {
		return resource.Observed{}, err
	}
	for _, arn := range attached {
		detail.AttachedManagedPolicies = append(detail.AttachedManagedPolicies, types.AttachedPolicy{PolicyArn: &arn})
	}
	return observedRole(scope, detail, *r)
}

// Create makes the role with its tags, path and boundary in one call, then its policies. If there
// is one of this name, it is finished, provided that it is ours.
func (d *role) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	var w roleAttributes
	if err := decode(kindRole, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	tags := marked(w.Tags, fleet, want.Address, "")
	input := &iam.CreateRoleInput{
		RoleName: &w.Name, Path: &w.Path, MaxSessionDuration: &w.MaxSessionDuration,
		AssumeRolePolicyDocument: aws.String(string(w.AssumeRolePolicy)), Tags: toRoleTags(tags),
	}
	if w.Description != "" {
		input.Description = &w.Description
	}
	if w.PermissionsBoundary != "" {
		input.PermissionsBoundary = &w.PermissionsBoundary
	}
	out, err := client.CreateRole(ctx, input)
	switch {
	case hasCode(err, "EntityAlreadyExists"):
		return d.finish(ctx, client, want, fleet, w)
	case err != nil:
		return resource.Observed{}, d.sessions.failedNaming("create role", w.Name, err)
	}
	d.sessions.settling.note()
	have := d.fresh(want, fleet, roleOutputs(str(out.Role.Arn), w.Name, str(out.Role.RoleId)))
	have, err = d.converge(ctx, client, have, tags, want, w)
	return have, existing("create role", w.Name, err)
}

// fresh is a role as CreateRole leaves it: without policies.
func (d *role) fresh(want resource.Desired, fleet string, outputs map[string]string) resource.Observed {
	attributes := kindRole.Canonical(want.Attributes)
	delete(attributes, "inlinePolicies")
	delete(attributes, "managedPolicies")
	return resource.Observed{
		Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: outputs["name"], Attributes: attributes, Outputs: outputs,
	}
}

// finish brings a role of ours that exists already to what is wanted.
func (d *role) finish(ctx context.Context, client *iam.Client, want resource.Desired, fleet string, w roleAttributes) (resource.Observed, error) {
	out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &w.Name})
	if err != nil {
		return resource.Observed{}, existing("create role", w.Name, failed("read role", w.Name, err))
	}
	tags := roleTags(out.Role.Tags)
	if err := tags.require("create role", w.Name, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	if path := str(out.Role.Path); path != w.Path {
		return resource.Observed{}, fmt.Errorf("create role %s: it exists under the path %s, not %s", w.Name, path, w.Path)
	}
	have, err := d.details(ctx, client, want.Scope, out.Role)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.converge(ctx, client, have, tags, want, w)
}

// Update writes only what differs.
func (d *role) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	var w roleAttributes
	if err := decode(kindRole, want, &w); err != nil {
		return resource.Observed{}, err
	}
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	r, err := d.owned(ctx, client, "update role", have)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.converge(ctx, client, have, roleTags(r.Tags), want, w)
}

// Delete takes everything off the role that keeps IAM from deleting it, and deletes it. Each step
// may be done already.
func (d *role) Delete(ctx context.Context, have resource.Observed) error {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return err
	}
	if _, err := d.owned(ctx, client, "delete role", have); err != nil {
		return unlessGone(err)
	}
	attached, err := attachedPolicies(ctx, client, have.ID)
	if err != nil {
		return unlessGone(err)
	}
	for _, arn := range attached {
		if err := detachPolicy(ctx, client, have.ID, arn); err != nil {
			return err
		}
	}
	names, err := inlineNames(ctx, client, have.ID)
	if err != nil {
		return unlessGone(err)
	}
	for _, name := range names {
		if err := removeInline(ctx, client, have.ID, name); err != nil {
			return err
		}
	}
	_, err = client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &have.ID})
	return unlessGone(failed("delete role", have.ID, err))
}

// Adopt puts our mark on the role that want.Adopt names.
func (d *role) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &want.Adopt})
	if err != nil {
		return resource.Observed{}, failed("adopt role", want.Adopt, err)
	}
	tags := roleTags(out.Role.Tags)
	if err := tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	if !tags.in(fleet, kindRole.Name) {
		marks := marked(nil, fleet, want.Address, "")
		_, err := client.TagRole(ctx, &iam.TagRoleInput{RoleName: &want.Adopt, Tags: toRoleTags(marks)})
		if err != nil {
			return resource.Observed{}, failed("adopt role", want.Adopt, err)
		}
		out.Role.Tags = toRoleTags(tags.with(marks, nil))
	}
	return d.details(ctx, client, want.Scope, out.Role)
}

// owned reads the role and refuses one that no longer carries the mark it had.
func (d *role) owned(ctx context.Context, client *iam.Client, operation string, have resource.Observed) (*types.Role, error) {
	out, err := client.GetRole(ctx, &iam.GetRoleInput{RoleName: &have.ID})
	if err != nil {
		return nil, failed(operation, have.ID, err)
	}
	return out.Role, roleTags(out.Role.Tags).require(operation, have.ID, have.Fleet, have.Address)
}
