// SPDX-License-Identifier: Apache-2.0

// cripod does to a container runtime what a kubelet does: it makes real pods by the Container Runtime Interface, with the
// cgroups of the systemd driver, the limits of requests and limits, and the files below /var/log by which a node agent
// knows whose a container is.
//
//	cripod image NAME PROGRAM...       an OCI image of these programs as a tar archive to standard output
//	cripod run FILE                    the pod that FILE describes, started; prints "CONTAINER ID" a line
//	cripod resize NS/POD/CONTAINER N   in place: the memory limit is N bytes, of the container and of its pod
//	cripod restart NS/POD/CONTAINER    a new container in its place; prints its id
//	cripod state NS/POD/CONTAINER      "running", or "exited CODE REASON STARTED FINISHED", in ms since 1970
//	cripod kill NS/POD/CONTAINER       at once, without a word to it
//	cripod exec NS/POD/CONTAINER WORD...  runs a command in it, with its code
//	cripod address NS/POD              of a pod with a network of its own
//	cripod stop NS/POD                 the pod and all that is of it goes; its containers have its grace to end by themselves
//
// What it knows of a pod stays in /run/cripod between two commands.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	endpoint = "unix:///run/containerd/containerd.sock"
	stateDir = "/run/cripod"
	deadline = 4 * time.Minute
)

func main() {
	if len(os.Args) < 3 {
		check(fmt.Errorf("usage: cripod image|run|resize|restart|state|kill|exec|address|stop ..."))
	}
	verb, what, rest := os.Args[1], os.Args[2], os.Args[3:]
	if verb == "image" {
		check(writeImage(os.Stdout, what, rest))
		return
	}
	runtime, err := connect()
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	n := &node{ctx, runtime}
	switch {
	case verb == "run" && len(rest) == 0:
		check(n.run(what))
	case verb == "resize" && len(rest) == 1:
		bytes, err := strconv.ParseInt(rest[0], 10, 64)
		check(err)
		check(n.resize(what, bytes))
	case verb == "restart" && len(rest) == 0:
		check(n.restart(what))
	case verb == "state" && len(rest) == 0:
		check(n.state(what))
	case verb == "kill" && len(rest) == 0:
		check(n.kill(what))
	case verb == "exec" && len(rest) > 0:
		check(n.exec(what, rest))
	case verb == "address" && len(rest) == 0:
		check(n.address(what))
	case verb == "stop" && len(rest) == 0:
		check(n.stop(what))
	default:
		check(fmt.Errorf("unknown command: %s", strings.Join(os.Args[1:], " ")))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "cripod:", err)
		os.Exit(1)
	}
}

func connect() (cri.RuntimeServiceClient, error) {
	connection, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return cri.NewRuntimeServiceClient(connection), nil
}

// node is what runs pods.
type node struct {
	ctx     context.Context
	runtime cri.RuntimeServiceClient
}

func statePath(namespace, name string) string {
	return filepath.Join(stateDir, namespace+"_"+name+".json")
}

func (p *pod) save() error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(stateDir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(statePath(p.Namespace, p.Name), text, 0o644)
}

// readPod is strict: a word of a description that nobody obeys is a mistake of the test's.
func readPod(path string) (*pod, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := new(pod)
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	return p, decoder.Decode(p)
}

// find is the pod, and with a third word its container.
func find(what string) (*pod, *container, error) {
	words := strings.Split(what, "/")
	if len(words) < 2 {
		return nil, nil, fmt.Errorf("%q is no NAMESPACE/POD", what)
	}
	p, err := readPod(statePath(words[0], words[1]))
	if err != nil || len(words) == 2 {
		return p, nil, err
	}
	for i := range p.Containers {
		if p.Containers[i].Name == words[2] {
			return p, &p.Containers[i], nil
		}
	}
	return nil, nil, fmt.Errorf("no container %q", what)
}
