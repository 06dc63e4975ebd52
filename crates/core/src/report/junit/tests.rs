//! The XML of `JUnit`.

use super::*;
use crate::report::document::{Ending, NotChecked};
use crate::report::{Aim, Purpose};

fn case(result: TestResult, output: &str) -> TestCase {
    TestCase {
        class: "shop".to_owned(),
        name: "deployment/web".to_owned(),
        took: Duration::from_millis(1500),
        result,
        output: output.to_owned(),
    }
}

#[test]
fn a_suite_counts_its_tests_and_escapes_what_they_say() {
    let problem = || TestProblem {
        code: "ImageNotFound".to_owned(),
        message: "image \"a<b\" & ##vso[x]".to_owned(),
        text: "one\ntwo\u{1b}[31m".to_owned(),
    };
    let suite = TestSuite {
        name: "rollguard check".to_owned(),
        began: Some(Timestamp::UNIX_EPOCH),
        cases: vec![
            case(TestResult::Passed, ""),
            case(TestResult::Passed, "fine"),
            case(TestResult::Failed(problem()), ""),
            case(TestResult::Error(problem()), ""),
            case(TestResult::Skipped("superseded".to_owned()), ""),
        ],
    };
    insta::assert_snapshot!(suite.to_xml());
}

#[test]
fn a_command_without_a_result_is_one_error() {
    let messages = ["cancelled; nothing was changed".to_owned()];
    let failure = NotChecked::new(Ending::Cancelled, 130, &messages);
    let rows = [
        (Aim::default(), "name=\"rollguard check\" time"),
        (
            Aim {
                purpose: Purpose::Rollback,
                workloads: "deploy/web sts/db".to_owned(),
                namespace: "shop".to_owned(),
                cluster: None,
            },
            "classname=\"shop\" name=\"deploy/web, sts/db\"",
        ),
    ];
    for (aim, part) in rows {
        let xml = not_checked_junit(&failure, &aim);
        assert!(xml.contains(part), "{xml}");
        assert!(
            xml.contains("tests=\"1\" failures=\"0\" errors=\"1\""),
            "{xml}"
        );
        assert!(xml.contains("<error type=\"Cancelled\""), "{xml}");
    }
}
