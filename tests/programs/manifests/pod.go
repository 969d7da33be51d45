// SPDX-License-Identifier: Apache-2.0

// A DaemonSet's pod as what a kubelet makes of it, in the words of tests/programs/cripod. Each field is taken out of a copy as
// it is obeyed, or named as one that is the cluster's affair: what is left over is refused, so that nothing is passed over.
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

type description struct {
	Namespace    string                       `json:"namespace"`
	Name         string                       `json:"name"`
	Containers   []containerDescription       `json:"containers"`
	Network      string                       `json:"network"`
	HostPID      bool                         `json:"host_pid"`
	Critical     bool                         `json:"critical"`
	GraceSeconds int64                        `json:"grace_seconds"`
	Configs      map[string]map[string]string `json:"configs"`
}

type containerDescription struct {
	Name         string     `json:"name"`
	Image        string     `json:"image"`
	Command      []string   `json:"command"`
	Args         []string   `json:"args"`
	Env          []string   `json:"env"`
	RequestBytes int64      `json:"request_bytes"`
	LimitBytes   int64      `json:"limit_bytes"`
	RequestMilli int64      `json:"request_millicpu"`
	Mounts       []mount    `json:"mounts"`
	Security     restricted `json:"security"`
}

type mount struct {
	Path     string `json:"path"`
	Host     string `json:"host,omitempty"`
	Type     string `json:"type,omitempty"`
	Config   string `json:"config,omitempty"`
	ReadOnly bool   `json:"readonly,omitempty"`
}

type restricted struct {
	User            int64    `json:"user"`
	Group           int64    `json:"group"`
	Add             []string `json:"add"`
	Drop            []string `json:"drop"`
	ReadOnlyRoot    bool     `json:"readonly_root"`
	NoNewPrivileges bool     `json:"no_new_privileges"`
	Seccomp         string   `json:"seccomp"`
	AppArmor        string   `json:"apparmor"`
}

// obeyed refuses what is left of a value when all that is obeyed, or meant for others, was taken out.
func (j *judge) obeyed(what string, rest any) {
	j.want(reflect.ValueOf(rest).IsZero(), "%s: nobody obeys all of %+v", what, rest)
}

func (j *judge) mounts(pod *corev1.PodSpec, c *corev1.Container) (to []mount) {
	for _, m := range c.VolumeMounts {
		for _, v := range pod.Volumes {
			if v.Name != m.Name {
				continue
			}
			made := mount{Path: m.MountPath, ReadOnly: m.ReadOnly}
			switch {
			case v.HostPath != nil:
				made.Host, made.Type = v.HostPath.Path, string(*v.HostPath.Type)
			case v.ConfigMap != nil:
				made.Config = v.ConfigMap.Name
			default:
				j.say("volume %s is of a kind that nobody makes", v.Name)
			}
			to = append(to, made)
		}
		m.Name, m.MountPath, m.ReadOnly = "", "", false
		j.obeyed("mount", m)
	}
	return to
}

func (j *judge) security(s corev1.SecurityContext) (to restricted) {
	to = restricted{
		User: *s.RunAsUser, Group: *s.RunAsGroup, ReadOnlyRoot: *s.ReadOnlyRootFilesystem,
		NoNewPrivileges: !*s.AllowPrivilegeEscalation, Seccomp: string(s.SeccompProfile.Type), AppArmor: string(s.AppArmorProfile.Type),
	}
	for _, name := range s.Capabilities.Add {
		to.Add = append(to.Add, string(name))
	}
	for _, name := range s.Capabilities.Drop {
		to.Drop = append(to.Drop, string(name))
	}
	j.want(!*s.Privileged, "privileged")
	s.Privileged, s.RunAsUser, s.RunAsGroup, s.ReadOnlyRootFilesystem, s.AllowPrivilegeEscalation = nil, nil, nil, nil, nil
	s.SeccompProfile, s.AppArmorProfile, s.Capabilities = nil, nil, nil
	j.obeyed("securityContext", s)
	return to
}

func (j *judge) environment(c *corev1.Container) (to []string) {
	for _, e := range c.Env {
		if e.ValueFrom != nil {
			j.want(e.ValueFrom.FieldRef != nil && e.ValueFrom.FieldRef.FieldPath == "spec.nodeName", "%s: from where?", e.Name)
			e.Value = "node1"
		}
		to = append(to, e.Name+"="+e.Value)
	}
	return to
}

func (j *judge) describeContainer(pod *corev1.PodSpec, c corev1.Container) containerDescription {
	to := containerDescription{
		Name: c.Name, Image: c.Image, Command: c.Command, Args: c.Args, Env: j.environment(&c),
		RequestBytes: c.Resources.Requests.Memory().Value(), LimitBytes: c.Resources.Limits.Memory().Value(),
		RequestMilli: c.Resources.Requests.Cpu().MilliValue(),
		Mounts:       j.mounts(pod, &c), Security: j.security(*c.SecurityContext),
	}
	c.Name, c.Image, c.Command, c.Args, c.Env, c.VolumeMounts, c.SecurityContext = "", "", nil, nil, nil, nil, nil
	c.Resources = corev1.ResourceRequirements{}
	// Who asks whether it lives is the test, and the port has a name only for others.
	c.LivenessProbe, c.ReadinessProbe, c.Ports = nil, nil, nil
	j.obeyed("container", c)
	return to
}

func (j *judge) configs() map[string]map[string]string {
	to := map[string]map[string]string{}
	for _, o := range j.objects {
		if m, ok := o.(*corev1.ConfigMap); ok {
			to[m.Name] = m.Data
		}
	}
	return to
}

func (j *judge) print(d *appsv1.DaemonSet) {
	pod := d.Spec.Template.Spec
	to := description{
		Namespace: d.Namespace, Name: d.Name, Network: "pod", HostPID: pod.HostPID, Configs: j.configs(),
		Critical: strings.HasPrefix(pod.PriorityClassName, "system-"), GraceSeconds: *pod.TerminationGracePeriodSeconds,
	}
	for _, c := range pod.Containers {
		to.Containers = append(to.Containers, j.describeContainer(&pod, c))
	}
	j.want(pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken, "nobody brings a token")
	pod.HostPID, pod.PriorityClassName, pod.TerminationGracePeriodSeconds, pod.Volumes, pod.Containers = false, "", nil, nil, nil
	// Where it runs, and as whom it would speak to the API server.
	pod.NodeSelector, pod.Tolerations, pod.ServiceAccountName, pod.AutomountServiceAccountToken = nil, nil, "", nil
	pod.EnableServiceLinks = nil
	j.obeyed("pod", pod)
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "\t")
	if err := out.Encode(to); err != nil {
		j.say("%v", err)
	}
}
