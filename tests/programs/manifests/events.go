// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/json"
)

// What an API server holds an event to: pkg/apis/core/validation/events.go, and what any object's metadata has to be.
func judgeEvent(e *corev1.Event) (wrong []string) {
	want := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	want(e.APIVersion == "v1" && e.Kind == "Event", "it is no v1 Event")
	want(len(validation.IsDNS1123Subdomain(e.Name)) == 0, "its name is none")
	want(len(validation.IsDNS1123Label(e.Namespace)) == 0, "its namespace is none")
	want(e.InvolvedObject.Kind == "Pod" && e.InvolvedObject.APIVersion == "v1", "it is on no pod")
	want(e.InvolvedObject.Namespace == e.Namespace, "its namespace is not the pod's")
	want(e.InvolvedObject.Name != "" && e.InvolvedObject.UID != "", "the pod has no name or uid")
	want(e.Type == corev1.EventTypeWarning || e.Type == corev1.EventTypeNormal, "its type is none")
	want(e.Reason != "" && len(e.Reason) <= 128, "its reason is none")
	want(e.Message != "" && len(e.Message) <= 1024, "its message is none, or too long")
	want(len(validation.IsQualifiedName(e.ReportingController)) == 0, "its reporting controller is none")
	want(e.ReportingInstance != "" && len(e.ReportingInstance) <= 128, "its reporting instance is none")
	want(e.Source.Component == e.ReportingController && e.Source.Host == e.ReportingInstance, "its source is another")
	want(e.Count > 0, "it was never")
	want(!e.FirstTimestamp.IsZero() && !e.LastTimestamp.Before(&e.FirstTimestamp), "it ended before it began")
	want(e.EventTime.IsZero() && e.Series == nil, "it is of two forms")
	return wrong
}

// judgeEvents prints a line for each: type, reason, pod and count.
func judgeEvents(text []byte) {
	failed := false
	for n, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		var e corev1.Event
		strict, err := json.UnmarshalStrict(line, &e)
		if err == nil && len(strict) > 0 {
			err = strict[0]
		}
		var wrong []string
		if err != nil {
			wrong = []string{err.Error()}
		} else {
			wrong = judgeEvent(&e)
		}
		for _, w := range wrong {
			fmt.Fprintf(os.Stderr, "event %d: %s\n", n+1, w)
			failed = true
		}
		fmt.Println(e.Type, e.Reason, e.Namespace+"/"+e.InvolvedObject.Name, e.Count)
	}
	if failed {
		os.Exit(1)
	}
}
