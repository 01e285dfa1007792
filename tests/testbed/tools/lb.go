package main

import (
	"io"
	"log"
	"net"
	"sync/atomic"
	"time"
)

// A dead machine does not refuse, it is silent: so dialling has a short limit, and an open connection is probed.
const dialTimeout = time.Second

var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 3 * time.Second, Interval: 2 * time.Second, Count: 3}

func balance(listen string, backends []string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	var last atomic.Int64 // the server that answered last is asked first
	for {
		client, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer client.Close()
			first := last.Load()
			for i := range backends {
				n := (first + int64(i)) % int64(len(backends))
				server, err := net.DialTimeout("tcp", backends[n], dialTimeout)
				if err != nil {
					log.Printf("%s: %v", backends[n], err)
					continue
				}
				last.Store(n)
				join(client.(*net.TCPConn), server.(*net.TCPConn))
				return
			}
		}()
	}
}

func join(client, server *net.TCPConn) {
	defer server.Close()
	_ = server.SetKeepAliveConfig(keepAlive)
	done := make(chan struct{}, 2)
	copyHalf := func(to, from *net.TCPConn) {
		_, _ = io.Copy(to, from)
		_ = to.CloseWrite()
		done <- struct{}{}
	}
	go copyHalf(server, client)
	go copyHalf(client, server)
	<-done
	<-done
}
