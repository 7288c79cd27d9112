package awsbox_test

import (
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	awsbox "tenantry.dev/internal/sandbox/aws"
)

const (
	trust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	reader = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::acme/${aws:username}/*"}]}`
)

func TestRoleLife(t *testing.T) {
	b := newBench(t)
	client := iam.NewFromConfig(b.as(blue))
	name := aws.String("acme-app")
	in := &iam.CreateRoleInput{
		RoleName: name, Path: aws.String("/tenantry/"), AssumeRolePolicyDocument: aws.String(trust),
		Description: aws.String("The app's role"), MaxSessionDuration: aws.Int32(7200),
		PermissionsBoundary: aws.String("arn:aws:iam::" + blue + ":policy/boundary"),
		Tags:                []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	}
	role := do(t, client.CreateRole, in).Role
	if *role.Arn != "arn:aws:iam::"+blue+":role/tenantry/acme-app" || (*role.RoleId)[:4] != "AROA" {
		t.Errorf("the role is %+v", role)
	}
	refused(t, "EntityAlreadyExists", client.CreateRole, in)
	in.RoleName, in.PermissionsBoundary = aws.String("other"), aws.String("arn:aws:iam::"+blue+":policy/none")
	refused(t, "NoSuchEntity", client.CreateRole, in)
	in.PermissionsBoundary, in.AssumeRolePolicyDocument = nil, aws.String("{}")
	refused(t, "MalformedPolicyDocument", client.CreateRole, in)

	do(t, client.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("read"), PolicyDocument: aws.String(reader)})
	do(t, client.AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	got := do(t, client.GetRole, &iam.GetRoleInput{RoleName: name}).Role
	document, err := url.QueryUnescape(*got.AssumeRolePolicyDocument)
	if err != nil || document != trust || *got.AssumeRolePolicyDocument == trust {
		t.Errorf("the trust policy is %q", *got.AssumeRolePolicyDocument)
	}
	if *got.MaxSessionDuration != 7200 || *got.PermissionsBoundary.PermissionsBoundaryArn != "arn:aws:iam::"+blue+":policy/boundary" || len(got.Tags) != 1 {
		t.Errorf("the role is %+v", got)
	}
	inline := do(t, client.GetRolePolicy, &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("read")})
	if document, _ := url.PathUnescape(*inline.PolicyDocument); document != reader {
		t.Errorf("the inline policy is %q", document)
	}
	refused(t, "DeleteConflict", client.DeleteRole, &iam.DeleteRoleInput{RoleName: name})
	do(t, client.DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
	refused(t, "DeleteConflict", client.DeleteRole, &iam.DeleteRoleInput{RoleName: name})
	do(t, client.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("read")})
	refused(t, "NoSuchEntity", client.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("read")})
	do(t, client.UpdateRole, &iam.UpdateRoleInput{RoleName: name, Description: aws.String("")})
	if got := do(t, client.GetRole, &iam.GetRoleInput{RoleName: name}).Role; *got.MaxSessionDuration != 3600 || got.Description != nil {
		t.Errorf("after an update without duration: %+v", got)
	}
	do(t, client.DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name})
	do(t, client.DeleteRole, &iam.DeleteRoleInput{RoleName: name})
	refused(t, "NoSuchEntity", client.GetRole, &iam.GetRoleInput{RoleName: name})
}

func TestRolesInBulk(t *testing.T) {
	b := newBench(t)
	client := iam.NewFromConfig(b.as(blue))
	for _, name := range []string{"a", "b", "c"} {
		do(t, client.CreateRole, &iam.CreateRoleInput{
			RoleName: aws.String(name), AssumeRolePolicyDocument: aws.String(trust),
			Description: aws.String("role " + name), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String(name)}},
		})
		do(t, client.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: aws.String(name), PolicyName: aws.String("p"), PolicyDocument: aws.String(reader)})
	}
	b.SetConditions(awsbox.Conditions{PageSize: 1})
	seen := map[string]types.RoleDetail{}
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(client, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole}})
	for pages.HasMorePages() {
		for _, r := range must[*iam.GetAccountAuthorizationDetailsOutput](t)(pages.NextPage(t.Context())).RoleDetailList {
			seen[*r.RoleName] = r
		}
	}
	if len(seen) != 4 || len(seen["b"].Tags) != 1 || len(seen["b"].RolePolicyList) != 1 {
		t.Errorf("the roles are %+v", seen)
	}
	if _, ok := seen["AWSServiceRoleForSupport"]; !ok {
		t.Error("the account lacks AWS's own role")
	}
	var listed int
	roles := iam.NewListRolesPaginator(client, &iam.ListRolesInput{})
	for roles.HasMorePages() {
		for _, r := range must[*iam.ListRolesOutput](t)(roles.NextPage(t.Context())).Roles {
			if listed++; r.Tags != nil || r.PermissionsBoundary != nil {
				t.Errorf("ListRoles shows more than it does in AWS: %+v", r)
			}
		}
	}
	if listed != 4 {
		t.Errorf("%d roles listed", listed)
	}
	if got := do(t, iam.NewFromConfig(b.as(green)).ListRoles, &iam.ListRolesInput{PathPrefix: aws.String("/x")}).Roles; len(got) != 0 {
		t.Errorf("the other account lists %v", got)
	}
}
