//! Files: what is in them, whose they are, and whether they are there.

use super::{Difference, Judge, Kind, difference, unified};
use crate::state::FileState;

impl Judge<'_> {
    pub(super) fn files(&self) -> Vec<Difference> {
        let changed =
            self.record.files.iter().filter_map(|(path, put)| file(path, put, self.found.files.get(path)));
        let back = self.found.back.iter();
        changed
            .chain(back.map(|path| difference(Kind::File, path, "it was removed, and is there again", None)))
            .collect()
    }
}

fn file(path: &str, put: &FileState, found: Option<&FileState>) -> Option<Difference> {
    let text = |file: &FileState| file.text.clone().unwrap_or_default();
    let Some(found) = found else {
        let diff = put.text.as_deref().map(|text| unified(path, text, ""));
        return Some(difference(Kind::File, path, "it is gone", diff));
    };
    let mut messages = Vec::new();
    let mut diff = String::new();
    let same_content = put.digest == found.digest;
    if !same_content {
        messages.push("its content was changed".to_owned());
    }
    if !same_content && put.text.is_some() && found.text.is_some() {
        diff = unified(path, &text(put), &text(found));
    }
    let [was, is] = [put, found].map(|file| format!("{}:{} {:04o}", file.owner, file.group, file.mode));
    if was != is {
        messages.push(format!("it is {is}, and was {was}"));
        if diff.is_empty() {
            diff = unified(path, &format!("{was}\n"), &format!("{is}\n"));
        }
    }
    let diff = (!diff.is_empty()).then_some(diff);
    (!messages.is_empty()).then(|| difference(Kind::File, path, messages.join("; "), diff))
}
