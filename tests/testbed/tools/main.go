// rigtools is everything in the testbed that needs a program of its own, in one static binary:
//
//	pause                 what holds a pod's namespaces: does nothing, ends on SIGTERM
//	lb LISTEN BACKEND...  the client load balancer that every k3s agent has: first server that answers
//	serve ADDR TEXT       an application: answers every request with its text
//	ingress               serves the cluster's Ingress objects on ports 80 and 443
//	gitd ADDR DIR         a git server with one repository, user and password from GIT_USER and GIT_PASSWORD
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	args := os.Args[1:]
	if len(args) == 0 {
		usage()
	}
	var err error
	switch {
	case args[0] == "pause":
		pause()
	case args[0] == "lb" && len(args) > 2:
		err = balance(args[1], args[2:])
	case args[0] == "serve" && len(args) == 3:
		err = serve(args[1], args[2])
	case args[0] == "ingress" && len(args) == 1:
		err = ingress()
	case args[0] == "gitd" && len(args) == 3:
		err = gitd(args[1], args[2], os.Getenv("GIT_USER"), os.Getenv("GIT_PASSWORD"))
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: rigtools pause | lb LISTEN BACKEND... | serve ADDR TEXT | ingress | gitd ADDR DIR")
	os.Exit(2)
}

func stopSignal() chan os.Signal {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	return stop
}

func pause() {
	// As PID 1 of the pod's process namespace it also collects orphans, which the kernel does for us when
	// SIGCHLD is ignored.
	signal.Ignore(syscall.SIGCHLD)
	<-stopSignal()
}

func serve(addr, text string) error {
	go func() {
		<-stopSignal()
		os.Exit(0)
	}()
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, text)
	}))
}
