//! Generated pods: sound ones, with a few changes to what Pod Security looks at.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

/// The most changes to a pod. With more of them almost none is admitted.
const CHANGES: usize = 4;

/// Fields of a pod by their path, each with values in JSON. A path that ends in `-` adds to a list.
const OF_POD: &[(&str, &[&str])] = &[
    ("spec/hostNetwork", &["true", "false", "null"]),
    ("spec/hostPID", &["true", "false", "null"]),
    ("spec/hostIPC", &["true", "false", "null"]),
    ("spec/hostUsers", &["true", "false", "null"]),
    ("spec/shareProcessNamespace", &["true"]),
    ("spec/os", &[r#"{"name":"linux"}"#, r#"{"name":"windows"}"#]),
    ("spec/securityContext", &["null", "{}"]),
    (
        "metadata/annotations",
        &[
            r#"{"container.apparmor.security.beta.kubernetes.io/app":"runtime/default"}"#,
            r#"{"container.apparmor.security.beta.kubernetes.io/app":"localhost/web"}"#,
            r#"{"container.apparmor.security.beta.kubernetes.io/app":"unconfined"}"#,
            r#"{"container.apparmor.security.beta.kubernetes.io/first":"unconfined"}"#,
            r#"{"container.apparmor.security.beta.kubernetes.io/app":""}"#,
            r#"{"container.seccomp.security.alpha.kubernetes.io/app":"unconfined"}"#,
            r#"{"seccomp.security.alpha.kubernetes.io/pod":"unconfined"}"#,
            "null",
        ],
    ),
    (
        "spec/securityContext/sysctls/-",
        &[
            r#"{"name":"kernel.shm_rmid_forced","value":"1"}"#,
            r#"{"name":"net.ipv4.ip_local_port_range","value":"1024 2048"}"#,
            r#"{"name":"net.ipv4.tcp_syncookies","value":"1"}"#,
            r#"{"name":"net/ipv4/tcp_syncookies","value":"1"}"#,
            r#"{"name":"net.ipv4.ping_group_range","value":"1 2"}"#,
            r#"{"name":"net.ipv4.ip_unprivileged_port_start","value":"0"}"#,
            r#"{"name":"net.ipv4.ip_local_reserved_ports","value":"8080"}"#,
            r#"{"name":"net.ipv4.tcp_keepalive_time","value":"1"}"#,
            r#"{"name":"net.ipv4.tcp_fin_timeout","value":"1"}"#,
            r#"{"name":"net.ipv4.tcp_keepalive_intvl","value":"1"}"#,
            r#"{"name":"net.ipv4.tcp_keepalive_probes","value":"1"}"#,
            r#"{"name":"net.ipv4.tcp_rmem","value":"1"}"#,
            r#"{"name":"net.ipv4.tcp_wmem","value":"1"}"#,
            r#"{"name":"net.ipv4.tcp_slow_start_after_idle","value":"1"}"#,
            r#"{"name":"net.ipv4.tcp_notsent_lowat","value":"1"}"#,
            r#"{"name":"net.ipv4.tcp_mem","value":"1"}"#,
            r#"{"name":"net.core.somaxconn","value":"1"}"#,
            r#"{"name":"kernel.msgmax","value":"1"}"#,
            r#"{"name":"kernel.shm_rmid_forced.x","value":"1"}"#,
        ],
    ),
    (
        "spec/volumes/-",
        &[
            r#"{"name":"v1","hostPath":{"path":"/var/log"}}"#,
            r#"{"name":"v2","hostPath":{"path":"/","type":"Directory"}}"#,
            r#"{"name":"v3","emptyDir":{}}"#,
            r#"{"name":"v4"}"#,
            r#"{"name":"v5","hostPath":null}"#,
            r#"{"name":"v6","hostPath":null,"emptyDir":{"medium":"Memory"}}"#,
            r#"{"name":"v7","configMap":{"name":"x"}}"#,
            r#"{"name":"v8","secret":{"secretName":"x"}}"#,
            r#"{"name":"v9","projected":{"sources":[{"configMap":{"name":"x"}}]}}"#,
            r#"{"name":"v10","downwardAPI":{"items":[{"path":"x","fieldRef":{"fieldPath":"metadata.name"}}]}}"#,
            r#"{"name":"v11","csi":{"driver":"x"}}"#,
            r#"{"name":"v12","persistentVolumeClaim":{"claimName":"x"}}"#,
            r#"{"name":"v13","image":{"reference":"registry.test/x:1"}}"#,
            r#"{"name":"v14","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}}}"#,
            r#"{"name":"v15","nfs":{"server":"x","path":"/"}}"#,
            r#"{"name":"v16","iscsi":{"targetPortal":"10.0.0.1","iqn":"iqn.2001-04.com.example:x","lun":0}}"#,
            r#"{"name":"v17","glusterfs":{"endpoints":"x","path":"x"}}"#,
            r#"{"name":"v18","rbd":{"monitors":["x"],"image":"x"}}"#,
            r#"{"name":"v19","flexVolume":{"driver":"x/y"}}"#,
            r#"{"name":"v20","cinder":{"volumeID":"x"}}"#,
            r#"{"name":"v21","cephfs":{"monitors":["x"]}}"#,
            r#"{"name":"v22","flocker":{"datasetName":"x"}}"#,
            r#"{"name":"v23","fc":{"targetWWNs":["x"],"lun":0}}"#,
            r#"{"name":"v24","azureFile":{"secretName":"x","shareName":"x"}}"#,
            r#"{"name":"v25","azureDisk":{"diskName":"x","diskURI":"https://x.blob.core.windows.net/x"}}"#,
            r#"{"name":"v26","vsphereVolume":{"volumePath":"x"}}"#,
            r#"{"name":"v27","quobyte":{"registry":"x:1","volume":"x"}}"#,
            r#"{"name":"v28","portworxVolume":{"volumeID":"x"}}"#,
            r#"{"name":"v29","photonPersistentDisk":{"pdID":"x"}}"#,
            r#"{"name":"v30","scaleIO":{"gateway":"x","system":"x","volumeName":"x","secretRef":{"name":"x"}}}"#,
            r#"{"name":"v31","storageos":{"volumeName":"x"}}"#,
            r#"{"name":"v32","gcePersistentDisk":{"pdName":"x"}}"#,
            r#"{"name":"v33","awsElasticBlockStore":{"volumeID":"x"}}"#,
            r#"{"name":"v34","gitRepo":{"repository":"https://x.test/y"}}"#,
        ],
    ),
];

/// Fields of a security context that the pod and its containers have in common.
const OF_BOTH: &[(&str, &[&str])] = &[
    (
        "securityContext/runAsNonRoot",
        &["true", "false", "null", "false"],
    ),
    (
        "securityContext/runAsUser",
        &["0", "1", "1000", "null", "0"],
    ),
    ("securityContext/runAsGroup", &["0"]),
    (
        "securityContext/seccompProfile",
        &[
            r#"{"type":"RuntimeDefault"}"#,
            r#"{"type":"Localhost","localhostProfile":"x.json"}"#,
            r#"{"type":"Unconfined"}"#,
            "null",
        ],
    ),
    (
        "securityContext/seLinuxOptions",
        &[
            "{}",
            "null",
            r#"{"type":""}"#,
            r#"{"type":"container_t"}"#,
            r#"{"type":"container_init_t"}"#,
            r#"{"type":"container_kvm_t"}"#,
            r#"{"type":"container_engine_t"}"#,
            r#"{"type":"spc_t"}"#,
            r#"{"user":"system_u"}"#,
            r#"{"role":"object_r","user":""}"#,
            r#"{"level":"s0:c1,c2"}"#,
        ],
    ),
    (
        "securityContext/appArmorProfile",
        &[
            r#"{"type":"RuntimeDefault"}"#,
            r#"{"type":"Localhost","localhostProfile":"web"}"#,
            r#"{"type":"Unconfined"}"#,
            "null",
        ],
    ),
    (
        "securityContext/windowsOptions",
        &[
            "{}",
            r#"{"hostProcess":true}"#,
            r#"{"hostProcess":false}"#,
            r#"{"runAsUserName":"ContainerUser"}"#,
        ],
    ),
];

/// Fields of a container.
const OF_CONTAINER: &[(&str, &[&str])] = &[
    (
        "securityContext",
        &[
            "null",
            "{}",
            r#"{"privileged":true}"#,
            r#"{"privileged":false}"#,
            r#"{"allowPrivilegeEscalation":false}"#,
        ],
    ),
    ("securityContext/privileged", &["true", "false", "null"]),
    (
        "securityContext/allowPrivilegeEscalation",
        &["true", "false", "null"],
    ),
    ("securityContext/readOnlyRootFilesystem", &["false"]),
    (
        "securityContext/procMount",
        &[r#""Default""#, r#""Unmasked""#, "null"],
    ),
    (
        "securityContext/capabilities",
        &["{}", "null", r#"{"add":[]}"#, r#"{"drop":[]}"#],
    ),
    (
        "ports",
        &[
            r#"[{"containerPort":80}]"#,
            r#"[{"containerPort":80,"hostPort":0}]"#,
            r#"[{"containerPort":80,"hostPort":null}]"#,
            r#"[{"containerPort":80,"hostPort":80}]"#,
            r#"[{"containerPort":80},{"containerPort":53,"protocol":"UDP","hostPort":53,"hostIP":"127.0.0.1"}]"#,
        ],
    ),
    ("livenessProbe", PROBES),
    ("readinessProbe", PROBES),
    ("startupProbe", PROBES),
    ("lifecycle/postStart", HOOKS),
    ("lifecycle/preStop", HOOKS),
];

const PROBES: &[&str] = &[
    r#"{"httpGet":{"port":80}}"#,
    r#"{"httpGet":{"port":80,"host":""}}"#,
    r#"{"httpGet":{"port":80,"host":"127.0.0.1"}}"#,
    r#"{"httpGet":{"port":80,"host":"example.org"}}"#,
    r#"{"tcpSocket":{"port":80,"host":"localhost"}}"#,
    r#"{"tcpSocket":{"port":80,"host":null}}"#,
    r#"{"httpGet":{"port":80,"httpHeaders":[{"name":"Host","value":"example.org"}]}}"#,
    r#"{"exec":{"command":["true"]}}"#,
    r#"{"grpc":{"port":80}}"#,
];

const HOOKS: &[&str] = &[
    r#"{"httpGet":{"port":80}}"#,
    r#"{"httpGet":{"port":80,"host":"169.254.169.254"}}"#,
    r#"{"tcpSocket":{"port":80,"host":"10.0.0.1"}}"#,
    r#"{"tcpSocket":{"port":80,"host":""}}"#,
    r#"{"exec":{"command":["true"]}}"#,
    r#"{"sleep":{"seconds":1}}"#,
];

const ADDED: &[&str] = &[
    "NET_BIND_SERVICE",
    "CHOWN",
    "AUDIT_WRITE",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
    "NET_RAW",
    "SYS_ADMIN",
    "ALL",
    "chown",
    "CAP_CHOWN",
    "net_bind_service",
    "CAP_NET_BIND_SERVICE",
    "NET_ADMIN",
];

const DROPPED: &[&str] = &["ALL", "NET_RAW", "all", "CAP_ALL"];

/// The containers of a pod, by their paths.
const CONTAINERS: &[&str] = &[
    "spec/containers/0",
    "spec/containers/1",
    "spec/initContainers/0",
    "spec/initContainers/1",
];

/// A field with its new value.
#[derive(Debug, Clone)]
struct Change {
    path: String,
    value: Value,
}

impl Change {
    fn new(path: &str, value: &str) -> Self {
        // The tables above hold JSON.
        let value = serde_json::from_str(value).unwrap_or_default();
        let path = path.to_owned();
        Self { path, value }
    }

    fn below(mut self, folder: &str) -> Self {
        self.path = format!("{folder}/{}", self.path);
        self
    }
}

/// Returns one of the fields of a table, each as likely as any other.
fn one_of(table: &'static [(&str, &[&str])]) -> impl Strategy<Value = Change> + use<> {
    select(table).prop_flat_map(|(path, values)| {
        select(values).prop_map(move |value| Change::new(path, value))
    })
}

fn capabilities() -> impl Strategy<Value = Change> {
    let add = subsequence(ADDED, 0..3);
    let drop = prop_oneof![
        3 => Just(vec!["ALL"]),
        1 => subsequence(DROPPED, 0..3),
    ];
    (add, drop).prop_map(|(add, drop)| Change {
        path: "securityContext/capabilities".to_owned(),
        value: json!({"add": add, "drop": drop}),
    })
}

fn of_container() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => one_of(OF_BOTH),
        2 => one_of(OF_CONTAINER),
        1 => capabilities(),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let container = (select(CONTAINERS), of_container());
    prop_oneof![
        2 => one_of(OF_POD),
        1 => one_of(OF_BOTH).prop_map(|it| it.below("spec")),
        3 => container.prop_map(|(at, it)| it.below(at)),
    ]
}

/// A container that `restricted` admits.
fn secure(name: &str) -> Value {
    json!({"name": name, "image": "registry.test/app:1", "securityContext": {
        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"}}})
}

/// A pod of such containers, with one of each kind but for ephemeral ones. No scheduler takes it.
pub(super) fn sound() -> Value {
    let mut sidecar = secure("beside");
    sidecar["restartPolicy"] = json!("Always");
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "sound"}, "spec": {
        "automountServiceAccountToken": false, "schedulerName": "nobody",
        "initContainers": [secure("first"), sidecar],
        "containers": [secure("app"), secure("more")]}})
}

/// A pod that sets on itself what it can, and one that sets nothing.
fn others() -> [Value; 4] {
    let (mut of_pod, mut windows) = (sound(), sound());
    let mut bare = sound();
    for at in CONTAINERS {
        let pointer = format!("/{at}/securityContext");
        for (pod, context) in [
            (
                &mut of_pod,
                json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}),
            ),
            (&mut windows, json!({})),
            (&mut bare, Value::Null),
        ] {
            if let Some(place) = pod.pointer_mut(&pointer) {
                *place = context;
            }
        }
    }
    of_pod["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    windows["spec"]["os"] = json!({"name": "windows"});
    windows["spec"]["securityContext"] = json!({"runAsNonRoot": true});
    let mut host_process = windows.clone();
    host_process["spec"]["hostNetwork"] = json!(true);
    host_process["spec"]["securityContext"] = json!({"runAsNonRoot": true,
        "windowsOptions": {"hostProcess": true, "runAsUserName": "NT AUTHORITY\\SYSTEM"}});
    [of_pod, bare, windows, host_process]
}

fn base() -> impl Strategy<Value = Value> {
    let mut own_users = sound();
    own_users["spec"]["hostUsers"] = json!(false);
    let [of_pod, bare, windows, host_process] = others();
    prop_oneof![
        5 => Just(sound()),
        5 => Just(of_pod),
        2 => Just(own_users),
        2 => Just(bare),
        1 => Just(windows),
        1 => Just(host_process),
    ]
}

/// Returns pods, the smaller the fewer changes they have.
pub(super) fn pods() -> BoxedStrategy<Value> {
    (base(), vec(change(), 0..=CHANGES))
        .prop_map(|(mut pod, changes)| {
            for change in changes {
                set(&mut pod, &change.path, change.value);
            }
            pod
        })
        .boxed()
}

/// Returns containers that are added to a running pod.
pub(super) fn ephemeral() -> BoxedStrategy<Value> {
    vec(of_container(), 0..=2)
        .prop_map(|changes| {
            let mut container = secure("debug");
            for change in changes {
                set(&mut container, &change.path, change.value);
            }
            container
        })
        .boxed()
}

/// Sets a field, and makes what is missing on the way to it.
fn set(place: &mut Value, path: &str, value: Value) {
    let (name, rest) = path.split_once('/').unwrap_or((path, ""));
    if name == "-" {
        if let Value::Array(items) = place {
            items.push(value);
        } else {
            *place = Value::Array(vec![value]);
        }
        return;
    }
    let below = if let Value::Array(items) = place {
        let at: usize = name.parse().unwrap_or_default();
        items.get_mut(at)
    } else {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let fields = place.as_object_mut();
        fields.map(|it| it.entry(name).or_insert(Value::Null))
    };
    match below {
        Some(below) if rest.is_empty() => *below = value,
        Some(below) => set(below, rest, value),
        None => {}
    }
}
