package awsbox

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// secretsService is https://docs.aws.amazon.com/secretsmanager/latest/apireference/, without versions
// but the current one.
func secretsService() *service {
	return &service{
		name: "secretsmanager", codes: jsonCodes, speaks: always(jsonRPC{version: "1.1"}),
		operations: map[string]operation{
			"CreateSecret":         {true, createSecret},
			"DescribeSecret":       {false, describeSecret},
			"ListSecrets":          {false, listSecrets},
			"UpdateSecret":         {true, onSecret(updateSecret)},
			"DeleteSecret":         {true, onSecret(deleteSecret)},
			"RestoreSecret":        {true, restoreSecret},
			"GetSecretValue":       {false, getSecretValue},
			"PutSecretValue":       {true, onSecret(putSecretValue)},
			"GetResourcePolicy":    {false, getResourcePolicy},
			"PutResourcePolicy":    {true, onSecret(putResourcePolicy)},
			"DeleteResourcePolicy": {true, onSecret(func(_ *call, r *Resource) (obj, error) { r.set("Policy", ""); return named(r), nil })},
			"RotateSecret":         {true, onSecret(rotateSecret)},
			"CancelRotateSecret":   {true, onSecret(cancelRotateSecret)},
			"TagResource":          {true, onSecret(func(c *call, r *Resource) (obj, error) { return nil, c.tag(r, c.in["Tags"]) })},
			"UntagResource":        {true, onSecret(func(c *call, r *Resource) (obj, error) { untag(r, c.in.strs("TagKeys")); return nil, nil })},

			"ReplicateSecretToRegions":     {true, onSecret(replicateSecret)},
			"RemoveRegionsFromReplication": {true, onSecret(removeReplicas)},
		},
	}
}

var secretName = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)

// named is what most answers say about a secret.
func named(r *Resource) obj { return obj{"ARN": r.ID, "Name": r.Name} }

// createSecret repeats itself only for the same token with the same value. The name of a secret that
// is scheduled for deletion stays taken.
func createSecret(c *call) (any, error) {
	name, value, token := c.in.str("Name"), c.in.str("SecretString"), c.in.str("ClientRequestToken")
	if !secretName.MatchString(name) {
		return nil, refuse("ValidationException", "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!")
	}
	if old := c.get(kindSecret, name); old != nil {
		switch {
		case !old.gone.IsZero():
			return nil, refuse("InvalidRequestException", "You can't create this secret because a secret with this name is already scheduled for deletion.")
		case value != "" && token == old.Attributes["VersionId"] && value == old.value:
			return named(old).add("VersionId", token), nil
		}
		return nil, refuse("ResourceExistsException", "The operation failed because the secret %s already exists.", name)
	}
	r := c.make(kindSecret, name, c.arn("secretsmanager", "secret:"+name+"-"+c.srv.ids.suffix()))
	r.set("Description", c.in.str("Description"))
	r.set("KmsKeyId", c.in.str("KmsKeyId"))
	if value != "" {
		r.value = value
		r.Attributes["VersionId"] = orDefault(token, c.srv.ids.uuid())
	}
	r.Attributes["LastChangedDate"] = stamp(c.now())
	if err := c.tag(r, c.in["Tags"]); err != nil {
		return nil, err
	}
	c.put(r)
	return named(r).add("VersionId", r.Attributes["VersionId"]), nil
}

// secret finds a secret by name or ARN, scheduled for deletion or not.
func secret(c *call) (*Resource, error) {
	id := c.in.str("SecretId")
	rest, isARN := strings.CutPrefix(id, "arn:aws:secretsmanager:"+c.Region+":")
	if !isARN {
		if r := c.get(kindSecret, id); r != nil {
			return r, nil
		}
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	}
	if !strings.HasPrefix(rest, c.Account+":") {
		return nil, c.srv.services["secretsmanager"].codes.deny(c)
	}
	name := strings.TrimPrefix(rest, c.Account+":secret:")
	if cut := len(name) - len("-abcdef"); cut > 0 {
		if r := c.get(kindSecret, name[:cut]); r != nil && r.ID == id {
			return r, nil
		}
	}
	return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

func marked() error {
	return refuse("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
}

// onSecret wraps a change of a secret that isn't scheduled for deletion.
func onSecret(change func(*call, *Resource) (obj, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		r, err := secret(c)
		switch {
		case err != nil:
			return nil, err
		case !r.gone.IsZero():
			return nil, marked()
		case r.Attributes["PrimaryRegion"] != "":
			return nil, onReplica()
		}
		out, err := change(c, r)
		if err != nil {
			return nil, err
		}
		r.Attributes["LastChangedDate"] = stamp(c.now())
		c.put(r)
		return out, nil
	}
}

// secretOut is a secret as DescribeSecret and ListSecrets show it.
func secretOut(r *Resource) obj {
	out := named(r)
	out["CreatedDate"], out["LastChangedDate"] = r.Created, parseStamp(r.Attributes["LastChangedDate"])
	out["Tags"] = tagList(r.Tags, "Key", "Value")
	out.add("Description", r.Attributes["Description"]).add("KmsKeyId", r.Attributes["KmsKeyId"])
	if lambda := r.Attributes["RotationLambdaARN"]; lambda != "" {
		days, _ := strconv.Atoi(r.Attributes["AutomaticallyAfterDays"])
		out["RotationEnabled"], out["RotationLambdaARN"] = r.Attributes["RotationEnabled"] == "true", lambda
		out["RotationRules"] = obj{"AutomaticallyAfterDays": days}
	}
	if !r.gone.IsZero() {
		out["DeletedDate"] = parseStamp(r.Attributes["DeletedDate"])
	}
	return out.add("PrimaryRegion", primaryRegion(r))
}

// describeSecret alone tells which replicas there are.
func describeSecret(c *call) (any, error) {
	r, err := secret(c)
	if err != nil {
		return nil, err
	}
	out := secretOut(r)
	if replicas := replicasOf(r); len(replicas) > 0 {
		out["ReplicationStatus"] = replicas
	}
	return out, nil
}

// listSecrets hides what is scheduled for deletion unless asked.
func listSecrets(c *call) (any, error) {
	var matching []*Resource
	for _, r := range c.list(kindSecret) {
		hidden := !r.gone.IsZero() && !c.in.bool("IncludePlannedDeletion")
		if !hidden && passes(r, c.in.list("Filters")) {
			matching = append(matching, r)
		}
	}
	p := pager{size: 100, refusal: func() error { return refuse("InvalidNextTokenException", "The NextToken value is invalid.") }}
	secrets, next, err := page(c, p, matching, byName, c.in.str("NextToken"), c.in.int("MaxResults", 100))
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range secrets {
		list = append(list, secretOut(r))
	}
	return obj{"SecretList": list}.add("NextToken", next), nil
}

// passes applies the filters, which match prefixes.
func passes(r *Resource, filters []any) bool {
	for _, f := range filters {
		filter, _ := f.(obj)
		var texts []string
		switch filter.str("Key") {
		case "name":
			texts = []string{r.Name}
		case "description":
			texts = []string{r.Attributes["Description"]}
		case "tag-key":
			for key := range r.Tags {
				texts = append(texts, key)
			}
		case "tag-value":
			for _, value := range r.Tags {
				texts = append(texts, value)
			}
		}
		if !slices.ContainsFunc(filter.strs("Values"), func(prefix string) bool {
			return slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(text, prefix) })
		}) {
			return false
		}
	}
	return true
}

