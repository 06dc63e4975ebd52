//! Updates of a Deployment that do not come to a good end without a change.

use super::{Scenario, before_v1, before_v2};

/// One row per cause.
pub(super) const FAILING: &[Scenario] = &[
    update!(
        Deployment,
        "image-tag-missing",
        "the image's tag was never pushed"
    )
    .fails("ImageNotFound")
    .naming(&["`app`", "/app:missing`"])
    .shows("not found"),
    update!(
        Deployment,
        "image-name-invalid",
        "a token in the image's name was not replaced"
    )
    .fails("InvalidImageName")
    .by_template()
    .naming(&["`app`", "/app:#{Build.BuildId}#`"])
    .shows("InvalidImageName"),
    update!(
        Deployment,
        "image-never-pulled",
        "the image is not on the node and must not be pulled"
    )
    .fails("ImageNeverPulled")
    .by_template()
    .naming(&["`app`", "/app:good`", "Never"])
    .shows("ErrImageNeverPull"),
    update!(
        Deployment,
        "registry-refuses",
        "the registry asks for credentials that nobody gave the node"
    )
    .times_out("ImagePullDenied")
    .naming(&["`app`", "/app:good`"])
    .shows("401 Unauthorized"),
    update!(
        Deployment,
        "crash-at-start",
        "the program ends with an error right after its start"
    )
    .times_out("CrashAtStart")
    .naming(&["`app`", "exit code 1"])
    .shows("\"exitCode\":1"),
    update!(
        Deployment,
        "crash-in-init",
        "the init container ends with an error"
    )
    .times_out("CrashAtStart")
    .naming(&["`migrate`", "exit code 3"])
    .shows("\"exitCode\":3"),
    update!(
        Deployment,
        "ends-with-zero",
        "the program ends without an error, and a Deployment wants it to stay"
    )
    .fails("ExitsAtOnce")
    .naming(&["`app`", "exit code 0"])
    .shows("\"exitCode\":0"),
    update!(
        Deployment,
        "command-missing",
        "the image does not have the command"
    )
    .fails("CommandNotRunnable")
    .by_template()
    .naming(&["`app`", "`/bin/web-server`"])
    .shows("/bin/web-server"),
    update!(
        Deployment,
        "config-key-missing",
        "the ConfigMap lacks the key that the container wants"
    )
    .with(&[before_v1(yaml!("config-key-missing", "before-v1"))])
    .times_out("ConfigKeyMissing")
    .naming(&["`app`", "`level`", "`settings`"])
    .shows("couldn't find key level"),
    update!(
        Deployment,
        "secret-missing",
        "the Secret that the container wants does not exist"
    )
    .times_out("ConfigObjectMissing")
    .naming(&["`app`", "Secret `web-token`"])
    .shows("secret \"web-token\" not found"),
    update!(
        Deployment,
        "volume-source-missing",
        "the ConfigMap that a volume is made from does not exist"
    )
    .times_out("ConfigObjectMissing")
    .naming(&["`pages`", "ConfigMap `web-pages`"])
    .shows("configmap \"web-pages\" not found"),
    update!(
        Deployment,
        "root-refused",
        "the pod must not run as root and its image does"
    )
    .fails("RunAsNonRootRefused")
    .by_template()
    .naming(&["`app`", "root"])
    .shows("runAsNonRoot"),
    update!(
        Deployment,
        "quota-exceeded",
        "the quota has no room for the surge pod, and no old pod may go first"
    )
    .from(yaml!("quota-exceeded", "v1"))
    .with(&[before_v1(yaml!("quota-exceeded", "before-v1"))])
    .fails("QuotaExceeded")
    .naming(&[
        "`memory`",
        "limits.memory 32Mi requested, 64Mi of 80Mi used",
    ])
    .shows("exceeded quota"),
    update!(
        Deployment,
        "quota-needs-resources",
        "the quota wants a memory limit, which v2 forgot"
    )
    .from(yaml!("quota-needs-resources", "v1"))
    .with(&[before_v1(yaml!("quota-needs-resources", "before-v1"))])
    .fails("QuotaNeedsResources")
    .by_template()
    .naming(&["`memory`", "limits.memory"])
    .shows("must specify limits.memory"),
    update!(
        Deployment,
        "limit-range-violated",
        "the memory limit is above what the namespace allows"
    )
    .with(&[before_v1(yaml!("limit-range-violated", "before-v1"))])
    .fails("LimitRangeViolated")
    .by_template()
    .naming(&["64Mi", "256Mi"])
    .shows("maximum memory usage per Container is 64Mi"),
    update!(
        Deployment,
        "service-account-missing",
        "the pod's ServiceAccount does not exist"
    )
    .fails("ServiceAccountMissing")
    .naming(&["`web-runner`"])
    .shows("error looking up service account"),
    update!(
        Deployment,
        "pod-security-violated",
        "the namespace has become restricted since v1 was deployed"
    )
    .with(&[before_v2(yaml!("pod-security-violated", "before-v2"))])
    .fails("PodSecurityViolated")
    .naming(&["restricted"])
    .shows("violates PodSecurity"),
    update!(
        Deployment,
        "policy-denies",
        "an admission policy refuses privileged containers"
    )
    .with(&[before_v1(yaml!("policy-denies", "before-v1"))])
    .fails("AdmissionDenied")
    .naming(&["`policy-denies-"])
    .shows("privileged containers are not allowed here"),
    update!(
        Deployment,
        "unschedulable",
        "no node has the label that the pod selects"
    )
    .fails("NoNodeMatches")
    .naming(&["`disk=nvme`", "node affinity/selector"])
    .shows("didn't match Pod's node affinity/selector"),
    update!(
        Deployment,
        "too-big-for-any-node",
        "the pod requests more memory than any node has"
    )
    .times_out("Unschedulable")
    .naming(&["Insufficient memory"])
    .shows("Insufficient memory"),
    update!(
        Deployment,
        "readiness-never",
        "the readiness probe asks for a page that is not there"
    )
    .times_out("ReadinessFailing")
    .naming(&["`app`", "/healthz", "8080"])
    .shows("Readiness probe failed"),
    update!(
        Deployment,
        "readiness-exec-never",
        "the command of the readiness probe looks for a file that nothing writes"
    )
    .times_out("ReadinessFailing")
    .naming(&["`app`", "cat /ready"])
    .shows("No such file or directory"),
    update!(
        Deployment,
        "readiness-tcp-never",
        "the readiness probe connects to a port on which nothing listens"
    )
    .times_out("ReadinessFailing")
    .naming(&["`app`", "9090"])
    .shows("connection refused"),
    update!(
        Deployment,
        "readiness-grpc-never",
        "the readiness probe speaks gRPC to a program that speaks HTTP"
    )
    .times_out("ReadinessFailing")
    .naming(&["`app`", "gRPC", "8080"])
    .shows("Readiness probe failed"),
    update!(
        Deployment,
        "liveness-kills-start",
        "the liveness probe kills the container long before it has started"
    )
    .fails("LivenessKillsStart")
    .shown_later("the first kill comes after failureThreshold × periodSeconds")
    .naming(&["`app`", "liveness"])
    .shows("failed liveness probe"),
    update!(
        Deployment,
        "startup-probe-exhausted",
        "the start takes longer than the startup probe allows"
    )
    .fails("StartupProbeExhausted")
    .shown_later("the first kill comes after failureThreshold × periodSeconds")
    .naming(&["`app`", "startup"])
    .shows("failed startup probe"),
    update!(
        Deployment,
        "out-of-memory",
        "the program wants more memory than its limit"
    )
    .fails("OutOfMemory")
    .naming(&["`app`", "24Mi"])
    .shows("OOMKilled"),
    update!(
        Deployment,
        "crash-after-ready",
        "the program ends with an error some seconds after it became ready"
    )
    .times_out("CrashAfterReady")
    .shown_later("the program runs for some seconds before it ends")
    .naming(&["`app`", "exit code 2"])
    .shows("\"exitCode\":2"),
    update!(
        Deployment,
        "exec-format",
        "the program is a script without a first line that says so"
    )
    .with(&[before_v1(yaml!("exec-format", "before-v1"))])
    .fails("ExecFormatError")
    .by_template()
    .naming(&["`app`", "exec format error"])
    .shows("exec format error"),
    update!(
        Deployment,
        "post-start-fails",
        "the hook after the start ends with an error"
    )
    .fails("PostStartHookFailing")
    .naming(&["`app`"])
    .shows("FailedPostStartHook"),
    update!(
        Deployment,
        "probe-port-unknown",
        "the readiness probe names a port that the container does not have"
    )
    .fails("ProbeCannotRun")
    .by_template()
    .naming(&["`app`", "`web`"])
    .shows("Readiness probe errored"),
    update!(
        Deployment,
        "sub-path-variable-missing",
        "the path in a volume names a variable that the container does not have"
    )
    .fails("SubPathNotPrepared")
    .by_template()
    .naming(&["`app`", "TENANT"])
    .shows("CreateContainerConfigError"),
    update!(
        Deployment,
        "priority-class-missing",
        "the pod's PriorityClass does not exist"
    )
    .fails("PriorityClassMissing")
    .naming(&["`web-critical`"])
    .shows("no PriorityClass with name web-critical was found"),
    update!(
        Deployment,
        "webhook-unavailable",
        "the webhook that is asked about each pod does not answer"
    )
    .with(&[before_v2(yaml!("webhook-unavailable", "before-v2"))])
    .times_out("WebhookUnavailable")
    .naming(&["`labels.policy.example.com`"])
    .shows("failed calling webhook"),
    update!(
        Deployment,
        "taint-not-tolerated",
        "the only node that the pod selects has a taint"
    )
    .times_out("NoNodeMatches")
    .naming(&["taint"])
    .shows("untolerated taint"),
    update!(
        Deployment,
        "volume-fills-up",
        "the program writes more into its volume than the volume may hold"
    )
    .fails("EvictedForOwnLimit")
    .by_template()
    .shown_later("the kubelet measures volumes every 10 s")
    .naming(&["`cache`", "2Mi"])
    .shows("exceeds the limit"),
    update!(
        Deployment,
        "recreate-crashes",
        "the program ends with an error, and all old pods are gone"
    )
    .from(yaml!("recreate-crashes", "v1"))
    .times_out("CrashAtStart")
    .naming(&["`app`", "exit code 2"])
    .shows("\"exitCode\":2"),
    update!(
        Deployment,
        "sidecar-crashes",
        "the container that the others wait for ends with an error"
    )
    .times_out("CrashAtStart")
    .naming(&["`proxy`", "exit code 4"])
    .shows("\"exitCode\":4"),
    update!(
        Deployment,
        "second-container-crashes",
        "the program is ready, and the container beside it ends with an error"
    )
    .times_out("CrashAtStart")
    .naming(&["`exporter`", "exit code 5"])
    .shows("\"exitCode\":5"),
    update!(
        Deployment,
        "init-hangs",
        "the init container waits for something that does not come"
    )
    .times_out("InitRunsLong")
    .shown_later("an init container may run for as long as it needs: told after 15 s")
    .naming(&["`wait-for-database`"])
    .shows("wait-for-database"),
    update!(
        Deployment,
        "paused",
        "the Deployment is paused: nothing happens"
    )
    .fails("Paused")
    .shows("DeploymentPaused"),
    update!(
        Deployment,
        "answers-500",
        "the pods are ready, and the orders page answers 500"
    )
    .asking(&["--http", "/cgi-bin/orders:8080"])
    .fails("HttpCheckFailing")
    .naming(&["/cgi-bin/orders", "500"]),
    update!(
        Deployment,
        "answers-old-page",
        "the pods are ready, and the version page is not that of v2"
    )
    .asking(&["--http", "/version:8080~release two"])
    .fails("HttpCheckFailing")
    .naming(&["/version", "release two"]),
];
