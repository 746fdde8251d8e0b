//! Judging what devices answered by what the fabric's model says. Nothing here asks a device:
//! expectations come from the model alone, the verdict from expectations and answers.

pub mod neighbors;
pub mod routes;