func updateSecret(c *call, r *Resource) (obj, error) {
	if c.in.has("Description") {
		r.set("Description", c.in.str("Description"))
	}
	if c.in.has("KmsKeyId") {
		r.set("KmsKeyId", c.in.str("KmsKeyId")) // empty is the account's default key
	}
	if c.in.has("SecretString") {
		return putSecretValue(c, r)
	}
	return named(r), nil
}

func putSecretValue(c *call, r *Resource) (obj, error) {
	r.value = c.in.str("SecretString")
	r.Attributes["VersionId"] = orDefault(c.in.str("ClientRequestToken"), c.srv.ids.uuid())
	return named(r).add("VersionId", r.Attributes["VersionId"]), nil
}

func getSecretValue(c *call) (any, error) {
	r, err := secret(c)
	switch {
	case err != nil:
		return nil, err
	case !r.gone.IsZero():
		return nil, marked()
	case r.Attributes["VersionId"] == "":
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT")
	}
	out := named(r)
	out["SecretString"], out["VersionId"], out["VersionStages"] = r.value, r.Attributes["VersionId"], []string{"AWSCURRENT"}
	out["CreatedDate"] = r.Created
	return out, nil
}

func deleteSecret(c *call, r *Resource) (obj, error) {
	days, force := c.in.int("RecoveryWindowInDays", 30), c.in.bool("ForceDeleteWithoutRecovery")
	switch {
	case len(r.with("replica/")) > 0:
		return nil, refuse("InvalidRequestException", "You can't delete secret %s that still has replica regions.", r.Name)
	case force && c.in.has("RecoveryWindowInDays"):
		return nil, refuse("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case days < 7 || days > 30:
		return nil, refuse("InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
	case force:
		days = 0
	}
	r.gone = c.now().Add(time.Duration(days) * 24 * time.Hour)
	r.Attributes["DeletedDate"] = stamp(c.now())
	out := named(r)
	out["DeletionDate"] = r.gone
	return out, nil
}

func restoreSecret(c *call) (any, error) {
	r, err := secret(c)
	if err != nil {
		return nil, err
	}
	r.gone = time.Time{}
	r.set("DeletedDate", "")
	c.put(r)
	return named(r), nil
}

func getResourcePolicy(c *call) (any, error) {
	r, err := secret(c)
	switch {
	case err != nil:
		return nil, err
	case !r.gone.IsZero():
		return nil, marked()
	}
	return named(r).add("ResourcePolicy", r.Attributes["Policy"]), nil
}

func putResourcePolicy(c *call, r *Resource) (obj, error) {
	policy := c.in.str("ResourcePolicy")
	if err := checkDocument("MalformedPolicyDocumentException", policy); err != nil {
		return nil, err
	}
	if c.in.bool("BlockPublicPolicy") && public(policy) {
		return nil, refuse("PublicPolicyException", "The resource policy grants broad access to your secret")
	}
	r.Attributes["Policy"] = policy
	return named(r), nil
}

// rotateSecret needs to be told the function once.
func rotateSecret(c *call, r *Resource) (obj, error) {
	lambda := orDefault(c.in.str("RotationLambdaARN"), r.Attributes["RotationLambdaARN"])
	days := c.in.obj("RotationRules").int("AutomaticallyAfterDays", 0)
	switch {
	case lambda == "":
		return nil, refuse("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
	case days < 0 || days > 1000:
		return nil, refuse("InvalidParameterException", "AutomaticallyAfterDays is from 1 to 1000")
	case days > 0:
		r.Attributes["AutomaticallyAfterDays"] = strconv.Itoa(days)
	}
	r.Attributes["RotationLambdaARN"], r.Attributes["RotationEnabled"] = lambda, "true"
	return named(r), nil
}

// cancelRotateSecret keeps function and rules for the next time.
func cancelRotateSecret(_ *call, r *Resource) (obj, error) {
	r.Attributes["RotationEnabled"] = "false"
	return named(r), nil
}
