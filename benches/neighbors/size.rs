//! The binary as a file.

use crate::Result;
use crate::daemon::Program;
use crate::figures::{Figures, Target};
use std::fs;

/// Its size, and whether it needs anything beside itself.
pub fn size(program: &Program, figures: &mut Figures) -> Result<()> {
    let octets = fs::read(program.binary())?;
    let linked = if names_interpreter(&octets).ok_or("the binary is no 64-bit ELF file")? {
        "dynamically linked: build it with -C target-feature=+crt-static"
    } else {
        "static"
    };
    let megabytes = f64::from(u32::try_from(octets.len())?) / 1e6;
    let target = Target { of: "", most: 2.0, unit: "MB" };
    figures.value("size of the binary", megabytes, target, linked);
    Ok(())
}

/// Whether there is a `PT_INTERP` among the program headers (elf(5)): a static binary has none.
fn names_interpreter(elf: &[u8]) -> Option<bool> {
    const PT_INTERP: u32 = 3;
    let header = elf.get(..64).filter(|header| header.starts_with(b"\x7fELF\x02\x01"))?;
    let short = |at: usize| Some(usize::from(u16::from_le_bytes(header.get(at..at + 2)?.try_into().ok()?)));
    let table = usize::try_from(u64::from_le_bytes(header.get(32..40)?.try_into().ok()?)).ok()?;
    let (entry, count) = (short(54)?, short(56)?);
    let kinds = elf.get(table..table + entry * count)?.chunks(entry);
    Some(
        kinds
            .filter_map(|header| header.first_chunk::<4>())
            .any(|kind| u32::from_le_bytes(*kind) == PT_INTERP),
    )
}
