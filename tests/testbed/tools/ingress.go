package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// An ingress controller, as small as one can be: it serves every Ingress object on ports 80 and 443 of its node, with
// the certificates that the objects name. It runs on the host network of every node, as k3s' Traefik behind its service
// load balancer seems to. Which pods a Service has is kube-proxy's business, so requests follow them.

const (
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"
	ingressRefresh = 5 * time.Second
	ingressRetry   = time.Second
	// A pod whose machine is dead does not refuse, it is silent.
	backendTimeout = 3 * time.Second
)

// site is what the API said last. It is kept while the API is away.
type site struct {
	routes []route
	certs  map[string]*tls.Certificate // by host
}
type route struct {
	host, path string
	proxy      *httputil.ReverseProxy
}

func ingress() error {
	api, err := newAPI()
	if err != nil {
		return err
	}
	var current atomic.Pointer[site]
	current.Store(&site{})
	go func() {
		for {
			next, err := api.read()
			if err != nil {
				log.Print(err)
				time.Sleep(ingressRetry)
				continue
			}
			current.Store(next)
			time.Sleep(ingressRefresh)
		}
	}()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { current.Load().serve(w, r) })
	secure := &http.Server{Addr: ":443", Handler: handler, TLSConfig: &tls.Config{
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if cert := current.Load().certs[hello.ServerName]; cert != nil {
				return cert, nil
			}
			return nil, fmt.Errorf("no certificate for %q", hello.ServerName)
		},
	}}
	failed := make(chan error, 2)
	go func() { failed <- http.ListenAndServe(":80", handler) }()
	go func() { failed <- secure.ListenAndServeTLS("", "") }()
	select {
	case err := <-failed:
		return err
	case <-stopSignal():
		return nil
	}
}

func (s *site) serve(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	for _, route := range s.routes {
		if route.host == host && strings.HasPrefix(r.URL.Path, route.path) {
			route.proxy.ServeHTTP(w, r)
			return
		}
	}
	if r.URL.Path == "/ping" && len(s.routes) > 0 {
		fmt.Fprintln(w, "OK")
		return
	}
	http.NotFound(w, r)
}

func newProxy(address string) *httputil.ReverseProxy {
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
	proxy.Transport = &http.Transport{
		DialContext:           (&net.Dialer{Timeout: backendTimeout}).DialContext,
		ResponseHeaderTimeout: backendTimeout,
		// A connection that is kept would hold on to a pod that is gone.
		DisableKeepAlives: true,
	}
	proxy.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
		http.Error(w, fmt.Sprintf("%s: %v", r.Host, err), http.StatusServiceUnavailable)
	}
	return proxy
}

type clusterAPI struct {
	client *http.Client
	base   string
}

func newAPI() (*clusterAPI, error) {
	ca, err := os.ReadFile(serviceAccount + "/ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	address := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	return &clusterAPI{&http.Client{Transport: transport, Timeout: 5 * time.Second}, "https://" + address}, nil
}

func (a *clusterAPI) get(path string, into any) error {
	// Read each time: the kubelet renews it.
	token, err := os.ReadFile(serviceAccount + "/token")
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, a.base+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

type ingressList struct {
	Items []struct {
		Metadata struct{ Namespace, Name string }
		Spec     struct {
			TLS []struct {
				Hosts      []string
				SecretName string
			}
			Rules []struct {
				Host string
				HTTP struct {
					Paths []struct {
						Path    string
						Backend struct {
							Service struct {
								Name string
								Port struct{ Number int }
							}
						}
					}
				}
			}
		}
	}
}

// read makes the table anew. An object that can't be served is left out and named in the log; the others are served.
func (a *clusterAPI) read() (*site, error) {
	var list ingressList
	// resourceVersion=0: from the API server's memory, which costs nothing.
	if err := a.get("/apis/networking.k8s.io/v1/ingresses?resourceVersion=0", &list); err != nil {
		return nil, err
	}
	next := &site{certs: map[string]*tls.Certificate{}}
	for _, item := range list.Items {
		namespace := item.Metadata.Namespace
		for _, entry := range item.Spec.TLS {
			cert, err := a.certificate(namespace, entry.SecretName)
			if err != nil {
				log.Printf("%s/%s: %v", namespace, item.Metadata.Name, err)
				continue
			}
			for _, host := range entry.Hosts {
				next.certs[host] = cert
			}
		}
		for _, rule := range item.Spec.Rules {
			for _, p := range rule.HTTP.Paths {
				var service struct{ Spec struct{ ClusterIP string } }
				if err := a.get("/api/v1/namespaces/"+namespace+"/services/"+p.Backend.Service.Name, &service); err != nil {
					log.Printf("%s/%s: %v", namespace, item.Metadata.Name, err)
					continue
				}
				address := fmt.Sprintf("%s:%d", service.Spec.ClusterIP, p.Backend.Service.Port.Number)
				next.routes = append(next.routes, route{rule.Host, p.Path, newProxy(address)})
			}
		}
	}
	// The longest path first, as the API defines it.
	slices.SortStableFunc(next.routes, func(x, y route) int { return len(y.path) - len(x.path) })
	return next, nil
}

func (a *clusterAPI) certificate(namespace, secret string) (*tls.Certificate, error) {
	var object struct{ Data map[string][]byte }
	if err := a.get("/api/v1/namespaces/"+namespace+"/secrets/"+secret, &object); err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(object.Data["tls.crt"], object.Data["tls.key"])
	return &cert, err
}
