# shellcheck shell=bash disable=SC2034  # the other pieces read these
# What the testbed is made of. Every artefact in the cache carries its version in its name, so that a change
# here builds anew exactly what changed.

KUBERNETES_VERSION=v1.36.3
# What the API server and the nodes say they are. k3s appends its own release to the Kubernetes version.
KUBERNETES_REPORTED=v1.36.3+k3s1
# The staging modules (k8s.io/api and so on) of a Kubernetes 1.X.Y are released as 0.X.Y.
KUBERNETES_STAGING=v0.36.3
ETCD_VERSION=v3.7.3
KUSTOMIZE_CONTROLLER_VERSION=v1.9.5
SOURCE_CONTROLLER_VERSION=v1.8.5 # only its CRDs: see the README for why the program itself is a stand-in
FLUX_CRDS=("source-controller@$SOURCE_CONTROLLER_VERSION" "kustomize-controller@$KUSTOMIZE_CONTROLLER_VERSION")
COREDNS_VERSION=v1.15.0
REGISTRY_VERSION=v3.1.2
GO_MINIMUM=1.26
DEBIAN_SUITE=bookworm
# Raise this when the recipe of the base image changes in a way that the package list does not show.
BASE_RECIPE=1
