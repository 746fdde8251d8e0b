//! Judging what devices answered by what the fabric's model says. Nothing here asks a device:
//! expectations come from the model alone, the verdict from expectations and answers.
//! `drift` judges by something else: by what a device remembers of the last run.

pub mod drift;
pub mod neighbors;
pub mod routes;
