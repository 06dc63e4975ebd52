//! Generated manifests: of several kinds, good ones and ones with faults, the same in each run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Faults of a container: fields that replace the good ones.
const FAULTS: [&str; 12] = [
    "",
    "    securityContext: {privileged: true}\n",
    "    securityContext: {runAsUser: 0, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true}\n",
    "    securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {add: [SYS_ADMIN]}}\n",
    "    securityContext: {runAsNonRoot: true, allowPrivilegeEscalation: false}\n",
    "    resources: {limits: {cpu: 1}}\n",
    "    resources: {}\n",
    "    livenessProbe: {httpGet: {path: /ready, port: http}}\n    readinessProbe: {httpGet: {path: /ready, port: http}}\n",
    "    readinessProbe: null\n",
    "    image: registry.example/team/app:latest\n",
    "    ports: [{name: http, containerPort: 8080, hostPort: 8080}]\n",
    "    livenessProbe: {tcpSocket: {port: web}}\n",
];

const POD_FAULTS: [&str; 4] = [
    "",
    "  hostNetwork: true\n",
    "  volumes: [{name: run, hostPath: {path: /var/run}}]\n",
    "  securityContext: {sysctls: [{name: net.core.somaxconn, value: '1024'}]}\n",
];

/// The fields of a good container, by the field's name.
const GOOD: [(&str, &str); 6] = [
    ("image", "    image: registry.example/team/app:1.4.2\n"),
    (
        "ports",
        "    ports:\n    - name: http\n      containerPort: 8080\n",
    ),
    (
        "securityContext",
        "    securityContext:\n      runAsNonRoot: true\n      runAsUser: 10001\n      runAsGroup: 10001\n      allowPrivilegeEscalation: false\n      readOnlyRootFilesystem: true\n      capabilities:\n        drop: [ALL]\n",
    ),
    (
        "resources",
        "    resources:\n      requests:\n        cpu: 100m\n        memory: 128Mi\n      limits:\n        cpu: 500m\n        memory: 128Mi\n",
    ),
    (
        "readinessProbe",
        "    readinessProbe:\n      httpGet:\n        path: /ready\n        port: http\n      periodSeconds: 5\n",
    ),
    (
        "livenessProbe",
        "    livenessProbe:\n      httpGet:\n        path: /alive\n        port: http\n      periodSeconds: 10\n",
    ),
];

fn container(name: &str, fault: &str) -> String {
    let mut text = format!("  - name: {name} # generated\n");
    for (field, good) in GOOD {
        if !fault.contains(&format!("    {field}:")) {
            text += good;
        }
    }
    text += fault;
    text + "    env:\n    - name: MODE\n      value: production\n    - name: NAME\n      valueFrom:\n        fieldRef:\n          fieldPath: metadata.name\n"
}

fn pod_spec(at: usize, ends: bool) -> String {
    let policy = if ends { "  restartPolicy: Never\n" } else { "" };
    let fault = FAULTS[at % FAULTS.len()];
    let pod_fault = POD_FAULTS[(at / FAULTS.len()) % POD_FAULTS.len()];
    let second = container("sidecar", "")
        .replace("name: http", "name: admin")
        .replace("port: http", "port: admin");
    format!(
        "{pod_fault}{policy}  automountServiceAccountToken: false\n  containers:\n{}{second}",
        container("app", fault)
    )
}

fn indented(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    let lines: Vec<String> = text.lines().map(|it| format!("{pad}{it}")).collect();
    lines.join("\n") + "\n"
}

/// Returns a manifest by its number, with the kind in lower case.
pub(super) fn manifest(at: usize) -> (&'static str, String) {
    const KINDS: [(&str, &str); 8] = [
        ("apps/v1", "Deployment"),
        ("v1", "Service"),
        ("apps/v1", "StatefulSet"),
        ("batch/v1", "CronJob"),
        ("v1", "ConfigMap"),
        ("apps/v1", "DaemonSet"),
        ("batch/v1", "Job"),
        ("v1", "Pod"),
    ];
    let (version, kind) = KINDS[at % KINDS.len()];
    let space = at % 40;
    let app = format!("app-{}", at / 2);
    let head = format!(
        "# Manifest {at}.\napiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {}-{at}\n  namespace: team-{space}\n  labels:\n    app: {app}\n",
        kind.to_lowercase()
    );
    let spec = pod_spec(at / KINDS.len(), matches!(kind, "Job" | "CronJob"));
    let template = format!(
        "template:\n  metadata:\n    labels:\n      app: {app}\n  spec:\n{}",
        indented(&spec, 2)
    );
    let selector = format!("selector:\n  matchLabels:\n    app: {app}\n");
    let rest = match kind {
        "Service" => format!(
            "spec:\n  selector:\n    app: {app}\n  ports:\n  - port: 80\n    targetPort: http\n"
        ),
        "ConfigMap" => "data:\n  mode: production\n  lines: |\n    first\n    second\n".to_owned(),
        "Pod" => format!("spec:\n{spec}"),
        "Job" => format!("spec:\n{}", indented(&template, 2)),
        "CronJob" => format!(
            "spec:\n  schedule: \"0 * * * *\"\n  jobTemplate:\n    spec:\n{}",
            indented(&template, 6)
        ),
        _ => format!(
            "spec:\n{}{}",
            indented(&selector, 2),
            indented(&template, 2)
        ),
    };
    (kind, head + &rest)
}

/// Writes manifests into an empty folder, and returns their names.
pub(super) fn write_all(folder: &Path, manifests: usize) -> Result<Vec<PathBuf>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    let mut names = Vec::with_capacity(manifests);
    for at in 0..manifests {
        let (kind, text) = manifest(at);
        let name = format!("{at:05}-{}.yaml", kind.to_lowercase());
        fs::write(folder.join(&name), text)?;
        names.push(PathBuf::from(name));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::date;
    use rollguard_lint::{Rules, judge};

    use super::*;

    #[test]
    fn the_manifests_can_be_read_and_have_good_and_bad_ones_of_each_kind() {
        let rules = Rules::new(date(2026, 11, 30));
        let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
        for at in 0..2_000 {
            let (kind, text) = manifest(at);
            let judgement = judge(&text, &rules);
            assert_eq!(judgement.problem, None, "{text}");
            assert!(
                judgement
                    .findings
                    .iter()
                    .all(|it| it.code.as_str() != "WrongType"),
                "{text}"
            );
            if judgement.findings.is_empty() {
                good.insert(kind);
            } else {
                bad.insert(kind);
            }
        }
        assert_eq!((good.len(), bad.len()), (8, 6), "{good:?} {bad:?}");
    }
}
