//! The address of one AKS cluster in Azure Resource Manager.

use azure_core::Uuid;

/// Subscription, resource group and name of an AKS cluster, checked when made.
///
/// The check is a defence, not a courtesy: `azure_mgmt_containerservice` formats these into the URL
/// unescaped, so that a name like `x/../y?z` would address something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterId {
    subscription: String,
    resource_group: String,
    name: String,
}

/// A part of a cluster's address that breaks Azure's naming rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} `{}` is not {rule}", value.escape_debug())]
pub struct InvalidClusterId {
    pub(crate) part: &'static str,
    pub(crate) value: String,
    pub(crate) rule: &'static str,
}

impl ClusterId {
    /// Checks and keeps the three parts.
    ///
    /// # Errors
    /// Names the part that breaks Azure's naming rules and the rule.
    pub fn new(
        subscription: &str,
        resource_group: &str,
        name: &str,
    ) -> Result<Self, InvalidClusterId> {
        let check = |ok: bool, part, value: &str, rule| {
            let value = value.to_owned();
            if ok {
                Ok(())
            } else {
                Err(InvalidClusterId { part, value, rule })
            }
        };
        check(
            is_uuid(subscription),
            "subscription",
            subscription,
            "an id like `00000000-0000-0000-0000-000000000000` (its name is not enough)",
        )?;
        check(
            is_resource_group(resource_group),
            "resource group",
            resource_group,
            "1 to 90 letters, digits, `-`, `_`, `.`, `(` or `)`, not ending with `.`",
        )?;
        check(
            is_cluster_name(name),
            "AKS cluster",
            name,
            "1 to 63 letters, digits, `-` or `_`, beginning and ending with a letter or digit",
        )?;
        Ok(Self {
            subscription: subscription.to_ascii_lowercase(),
            resource_group: resource_group.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The subscription id, lower case.
    #[must_use]
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// The resource group's name.
    #[must_use]
    pub fn resource_group(&self) -> &str {
        &self.resource_group
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The resource id, as role assignments take it for their scope.
    #[must_use]
    pub fn resource_id(&self) -> String {
        format!(
            "/subscriptions/{}/resourceGroups/{}\
             /providers/Microsoft.ContainerService/managedClusters/{}",
            self.subscription, self.resource_group, self.name
        )
    }
}

pub(crate) fn is_uuid(value: &str) -> bool {
    // `Uuid` also reads braces, `urn:` and 32 digits without hyphens; Azure's URLs do not.
    value.len() == 36 && Uuid::try_parse(value).is_ok()
}

fn is_resource_group(value: &str) -> bool {
    let length = value.chars().count();
    (1..=90).contains(&length)
        && !value.ends_with('.')
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || "-_.()".contains(c))
}

fn is_cluster_name(value: &str) -> bool {
    let edges = [value.chars().next(), value.chars().next_back()];
    value.len() <= 63
        && edges
            .iter()
            .all(|c| c.is_some_and(|c| c.is_ascii_alphanumeric()))
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "7B795FB9-09d3-42f4-a494-38864f99ba3c";

    #[test]
    fn the_resource_id_is_the_scope_of_a_role_assignment() {
        let id = ClusterId::new(SUBSCRIPTION, "rg-(shop).prod", "web-1").unwrap();
        assert_eq!(
            id.resource_id(),
            "/subscriptions/7b795fb9-09d3-42f4-a494-38864f99ba3c/resourceGroups/rg-(shop).prod\
             /providers/Microsoft.ContainerService/managedClusters/web-1"
        );
    }

    #[test]
    fn names_that_would_rewrite_the_url_are_refused() {
        let rows = [
            (
                "subscription name instead of id",
                "Pay-As-You-Go",
                "rg",
                "web",
            ),
            (
                "subscription in braces",
                "{7b795fb9-09d3-42f4-a494-38864f99ba3c}",
                "rg",
                "web",
            ),
            ("resource group that climbs", SUBSCRIPTION, "..", "web"),
            (
                "resource group with a slash",
                SUBSCRIPTION,
                "rg/providers",
                "web",
            ),
            ("resource group with a query", SUBSCRIPTION, "rg?x=", "web"),
            (
                "resource group, percent-encoded slash",
                SUBSCRIPTION,
                "rg%2F",
                "web",
            ),
            ("empty resource group", SUBSCRIPTION, "", "web"),
            ("cluster that climbs", SUBSCRIPTION, "rg", "x/../y?z"),
            ("cluster with a trailing hyphen", SUBSCRIPTION, "rg", "web-"),
            ("cluster with a line break", SUBSCRIPTION, "rg", "web\n"),
            ("empty cluster", SUBSCRIPTION, "rg", ""),
        ];
        for (row, subscription, group, name) in rows {
            let error = ClusterId::new(subscription, group, name).expect_err(row);
            assert!(
                row.contains(error.part.trim_start_matches("AKS ")),
                "{row}: {error}"
            );
        }
    }
}
