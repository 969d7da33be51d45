// SPDX-License-Identifier: Apache-2.0

// manifests reads what kustomize has rendered, decodes each object strictly into the type of its API (an unknown, misspelt or
// doubled field is an error) and judges what a cluster would find out only later. On standard output stands a line an object,
// and of gomemd's DaemonSet "capabilities" with those that are added; with -data NAME/KEY instead, that of a ConfigMap; with
// -pod the DaemonSet's pod, as tests/programs/cripod takes it. With -events it reads events, one a line, instead (events.go).
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Those of monitoring.coreos.com/v1 that are used; the operator's own module is not in Debian.
type podMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector            metav1.LabelSelector `json:"selector"`
		PodMetricsEndpoints []struct {
			Port        string    `json:"port"`
			Path        string    `json:"path"`
			Interval    string    `json:"interval"`
			HonorLabels bool      `json:"honorLabels"`
			Relabelings []relabel `json:"relabelings"`
		} `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

type relabel struct {
	SourceLabels []string `json:"sourceLabels"`
	TargetLabel  string   `json:"targetLabel"`
	Replacement  string   `json:"replacement"`
}

type prometheusRule struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []struct {
				Record      string            `json:"record"`
				Alert       string            `json:"alert"`
				Expr        string            `json:"expr"`
				For         string            `json:"for"`
				Labels      map[string]string `json:"labels"`
				Annotations map[string]string `json:"annotations"`
			} `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

type object interface{ GetName() string }

func of(kind string) object {
	switch kind {
	case "v1 Namespace":
		return &corev1.Namespace{}
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}
	case "v1 ResourceQuota":
		return &corev1.ResourceQuota{}
	case "apps/v1 DaemonSet":
		return &appsv1.DaemonSet{}
	case "rbac.authorization.k8s.io/v1 ClusterRole":
		return &rbacv1.ClusterRole{}
	case "rbac.authorization.k8s.io/v1 ClusterRoleBinding":
		return &rbacv1.ClusterRoleBinding{}
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "monitoring.coreos.com/v1 PodMonitor":
		return &podMonitor{}
	case "monitoring.coreos.com/v1 PrometheusRule":
		return &prometheusRule{}
	}
	return nil
}

func decode(text []byte) (object, string, error) {
	var meta metav1.TypeMeta
	plain, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, "", err
	}
	if err := json.UnmarshalCaseSensitivePreserveInts(plain, &meta); err != nil {
		return nil, "", err
	}
	kind := meta.APIVersion + " " + meta.Kind
	to := of(kind)
	if to == nil {
		return nil, kind, fmt.Errorf("%s is none that is known here", kind)
	}
	strict, err := json.UnmarshalStrict(plain, to)
	if err == nil && len(strict) > 0 {
		err = strict[0]
	}
	if err == nil && to.GetName() == "" {
		err = fmt.Errorf("no name")
	}
	return to, kind, err
}

type judge struct {
	objects []object
	wrong   []string
}

func (j *judge) say(format string, args ...any) {
	j.wrong = append(j.wrong, fmt.Sprintf(format, args...))
}

func (j *judge) want(ok bool, format string, args ...any) {
	if !ok {
		j.say(format, args...)
	}
}

func find[T object](j *judge, name string) (T, bool) {
	for _, o := range j.objects {
		if t, ok := o.(T); ok && o.GetName() == name {
			return t, true
		}
	}
	var none T
	return none, false
}

func (j *judge) volumes(pod *corev1.PodSpec, c *corev1.Container) {
	volumes := map[string]corev1.Volume{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v
		if v.ConfigMap != nil {
			_, ok := find[*corev1.ConfigMap](j, v.ConfigMap.Name)
			j.want(ok, "volume %s is of a ConfigMap %s that is not there", v.Name, v.ConfigMap.Name)
		}
	}
	at := map[string]corev1.VolumeMount{}
	for _, m := range c.VolumeMounts {
		_, ok := volumes[m.Name]
		j.want(ok, "%s is mounted and no volume", m.Name)
		_, twice := at[m.MountPath]
		j.want(!twice, "two volumes at %s", m.MountPath)
		j.want(m.SubPath == "", "%s: by subPath a ConfigMap never changes", m.MountPath)
		at[m.MountPath] = m
	}
	for _, path := range []string{"/var/lib/gomemd", "/run/gomemd", "/sys/fs/cgroup"} {
		m, ok := at[path]
		host := volumes[m.Name].HostPath
		j.want(ok && host != nil && host.Path == path, "%s must be the host's", path)
	}
	j.want(!at["/var/lib/gomemd"].ReadOnly, "undo records must be written")
}

