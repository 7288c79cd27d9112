package githubbox

import "net/http"

// apiRoutes is the table of the REST API. Of two patterns that match a path the first wins.
func apiRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	at := func(method, pattern, needs string, handle func(*call) (reply, error)) route {
		return route{method, pattern, needs, handle}
	}
	const (
		get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

		readMeta, readCode, writeCode = "metadata:read", "contents:read", "contents:write"
		readPull, writePull           = "pull_requests:read", "pull_requests:write"
		readTalk, writeTalk           = "issues:read|pull_requests:read", "issues:write|pull_requests:write"
		readCheck, writeCheck         = "checks:read", "checks:write"
	)
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
		at(get, "/orgs/{login}/installation", needsApp, (*call).getInstallation),
		at(get, "/users/{login}/installation", needsApp, (*call).getInstallation),
		at(get, "/repos/{owner}/{name}/installation", needsApp, (*call).getInstallation),
		at(get, "/installation/repositories", needsInstallation, (*call).installationRepositories),
		at(del, "/installation/token", needsInstallation, (*call).revokeToken),

		at(get, repo, readMeta, (*call).getRepo),
		at(get, repo+"/branches", readCode, (*call).listBranches),
		at(get, repo+"/branches/{branch...}/protection", "administration:read", (*call).branchProtection),
		at(get, repo+"/branches/{branch...}", readCode, (*call).getBranch),
		at(get, repo+"/rules/branches/{branch...}", readMeta, (*call).branchRules),
		at(get, repo+"/collaborators/{login}/permission", readMeta, (*call).collaboratorPermission),
		at(get, repo+"/contents", readCode, (*call).getContents),
		at(get, repo+"/contents/{path...}", readCode, (*call).getContents),
		at(get, repo+"/compare/{basehead...}", readCode, (*call).compare),

		at(get, repo+"/commits", readCode, (*call).listCommits),
		at(get, repo+"/commits/{ref...}/check-runs", readCheck, (*call).runsOfRef),
		at(get, repo+"/commits/{ref...}/check-suites", readCheck, (*call).suitesOfRef),
		at(get, repo+"/commits/{ref...}/status", "statuses:read", (*call).combinedStatus),
		at(get, repo+"/commits/{ref...}/statuses", "statuses:read", (*call).listStatuses),
		at(get, repo+"/commits/{ref...}/pulls", readPull, (*call).pullsOfCommit),
		at(get, repo+"/commits/{ref...}", readCode, (*call).getCommit),
		at(post, repo+"/statuses/{ref}", "statuses:write", (*call).createStatus),

		at(post, repo+"/git/blobs", writeCode, (*call).createBlob),
		at(get, repo+"/git/blobs/{sha}", readCode, (*call).getBlob),
		at(post, repo+"/git/trees", writeCode, (*call).createTree),
		at(get, repo+"/git/trees/{sha...}", readCode, (*call).getTree),
		at(post, repo+"/git/commits", writeCode, (*call).createCommit),
		at(get, repo+"/git/commits/{sha}", readCode, (*call).getGitCommit),
		at(post, repo+"/git/refs", writeCode, (*call).createRef),
		at(get, repo+"/git/ref/{ref...}", readCode, (*call).getRef),
		at(get, repo+"/git/matching-refs/{ref...}", readCode, (*call).matchingRefs),
		at(patch, repo+"/git/refs/{ref...}", writeCode, (*call).updateRef),
		at(del, repo+"/git/refs/{ref...}", writeCode, (*call).deleteRef),

		at(get, repo+"/pulls", readPull, (*call).listPulls),
		at(post, repo+"/pulls", writePull, (*call).createPull),
		at(get, repo+"/pulls/{number}", readPull, (*call).getPull),
		at(patch, repo+"/pulls/{number}", writePull, (*call).updatePull),
		at(get, repo+"/pulls/{number}/files", readPull, (*call).pullFiles),
		at(get, repo+"/pulls/{number}/commits", readPull, (*call).pullCommits),
		at(get, repo+"/pulls/{number}/merge", readPull, (*call).isMerged),
		at(put, repo+"/pulls/{number}/merge", writeCode, (*call).mergePull),
		at(put, repo+"/pulls/{number}/update-branch", writePull, (*call).updateBranch),
		at(get, repo+"/pulls/{number}/reviews", readPull, (*call).listReviews),
		at(post, repo+"/pulls/{number}/reviews", writePull, (*call).createReview),

		at(get, repo+"/issues", readTalk, (*call).listIssues),
		at(get, repo+"/issues/comments", readTalk, (*call).listAllComments),
		at(get, repo+"/issues/comments/{id}", readTalk, (*call).getComment),
		at(patch, repo+"/issues/comments/{id}", writeTalk, (*call).editComment),
		at(del, repo+"/issues/comments/{id}", writeTalk, (*call).deleteComment),
		at(get, repo+"/issues/comments/{id}/reactions", readTalk, (*call).listReactions),
		at(post, repo+"/issues/comments/{id}/reactions", writeTalk, (*call).react),
		at(get, repo+"/issues/{number}", readTalk, (*call).getIssue),
		at(patch, repo+"/issues/{number}", writeTalk, (*call).updateIssue),
		at(get, repo+"/issues/{number}/comments", readTalk, (*call).listComments),
		at(post, repo+"/issues/{number}/comments", writeTalk, (*call).createComment),
		at(get, repo+"/issues/{number}/labels", readTalk, (*call).issueLabels),
		at(post, repo+"/issues/{number}/labels", writeTalk, (*call).changeIssueLabels),
		at(put, repo+"/issues/{number}/labels", writeTalk, (*call).changeIssueLabels),
		at(del, repo+"/issues/{number}/labels", writeTalk, (*call).removeIssueLabel),
		at(del, repo+"/issues/{number}/labels/{name...}", writeTalk, (*call).removeIssueLabel),
		at(get, repo+"/labels", readTalk, (*call).listLabels),
		at(post, repo+"/labels", writeTalk, (*call).createLabel),
		at(get, repo+"/labels/{name...}", readTalk, (*call).getLabel),

		at(post, repo+"/check-runs", writeCheck, (*call).createRun),
		at(get, repo+"/check-runs/{id}", readCheck, (*call).getRun),
		at(patch, repo+"/check-runs/{id}", writeCheck, (*call).updateRun),
		at(get, repo+"/check-runs/{id}/annotations", readCheck, (*call).runAnnotations),
		at(post, repo+"/check-runs/{id}/rerequest", writeCheck, (*call).rerequestRun),
		at(get, repo+"/check-suites/{id}", readCheck, (*call).getSuite),
		at(get, repo+"/check-suites/{id}/check-runs", readCheck, (*call).runsOfSuite),
		at(post, repo+"/check-suites/{id}/rerequest", writeCheck, (*call).rerequestSuite),
	}
}

func (c *call) meta() (reply, error) {
	return ok(object{"verifiable_password_authentication": false, "installed_version": "3.17.0"})
}

func (c *call) zen() (reply, error) {
	c.header.Set("Content-Type", "text/plain; charset=utf-8")
	return ok([]byte("Keep it logically awesome."))
}
