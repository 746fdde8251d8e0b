//! What CI systems read of tests.

use super::groups::clean;
use crate::output::{Exit, Failure};
use crate::verify::{CheckName, Finding, Report, Status};
use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

/// One suite a check, one case a verdict; devices that didn't answer and violations are suites of their own.
///
/// # Errors
/// When it can't be written as XML, which is a bug.
pub fn verify_junit(report: &Report) -> Result<String, Failure> {
    let mut document = Document::new("fabricctl verify");
    let mut devices = TestSuite::new("devices");
    for one in &report.unreachable {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("no-answer").set_message(clean(&one.reason));
        devices.add_test_case(case("devices", one.node.as_str(), status));
    }
    if !report.unreachable.is_empty() {
        document.add_test_suite(devices);
    }
    for summary in &report.summary {
        let mut suite = TestSuite::new(summary.check.as_str());
        let own = report.checks.iter().filter(|finding| finding.check == summary.check);
        suite.add_test_cases(own.map(|finding| verdict(summary.check, finding)));
        document.add_test_suite(suite);
    }
    let mut watched = TestSuite::new("while it was watched");
    for one in &report.violations {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        let message = format!("at {} for {} ms: {}", one.at, one.lasted_ms, one.reason);
        status.set_type("violation").set_message(clean(&message));
        watched.add_test_case(case(&format!("{}.{}", one.check, one.node), &one.subject, status));
    }
    if !report.violations.is_empty() {
        document.add_test_suite(watched);
    }
    let skipped = format!(" skipped=\"{}\"", document.skipped);
    let text = document.to_string().map_err(|error| Failure::from_error(Exit::Bug, &error))?;
    // The crate counts them at the top, too, where the form that CI systems check has no place for it.
    Ok(text.replacen(&skipped, "", 1))
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(clean(name), status);
    case.set_classname(class);
    case
}

fn verdict(check: CheckName, finding: &Finding) -> TestCase {
    let reason = clean(finding.reason.as_deref().unwrap_or_default());
    let status = match finding.status {
        Status::Ok => TestCaseStatus::success(),
        Status::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
        Status::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let lines = [("expected", &finding.expected), ("found", &finding.found), ("hint", &finding.hint)];
            let lines: Vec<String> = lines
                .iter()
                .filter_map(|(name, value)| Some(format!("{name}: {}", clean(value.as_deref()?))))
                .collect();
            status.set_type("not-as-desired").set_message(reason).set_description(lines.join("\n"));
            status
        }
    };
    case(&format!("{check}.{}", finding.node), &finding.subject, status)
}