func (j *judge) container(c *corev1.Container) {
	s := c.SecurityContext
	if s == nil || s.Capabilities == nil {
		j.say("no securityContext with capabilities")
		return
	}
	j.want(s.Privileged != nil && !*s.Privileged, "privileged")
	j.want(s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem, "the root can be written")
	j.want(slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}), "not all capabilities are dropped")
	j.want(s.SeccompProfile != nil && s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "no seccomp profile")
	admin := slices.Contains(s.Capabilities.Add, "SYS_ADMIN")
	j.want(s.AllowPrivilegeEscalation != nil && *s.AllowPrivilegeEscalation == admin,
		"allowPrivilegeEscalation is true with SYS_ADMIN, and with nothing else")
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
		j.want(p != nil && p.HTTPGet != nil && slices.ContainsFunc(c.Ports, func(port corev1.ContainerPort) bool {
			return port.Name == p.HTTPGet.Port.StrVal
		}), "a probe without a port")
	}
	j.want(c.Resources.Limits.Memory().Value() > 0 && c.Resources.Limits.Cpu().IsZero(), "a limit of memory, and none of CPU")
	fmt.Print("capabilities")
	for _, name := range s.Capabilities.Add {
		fmt.Print(" ", name)
	}
	fmt.Println()
}

func (j *judge) daemonSet(d *appsv1.DaemonSet) {
	pod := &d.Spec.Template.Spec
	selector, err := metav1.LabelSelectorAsMap(d.Spec.Selector)
	j.want(err == nil && len(selector) > 0, "no selector")
	for k, v := range selector {
		j.want(d.Spec.Template.Labels[k] == v, "the selector does not select its pods")
	}
	j.want(pod.HostPID && !pod.HostNetwork && !pod.HostIPC, "the host's processes and nothing else of its namespaces")
	grace := pod.TerminationGracePeriodSeconds
	j.want(grace != nil && *grace >= 20, "giving back takes 8 s, and helpers more")
	rolling := d.Spec.UpdateStrategy.RollingUpdate
	j.want(rolling != nil && rolling.MaxSurge != nil && rolling.MaxSurge.IntValue() == 0, "two daemons on one node")
	_, ok := find[*corev1.ServiceAccount](j, pod.ServiceAccountName)
	j.want(ok, "the service account %s is not there", pod.ServiceAccountName)
	asks := slices.ContainsFunc(j.objects, func(o object) bool {
		_, ok := o.(*rbacv1.ClusterRole)
		return ok
	})
	j.want(pod.AutomountServiceAccountToken != nil && *pod.AutomountServiceAccountToken == asks, "a token without rights, or rights without")
	if len(pod.Containers) != 1 {
		j.say("%d containers", len(pod.Containers))
		return
	}
	j.container(&pod.Containers[0])
	j.volumes(pod, &pod.Containers[0])
}

func (j *judge) all(data string, pod bool) {
	if pod {
		d, ok := find[*appsv1.DaemonSet](j, "gomemd")
		j.want(ok, "no DaemonSet")
		if ok {
			j.print(d)
		}
		return
	}
	if name, key, ok := strings.Cut(data, "/"); ok {
		m, found := find[*corev1.ConfigMap](j, name)
		j.want(found && m.Data[key] != "", "no %s", data)
		if found {
			fmt.Print(m.Data[key])
		}
		return
	}
	for _, o := range j.objects {
		if d, ok := o.(*appsv1.DaemonSet); ok {
			j.daemonSet(d)
		}
		if m, ok := o.(*podMonitor); ok {
			for _, e := range m.Spec.PodMetricsEndpoints {
				j.want(e.HonorLabels, "without honorLabels the workloads' names are lost")
			}
		}
		if r, ok := o.(*rbacv1.ClusterRole); ok {
			for _, rule := range r.Rules {
				fmt.Printf("may %s: %s of %q in %q\n", r.Name, strings.Join(rule.Verbs, " "), rule.Resources, rule.APIGroups)
			}
		}
		if b, ok := o.(*rbacv1.ClusterRoleBinding); ok {
			_, ok := find[*rbacv1.ClusterRole](j, b.RoleRef.Name)
			j.want(ok && len(b.Subjects) == 1, "a binding of nothing")
		}
	}
}

func main() {
	data := flag.String("data", "", "NAME/KEY of a ConfigMap")
	events := flag.Bool("events", false, "events, one a line")
	pod := flag.Bool("pod", false, "the DaemonSet's pod as a description")
	flag.Parse()
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if *events {
		judgeEvents(text)
		return
	}
	j := &judge{}
	for n, part := range bytes.Split(text, []byte("\n---\n")) {
		o, kind, err := decode(part)
		if err != nil {
			fmt.Fprintf(os.Stderr, "object %d (%s): %v\n", n+1, kind, err)
			os.Exit(1)
		}
		j.objects = append(j.objects, o)
		if *data == "" && !*pod {
			fmt.Println(kind, o.GetName())
		}
	}
	j.all(*data, *pod)
	for _, w := range j.wrong {
		fmt.Fprintln(os.Stderr, w)
	}
	if len(j.wrong) > 0 {
		os.Exit(1)
	}
}
