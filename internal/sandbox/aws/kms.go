package awsbox

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// kmsService is https://docs.aws.amazon.com/kms/latest/APIReference/, without cryptography.
func kmsService() *service {
	k := jsonCodes
	k.invalidTag = "TagException"
	return &service{
		name: "kms", codes: k, speaks: always(jsonRPC{version: "1.1"}),
		operations: map[string]operation{
			"CreateKey":            {true, createKey},
			"DescribeKey":          {false, describeKey},
			"ListKeys":             {false, listKeys},
			"UpdateKeyDescription": {true, onKey(updateKeyDescription)},
			"EnableKey":            {true, onKey(func(_ *call, r *Resource) (obj, error) { r.Attributes["KeyState"] = "Enabled"; return nil, nil })},
			"DisableKey":           {true, onKey(func(_ *call, r *Resource) (obj, error) { r.Attributes["KeyState"] = "Disabled"; return nil, nil })},
			"ScheduleKeyDeletion":  {true, onKey(scheduleKeyDeletion)},
			"CancelKeyDeletion":    {true, cancelKeyDeletion},
			"GetKeyPolicy":         {false, getKeyPolicy},
			"PutKeyPolicy":         {true, putKeyPolicy},
			"ListKeyPolicies":      {false, listKeyPolicies},
			"EnableKeyRotation":    {true, onKey(enableKeyRotation)},
			"DisableKeyRotation":   {true, onKey(disableKeyRotation)},
			"GetKeyRotationStatus": {false, getKeyRotationStatus},
			"TagResource":          {true, onKey(func(c *call, r *Resource) (obj, error) { return nil, c.tag(r, c.in["Tags"]) })},
			"UntagResource":        {true, onKey(func(c *call, r *Resource) (obj, error) { untag(r, c.in.strs("TagKeys")); return nil, nil })},
			"ListResourceTags":     {false, listResourceTags},
			"CreateGrant":          {true, onKey(createGrant)},
			"RevokeGrant":          {true, revokeGrant},
			"ListGrants":           {false, listGrants},
			"CreateAlias":          {true, createAlias},
			"UpdateAlias":          {true, updateAlias},
			"DeleteAlias":          {true, deleteAlias},
			"ListAliases":          {false, listAliases},
		},
	}
}

func kmsPages(size int) pager {
	return pager{size: size, refusal: func() error { return refuse("InvalidMarkerException", "The marker is invalid.") }}
}

// kmsTruncated adds the marker of the rest to a page of a list.
func kmsTruncated(out obj, next string) obj {
	out["Truncated"] = next != ""
	return out.add("NextMarker", next)
}

