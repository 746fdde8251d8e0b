//! Files that would show a secret to more people than a secret is for.

use crate::action::File;
use crate::fabric::{NodeName, Secrets};
use crate::output::Problem;
use crate::planner::IMAGES_DIRECTORY;

/// Permission bits by which everybody on a device may read a file.
const OTHERS_READ: u32 = 0o004;

/// What to say about files that hold a secret and are open to all.
pub(super) fn exposed<'a>(
    secrets: &Secrets,
    files: impl IntoIterator<Item = (&'a NodeName, &'a File)>,
) -> Vec<Problem> {
    let holds = |file: &File| std::str::from_utf8(&file.content).is_ok_and(|text| secrets.are_in(text));
    files
        .into_iter()
        .filter(|(_, file)| (file.mode & OTHERS_READ != 0 || in_image(file)) && holds(file))
        .map(|(node, file)| {
            let File { path, mode, .. } = file;
            let (message, hint) = if in_image(file) {
                (
                    format!("{path} holds a secret and becomes part of an image, which its name and layers give away"),
                    "hand it to the container in its environment: instead",
                )
            } else {
                (
                    format!("{path} holds a secret, and everybody on the device can read it (mode {mode:04o})"),
                    "say mode=0600, or mode=0640 and a group, in the first line of its template",
                )
            };
            Problem { message, warning: true, ..Problem::default() }.on(node).hint(hint)
        })
        .collect()
}

fn in_image(file: &File) -> bool {
    file.path.starts_with(IMAGES_DIRECTORY)
}
