//! Where the lists of the task's editor come from: Azure, asked by Azure DevOps with the chosen service connection.
//!
//! The forms are those of Microsoft's own tasks: `AzureResourceManagerTemplateDeploymentV3` (subscriptions),
//! `HelmDeployV1` (resource groups, page by page) and `KubernetesManifestV1` (clusters).

use std::collections::BTreeMap;

use rollguard_agent::inputs::{INPUTS, InputKind};
use rollguard_azure::DEFAULT_API_VERSION;
use serde::{Deserialize, Serialize};

/// The entries of `dataSourceBindings`. Keys without a value are left out.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DataSourceBinding {
    target: String,
    endpoint_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    data_source_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    endpoint_url: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    callback_context_template: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    callback_required_template: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    initial_context_template: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    result_selector: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    result_template: String,
}

/// Returns whether the editor offers values for an input, and still takes any other.
pub(super) fn has_list(kind: InputKind) -> bool {
    bindings()
        .iter()
        .any(|binding| binding.target == name(kind))
}

/// Returns the properties of an input with a list: a variable, or a cluster elsewhere, can be typed.
pub(super) fn properties() -> BTreeMap<String, String> {
    BTreeMap::from([("EditableOptions".to_owned(), "True".to_owned())])
}

/// Returns the bindings of all inputs that have a list.
pub(super) fn bindings() -> Vec<DataSourceBinding> {
    let connection = format!("$({})", name(InputKind::ServiceConnection));
    let subscription = "{{{endpoint.url}}}/subscriptions/{{{endpoint.subscriptionId}}}";
    let clusters = "providers/Microsoft.ContainerService/managedClusters";
    let version = format!("api-version={DEFAULT_API_VERSION}");
    let of = |kind| DataSourceBinding {
        target: name(kind).to_owned(),
        endpoint_id: connection.clone(),
        ..DataSourceBinding::default()
    };
    vec![
        DataSourceBinding {
            data_source_name: "AzureSubscriptions".to_owned(),
            result_template:
                r#"{ "Value" : "{{{subscriptionId}}}", "DisplayValue" : "{{{displayName}}} ({{{subscriptionId}}})" }"#
                    .to_owned(),
            ..of(InputKind::SubscriptionId)
        },
        DataSourceBinding {
            endpoint_url: format!("{subscription}/{clusters}?$skipToken={{{{{{skipToken}}}}}}&{version}"),
            callback_context_template:
                r#"{"skipToken": "{{#getTokenValue response.nextLink}}{{extractUrlQueryParameter %24skipToken}}{{/getTokenValue}}"}"#
                    .to_owned(),
            callback_required_template: "{{isTokenPresent response.nextLink}}".to_owned(),
            initial_context_template: r#"{"skipToken": ""}"#.to_owned(),
            result_selector: "jsonpath:$.value[*]".to_owned(),
            result_template: "{{{ #extractResource id resourcegroups}}}".to_owned(),
            ..of(InputKind::ResourceGroup)
        },
        DataSourceBinding {
            endpoint_url: format!(
                "{subscription}/resourceGroups/$({})/{clusters}?{version}",
                name(InputKind::ResourceGroup)
            ),
            result_selector: "jsonpath:$.value[*]".to_owned(),
            result_template: "{{{name}}}".to_owned(),
            ..of(InputKind::Cluster)
        },
    ]
}

/// The name of the one input of this kind.
fn name(kind: InputKind) -> &'static str {
    let found = INPUTS.iter().find(|spec| spec.kind == kind);
    found.map_or("", |spec| spec.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_asked_for_as_microsofts_tasks_do() {
        let json = serde_json::to_value(bindings()).unwrap();
        let urls: Vec<&str> = json
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["endpointUrl"].as_str())
            .collect();
        let start = "{{{endpoint.url}}}/subscriptions/{{{endpoint.subscriptionId}}}/";
        assert_eq!(
            urls,
            [
                format!(
                    "{start}providers/Microsoft.ContainerService/managedClusters?$skipToken={{{{{{skipToken}}}}}}&api-version={DEFAULT_API_VERSION}"
                ),
                format!(
                    "{start}resourceGroups/$(azureResourceGroup)/providers/Microsoft.ContainerService/managedClusters?api-version={DEFAULT_API_VERSION}"
                ),
            ]
        );
        assert!(json[0].get("endpointUrl").is_none(), "{json:#}");
        assert_eq!(json[0]["dataSourceName"], "AzureSubscriptions");
    }

    #[test]
    fn an_input_has_a_list_where_azure_knows_its_values() {
        let listed: Vec<&str> = INPUTS
            .iter()
            .filter(|spec| has_list(spec.kind))
            .map(|spec| spec.name)
            .collect();
        assert_eq!(
            listed,
            ["azureSubscriptionId", "azureResourceGroup", "aksCluster"]
        );
    }
}
