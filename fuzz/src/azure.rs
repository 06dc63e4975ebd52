//! Texts from Azure.

use rollguard_azure::{Authentication, ClusterAccess, Secret};

pub(crate) fn kubeconfig(text: &str) {
    const MARK: &str = "k3y-th4t-n0b0dy-sees";
    let text = text.replace("SECRET", MARK);
    match ClusterAccess::read(&Secret::new(text), "web") {
        Ok(access) => {
            let again = ClusterAccess::read(&access.kubeconfig, "web");
            match (&access.authentication, again) {
                (Authentication::Embedded, Ok(again)) => {
                    assert_eq!(again.authentication, Authentication::Embedded);
                }
                (Authentication::Embedded, Err(error)) => panic!("{error}"),
                // Its program is gone, so nothing is left to sign in with.
                (Authentication::Entra { server_id }, again) => {
                    assert_eq!(server_id.len(), 36);
                    let entra = again.is_ok_and(|it| it.authentication == access.authentication);
                    assert!(!entra, "a program is left in the kubeconfig");
                }
            }
        }
        Err(error) => assert!(!format!("{error} {error:?}").contains(MARK), "{error:?}"),
    }
}
