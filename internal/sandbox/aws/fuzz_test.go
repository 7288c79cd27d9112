package awsbox_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzRequest sends any body to any operation of any service: there is always an answer.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][3]string{
		{"iam", "CreateRole", "Action=CreateRole&RoleName=r&Tags.member.1.Key=a&Tags.member.1.Value=b&member.1=x&Tags="},
		{"sns", "CreateTopic", "Action=CreateTopic&Name=t&Attributes.entry.1.key=Policy&Attributes.entry.1.value={}"},
		{"sqs", "CreateQueue", `{"QueueName":"q","Attributes":{"DelaySeconds":"1"},"tags":[1]}`},
		{"kms", "ListKeys", `{"Limit":1e9,"Marker":"AAAA"}`},
		{"monitoring", "PutMetricAlarm", "\xa1\x69AlarmName\x61a"},
		{"s3", "/bucket?lifecycle", "<LifecycleConfiguration><Rule><Status>Enabled</Status></Rule></LifecycleConfiguration>"},
		{"secretsmanager", "GetSecretValue", `{"SecretId":"arn:aws:secretsmanager:eu-central-1:111111111111:secret:x"}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, service, operation, body string) {
		if strings.ContainsAny(service+operation, "\n\r, ") {
			return // never gets through HTTP's headers
		}
		b := newBench(t)
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			r := httptest.NewRequest(method, "http://127.0.0.1/", strings.NewReader(body))
			path, query, _ := strings.Cut("/"+strings.TrimPrefix(operation, "/"), "?")
			r.URL.Path, r.URL.RawQuery = path, query
			if service == "monitoring" {
				r.URL.Path = "/service/x/operation/" + operation
			}
			r.Header.Set("X-Amz-Target", "x."+operation)
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20260301/eu-central-1/"+service+"/aws4_request, SignedHeaders=host")
			w := httptest.NewRecorder()
			b.ServeHTTP(w, r)
			if w.Code < 200 || w.Code > 599 {
				t.Errorf("status %d", w.Code)
			}
		}
	})
}
