// The fixtures of Pod Security admission (test/testdata), and the types of its API: nothing is built from them.
module rollguard.test/cluster/pod-security

go 1.26.0

require (
	k8s.io/api v0.37.2
	k8s.io/apimachinery v0.37.2
	k8s.io/pod-security-admission v0.37.2
)