// defaultKeyPolicy is what a key has that was created without a policy:
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
func defaultKeyPolicy(account string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::` + account + `:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

func createKey(c *call) (any, error) {
	id := c.srv.ids.uuid()
	r := c.make(kindKey, id, c.arn("kms", "key/"+id))
	r.Attributes["KeyState"] = "Enabled"
	r.Attributes["KeyManager"] = "CUSTOMER"
	r.Attributes["KeySpec"] = orDefault(c.in.str("KeySpec"), "SYMMETRIC_DEFAULT")
	r.Attributes["KeyUsage"] = orDefault(c.in.str("KeyUsage"), "ENCRYPT_DECRYPT")
	r.Attributes["Policy"] = orDefault(c.in.str("Policy"), defaultKeyPolicy(c.Account))
	r.set("Description", c.in.str("Description"))
	if err := checkDocument("MalformedPolicyDocumentException", r.Attributes["Policy"]); err != nil {
		return nil, err
	}
	if err := c.tag(r, c.in["Tags"]); err != nil {
		return nil, err
	}
	c.put(r)
	return obj{"KeyMetadata": keyOut(r)}, nil
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func keyOut(r *Resource) obj {
	out := obj{
		"KeyId": r.Name, "Arn": r.ID, "AWSAccountId": r.Account, "CreationDate": r.Created, "Description": r.Attributes["Description"],
		"Enabled": r.Attributes["KeyState"] == "Enabled", "KeyState": r.Attributes["KeyState"], "KeyManager": r.Attributes["KeyManager"],
		"KeySpec": r.Attributes["KeySpec"], "CustomerMasterKeySpec": r.Attributes["KeySpec"], "KeyUsage": r.Attributes["KeyUsage"],
		"Origin": "AWS_KMS", "MultiRegion": false,
	}
	if !r.gone.IsZero() {
		out["DeletionDate"] = r.gone
	}
	return out
}

// kmsKey finds the key that the request names by id or ARN; aliases count where AWS takes them.
func kmsKey(c *call, aliases bool) (*Resource, error) {
	c.seedKMS()
	name := c.in.str("KeyId")
	missing := refuse("NotFoundException", "Key '%s' does not exist", name)
	if rest, isARN := strings.CutPrefix(name, "arn:aws:kms:"+c.Region+":"); isARN {
		account, id, _ := strings.Cut(rest, ":")
		if account != c.Account {
			return nil, c.srv.services["kms"].codes.deny(c)
		}
		name = strings.TrimPrefix(id, "key/")
	}
	if strings.HasPrefix(name, "alias/") && aliases {
		alias := c.get(kindAlias, name)
		if alias == nil {
			return nil, refuse("NotFoundException", "Alias %s is not found.", c.arn("kms", name))
		}
		name = alias.Attributes["TargetKeyId"]
	}
	if r := c.get(kindKey, name); r != nil {
		return r, nil
	}
	return nil, missing
}

// onKey wraps a change of a key that is the customer's and not about to be deleted:
// https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
func onKey(change func(*call, *Resource) (obj, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		r, err := kmsKey(c, false)
		switch {
		case err != nil:
			return nil, err
		case r.managed:
			return nil, c.srv.services["kms"].codes.deny(c)
		case !r.gone.IsZero():
			return nil, refuse("KMSInvalidStateException", "%s is pending deletion.", r.ID)
		}
		out, err := change(c, r)
		if err != nil {
			return nil, err
		}
		c.put(r)
		return out, nil
	}
}

func describeKey(c *call) (any, error) {
	r, err := kmsKey(c, true)
	if err != nil {
		return nil, err
	}
	return obj{"KeyMetadata": keyOut(r)}, nil
}

// listKeys lists AWS's own keys and those pending deletion, too.
func listKeys(c *call) (any, error) {
	c.seedKMS()
	keys, next, err := page(c, kmsPages(1000), c.list(kindKey), byName, c.in.str("Marker"), c.in.int("Limit", 100))
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range keys {
		list = append(list, obj{"KeyId": r.Name, "KeyArn": r.ID})
	}
	return kmsTruncated(obj{"Keys": list}, next), nil
}

func updateKeyDescription(c *call, r *Resource) (obj, error) {
	r.set("Description", c.in.str("Description"))
	return nil, nil
}

func scheduleKeyDeletion(c *call, r *Resource) (obj, error) {
	days := c.in.int("PendingWindowInDays", 30)
	if days < 7 || days > 30 {
		return nil, refuse("ValidationException", "PendingWindowInDays is from 7 to 30, not %d", days)
	}
	r.gone = c.now().Add(time.Duration(days) * 24 * time.Hour)
	r.Attributes["KeyState"] = "PendingDeletion"
	return obj{"KeyId": r.ID, "DeletionDate": r.gone, "KeyState": "PendingDeletion", "PendingWindowInDays": days}, nil
}

// cancelKeyDeletion leaves the key disabled.
func cancelKeyDeletion(c *call) (any, error) {
	r, err := kmsKey(c, false)
	if err != nil {
		return nil, err
	}
	if r.gone.IsZero() {
		return nil, refuse("KMSInvalidStateException", "%s is not pending deletion.", r.ID)
	}
	r.gone = time.Time{}
	r.Attributes["KeyState"] = "Disabled"
	c.put(r)
	return obj{"KeyId": r.ID}, nil
}

func onlyDefault(c *call) error {
	if name := c.in.str("PolicyName"); name != "" && name != "default" {
		return refuse("NotFoundException", "No such policy exists: %s", name)
	}
	return nil
}

func getKeyPolicy(c *call) (any, error) {
	r, err := kmsKey(c, false)
	if err != nil {
		return nil, err
	}
	if err := onlyDefault(c); err != nil {
		return nil, err
	}
	return obj{"Policy": r.Attributes["Policy"], "PolicyName": "default"}, nil
}

// putKeyPolicy works on keys pending deletion, too.
func putKeyPolicy(c *call) (any, error) {
	r, err := kmsKey(c, false)
	if err != nil {
		return nil, err
	}
	if r.managed {
		return nil, c.srv.services["kms"].codes.deny(c)
	}
	if err := onlyDefault(c); err != nil {
		return nil, err
	}
	policy := c.in.str("Policy")
	if err := checkDocument("MalformedPolicyDocumentException", policy); err != nil {
		return nil, err
	}
	r.Attributes["Policy"] = policy
	c.put(r)
	return nil, nil
}

func listKeyPolicies(c *call) (any, error) {
	if _, err := kmsKey(c, false); err != nil {
		return nil, err
	}
	return obj{"PolicyNames": []string{"default"}, "Truncated": false}, nil
}

func rotatable(r *Resource) error {
	switch {
	case r.Attributes["KeySpec"] != "SYMMETRIC_DEFAULT":
		return refuse("UnsupportedOperationException", "%s can't be rotated: it is asymmetric.", r.ID)
	case r.Attributes["KeyState"] == "Disabled":
		return refuse("DisabledException", "%s is disabled.", r.ID)
	}
	return nil
}

func enableKeyRotation(c *call, r *Resource) (obj, error) {
	days := c.in.int("RotationPeriodInDays", 365)
	if days < 90 || days > 2560 {
		return nil, refuse("ValidationException", "RotationPeriodInDays is from 90 to 2560, not %d", days)
	}
	r.Attributes["RotationPeriodInDays"] = strconv.Itoa(days)
	return nil, rotatable(r)
}

func disableKeyRotation(_ *call, r *Resource) (obj, error) {
	r.set("RotationPeriodInDays", "")
	return nil, rotatable(r)
}

// getKeyRotationStatus is false while a key is pending deletion.
func getKeyRotationStatus(c *call) (any, error) {
	r, err := kmsKey(c, false)
	if err != nil {
		return nil, err
	}
	if r.Attributes["KeySpec"] != "SYMMETRIC_DEFAULT" {
		return nil, rotatable(r)
	}
	out := obj{"KeyId": r.ID, "KeyRotationEnabled": false}
	if days := r.Attributes["RotationPeriodInDays"]; days != "" && r.gone.IsZero() {
		n, _ := strconv.Atoi(days) // ours alone write it
		out["KeyRotationEnabled"], out["RotationPeriodInDays"] = true, n
	}
	return out, nil
}

func listResourceTags(c *call) (any, error) {
	r, err := kmsKey(c, false)
	if err != nil {
		return nil, err
	}
	tags, next, err := page(c, kmsPages(50), tagList(r.Tags, "TagKey", "TagValue"),
		func(o obj) string { return o.str("TagKey") }, c.in.str("Marker"), c.in.int("Limit", 0))
	if err != nil {
		return nil, err
	}
	return kmsTruncated(obj{"Tags": tags}, next), nil
}

// createGrant answers with the grant that is there if one of the same name says the same.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html
func createGrant(c *call, r *Resource) (obj, error) {
	grant := obj{
		"KeyId": r.ID, "GranteePrincipal": c.in.str("GranteePrincipal"), "Operations": c.in.strs("Operations"),
		"IssuingAccount": "arn:aws:iam::" + c.Account + ":root",
	}
	if grant.str("GranteePrincipal") == "" || len(c.in.strs("Operations")) == 0 {
		return nil, refuse("ValidationException", "1 validation error detected: GranteePrincipal and Operations must not be empty")
	}
	grant.add("Name", c.in.str("Name")).add("RetiringPrincipal", c.in.str("RetiringPrincipal"))
	if context := c.in.obj("Constraints"); context != nil {
		grant["Constraints"] = context
	}
	for _, id := range r.with("grant/") {
		if grant.has("Name") && sameGrant(grant, id, r.Attributes["grant/"+id]) {
			return obj{"GrantId": id, "GrantToken": c.srv.ids.uuid()}, nil
		}
	}
	id := strings.ReplaceAll(c.srv.ids.uuid(), "-", "")
	grant["GrantId"] = id
	kept, err := json.Marshal(grant)
	if err != nil {
		return nil, refuse("ValidationException", "%v", err)
	}
	r.Attributes["grant/"+id] = string(kept)
	return obj{"GrantId": id, "GrantToken": c.srv.ids.uuid()}, nil
}

// sameGrant tells whether a grant that is kept says what another one says.
func sameGrant(grant obj, id, kept string) bool {
	same := maps.Clone(grant)
	same["GrantId"] = id
	text, err := json.Marshal(same)
	return err == nil && string(text) == kept
}

func revokeGrant(c *call) (any, error) {
	r, err := kmsKey(c, false)
	if err != nil {
		return nil, err
	}
	name := "grant/" + c.in.str("GrantId")
	if r.Attributes[name] == "" {
		return nil, refuse("NotFoundException", "Grant %s not found", c.in.str("GrantId"))
	}
	r.set(name, "")
	c.put(r)
	return nil, nil
}

func listGrants(c *call) (any, error) {
	r, err := kmsKey(c, false)
	if err != nil {
		return nil, err
	}
	ids, next, err := page(c, kmsPages(100), r.with("grant/"), func(id string) string { return id }, c.in.str("Marker"), c.in.int("Limit", 50))
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, id := range ids {
		var grant map[string]any
		if err := json.Unmarshal([]byte(r.Attributes["grant/"+id]), &grant); err != nil {
			return nil, fail(http.StatusInternalServerError, "KMSInternalException", "%v", err)
		}
		list = append(list, maps.Clone(obj(grant)))
	}
	return kmsTruncated(obj{"Grants": list}, next), nil
}
