package githubbox

import (
	"net/http"
	"slices"
)

// Where the routes of a repository begin, and how they are written.
const (
	repoBase = "/repos/{owner}/{repo}"

	get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

	readMeta, readCode, writeCode = "metadata:read", "contents:read", "contents:write"
	readPull, writePull           = "pull_requests:read", "pull_requests:write"
	readTalk, writeTalk           = "issues:read|pull_requests:read", "issues:write|pull_requests:write"
	readCheck, writeCheck         = "checks:read", "checks:write"
	readDeploy, writeDeploy       = "deployments:read", "deployments:write"
)

func at(method, pattern, needs string, handle func(*call) (reply, error)) route {
	return route{method, pattern, needs, handle}
}

// apiRoutes is the table of the REST API. Of two patterns that match a path the first wins, so the
// checks of a commit come before the commit, whose {ref...} takes any path.
func apiRoutes() []route {
	return slices.Concat(appRoutes(), checkRoutes(), deploymentRoutes(), codeRoutes(), pullRoutes())
}

// appRoutes are about Apps and accounts.
func appRoutes() []route {
	return []route{
		at(get, "/rate_limit", needsNothing, (*call).rateLimit),
		at(get, "/meta", needsNothing, (*call).meta),
		at(get, "/zen", needsNothing, (*call).zen),
		at(get, "/user", needsUser, (*call).getUser),
		at(get, "/users/{login}", needsNothing, (*call).getUser),
		at(post, "/graphql", needsToken, (*call).graphql),
		at(get, "/app", needsApp, (*call).getApp),
		at(get, "/apps/{slug}", needsNothing, (*call).getAppBySlug),
		at(get, "/app/installations", needsApp, (*call).listInstallations),
		at(get, "/app/installations/{id}", needsApp, (*call).getInstallation),
		at(post, "/app/installations/{id}/access_tokens", needsApp, (*call).createToken),
		at(get, "/app/hook/config", needsApp, (*call).getHookConfig),
		at(patch, "/app/hook/config", needsApp, (*call).setHookConfig),
		at(get, "/app/hook/deliveries", needsApp, (*call).listDeliveries),
		at(get, "/app/hook/deliveries/{id}", needsApp, (*call).getDelivery),
		at(post, "/app/hook/deliveries/{id}/attempts", needsApp, (*call).redeliver),
		at(post, "/app-manifests/{code}/conversions", needsNothing, (*call).convertManifest),
		at(get, "/orgs/{org}/teams/{slug}", "members:read", (*call).getTeam),
		at(get, "/orgs/{org}/teams/{slug}/memberships/{login}", "members:read", (*call).teamMembership),
		at(get, "/orgs/{login}/installation", needsApp, (*call).getInstallation),
		at(get, "/users/{login}/installation", needsApp, (*call).getInstallation),
		at(get, "/repos/{owner}/{name}/installation", needsApp, (*call).getInstallation),
		at(get, "/installation/repositories", needsInstallation, (*call).installationRepositories),
		at(del, "/installation/token", needsInstallation, (*call).revokeToken),
	}
}

// checkRoutes are about check runs and statuses.
func checkRoutes() []route {
	return []route{
		at(get, repoBase+"/commits/{ref...}/check-runs", readCheck, (*call).runsOfRef),
		at(get, repoBase+"/commits/{ref...}/check-suites", readCheck, (*call).suitesOfRef),
		at(get, repoBase+"/commits/{ref...}/status", "statuses:read", (*call).combinedStatus),
		at(get, repoBase+"/commits/{ref...}/statuses", "statuses:read", (*call).listStatuses),
		at(post, repoBase+"/statuses/{ref}", "statuses:write", (*call).createStatus),
		at(post, repoBase+"/check-runs", writeCheck, (*call).createRun),
		at(get, repoBase+"/check-runs/{id}", readCheck, (*call).getRun),
		at(patch, repoBase+"/check-runs/{id}", writeCheck, (*call).updateRun),
		at(get, repoBase+"/check-runs/{id}/annotations", readCheck, (*call).runAnnotations),
		at(post, repoBase+"/check-runs/{id}/rerequest", writeCheck, (*call).rerequestRun),
		at(get, repoBase+"/check-suites/{id}", readCheck, (*call).getSuite),
		at(get, repoBase+"/check-suites/{id}/check-runs", readCheck, (*call).runsOfSuite),
		at(post, repoBase+"/check-suites/{id}/rerequest", writeCheck, (*call).rerequestSuite),
	}
}

// deploymentRoutes are about what is in service where.
func deploymentRoutes() []route {
	return []route{
		at(get, repoBase+"/deployments", readDeploy, (*call).listDeployments),
		at(post, repoBase+"/deployments", writeDeploy, (*call).createDeployment),
		at(get, repoBase+"/deployments/{id}", readDeploy, (*call).getDeployment),
		at(get, repoBase+"/deployments/{id}/statuses", readDeploy, (*call).listDeploymentStatuses),
		at(post, repoBase+"/deployments/{id}/statuses", writeDeploy, (*call).createDeploymentStatus),
	}
}

