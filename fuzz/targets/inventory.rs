//! The inventory, and how what is wrong with it is drawn.
#![no_main]

use fabricctl::inventory::{Finding, read, select};
use fabricctl::output::findings::problems;
use libfuzzer_sys::{Corpus, fuzz_target};
use std::path::Path;

fuzz_target!(|octets: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(octets) else { return Corpus::Reject };
    let inventory = || read("fabric.yml", text, Path::new("/base"));
    let fabric = inventory();
    assert_eq!(fabric, inventory(), "the same text means the same");
    match fabric {
        Ok(fabric) => {
            for name in fabric.nodes.keys() {
                let selected = select(&fabric, Some(name.as_str()));
                assert!(selected.is_ok_and(|selected| selected.contains(name)), "{name} can't be selected");
            }
        }
        Err(findings) => judge(&findings, text),
    }
    Corpus::Keep
});

/// Findings are in places that exist, and all of them can be drawn.
fn judge(findings: &[Finding], text: &str) {
    assert!(!findings.is_empty());
    let lines = text.split('\n').count();
    for finding in findings {
        let related = finding.related.as_ref().map(|(place, _)| place);
        for place in std::iter::once(&finding.place).chain(related) {
            assert!((1..=lines).contains(&place.line), "{finding:?}");
            assert!(text.get(place.span.clone()).is_some(), "{finding:?}");
        }
    }
    assert_eq!(problems(findings, text).len(), findings.len());
}
