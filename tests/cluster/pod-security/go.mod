// The fixtures of Pod Security admission (test/testdata): nothing is built from it.
module rollguard.test/cluster/pod-security

go 1.26.0

require k8s.io/pod-security-admission v0.37.2