// codeRoutes are about a repository and its Git objects.
func codeRoutes() []route {
	return []route{
		at(get, repoBase, readMeta, (*call).getRepo),
		at(get, repoBase+"/branches", readCode, (*call).listBranches),
		at(get, repoBase+"/branches/{branch...}/protection", "administration:read", (*call).branchProtection),
		at(get, repoBase+"/branches/{branch...}", readCode, (*call).getBranch),
		at(get, repoBase+"/rules/branches/{branch...}", readMeta, (*call).branchRules),
		at(get, repoBase+"/collaborators/{login}/permission", readMeta, (*call).collaboratorPermission),
		at(get, repoBase+"/contents", readCode, (*call).getContents),
		at(get, repoBase+"/contents/{path...}", readCode, (*call).getContents),
		at(get, repoBase+"/compare/{basehead...}", readCode, (*call).compare),
		at(get, repoBase+"/commits", readCode, (*call).listCommits),
		at(get, repoBase+"/commits/{ref...}/pulls", readPull, (*call).pullsOfCommit),
		at(get, repoBase+"/commits/{ref...}", readCode, (*call).getCommit),
		at(post, repoBase+"/git/blobs", writeCode, (*call).createBlob),
		at(get, repoBase+"/git/blobs/{sha}", readCode, (*call).getBlob),
		at(post, repoBase+"/git/trees", writeCode, (*call).createTree),
		at(get, repoBase+"/git/trees/{sha...}", readCode, (*call).getTree),
		at(post, repoBase+"/git/commits", writeCode, (*call).createCommit),
		at(get, repoBase+"/git/commits/{sha}", readCode, (*call).getGitCommit),
		at(post, repoBase+"/git/refs", writeCode, (*call).createRef),
		at(get, repoBase+"/git/ref/{ref...}", readCode, (*call).getRef),
		at(get, repoBase+"/git/matching-refs/{ref...}", readCode, (*call).matchingRefs),
		at(patch, repoBase+"/git/refs/{ref...}", writeCode, (*call).updateRef),
		at(del, repoBase+"/git/refs/{ref...}", writeCode, (*call).deleteRef),
	}
}

// pullRoutes are about pull requests and the talk on them.
func pullRoutes() []route {
	return []route{
		at(get, repoBase+"/pulls", readPull, (*call).listPulls),
		at(post, repoBase+"/pulls", writePull, (*call).createPull),
		at(get, repoBase+"/pulls/{number}", readPull, (*call).getPull),
		at(patch, repoBase+"/pulls/{number}", writePull, (*call).updatePull),
		at(get, repoBase+"/pulls/{number}/files", readPull, (*call).pullFiles),
		at(get, repoBase+"/pulls/{number}/commits", readPull, (*call).pullCommits),
		at(get, repoBase+"/pulls/{number}/merge", readPull, (*call).isMerged),
		at(put, repoBase+"/pulls/{number}/merge", writeCode, (*call).mergePull),
		at(put, repoBase+"/pulls/{number}/update-branch", writePull, (*call).updateBranch),
		at(get, repoBase+"/pulls/{number}/reviews", readPull, (*call).listReviews),
		at(post, repoBase+"/pulls/{number}/reviews", writePull, (*call).createReview),
		at(get, repoBase+"/issues", readTalk, (*call).listIssues),
		at(get, repoBase+"/issues/comments", readTalk, (*call).listAllComments),
		at(get, repoBase+"/issues/comments/{id}", readTalk, (*call).getComment),
		at(patch, repoBase+"/issues/comments/{id}", writeTalk, (*call).editComment),
		at(del, repoBase+"/issues/comments/{id}", writeTalk, (*call).deleteComment),
		at(get, repoBase+"/issues/comments/{id}/reactions", readTalk, (*call).listReactions),
		at(post, repoBase+"/issues/comments/{id}/reactions", writeTalk, (*call).react),
		at(get, repoBase+"/issues/{number}", readTalk, (*call).getIssue),
		at(patch, repoBase+"/issues/{number}", writeTalk, (*call).updateIssue),
		at(get, repoBase+"/issues/{number}/comments", readTalk, (*call).listComments),
		at(post, repoBase+"/issues/{number}/comments", writeTalk, (*call).createComment),
		at(get, repoBase+"/issues/{number}/labels", readTalk, (*call).issueLabels),
		at(post, repoBase+"/issues/{number}/labels", writeTalk, (*call).changeIssueLabels),
		at(put, repoBase+"/issues/{number}/labels", writeTalk, (*call).changeIssueLabels),
		at(del, repoBase+"/issues/{number}/labels", writeTalk, (*call).removeIssueLabel),
		at(del, repoBase+"/issues/{number}/labels/{name...}", writeTalk, (*call).removeIssueLabel),
		at(get, repoBase+"/labels", readTalk, (*call).listLabels),
		at(post, repoBase+"/labels", writeTalk, (*call).createLabel),
		at(get, repoBase+"/labels/{name...}", readTalk, (*call).getLabel),
	}
}

func (c *call) meta() (reply, error) {
	return ok(object{"verifiable_password_authentication": false, "installed_version": "3.17.0"})
}

func (c *call) zen() (reply, error) {
	c.header.Set("Content-Type", "text/plain; charset=utf-8")
	return ok([]byte("Keep it logically awesome."))
}
